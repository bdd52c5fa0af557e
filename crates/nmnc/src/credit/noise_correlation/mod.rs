//! Noise correlation: perturb a stage's activity, observe the change of the output, correlate (Kang et al. 2026).
//!
//! One rule with settings; the published methods are names for particular settings:
//!
//! | name | noise | memory |
//! |---|---|---|
//! | `vnc` | isotropic | learned feedback |
//! | `nmnc` | on the manifold | learned feedback |
//! | `node-perturbation` | isotropic | none |
//! | `manifold-node-perturbation` | on the manifold | none |

mod config;
mod rule;

pub(super) use config::{MANIFOLD_NODE_PERTURBATION, NMNC, NODE_PERTURBATION, VNC};
pub use config::{ManifoldConfig, Memory, Noise, NoiseCorrelationConfig, Normalize};
pub(crate) use rule::rescale;
pub use rule::{NoiseCorrelation, leaky_average_law};
