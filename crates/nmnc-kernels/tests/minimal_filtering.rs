//! Stages with 3x3 kernels at stride 1 and many channels, which are computed by minimal filtering: another order of
//! rounding than the composed path has, so windows may tie in one path alone.

use burn::tensor::Tensor;
use nmnc_kernels::{
    Activation, ConvSpec, Pool, composed, conv_activity, conv_forward, conv_gated_error, conv_input_gradient,
    conv_parameter_gradient,
};
use proptest::prelude::*;

use crate::common::{ACTIVATIONS, POOLS, Values, assert_close, bits, double, numbers, shapes};

fn stages() -> impl Strategy<Value = ConvSpec> {
    let sizes = (8..50_usize, 3..22_usize, 3..22_usize, 8..90_usize);
    let rest = (0..3_usize, 0..4_usize, 0..3_usize, 1..4_usize);
    (sizes, rest)
        .prop_map(|((c, h, w, channels), (padding, activation, pool, pool_size))| ConvSpec {
            input: [c, h, w],
            channels,
            kernel: 3,
            stride: 1,
            padding,
            activation: ACTIVATIONS[activation],
            pool: POOLS[pool],
            pool_size,
        })
        .prop_filter("the stage exists", |spec| spec.check().is_ok())
}

/// Entries in which two gated errors differ must come from windows whose two highest activities, or from
/// pre-activations whose distance to the kink, are within rounding.
fn assert_same_gate(spec: &ConvSpec, z: &[f64], actual: &[f64], expected: &[f64]) {
    const ROUNDING: f64 = 1e-5;
    let [_, rows, columns] = spec.convolved();
    let size = if spec.pool == Pool::Max { spec.pool_size } else { 1 };
    for (index, (a, e)) in actual.iter().zip(expected).enumerate() {
        if (a - e).abs() <= 1e-4 * (1.0 + e.abs()) {
            continue;
        }
        let (map, row, column) =
            (index / (rows * columns), index / columns % rows / size * size, index % columns / size * size);
        let at = |dy: usize, dx: usize| z[(map * rows + row + dy) * columns + column + dx];
        let mut window: Vec<f64> =
            (0..size).flat_map(|dy| (0..size).map(move |dx| (dy, dx))).map(|(dy, dx)| at(dy, dx)).collect();
        window.sort_by(|a, b| b.total_cmp(a));
        let tie = window.windows(2).any(|pair| pair[0] - pair[1] < ROUNDING);
        let kink = window.iter().any(|z| z.abs() < ROUNDING);
        assert!(tie || kink, "{spec:?}: entry {index}: {a} against {e} in the window {window:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_composed_path(spec in stages(), batch in 1..20_usize, seed: u64) {
        let mut values = Values(seed);
        let (weight_shape, bias_shape) = shapes(&spec);
        let x = values.uniform([batch, spec.input_units()]);
        let weight = values.uniform(weight_shape).mul_scalar((spec.fan_in() as f64).powf(-0.5));
        let bias = values.uniform(bias_shape);
        let delta = values.uniform([batch, spec.output_units()]);

        let (output, gate) = conv_forward(&spec, x.clone(), weight.clone(), bias.clone());
        let (expected, expected_gate) = composed::conv_forward(&spec, x.clone(), weight.clone(), bias.clone());
        let activity = conv_activity(&spec, x.clone(), weight.clone(), bias.clone());
        prop_assert_eq!(bits(activity), bits(output.clone()));
        assert_close("output", output, expected);

        let linear = ConvSpec { activation: Activation::Identity, pool: Pool::None, ..spec };
        let z = numbers(composed::conv_activity(&linear, x.clone(), weight.clone(), bias));
        let gated = conv_gated_error(&spec, &gate, delta.clone());
        let expected = composed::conv_gated_error(&spec, &expected_gate, delta.clone());
        assert_same_gate(&spec, &z, &numbers(gated.clone()), &numbers(expected));

        let (weight_gradient, bias_gradient) = conv_parameter_gradient(&spec, x.clone(), &gate, delta.clone());
        let (expected_weight, expected_bias) = composed::conv_parameter_gradient(&spec, x, gated.clone());
        assert_close("weight gradient", weight_gradient, expected_weight);
        assert_close("bias gradient", bias_gradient, expected_bias);

        let gradient = conv_input_gradient(&spec, weight.clone(), &gate, delta);
        assert_close("input gradient", gradient, composed::conv_input_gradient(&spec, weight, gated));
    }
}

/// Root mean square error relative to the result, against double precision.
fn relative_error(actual: Tensor<2>, expected: Tensor<2>) -> f64 {
    let (actual, expected) = (numbers(actual), numbers(expected));
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let error = square(&mut actual.iter().zip(&expected).map(|(a, e)| a - e));
    (error / square(&mut expected.iter().copied())).sqrt()
}

/// The error the module states, on rectified inputs as a trained network has them.
#[test]
fn rounding_stays_within_the_stated_error() {
    const BATCH: usize = 8;
    let spec = ConvSpec {
        input: [64, 16, 16],
        channels: 128,
        kernel: 3,
        stride: 1,
        padding: 1,
        activation: Activation::Identity,
        pool: Pool::None,
        pool_size: 1,
    };
    let mut values = Values(3);
    let (weight_shape, bias_shape) = shapes(&spec);
    let x = values.uniform([BATCH, spec.input_units()]).clamp_min(0.0);
    let (weight, bias) = (values.uniform(weight_shape), values.uniform(bias_shape).mul_scalar(0.0));
    let delta = values.uniform([BATCH, spec.output_units()]);
    let exact = |tensor: &Tensor<2>| double(&numbers(tensor.clone()), tensor.dims());
    let (output, gate) = conv_forward(&spec, x.clone(), weight.clone(), bias.clone());
    let (expected, _) = composed::conv_forward(&spec, exact(&x), exact(&weight), exact(&bias));
    let (gradient, _) = conv_parameter_gradient(&spec, x.clone(), &gate, delta.clone());
    let (expected_gradient, _) = composed::conv_parameter_gradient(&spec, exact(&x), exact(&delta));
    let back = conv_input_gradient(&spec, weight.clone(), &gate, delta.clone());
    let expected_back = composed::conv_input_gradient(&spec, exact(&weight), exact(&delta));
    let errors = [
        ("forward", relative_error(output, expected)),
        ("weight gradient", relative_error(gradient, expected_gradient)),
        ("input gradient", relative_error(back, expected_back)),
    ];
    for (what, error) in errors {
        println!("{what}: relative error {error:.1e}");
        assert!(error < 2e-6, "{what}: {error}");
    }
}
