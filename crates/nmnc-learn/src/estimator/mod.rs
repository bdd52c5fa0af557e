//! Estimating the Jacobian of a black box from what perturbations of its input do to its output.
//!
//! [`JacobianEstimator`] asks for perturbations of an activity x `[batch, n]` and is told how the output y `[batch, outputs]` changed. It
//! knows no network, and nothing of how the answers came about:
//!
//! ```text
//! refresh(activity)        find the manifold that noise lives on
//! ask(step, rows, x) -> xi perturbations, a pure function of seed, step and row
//! tell(xi, changes) -> S   what the answers amount to; sums of several workers add
//! learn(S)                 feedback weights B, an estimate of J = dy/dx
//! observe(x, y)            learns from how activity and output differ by themselves
//! error_signal(e) = e B    what of an error e = dLoss/dy belongs to x
//! ```
//!
//! It is made of two parts that can be used alone: a [`Prober`] asks, a [`LearnedJacobian`] learns. Where several functions of one
//! activity are to be known, one prober serves several learned Jacobians. Where examples fall into regions whose Jacobians differ, a
//! [`RegionalEstimator`] has feedback for each.

mod aim;
mod confidence;
mod covariance;
mod dense;
mod foresight;
mod held;
mod jacobian;
mod kalman;
mod law;
mod learned;
mod noise;
mod observed;
mod prober;
mod regional;
mod regional_sums;
mod solve;
mod sums;
mod uncertainty;
mod variances;

pub use confidence::StandardError;
pub use covariance::Covariance;
pub use held::FeedbackForm;
pub use jacobian::{JacobianEstimator, JacobianSettings};
pub use law::{ErrorLaw, Estimator, leaky_average_law};
pub use learned::{LearnedJacobian, Learning};
pub use noise::Noise;
pub use observed::Observing;
pub use prober::{Perturbations, Prober, Probing};
pub use regional::RegionalEstimator;
pub use solve::Responses;
pub(crate) use solve::{recursive_step, solve};
pub use sums::Sums;
pub use uncertainty::Uncertainty;
