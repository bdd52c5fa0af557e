//! In which numbers accelerators multiply.

use burn::tensor::Device;

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
