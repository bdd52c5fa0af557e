//! A nonlinearity by itself, as it stands behind a normalisation or a sum.

use burn::tensor::Tensor;
use nmnc_kernels::{Activation, activate, slope};

use crate::net::block::{Block, Mode};
use crate::net::trace::Trace;

/// y = phi(x), element by element.
#[derive(Clone, Copy, Debug)]
pub struct Activate {
    units: usize,
    activation: Activation,
}

/// phi'(x), `[batch, units]`.
struct Slope(Tensor<2>);

impl Activate {
    /// `activation` of `units` units.
    pub fn new(units: usize, activation: Activation) -> Self {
        Self { units, activation }
    }
}

impl Block for Activate {
    fn inputs(&self) -> Vec<usize> {
        vec![self.units]
    }

    fn units(&self) -> usize {
        self.units
    }

    fn describe(&self) -> String {
        format!("{:?} of {}", self.activation, self.units).to_lowercase()
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        (self.activity(inputs), Trace::new(Slope(slope(self.activation, inputs[0].clone()))))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        activate(self.activation, inputs[0].clone())
    }

    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, _input: usize, _weights: &[Tensor<2>]) -> Tensor<2> {
        error * trace.of::<Slope>().0.clone()
    }

    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], _weights: &[Tensor<2>]) -> Tensor<2> {
        changes[0].clone() * trace.of::<Slope>().0.clone()
    }
}
