//! Fully connected block: y = phi(u W^T + b).

use burn::tensor::Tensor;
use nmnc_kernels::{Activation, activate, affine, column_sums, map_product, slope};

use crate::net::block::{Block, Mode};
use crate::net::map::{DenseMap, Gated, LinearMap, Map};
use crate::net::parameter::Parameter;
use crate::net::trace::Trace;

/// Fully connected block with weight `[units, inputs]` and bias `[1, units]`; also the linear readout.
#[derive(Clone, Debug)]
pub struct Dense {
    weight: Parameter,
    bias: Parameter,
    activation: Activation,
    map: DenseMap,
}

/// The input, and the slope of the nonlinearity `[batch, units]`, where it is not one everywhere.
struct DenseTrace {
    input: Tensor<2>,
    slope: Option<Tensor<2>>,
}

impl DenseTrace {
    /// `values` `[batch, units]` times the slope.
    fn sloped(&self, values: Tensor<2>) -> Tensor<2> {
        match &self.slope {
            Some(slope) => values * slope.clone(),
            None => values,
        }
    }
}

impl Dense {
    /// A block with the given weight `[units, inputs]` and bias `[1, units]`.
    ///
    /// # Panics
    /// If the bias does not have one column per row of the weight.
    pub fn new(weight: Tensor<2>, bias: Tensor<2>, activation: Activation) -> Self {
        let [outputs, inputs] = weight.dims();
        assert_eq!(bias.dims(), [1, outputs], "bias needs shape [1, units]");
        Self {
            weight: Parameter::new("weight", weight),
            bias: Parameter::vector("bias", bias),
            activation,
            map: DenseMap { inputs, outputs },
        }
    }

    fn pre_activation(&self, input: Tensor<2>) -> Tensor<2> {
        affine(input, self.weight.value.clone().transpose(), self.bias.value.clone())
    }
}

impl Block for Dense {
    fn inputs(&self) -> Vec<usize> {
        vec![self.map.inputs]
    }

    fn units(&self) -> usize {
        self.map.outputs
    }

    fn describe(&self) -> String {
        let DenseMap { inputs, outputs } = self.map;
        format!("dense {inputs} -> {outputs}, {:?}", self.activation).to_lowercase()
    }

    fn parameters(&self) -> Vec<&Parameter> {
        vec![&self.weight, &self.bias]
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        vec![&mut self.weight, &mut self.bias]
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        let input = inputs[0].clone();
        let pre_activation = self.pre_activation(input.clone());
        let curved = self.activation != Activation::Identity;
        let slope = curved.then(|| slope(self.activation, pre_activation.clone()));
        (activate(self.activation, pre_activation), Trace::new(DenseTrace { input, slope }))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        activate(self.activation, self.pre_activation(inputs[0].clone()))
    }

    fn parameter_vjp(&self, trace: &Trace, error: Tensor<2>) -> Vec<Tensor<2>> {
        let gated = self.gated_error(trace, error);
        let input = trace.of::<DenseTrace>().input.clone();
        vec![map_product(gated.clone().transpose(), input), column_sums(gated)]
    }

    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, _input: usize, weights: &[Tensor<2>]) -> Tensor<2> {
        map_product(self.gated_error(trace, error), weights[0].clone())
    }

    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], weights: &[Tensor<2>]) -> Tensor<2> {
        trace.of::<DenseTrace>().sloped(self.map.response(changes[0].clone(), weights[0].clone()))
    }

    fn maps(&self) -> Vec<Map<'_>> {
        vec![Map { parameter: &self.weight, operation: &self.map, source: Some(0) }]
    }

    fn map_input(&self, trace: &Trace, _map: usize) -> Tensor<2> {
        trace.of::<DenseTrace>().input.clone()
    }

    fn gated(&self) -> Option<&dyn Gated> {
        Some(self)
    }
}

impl Gated for Dense {
    fn gated_error(&self, trace: &Trace, error: Tensor<2>) -> Tensor<2> {
        trace.of::<DenseTrace>().sloped(error)
    }
}
