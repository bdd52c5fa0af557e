//! Nonlinearities and their slopes, for one number.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use crate::spec::Activation;

/// `φ(z)`.
#[cube]
pub fn value(z: f32, #[comptime] activation: Activation) -> f32 {
    let mut y = z;
    if comptime!(activation == Activation::Relu) {
        y = max(z, 0.0f32);
        // A number that is none stays one, so that divergence is seen.
        if z.is_nan() {
            y = z;
        }
    }
    if comptime!(activation == Activation::Tanh) {
        y = z.tanh();
    }
    if comptime!(activation == Activation::Gelu) {
        y = z * normal_distribution(z);
    }
    if comptime!(activation == Activation::Softplus) {
        // In a form that does not overflow.
        y = max(z, 0.0f32) + (-z.abs()).exp().log1p();
    }
    y
}

/// `φ'(z)`.
#[cube]
pub fn slope(z: f32, #[comptime] activation: Activation) -> f32 {
    let mut s = 1.0f32;
    if comptime!(activation == Activation::Relu) {
        s = select(z <= 0.0f32, 0.0f32, 1.0f32);
    }
    if comptime!(activation == Activation::Tanh) {
        let t = z.tanh();
        s = 1.0f32 - t * t;
    }
    if comptime!(activation == Activation::Gelu) {
        s = normal_distribution(z) + z * (z * z * -0.5f32).exp() * 0.398_942_3f32;
    }
    if comptime!(activation == Activation::Softplus) {
        s = 1.0f32 / (1.0f32 + (-z).exp());
    }
    s
}

#[cube]
fn normal_distribution(z: f32) -> f32 {
    0.5f32 * (1.0f32 + Erf::erf(z * 0.707_106_77f32))
}
