//! How alike representations are: dissimilarity matrices and their comparison, with ceilings and intervals.
//!
//! Patterns are row-major `[stimuli, units]`. Nothing here knows of networks or recordings.

mod ceiling;
mod compare;
mod inference;
mod rdm;
mod scaling;

pub use ceiling::{Ceiling, ceiling, pooled};
pub use compare::{Comparison, compare};
pub use inference::{Bootstrap, Range, Replicates, Resample, holm, replicates};
pub use rdm::{Distance, Rdm, crossnobis, rdm};
pub use scaling::plane;
