//! Fused stage kernels.
