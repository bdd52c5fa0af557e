//! Shared helpers: reproducible values, and tensors to numbers and back.
#![allow(dead_code, reason = "each test file uses some of these")]

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_kernels::{Activation, ConvSpec, Pool};

pub const ACTIVATIONS: [Activation; 5] =
    [Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Gelu, Activation::Softplus];
pub const POOLS: [Pool; 3] = [Pool::None, Pool::Max, Pool::Average];

/// Cases of a property: fewer where every access is checked.
pub fn cases(usual: u32, checked: u32) -> u32 {
    if cfg!(miri) { checked } else { usual }
}

/// A small counter-based generator; the values only need to look unrelated.
pub struct Values(pub u64);

impl Values {
    /// Uniform in `[-1, 1)`.
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    pub fn uniform(&mut self, shape: [usize; 2]) -> Tensor<2> {
        let values: Vec<f32> = (0..shape[0] * shape[1]).map(|_| self.next() as f32).collect();
        single(values, shape)
    }

    /// Multiples of `1 / denominator` in `[-1, 1]`.
    pub fn grid(&mut self, shape: [usize; 2], denominator: f64) -> Tensor<2> {
        let values: Vec<f32> = (0..shape[0] * shape[1])
            .map(|_| ((self.next() * denominator).round() / denominator) as f32)
            .collect();
        single(values, shape)
    }

    pub fn double(&mut self, length: usize) -> Vec<f64> {
        (0..length).map(|_| self.next()).collect()
    }
}

pub fn single(values: Vec<f32>, shape: [usize; 2]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex(), DType::F32))
}

pub fn double(values: &[f64], shape: [usize; 2]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (&Device::flex(), DType::F64))
}

pub fn numbers(tensor: Tensor<2>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

pub fn bits<const D: usize>(tensor: Tensor<D>) -> Vec<u32> {
    tensor.into_data().iter::<f32>().map(f32::to_bits).collect()
}

/// Weight and bias shapes.
pub fn shapes(spec: &ConvSpec) -> ([usize; 2], [usize; 2]) {
    ([spec.channels, spec.fan_in()], [1, spec.channels])
}

/// Fails unless two tensors agree to within `1e-4` of the largest magnitude.
pub fn assert_close(what: &str, actual: Tensor<2>, expected: Tensor<2>) {
    assert_eq!(actual.dims(), expected.dims(), "{what}: shapes");
    let (actual, expected) = (numbers(actual), numbers(expected));
    let scale = expected.iter().fold(1e-2_f64, |scale, value| scale.max(value.abs()));
    for (index, (a, e)) in actual.iter().zip(&expected).enumerate() {
        assert!((a - e).abs() <= 1e-4 * scale, "{what}[{index}]: {a} against {e}, scale {scale}");
    }
}
