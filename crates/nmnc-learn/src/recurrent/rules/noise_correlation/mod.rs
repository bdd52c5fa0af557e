//! Noise correlation in time: perturb a state h_t, observe the change of the outputs y_t .. y_{t+K}, correlate.
//!
//! The settings are those of noise correlation in layered networks (`credit`), estimators, probes and manifolds the same code. Two are
//! added: how many lags K the change of the output is followed over, and how signals reach parameters through earlier steps.
//!
//! With learned feedback, each trial is perturbed at one step of its own, chosen at random, and the outputs of that step and the K
//! after it give estimates of the lagged Jacobians dy_{t+k}/dh_t, which average into feedback weights B_k; then
//! delta_t = sum over k of B_k^T e_{t+k}. Without memory, every state of a trial is perturbed at once, independently, and
//! delta_t = (e . dy summed over t .. t+K) xi_t / sigma^2; or, with `correlate = "activity"`, by how the state itself changed, noise of earlier
//! steps included, delta_t = (e . dy summed over t .. t+K) dh_t N T / sum over t of |dh_t|^2 (after Fernández, Keemink and van Gerven 2024).

mod config;
mod off_manifold;
mod rule;

pub(super) use config::{
    ACTIVITY_NODE_PERTURBATION, MANIFOLD_NODE_PERTURBATION, NMNC, NODE_PERTURBATION, VNC,
};
pub use config::{Correlate, TemporalConfig};
pub use off_manifold::OffManifold;
pub use rule::TemporalNoiseCorrelation;
