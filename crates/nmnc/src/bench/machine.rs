//! The machine that the numbers belong to.

use burn::tensor::Device;

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
    /// The accelerator that does the work, as it names itself; none where the processor does.
    pub accelerator: Option<String>,
    /// Vector instructions of the stage kernels.
    pub vectors: &'static str,
}

impl Machine {
    /// This one, with `device` at work.
    pub fn here(device: &Device) -> Self {
        let threads = rayon::current_num_threads();
        Self {
            processor: process::processor(),
            cores: std::thread::available_parallelism().map_or(threads, usize::from),
            threads,
            accelerator: nmnc_core::device::card(device),
            vectors: nmnc_kernels::vector_instructions(),
        }
    }
}
