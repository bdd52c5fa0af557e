//! Workers that share the examples of each step.

use crate::problem::Assessed;
use nmnc_core::error::Result;

/// What stands between assessing a step and making it when several workers, each with a network of its own and the same weights,
/// assess examples of their own.
pub trait Workers {
    /// This worker's share of a step in, the whole step out: all shares as [`Assessed::joined`] sums them, in the same order for every
    /// worker, so that all make the same update to the same bits.
    ///
    /// # Errors
    /// If another worker cannot be reached.
    fn join(&mut self, own: Assessed) -> Result<Assessed>;
}

/// A single worker, whose share is the whole step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Workers for Alone {
    fn join(&mut self, own: Assessed) -> Result<Assessed> {
        Ok(own)
    }
}
