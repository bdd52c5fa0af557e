//! Vectors of whatever width the processor has, chosen at run time.

use pulp::{Simd, WithSimd};

/// Widest vector of any processor, in floats.
pub(super) const WIDEST: usize = 16;

/// Vectors side by side in a full panel: as many as leave the registers room for six rows of sums.
#[inline(always)]
pub(super) fn panel_vectors<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 4 } else { 2 }
}

/// Asks for the floats of a vector and the vectors of a full panel on this processor.
pub(super) struct Widths;

impl WithSimd for Widths {
    type Output = [usize; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [usize; 2] {
        [S::F32_LANES, panel_vectors::<S>()]
    }
}

/// A vector from unaligned memory.
///
/// # Safety
/// `S::F32_LANES` values must be readable at `at`.
#[inline(always)]
pub(super) unsafe fn load<S: Simd>(at: *const f32) -> S::f32s {
    // SAFETY: the caller vouches for the memory; `f32s` is made of plain floats.
    unsafe { at.cast::<S::f32s>().read_unaligned() }
}

/// A vector to unaligned memory.
///
/// # Safety
/// `S::F32_LANES` values must be writable at `at`.
#[inline(always)]
pub(super) unsafe fn store<S: Simd>(at: *mut f32, value: S::f32s) {
    // SAFETY: as in `load`.
    unsafe { at.cast::<S::f32s>().write_unaligned(value) }
}
