//! Does trial-to-trial variability lie on the manifold of the condition means, and what would it teach?
//!
//! [`noise_alignment`] takes [`Trials`] of conditions that were repeated, and tells how much of the covariance of the noise lies on the
//! leading signal components, against controls, and how well noise of this covariance would find a Jacobian by correlation
//! ([`NoiseMoments`]). docs/maths.md derives both under "Noise of any covariance" and "Noise on the manifold of signals".

mod alignment;
mod components;
mod figures;
mod fits;
mod gain;
mod law;
mod measured;
mod part;
mod recorded;
mod result;
mod write;

pub use alignment::noise_alignment;
pub(crate) use gain::remove_gain;
pub use law::NoiseMoments;
pub use recorded::Trials;
pub use result::{AlignmentPoint, NoiseAlignment, TrialCosine, TrialsSettings};
pub use write::{trials_page, trials_table, write_trials};
