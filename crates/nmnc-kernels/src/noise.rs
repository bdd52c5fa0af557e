//! Random numbers of a stream, made on an accelerator.

use burn::tensor::{Device, Tensor};

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

/// Numbers of `law` from `place` on as a matrix on an accelerator, in the order of its rows. Nothing where `device` is the processor, whose
/// numbers the stream makes itself.
pub fn draw(law: Law, place: Place, shape: [usize; 2], device: &Device) -> Option<Tensor<2>> {
    #[cfg(feature = "accelerator")]
    return crate::accelerator::draw(law, place, shape, device);
    #[cfg(not(feature = "accelerator"))]
    {
        let _ = (law, place, shape, device);
        None
    }
}
