//! In which numbers accelerators multiply.

use burn::tensor::Device;

use crate::kinds::Precision;

/// Has `device` multiply in `precision` from now on, in the whole process; returns whether it can. On the processor only
/// [`Precision::F32`] can be chosen.
#[must_use]
pub fn choose_precision(device: &Device, precision: Precision) -> bool {
    #[cfg(feature = "accelerator")]
    if let Some(device) = crate::accelerator::accelerator(device) {
        let offered = crate::accelerator::precision::is_offered(&device, precision);
        if offered {
            crate::accelerator::precision::choose(device, precision);
        }
        return offered;
    }
    let _ = device;
    precision == Precision::F32
}
