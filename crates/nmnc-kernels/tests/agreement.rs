//! The processor path against the composed one, over random stages.

use nmnc_kernels::{
    Activation, ConvSpec, Pool, activate, column_moments, composed, conv_activity, conv_forward,
    conv_gated_error, conv_gated_product, conv_input_gradient, conv_parameter_gradient, matmul, slope,
};
use proptest::prelude::*;

use crate::common::{ACTIVATIONS, POOLS, Values, assert_close, bits, numbers, shapes};

fn stages() -> impl Strategy<Value = ConvSpec> {
    // From one input, convolved directly, to more than 160, convolved by patches.
    let sizes = (1..12_usize, 1..13_usize, 1..13_usize, 1..24_usize);
    let kernels = (1..6_usize, 1..4_usize, 0..4_usize);
    let rest = (0..4_usize, 0..3_usize, 1..4_usize);
    (sizes, kernels, rest)
        .prop_map(|((c, h, w, channels), (kernel, stride, padding), (activation, pool, pool_size))| {
            ConvSpec {
                input: [c, h, w],
                channels,
                kernel,
                stride,
                padding,
                activation: ACTIVATIONS[activation],
                pool: POOLS[pool],
                pool_size,
            }
        })
        .prop_filter("the stage exists", |spec| spec.check().is_ok())
        // Far below zero GELU is flat: windows of large sums tie there by rounding in one path alone.
        .prop_filter("no ties by rounding", |spec| spec.activation != Activation::Gelu || spec.fan_in() <= 27)
        .prop_filter("rounds as the composed path does", |spec| !minimal_filtering(spec))
}

/// Stages with a file of their own, `minimal_filtering.rs`.
fn minimal_filtering(spec: &ConvSpec) -> bool {
    spec.kernel == 3 && spec.stride == 1 && spec.input[0].min(spec.channels) >= 8
}

/// Inputs and weights lie on coarse grids, so that both paths compute the pre-activations exactly: windows
/// then tie often, and never by rounding in one path alone.
fn compare(spec: &ConvSpec, batch: usize, seed: u64) {
    let mut values = Values(seed);
    let (weight_shape, bias_shape) = shapes(spec);
    let x = values.grid([batch, spec.input_units()], 4.0);
    let weight = values.grid(weight_shape, 8.0);
    let bias = values.grid(bias_shape, 8.0);
    let delta = values.uniform([batch, spec.output_units()]);

    let (output, gate) = conv_forward(spec, x.clone(), weight.clone(), bias.clone());
    let (expected, expected_gate) = composed::conv_forward(spec, x.clone(), weight.clone(), bias.clone());
    let activity = conv_activity(spec, x.clone(), weight.clone(), bias);
    assert_eq!(bits(activity), bits(output.clone()), "activity alone differs from the gated pass");
    assert_close("output", output, expected);

    let gated = conv_gated_error(spec, &gate, delta.clone());
    assert_close(
        "gated error",
        gated.clone(),
        composed::conv_gated_error(spec, &expected_gate, delta.clone()),
    );

    // Whole vectors of columns, single ones, and less than one.
    let matrix = values.uniform([spec.convolved_units(), 87]);
    let product = conv_gated_product(spec, &gate, delta.clone(), matrix.clone());
    assert_close("gated product", product, gated.clone().matmul(matrix));

    let (weight_gradient, bias_gradient) = conv_parameter_gradient(spec, x.clone(), &gate, delta.clone());
    let (expected_weight, expected_bias) = composed::conv_parameter_gradient(spec, x, gated.clone());
    assert_close("weight gradient", weight_gradient, expected_weight);
    assert_close("bias gradient", bias_gradient, expected_bias);

    let gradient = conv_input_gradient(spec, weight.clone(), &gate, delta);
    assert_close("input gradient", gradient, composed::conv_input_gradient(spec, weight, gated));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn paths_agree(spec in stages(), batch in 1..40_usize, seed: u64) {
        compare(&spec, batch, seed);
    }

    #[test]
    fn products_agree(m in 1..150_usize, k in 0..200_usize, n in 1..150_usize, layout in 0..4_u8, seed: u64) {
        let mut values = Values(seed);
        let a = if layout & 1 == 0 { values.uniform([m, k]) } else { values.uniform([k, m]).transpose() };
        let b = if layout & 2 == 0 { values.uniform([k, n]) } else { values.uniform([n, k]).transpose() };
        let expected = if k == 0 { values.uniform([m, n]).zeros_like() } else { a.clone().matmul(b.clone()) };
        assert_close("product", matmul(a, b), expected);
    }
}

#[test]
fn wide_stages_agree() {
    let stage = |input, channels, pool, pool_size| ConvSpec {
        input,
        channels,
        kernel: 5,
        stride: 1,
        padding: 2,
        activation: Activation::Relu,
        pool,
        pool_size,
    };
    compare(&stage([3, 32, 32], 32, Pool::Max, 2), 5, 1);
    compare(&stage([32, 16, 16], 48, Pool::Max, 2), 17, 2);
    compare(&stage([48, 8, 8], 64, Pool::Average, 8), 33, 3);
    compare(&stage([64, 4, 4], 80, Pool::None, 1), 3, 4);
    // A window wider than the fused pass stores takes the composed path throughout.
    compare(&stage([2, 40, 40], 3, Pool::Max, 20), 2, 5);
}

#[test]
fn operands_may_be_views() {
    let spec = ConvSpec {
        input: [2, 5, 6],
        channels: 3,
        kernel: 3,
        stride: 2,
        padding: 1,
        activation: Activation::Tanh,
        pool: Pool::None,
        pool_size: 1,
    };
    let mut values = Values(7);
    let (weight_shape, bias_shape) = shapes(&spec);
    let x = values.uniform([spec.input_units(), 9]);
    let weight = values.uniform([weight_shape[0] + 2, weight_shape[1]]);
    let bias = values.uniform([bias_shape[1], 1]);
    let (output, _) = conv_forward(
        &spec,
        x.clone().transpose().slice([1..8, 0..spec.input_units()]),
        weight.clone().slice([1..4, 0..weight_shape[1]]),
        bias.clone().transpose(),
    );
    let (expected, _) = composed::conv_forward(
        &spec,
        x.transpose().slice([1..8, 0..spec.input_units()]),
        weight.slice([1..4, 0..weight_shape[1]]),
        bias.transpose(),
    );
    assert_close("output", output, expected);
}

#[test]
fn activations_agree() {
    let z = Values(17).uniform([33, 1001]).mul_scalar(6.0);
    for activation in ACTIVATIONS {
        for z in [z.clone(), z.clone().transpose()] {
            assert_close("value", activate(activation, z.clone()), composed::activate(activation, z.clone()));
            assert_close("slope", slope(activation, z.clone()), composed::slope(activation, z));
        }
    }
}

#[test]
fn moments_of_columns_agree_also_far_from_zero() {
    let x = Values(23).uniform([130, 600]).add_scalar(50.0);
    for x in [x.clone(), x.transpose()] {
        let [rows, columns] = x.dims();
        let (means, squares) = column_moments(&x);
        let double: Vec<f64> = numbers(x);
        let column = |j: usize| (0..rows).map(|i| double[i * columns + j]).collect::<Vec<_>>();
        let expected: Vec<(f64, f64)> = (0..columns)
            .map(|j| {
                let mean = column(j).iter().sum::<f64>() / rows as f64;
                (mean, column(j).iter().map(|v| (v - mean) * (v - mean)).sum())
            })
            .collect();
        for ((mean, square), (m, s)) in numbers(means).into_iter().zip(numbers(squares)).zip(expected) {
            assert!(
                (mean / m - 1.0).abs() < 1e-6 && (square / s - 1.0).abs() < 1e-6,
                "{mean} {m} {square} {s}"
            );
        }
    }
}
