//! Convolutional block: y = pool(phi(W * u + b)), on the fused kernels of `nmnc-kernels`.

use burn::tensor::Tensor;
use nmnc_kernels::{
    ConvGate, ConvSpec, Pool, conv_activity, conv_forward, conv_gated_error, conv_gated_product,
    conv_input_gradient, conv_parameter_gradient,
};

use crate::net::block::{Block, Mode};
use crate::net::map::{ConvMap, Gated, LinearMap, Map};
use crate::net::parameter::Parameter;
use crate::net::trace::Trace;

/// Convolution, nonlinearity and pooling with weight `[channels, inputs * kernel * kernel]` and bias `[1, channels]`, or none.
#[derive(Clone, Debug)]
pub struct Conv {
    spec: ConvSpec,
    weight: Parameter,
    bias: Option<Parameter>,
    map: ConvMap,
}

/// The input, and the slopes and pooling winners.
struct ConvTrace {
    input: Tensor<2>,
    gate: ConvGate,
}

impl Conv {
    /// A block of the given geometry and parameters.
    ///
    /// # Panics
    /// If the parameters' shapes are not those of `spec`.
    pub fn new(spec: ConvSpec, weight: Tensor<2>, bias: Tensor<2>) -> Self {
        assert_eq!(bias.dims(), [1, spec.channels], "bias shape");
        Self { bias: Some(Parameter::vector("bias", bias)), ..Self::without_bias(spec, weight) }
    }

    /// A block whose only parameter is the weight: what a normalisation follows has no use for a bias.
    ///
    /// # Panics
    /// If the weight's shape is not that of `spec`.
    pub fn without_bias(spec: ConvSpec, weight: Tensor<2>) -> Self {
        let [channels_in, _, _] = spec.input;
        assert_eq!(weight.dims(), [spec.channels, channels_in * spec.kernel * spec.kernel], "weight shape");
        let shape = vec![spec.channels, channels_in, spec.kernel, spec.kernel];
        Self {
            weight: Parameter { name: "weight".into(), value: weight, shape },
            bias: None,
            map: ConvMap::new(spec),
            spec,
        }
    }

    /// The bias, zeros if there is none.
    fn bias_row(&self) -> Tensor<2> {
        let weight = &self.weight.value;
        match &self.bias {
            Some(bias) => bias.value.clone(),
            None => Tensor::zeros([1, self.spec.channels], (&weight.device(), weight.dtype())),
        }
    }

    /// Sums `[batch, outputs of the map]` over each pooling window: `[batch, units]`.
    fn window_sums(&self, values: Tensor<2>) -> Tensor<2> {
        if self.spec.pool == Pool::None {
            return values;
        }
        let [batch, _] = values.dims();
        let [channels, height, width] = self.spec.convolved();
        let [_, rows, columns] = self.spec.output();
        let side = self.spec.pool_size;
        let covered = values.reshape([batch, channels, height, width]).narrow(2, 0, rows * side);
        let windows =
            covered.narrow(3, 0, columns * side).reshape([batch * channels, rows, side, columns, side]);
        windows.sum_dim(4).sum_dim(2).reshape([batch, channels * rows * columns])
    }
}

impl Block for Conv {
    fn inputs(&self) -> Vec<usize> {
        vec![self.spec.input_units()]
    }

    fn units(&self) -> usize {
        self.spec.output_units()
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

    fn parameters(&self) -> Vec<&Parameter> {
        std::iter::once(&self.weight).chain(&self.bias).collect()
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        std::iter::once(&mut self.weight).chain(&mut self.bias).collect()
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        let input = inputs[0].clone();
        let (activity, gate) =
            conv_forward(&self.spec, input.clone(), self.weight.value.clone(), self.bias_row());
        (activity, Trace::new(ConvTrace { input, gate }))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        conv_activity(&self.spec, inputs[0].clone(), self.weight.value.clone(), self.bias_row())
    }

    fn parameter_vjp(&self, trace: &Trace, error: Tensor<2>) -> Vec<Tensor<2>> {
        let ConvTrace { input, gate } = trace.of();
        let (weight, bias) = conv_parameter_gradient(&self.spec, input.clone(), gate, error);
        std::iter::once(weight).chain(self.bias.as_ref().map(|_| bias)).collect()
    }

    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, _input: usize, weights: &[Tensor<2>]) -> Tensor<2> {
        let ConvTrace { gate, .. } = trace.of();
        conv_input_gradient(&self.spec, weights[0].clone(), gate, error)
    }

    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], weights: &[Tensor<2>]) -> Tensor<2> {
        let response = self.map.response(changes[0].clone(), weights[0].clone());
        // What an error of one at every output becomes is what each pre-activation counts for in its window.
        let ones = Tensor::ones([changes[0].dims()[0], self.units()], (&response.device(), response.dtype()));
        self.window_sums(response * self.gated_error(trace, ones))
    }

    fn maps(&self) -> Vec<Map<'_>> {
        vec![Map { parameter: &self.weight, operation: &self.map, source: Some(0) }]
    }

    fn map_input(&self, trace: &Trace, _map: usize) -> Tensor<2> {
        let ConvTrace { input, .. } = trace.of();
        input.clone()
    }

    fn gated(&self) -> Option<&dyn Gated> {
        Some(self)
    }
}

impl Gated for Conv {
    fn gated_error(&self, trace: &Trace, error: Tensor<2>) -> Tensor<2> {
        let ConvTrace { gate, .. } = trace.of();
        conv_gated_error(&self.spec, gate, error)
    }

    fn gated_product(&self, trace: &Trace, error: Tensor<2>, matrix: Tensor<2>) -> Tensor<2> {
        let ConvTrace { gate, .. } = trace.of();
        conv_gated_product(&self.spec, gate, error, matrix)
    }
}
