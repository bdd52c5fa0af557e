//! Several inputs side by side.

use burn::tensor::Tensor;

use crate::net::block::{Block, Mode};
use crate::net::trace::Trace;

/// y = [x_1, ..., x_k]. Images in channel, row, column order are joined along their channels, tokens one after the other.
#[derive(Clone, Debug)]
pub struct Concat {
    inputs: Vec<usize>,
}

impl Concat {
    /// Inputs of these units.
    ///
    /// # Panics
    /// If there is nothing to join.
    pub fn new(inputs: &[usize]) -> Self {
        assert!(!inputs.is_empty(), "there is nothing to join");
        Self { inputs: inputs.to_vec() }
    }
}

impl Block for Concat {
    fn inputs(&self) -> Vec<usize> {
        self.inputs.clone()
    }

    fn units(&self) -> usize {
        self.inputs.iter().sum()
    }

    fn describe(&self) -> String {
        format!("inputs of {:?} side by side", self.inputs)
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        (self.activity(inputs), Trace::new(()))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        Tensor::cat(inputs.to_vec(), 1)
    }

    fn input_vjp(&self, _trace: &Trace, error: Tensor<2>, input: usize, _weights: &[Tensor<2>]) -> Tensor<2> {
        error.narrow(1, self.inputs[..input].iter().sum(), self.inputs[input])
    }

    fn jvp(&self, _trace: &Trace, changes: &[Tensor<2>], _weights: &[Tensor<2>]) -> Tensor<2> {
        self.activity(changes)
    }
}
