//! Wider vectors for the loops around the products, where the processor has them.

/// Runs `work` compiled for 256-bit vectors if the processor has them.
///
/// Only what is inlined into `work` gains, so the loops meant to be are marked `inline(always)`. No operation
/// is contracted or reordered by this, so the bits are the same either way.
#[inline(always)]
pub(super) fn wide<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the one feature the function is compiled for.
        return unsafe { with_avx2(work) };
    }
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}
