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
//! | `direct-mirror` | that of the activity itself | learned feedback |
//!
//! Between the first two lies noise of a power of the activity's covariance ([`Noise::Covariance`]).
//!
//! Feedback is learned by averaging, by least squares or recursively, and several stages may share one perturbed pass ([`Injection`]). It
//! may be learned also, or only, from how activity and output differ among the examples of a batch
//! ([`Observing`](crate::estimator::Observing)), and differ by region of examples ([`Regions`]).

mod centres;
mod config;
mod injection;
mod known;
mod perturb;
mod regions;
mod rule;
mod spending;
mod work;

pub(super) use config::{DIRECT_MIRROR, MANIFOLD_NODE_PERTURBATION, NMNC, NODE_PERTURBATION, VNC};
pub use config::{Memory, Noise, NoiseCorrelationConfig, Normalize};
pub use injection::Injection;
pub use regions::{Regions, RegionsBy};
pub use rule::NoiseCorrelation;
pub(crate) use rule::rescale;
pub(crate) use spending::Spending;
