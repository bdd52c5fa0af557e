//! Vectors of whatever width the processor has, chosen at run time.

use std::sync::OnceLock;

use pulp::{Arch, Simd, WithSimd};

/// Names the instructions to use instead of the best the processor has.
pub(crate) const VARIABLE: &str = "NMNC_VECTORS";

/// The instructions in use.
///
/// # Panics
/// If [`choose`] fails.
pub(crate) fn arch() -> Arch {
    static CHOSEN: OnceLock<Arch> = OnceLock::new();
    *CHOSEN.get_or_init(|| choose().unwrap_or_else(|problem| panic!("{VARIABLE}: {problem}")))
}

/// The best instructions the processor has, or those that [`VARIABLE`] names.
///
/// # Errors
/// What is wrong with the variable's value, and how to mend it.
pub(crate) fn choose() -> Result<Arch, String> {
    let Some(name) = std::env::var_os(VARIABLE) else { return Ok(Arch::new()) };
    match name.to_string_lossy().as_ref() {
        "portable" => Ok(Arch::Scalar),
        #[cfg(target_arch = "x86_64")]
        "avx2" => pulp::x86::V3::try_new()
            .map(Arch::V3)
            .ok_or_else(|| "this processor has no AVX2; unset it, or use `portable`".to_owned()),
        name => Err(format!("unknown instructions `{name}`; unset it, or use `avx2` or `portable`")),
    }
}

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
