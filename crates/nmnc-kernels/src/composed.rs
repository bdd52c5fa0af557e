//! The stage functions composed of tensor operations, for any device and float type.
//!
//! These are the reference the hand-written path is tested against, and in double precision the reference
//! for finite differences. Shapes, and what panics, are those of the crate's functions of the same names.

use burn::prelude::Int;
use burn::tensor::module;
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, ConvTransposeOptions, MaxPoolOptions};
use burn::tensor::{Tensor, activation};

use crate::gate::{ComposedGate, ConvGate, Route};
use crate::spec::{Activation, ConvSpec, Pool};

/// `φ(z)`, elementwise.
pub fn activate(kind: Activation, z: Tensor<2>) -> Tensor<2> {
    match kind {
        Activation::Identity => z,
        Activation::Relu => activation::relu(z),
        Activation::Tanh => z.tanh(),
        Activation::Gelu => activation::gelu(z),
        Activation::Softplus => {
            // In a form that does not overflow.
            let tail = z.clone().abs().neg().exp().log1p();
            activation::relu(z) + tail
        }
    }
}

/// `φ'(z)`, elementwise.
pub fn slope(kind: Activation, z: Tensor<2>) -> Tensor<2> {
    match kind {
        Activation::Identity => z.ones_like(),
        Activation::Relu => {
            let positive = z.clone().greater_elem(0.0);
            z.zeros_like().mask_fill(positive, 1.0)
        }
        Activation::Tanh => {
            let t = z.tanh();
            (t.clone() * t).neg().add_scalar(1.0)
        }
        Activation::Gelu => {
            use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
            let distribution = z.clone().mul_scalar(FRAC_1_SQRT_2).erf().add_scalar(1.0).mul_scalar(0.5);
            let density = (z.clone() * z.clone())
                .mul_scalar(-0.5)
                .exp()
                .mul_scalar(0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
            distribution + z * density
        }
        Activation::Softplus => activation::sigmoid(z),
    }
}

/// See [`column_moments`](crate::column_moments).
pub fn column_moments(x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let mean = x.clone().mean_dim(0);
    let deviation = x - mean.clone();
    (mean, (deviation.clone() * deviation).sum_dim(0))
}

/// See [`conv_forward`](crate::conv_forward).
pub fn conv_forward(
    spec: &ConvSpec,
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<2>,
) -> (Tensor<2>, ConvGate) {
    crate::check_forward(spec, &x, &weight, &bias);
    let batch = x.dims()[0];
    let z = preactivation(spec, x, weight, bias);
    let slope = slope(spec.activation, z.clone());
    let (output, winners) = pooled(spec, activate(spec.activation, z));
    let gate = Route::Composed(Box::new(ComposedGate { slope, winners }));
    (output, ConvGate::new(spec, batch, gate))
}

/// See [`conv_activity`](crate::conv_activity).
pub fn conv_activity(spec: &ConvSpec, x: Tensor<2>, weight: Tensor<2>, bias: Tensor<2>) -> Tensor<2> {
    crate::check_forward(spec, &x, &weight, &bias);
    let z = preactivation(spec, x, weight, bias);
    pooled(spec, activate(spec.activation, z)).0
}

/// See [`conv_gated_error`](crate::conv_gated_error).
///
/// # Panics
/// If the gate did not come from this module's [`conv_forward`] of the same stage, or the error has another shape.
pub fn conv_gated_error(spec: &ConvSpec, gate: &ConvGate, delta: Tensor<2>) -> Tensor<2> {
    gate.check(spec, &delta);
    let Route::Composed(gate) = &gate.route else {
        panic!("a gate is only meaningful on the device and float type of the forward pass it came from");
    };
    unpooled(spec, gate, delta) * gate.slope.clone()
}

/// See [`conv_parameter_gradient`](crate::conv_parameter_gradient).
pub fn conv_parameter_gradient(spec: &ConvSpec, x: Tensor<2>, gated: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let [batch, _] = x.dims();
    crate::check_stage(spec, batch);
    crate::check_columns("input", &x, spec.input_units());
    assert_eq!(gated.dims(), [batch, spec.convolved_units()], "shape of the gated error");
    let [channels, height, width] = spec.convolved();
    let kernel_shape =
        Tensor::<4>::zeros([channels, spec.input[0], spec.kernel, spec.kernel], (&x.device(), x.dtype()));
    let gated = gated.reshape([batch, channels, height, width]);
    let bias = gated.clone().reshape([batch, channels, height * width]).sum_dim(2).sum_dim(0);
    let weight = module::conv2d_weight_backward(image(spec, x), kernel_shape, gated, conv_options(spec));
    (weight.reshape([channels, spec.fan_in()]), bias.reshape([1, channels]))
}

/// See [`conv_input_gradient`](crate::conv_input_gradient).
pub fn conv_input_gradient(spec: &ConvSpec, weight: Tensor<2>, gated: Tensor<2>) -> Tensor<2> {
    let [batch, _] = gated.dims();
    crate::check_stage(spec, batch);
    crate::check_weight(spec, &weight);
    crate::check_columns("gated error", &gated, spec.convolved_units());
    let [channels, height, width] = spec.convolved();
    let [_, input_height, input_width] = spec.input;
    // The forward floor drops up to `stride - 1` trailing padded rows or columns, which the transposed
    // convolution has to be told of to give back the input's shape.
    let dropped = |size: usize| (size + 2 * spec.padding - spec.kernel) % spec.stride;
    let options = ConvTransposeOptions::new(
        [spec.stride; 2],
        [spec.padding; 2],
        [dropped(input_height), dropped(input_width)],
        [1; 2],
        1,
    );
    let gated = gated.reshape([batch, channels, height, width]);
    module::conv_transpose2d(gated, kernel(spec, weight), None, options).reshape([batch, spec.input_units()])
}

fn preactivation(spec: &ConvSpec, x: Tensor<2>, weight: Tensor<2>, bias: Tensor<2>) -> Tensor<2> {
    let [batch, _] = x.dims();
    let bias = bias.reshape([spec.channels]);
    module::conv2d(image(spec, x), kernel(spec, weight), Some(bias), conv_options(spec))
        .reshape([batch, spec.convolved_units()])
}

fn pooled(spec: &ConvSpec, activity: Tensor<2>) -> (Tensor<2>, Option<Tensor<4, Int>>) {
    let [batch, _] = activity.dims();
    let window = [spec.pool_size; 2];
    let (output, winners) = match spec.pool {
        Pool::None => return (activity, None),
        Pool::Max => {
            let (output, winners) =
                module::max_pool2d_with_indices(map(spec, activity), MaxPoolOptions::new(window));
            (output, Some(winners))
        }
        Pool::Average => (module::avg_pool2d(map(spec, activity), AvgPoolOptions::new(window)), None),
    };
    (output.reshape([batch, spec.output_units()]), winners)
}

fn unpooled(spec: &ConvSpec, gate: &ComposedGate, delta: Tensor<2>) -> Tensor<2> {
    let [batch, _] = delta.dims();
    let [channels, height, width] = spec.output();
    let window = [spec.pool_size; 2];
    // The pooling gradients read only the shape of the map that was pooled; the slopes have it.
    let shape = || map(spec, gate.slope.clone());
    let delta4 = || delta.clone().reshape([batch, channels, height, width]);
    let error = match spec.pool {
        Pool::None => return delta,
        Pool::Max => {
            let winners = gate.winners.clone().expect("max pooling records its winners");
            module::max_pool2d_with_indices_backward(
                shape(),
                window,
                window,
                [0; 2],
                [1; 2],
                false,
                delta4(),
                winners,
            )
        }
        Pool::Average => module::avg_pool2d_backward(shape(), delta4(), window, window, [0; 2], true, false),
    };
    error.reshape([batch, spec.convolved_units()])
}

fn conv_options(spec: &ConvSpec) -> ConvOptions<2> {
    ConvOptions::new([spec.stride; 2], [spec.padding; 2], [1; 2], 1)
}

fn image(spec: &ConvSpec, x: Tensor<2>) -> Tensor<4> {
    let [batch, _] = x.dims();
    let [channels, height, width] = spec.input;
    x.reshape([batch, channels, height, width])
}

fn map(spec: &ConvSpec, activity: Tensor<2>) -> Tensor<4> {
    let [batch, _] = activity.dims();
    let [channels, height, width] = spec.convolved();
    activity.reshape([batch, channels, height, width])
}

fn kernel(spec: &ConvSpec, weight: Tensor<2>) -> Tensor<4> {
    weight.reshape([spec.channels, spec.input[0], spec.kernel, spec.kernel])
}
