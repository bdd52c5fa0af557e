//! Estimating the Jacobian of a black box from what perturbations of its input do to its output.
//!
//! Nothing here knows a network: whoever perturbs asks where, and tells what came of it.

mod law;
mod noise;
mod uncertainty;

pub use law::{ErrorLaw, Estimator, Responses};
pub(crate) use law::{recursive_step, solve};
pub use noise::Noise;
pub use uncertainty::Uncertainty;
