//! State dictionaries in the files of PyTorch (`torch.save`, since version 1.6): an archive of a pickle that says what the tensors are, and
//! the numbers. The pickle is read as data; nothing in it is run.

mod pickle;
mod read;
mod write;

pub use read::read;
pub use write::write;

/// A tensor of any rank in single precision.
#[derive(Clone, Debug, PartialEq)]
pub struct TorchTensor {
    /// Shape; empty for a single number.
    pub shape: Vec<usize>,
    /// Numbers, row-major.
    pub values: Vec<f32>,
}
