//! Processes that train together, whatever they talk over.

use std::fmt::Debug;

use nmnc_core::error::Result;

/// The processes of one training, of which this is one.
///
/// A single operation is all that replicas need of them, so that whatever can gather bytes can train: MPI, or threads in a test.
pub trait Processes: Debug + Send + Sync {
    /// How many there are, at least 1.
    fn count(&self) -> usize;

    /// Which of them this one is, from 0. The first one writes the run's folder.
    fn number(&self) -> usize;

    /// What every process gives, in order of their numbers: the same for all. What is given may differ in length. All processes call this
    /// equally often, one call at a time.
    ///
    /// # Errors
    /// If another process cannot be reached.
    fn gather(&self, own: Vec<u8>) -> Result<Vec<Vec<u8>>>;

    /// Adds to `numbers` those of all other processes, as many everywhere: the same to the bit for all, in an order that may be another for
    /// another number of processes. All processes call this equally often, one call at a time, and not while they gather.
    ///
    /// # Errors
    /// If another process cannot be reached.
    fn sum(&self, numbers: Numbers) -> Result<()>;
}

/// Numbers to be summed in their place.
#[derive(Debug)]
pub enum Numbers<'a> {
    /// Of single precision.
    Single(&'a mut [f32]),
    /// Of double precision.
    Double(&'a mut [f64]),
}

/// This process alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneProcess;

impl Processes for OneProcess {
    fn count(&self) -> usize {
        1
    }

    fn number(&self) -> usize {
        0
    }

    fn gather(&self, own: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        Ok(vec![own])
    }

    fn sum(&self, _numbers: Numbers) -> Result<()> {
        Ok(())
    }
}
