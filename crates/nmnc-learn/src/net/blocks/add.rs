//! Sum of several inputs: where paths of a network meet.

use burn::tensor::Tensor;

use crate::net::block::{Block, Mode};
use crate::net::trace::Trace;

/// y = x_1 + ... + x_k.
#[derive(Clone, Copy, Debug)]
pub struct Add {
    inputs: usize,
    units: usize,
}

impl Add {
    /// The sum of `inputs` inputs of `units` units each.
    ///
    /// # Panics
    /// If there is nothing to add.
    pub fn new(inputs: usize, units: usize) -> Self {
        assert!(inputs > 0, "a sum needs something to add");
        Self { inputs, units }
    }
}

impl Block for Add {
    fn inputs(&self) -> Vec<usize> {
        vec![self.units; self.inputs]
    }

    fn units(&self) -> usize {
        self.units
    }

    fn describe(&self) -> String {
        format!("sum of {} inputs of {}", self.inputs, self.units)
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        (self.activity(inputs), Trace::new(()))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        inputs.iter().cloned().reduce(|sum, next| sum + next).expect("there is something to add")
    }

    fn input_vjp(
        &self,
        _trace: &Trace,
        error: Tensor<2>,
        _input: usize,
        _weights: &[Tensor<2>],
    ) -> Tensor<2> {
        error
    }

    fn jvp(&self, _trace: &Trace, changes: &[Tensor<2>], _weights: &[Tensor<2>]) -> Tensor<2> {
        self.activity(changes)
    }
}
