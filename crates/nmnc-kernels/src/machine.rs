//! What the kernels find on the machine they run on.

use pulp::Arch;

use crate::cpu::{VARIABLE, arch, choose};

/// Checks the environment variable that [`vector_instructions`] describes, so that a program can refuse a wrong value
/// before the kernels panic over it.
///
/// # Errors
/// The variable's name, and what is wrong with its value and how to mend it.
pub fn check_vector_instructions() -> Result<(), (&'static str, String)> {
    choose().map(drop).map_err(|problem| (VARIABLE, problem))
}

/// The vector instructions that the hand-written kernels use here: the best the processor has, unless the environment
/// variable `NMNC_VECTORS` names others (`avx2` or `portable`). Results on machines of different width differ in
/// rounding; forced to the same one they do not.
///
/// # Panics
/// If the variable names instructions that are unknown or that the processor does not have.
pub fn vector_instructions() -> &'static str {
    match arch() {
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
