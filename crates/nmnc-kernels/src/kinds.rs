//! What accelerators are asked for, as plain data.

/// Numbers in which an accelerator multiplies the factors of convolutions and matrix products. Everything is kept, and all sums are made,
/// in single precision. The processor always multiplies in the precision of its operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 24 significant bits.
    #[default]
    F32,
    /// 11 significant bits and the range of single precision, on matrix units.
    Tf32,
    /// 8 significant bits and the range of single precision, on matrix units.
    Bf16,
}

impl Precision {
    /// Largest relative error of a factor that is rounded to it.
    pub fn rounding(self) -> f64 {
        match self {
            Self::F32 => 2f64.powi(-24),
            Self::Tf32 => 2f64.powi(-11),
            Self::Bf16 => 2f64.powi(-8),
        }
    }
}

/// A loss over outputs `y` and class labels, averaged over the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Criterion {
    /// Softmax cross-entropy.
    CrossEntropy,
    /// Mean over batch and outputs of the squared difference to the one-hot label.
    MeanSquaredError,
}

/// What becomes of the random words of a stream; the processor's side is in `nmnc-core`, with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// Standard normal numbers, 64 from a group of sixteen blocks of words.
    Normal,
    /// Independent signs, 2048 from a group.
    Sign,
}

impl Law {
    /// Numbers of a group.
    pub fn group(self) -> usize {
        match self {
            Self::Normal => 64,
            Self::Sign => 2048,
        }
    }
}

/// Where in a stream of Philox4x32-10 numbers begin.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Of the stream.
    pub key: [u32; 2],
    /// Of the first block of words.
    pub counter: [u32; 4],
    /// Numbers to leave out from there.
    pub offset: usize,
}
