//! Random numbers of a stream, made on an accelerator.

use burn::tensor::{Device, Tensor};

use crate::kinds::{Law, Place};

/// Numbers of `law` from `place` on as a matrix on an accelerator, in the order of its rows. Nothing where `device` is the processor, whose
/// numbers the stream makes itself.
///
/// # Panics
/// If an accelerator cannot address the matrix.
pub fn draw(law: Law, place: Place, shape: [usize; 2], device: &Device) -> Option<Tensor<2>> {
    #[cfg(feature = "accelerator")]
    return crate::accelerator::draw(law, place, shape, device);
    #[cfg(not(feature = "accelerator"))]
    {
        let _ = (law, place, shape, device);
        None
    }
}
