//! The machine that the numbers belong to.

use super::process;

/// What does the work.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The processor's name, where the system tells it.
    pub processor: Option<String>,
    /// Cores this process may use.
    pub cores: usize,
    /// Threads that compute.
    pub threads: usize,
    /// Vector instructions of the stage kernels.
    pub vectors: &'static str,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let threads = rayon::current_num_threads();
        Self {
            processor: process::processor(),
            cores: std::thread::available_parallelism().map_or(threads, usize::from),
            threads,
            vectors: nmnc_kernels::vector_instructions(),
        }
    }
}
