//! Pooling behind whatever comes before it, with a stride of its own.

use burn::tensor::Tensor;
use nmnc_kernels::{PoolingSpec, Winners, pool_error, pool_forward, pool_response};

use crate::net::block::{Block, Mode};
use crate::net::trace::Trace;

/// Largest or mean activity of each window of an image.
#[derive(Clone, Copy, Debug)]
pub struct Pooling {
    spec: PoolingSpec,
}

impl Pooling {
    /// Pooling of this geometry.
    ///
    /// # Panics
    /// If there is no such pooling ([`PoolingSpec::check`]).
    pub fn new(spec: PoolingSpec) -> Self {
        spec.check().unwrap_or_else(|problem| panic!("{problem}"));
        Self { spec }
    }
}

impl Block for Pooling {
    fn inputs(&self) -> Vec<usize> {
        vec![self.spec.input_units()]
    }

    fn units(&self) -> usize {
        self.spec.output_units()
    }

    fn describe(&self) -> String {
        let PoolingSpec { input: [c, h, w], kind, window, stride, padding } = self.spec;
        let [_, rows, columns] = self.spec.output();
        format!("{kind:?} pool {c}x{h}x{w} -> {c}x{rows}x{columns}, window {window}, stride {stride}, padding {padding}")
            .to_lowercase()
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        let (y, winners) = pool_forward(&self.spec, &inputs[0]);
        (y, Trace::new(winners))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        pool_forward(&self.spec, &inputs[0]).0
    }

    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, _input: usize, _weights: &[Tensor<2>]) -> Tensor<2> {
        pool_error(&self.spec, trace.of::<Winners>(), &error)
    }

    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], _weights: &[Tensor<2>]) -> Tensor<2> {
        pool_response(&self.spec, trace.of::<Winners>(), &changes[0])
    }
}
