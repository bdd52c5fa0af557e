//! Fully connected stage: x = phi(u W^T + b).

use burn::tensor::Tensor;
use nmnc_kernels::{Activation, activate, matmul, slope};

use super::stage::{Gate, Parameter, Stage, Trace};

/// Fully connected stage with weight `[units, inputs]` and bias `[1, units]`; also the linear readout.
#[derive(Clone, Debug)]
pub struct Dense {
    weight: Parameter,
    bias: Parameter,
    activation: Activation,
}

impl Dense {
    /// A stage with the given weight `[units, inputs]` and bias `[1, units]`.
    ///
    /// # Panics
    /// If the bias does not have one column per row of the weight.
    pub fn new(weight: Tensor<2>, bias: Tensor<2>, activation: Activation) -> Self {
        let [units, inputs] = weight.dims();
        assert_eq!(bias.dims(), [1, units], "bias needs shape [1, units]");
        Self {
            weight: Parameter { name: "weight", value: weight, shape: vec![units, inputs] },
            bias: Parameter { name: "bias", value: bias, shape: vec![units] },
            activation,
        }
    }

    fn pre_activation(&self, input: Tensor<2>) -> Tensor<2> {
        matmul(input, self.weight.value.clone().transpose()) + self.bias.value.clone()
    }
}

impl Stage for Dense {
    fn inputs(&self) -> usize {
        self.weight.shape[1]
    }

    fn units(&self) -> usize {
        self.weight.shape[0]
    }

    fn describe(&self) -> String {
        format!("dense {} -> {}, {:?}", self.inputs(), self.units(), self.activation).to_lowercase()
    }

    fn parameters(&self) -> [&Parameter; 2] {
        [&self.weight, &self.bias]
    }

    fn parameters_mut(&mut self) -> [&mut Parameter; 2] {
        [&mut self.weight, &mut self.bias]
    }

    fn forward(&self, input: Tensor<2>) -> (Tensor<2>, Trace) {
        let pre_activation = self.pre_activation(input.clone());
        let gate = Gate::Slope(Box::new(slope(self.activation, pre_activation.clone())));
        (activate(self.activation, pre_activation), Trace { input, gate })
    }

    fn activity(&self, input: Tensor<2>) -> Tensor<2> {
        activate(self.activation, self.pre_activation(input))
    }

    fn gated_error(&self, trace: &Trace, signal: Tensor<2>) -> Tensor<2> {
        let Gate::Slope(slope) = &trace.gate else { unreachable!("a dense stage keeps its slope") };
        signal * (**slope).clone()
    }

    fn pre_activations(&self) -> usize {
        self.units()
    }

    fn respond(&self, change: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        matmul(change, weight.transpose())
    }

    fn correlate(&self, change: Tensor<2>, response: Tensor<2>) -> Tensor<2> {
        matmul(response.transpose(), change)
    }

    fn parameter_gradient(&self, trace: &Trace, signal: Tensor<2>) -> [Tensor<2>; 2] {
        let gated = self.gated_error(trace, signal);
        [matmul(gated.clone().transpose(), trace.input.clone()), gated.sum_dim(0)]
    }

    fn carry_back(&self, trace: &Trace, signal: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        matmul(self.gated_error(trace, signal), weight)
    }
}
