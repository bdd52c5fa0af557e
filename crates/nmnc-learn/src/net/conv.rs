//! Convolutional stage: x = pool(phi(W * u + b)), on the fused kernels of `nmnc-kernels`.

use burn::tensor::Tensor;
use nmnc_kernels::{
    Activation, ConvGate, ConvSpec, Pool, conv_activity, conv_forward, conv_gated_error, conv_gated_product,
    conv_input_gradient, conv_parameter_gradient,
};

use super::stage::{Gate, Parameter, Stage, Trace};

/// Convolution, nonlinearity and pooling with weight `[channels, inputs * kernel * kernel]` and bias `[1, channels]`.
#[derive(Clone, Debug)]
pub struct Conv {
    spec: ConvSpec,
    weight: Parameter,
    bias: Parameter,
}

impl Conv {
    /// A stage of the given geometry and parameters.
    ///
    /// # Panics
    /// If the parameters' shapes are not those of `spec`.
    pub fn new(spec: ConvSpec, weight: Tensor<2>, bias: Tensor<2>) -> Self {
        let [channels_in, _, _] = spec.input;
        assert_eq!(weight.dims(), [spec.channels, channels_in * spec.kernel * spec.kernel], "weight shape");
        assert_eq!(bias.dims(), [1, spec.channels], "bias shape");
        let shape = vec![spec.channels, channels_in, spec.kernel, spec.kernel];
        Self {
            weight: Parameter { name: "weight", value: weight, shape },
            bias: Parameter { name: "bias", value: bias, shape: vec![spec.channels] },
            spec,
        }
    }

    /// The convolution alone.
    fn linear(&self) -> ConvSpec {
        ConvSpec { activation: Activation::Identity, pool: Pool::None, ..self.spec }
    }
}

impl Stage for Conv {
    fn inputs(&self) -> usize {
        self.spec.input.iter().product()
    }

    fn units(&self) -> usize {
        self.spec.output().iter().product()
    }

    fn describe(&self) -> String {
        let [c, h, w] = self.spec.input;
        let [channels, height, width] = self.spec.output();
        let ConvSpec { kernel, stride, padding, activation, pool, .. } = self.spec;
        format!(
            "conv {c}x{h}x{w} -> {channels}x{height}x{width}, kernel {kernel}, stride {stride}, padding {padding}, \
             {activation:?}, pool {pool:?}"
        )
        .to_lowercase()
    }

    fn parameters(&self) -> [&Parameter; 2] {
        [&self.weight, &self.bias]
    }

    fn parameters_mut(&mut self) -> [&mut Parameter; 2] {
        [&mut self.weight, &mut self.bias]
    }

    fn forward(&self, input: Tensor<2>) -> (Tensor<2>, Trace) {
        let (weight, bias) = (self.weight.value.clone(), self.bias.value.clone());
        let (activity, gate) = conv_forward(&self.spec, input.clone(), weight, bias);
        (activity, Trace { input, gate: Gate::Conv(gate) })
    }

    fn activity(&self, input: Tensor<2>) -> Tensor<2> {
        conv_activity(&self.spec, input, self.weight.value.clone(), self.bias.value.clone())
    }

    fn gated_error(&self, trace: &Trace, signal: Tensor<2>) -> Tensor<2> {
        conv_gated_error(&self.spec, gate(trace), signal)
    }

    fn gated_product(&self, trace: &Trace, signal: Tensor<2>, matrix: Tensor<2>) -> Tensor<2> {
        conv_gated_product(&self.spec, gate(trace), signal, matrix)
    }

    fn pre_activations(&self) -> usize {
        self.spec.convolved_units()
    }

    fn respond(&self, change: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        let silent = self.bias.value.zeros_like();
        conv_activity(&self.linear(), change, weight, silent)
    }

    fn correlate(&self, change: Tensor<2>, response: Tensor<2>) -> Tensor<2> {
        let linear = self.linear();
        let (weight, silent) = (self.weight.value.zeros_like(), self.bias.value.zeros_like());
        let (_, open) = conv_forward(&linear, change.clone(), weight, silent);
        conv_parameter_gradient(&linear, change, &open, response).0
    }

    fn parameter_gradient(&self, trace: &Trace, signal: Tensor<2>) -> [Tensor<2>; 2] {
        conv_parameter_gradient(&self.spec, trace.input.clone(), gate(trace), signal).into()
    }

    fn carry_back(&self, trace: &Trace, signal: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        conv_input_gradient(&self.spec, weight, gate(trace), signal)
    }
}

fn gate(trace: &Trace) -> &ConvGate {
    let Gate::Conv(gate) = &trace.gate else { unreachable!("a convolution keeps its gate") };
    gate
}
