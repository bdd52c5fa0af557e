//! What the kernels find on the machine they run on.

use pulp::Arch;

/// The vector instructions that the hand-written kernels use here, chosen at run time.
pub fn vector_instructions() -> &'static str {
    match Arch::new() {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V4(_) => "AVX-512",
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V3(_) => "AVX2 and FMA",
        #[cfg(target_arch = "aarch64")]
        Arch::Neon(_) => "NEON",
        _ => "none beyond the compiler's",
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_name_is_that_of_instructions_the_processor_has() {
        let expected = if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            "AVX-512"
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            "AVX2 and FMA"
        } else {
            "none beyond the compiler's"
        };
        assert_eq!(super::vector_instructions(), expected);
    }
}
