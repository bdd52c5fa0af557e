//! Every compiled accelerator against the processor, in every precision it has: stages, products, optimizers, sums. A device that this
//! machine lacks is named and passed over.

mod common;

use burn::tensor::{Device, Tensor};
use common::{ACTIVATIONS, POOLS, Values, bits, numbers, shapes};
use nmnc_kernels::{
    Activation, AdamStep, ConvSpec, Pool, Precision, SgdStep, activate, adam, affine, blend,
    choose_precision, column_moments, column_sums, composed, conv_activity, conv_forward, conv_gated_error,
    conv_input_gradient, conv_parameter_gradient, embed_add, energies, map_product, matmul, perturb,
    row_energies, sgd, slope,
};

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Tf32, Precision::Bf16];

type Open = fn() -> Device;

/// The compiled accelerators by name.
fn compiled() -> Vec<(&'static str, Open)> {
    vec![
        #[cfg(feature = "cuda")]
        ("cuda", || Device::cuda(0)),
        #[cfg(feature = "vulkan")]
        ("vulkan", || Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(all(feature = "wgpu", not(feature = "vulkan")))]
        ("wgpu", || Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
    ]
}

/// Runs `test` with each device and precision that is there, one after the other: a precision is chosen for a whole process.
fn on_each_device(test: impl Fn(&Device, Precision)) {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let devices = compiled();
    if devices.is_empty() {
        println!("skipped: no accelerator is compiled in");
    }
    for (name, open) in devices {
        let tried = std::thread::spawn(move || {
            let device = open();
            let two = numbers(Tensor::ones([1, 2], &device));
            (two == [1.0, 1.0]).then_some(device)
        });
        let Ok(Some(device)) = tried.join() else {
            println!("skipped: no usable `{name}` device on this machine");
            continue;
        };
        for precision in PRECISIONS {
            if choose_precision(&device, precision) {
                println!("{name}, {precision:?}");
                test(&device, precision);
            } else {
                println!("skipped: {name} has no matrix units for {precision:?}");
            }
        }
        assert!(choose_precision(&device, Precision::F32));
    }
}

fn on(device: &Device, tensor: &Tensor<2>) -> Tensor<2> {
    tensor.clone().to_device(device)
}

/// Fails unless each number is within what rounding makes of a sum of `terms` products of factors rounded to `precision`, whose largest
/// result is of the size of the largest expected one.
fn assert_rounded(what: &str, actual: Tensor<2>, expected: Tensor<2>, terms: usize, precision: Precision) {
    assert_eq!(actual.dims(), expected.dims(), "{what}: shapes");
    let (actual, expected) = (numbers(actual), numbers(expected));
    let scale = expected.iter().fold(1e-3_f64, |scale, value| scale.max(value.abs()));
    // Errors of factors add as a random walk, relative to a sum that does so too; single-precision sums add a few units of their own.
    let tolerance = 8.0 * precision.rounding() + 2f64.powi(-22) * (terms as f64).sqrt() + 4e-6;
    for (index, (a, e)) in actual.iter().zip(&expected).enumerate() {
        assert!((a - e).abs() <= tolerance * scale, "{what}[{index}]: {a} against {e}, scale {scale}");
    }
}

fn stages() -> Vec<ConvSpec> {
    let base = ConvSpec {
        input: [3, 12, 10],
        channels: 20,
        kernel: 3,
        stride: 1,
        padding: 1,
        activation: Activation::Relu,
        pool: Pool::Max,
        pool_size: 2,
    };
    let mut stages = vec![
        base,
        ConvSpec { input: [17, 9, 11], channels: 70, pool: Pool::None, ..base },
        ConvSpec { input: [5, 13, 13], kernel: 5, stride: 2, padding: 2, pool: Pool::Average, ..base },
        ConvSpec {
            input: [4, 11, 9],
            kernel: 3,
            stride: 3,
            padding: 0,
            pool_size: 2,
            pool: Pool::None,
            ..base
        },
        ConvSpec { input: [6, 8, 8], kernel: 1, padding: 0, stride: 2, channels: 33, ..base },
        ConvSpec { input: [2, 9, 9], channels: 7, pool_size: 3, ..base },
        ConvSpec { input: [40, 8, 8], channels: 130, ..base },
        ConvSpec { input: [32, 7, 9], channels: 48, stride: 2, ..base },
        ConvSpec { input: [16, 40, 40], channels: 96, kernel: 5, padding: 2, pool: Pool::None, ..base },
    ];
    for activation in ACTIVATIONS {
        for pool in POOLS {
            stages.push(ConvSpec { activation, pool, input: [2, 6, 7], channels: 5, ..base });
        }
    }
    stages
}

/// Inputs and weights lie on coarse grids that every precision holds exactly, so that windows tie often, and never by rounding on one
/// device alone.
#[test]
fn stages_agree_with_the_processor() {
    on_each_device(|device, precision| {
        for (index, spec) in stages().iter().enumerate() {
            spec.check().unwrap();
            let mut values = Values(index as u64);
            let batch = 1 + index % 5;
            let (weight_shape, bias_shape) = shapes(spec);
            let x = values.grid([batch, spec.input_units()], 4.0);
            let weight = values.grid(weight_shape, 8.0);
            let bias = values.grid(bias_shape, 8.0);
            let delta = values.uniform([batch, spec.output_units()]);
            let [x1, weight1, bias1, delta1] = [&x, &weight, &bias, &delta].map(|tensor| on(device, tensor));

            let (output, gate) = conv_forward(spec, x1.clone(), weight1.clone(), bias1.clone());
            let (expected, expected_gate) =
                composed::conv_forward(spec, x.clone(), weight.clone(), bias.clone());
            let activity = conv_activity(spec, x1.clone(), weight1.clone(), bias1);
            assert_eq!(bits(activity), bits(output.clone()), "activity alone differs from the gated pass");
            assert_rounded("output", output, expected, spec.fan_in(), Precision::F32);

            let gated = conv_gated_error(spec, &gate, delta1.clone());
            let expected = composed::conv_gated_error(spec, &expected_gate, delta.clone());
            assert_rounded("gated error", gated, expected.clone(), 1, Precision::F32);

            let places = batch * spec.convolved()[1] * spec.convolved()[2];
            let (own_weight, own_bias) = conv_parameter_gradient(spec, x1, &gate, delta1.clone());
            let (expected_weight, expected_bias) =
                composed::conv_parameter_gradient(spec, x, expected.clone());
            assert_rounded("weight gradient", own_weight, expected_weight, places, precision);
            assert_rounded("bias gradient", own_bias, expected_bias, places, precision);

            let own = conv_input_gradient(spec, weight1, &gate, delta1);
            let expected = composed::conv_input_gradient(spec, weight, expected);
            assert_rounded("input gradient", own, expected, spec.channels * spec.kernel.pow(2), precision);
        }
    });
}

#[test]
fn products_agree_with_the_processor_for_any_shape_and_stride() {
    let shapes = [
        [1, 1, 1],
        [3, 5, 7],
        [128, 10, 300],
        [64, 64, 4000],
        [130, 70, 33],
        [200, 300, 17],
        [10, 64, 9000],
        [300, 5000, 40],
    ];
    on_each_device(|device, precision| {
        for (index, [m, n, k]) in shapes.into_iter().enumerate() {
            let mut values = Values(index as u64);
            let (a, b) = (values.uniform([m, k]), values.uniform([k, n]));
            let expected = matmul(a.clone(), b.clone());
            let transposed = |tensor: &Tensor<2>| on(device, &tensor.clone().transpose()).transpose();
            for (a1, b1) in [
                (on(device, &a), on(device, &b)),
                (transposed(&a), on(device, &b)),
                (on(device, &a), transposed(&b)),
                (transposed(&a), transposed(&b)),
            ] {
                let own = map_product(a1.clone(), b1.clone());
                assert_rounded("product of a map", own, expected.clone(), k, precision);
                let own = matmul(a1.clone(), b1.clone());
                assert_rounded("product", own.clone(), expected.clone(), k, Precision::F32);
                assert_eq!(bits(own), bits(matmul(a1, b1)), "a second product has other bits");
            }
            let bias = values.uniform([1, n]);
            let own = affine(on(device, &a), on(device, &b), on(device, &bias));
            assert_rounded("affine map", own, affine(a.clone(), b.clone(), bias), k, precision);
            let (activity, basis) = (values.uniform([m, n]), values.uniform([n, k]));
            let own = embed_add(&on(device, &activity), &on(device, &a), &on(device, &basis), 0.3);
            assert_rounded("embedding", own, embed_add(&activity, &a, &basis, 0.3), k, Precision::F32);
        }
    });
}

#[test]
fn work_on_single_numbers_agrees_with_the_processor() {
    on_each_device(|device, _| {
        let mut values = Values(3);
        let close = |what: &str, own: Tensor<2>, expected: Tensor<2>| {
            assert_rounded(what, own, expected, 1, Precision::F32);
        };
        let [x, y, z, w] = [(); 4].map(|()| values.uniform([37, 45]) * 3.0);
        let [x1, y1, z1, w1] = [&x, &y, &z, &w].map(|tensor| on(device, tensor));
        for activation in ACTIVATIONS {
            close("activation", activate(activation, x1.clone()), activate(activation, x.clone()));
            close("slope", slope(activation, x1.clone()), slope(activation, x.clone()));
        }
        close("perturbed", perturb(&x1, &y1, 0.7), perturb(&x, &y, 0.7));
        close("blend", blend(x1.clone(), y1.clone(), 0.1), blend(x.clone(), y.clone(), 0.1));

        let step =
            AdamStep { rate: 0.1, betas: [0.9, 0.99], epsilon: 1e-8, penalty: 0.01, decay: 0.1, steps: 3 };
        let own = adam(x1.clone(), y1.clone(), z1.clone(), w1.clone().abs(), &step);
        let expected = adam(x.clone(), y.clone(), z.clone(), w.clone().abs(), &step);
        for (own, expected) in own.into_iter().zip(expected) {
            close("Adam", own, expected);
        }
        for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
            let step = SgdStep { rate: 0.1, momentum, nesterov, penalty: 0.02 };
            let (own, velocity) = sgd(x1.clone(), y1.clone(), None, &step);
            let (expected, expected_velocity) = sgd(x.clone(), y.clone(), None, &step);
            close("descent", own, expected);
            assert_eq!(velocity.is_some(), expected_velocity.is_some());
            if let (Some(own), Some(expected)) = (velocity, expected_velocity) {
                close("velocity", own.clone(), expected.clone());
                let again = sgd(x1.clone(), y1.clone(), Some(own), &step).0;
                close("second descent", again, sgd(x.clone(), y.clone(), Some(expected), &step).0);
            }
        }
    });
}

#[test]
fn energies_are_read_at_once_and_agree_with_the_processor() {
    on_each_device(|device, _| {
        let mut values = Values(5);
        let matrices = [[1, 3000], [70, 3], [128, 513]].map(|shape| values.uniform(shape));
        let own = matrices.each_ref().map(|matrix| on(device, matrix));
        let expected: Vec<f64> = matrices.iter().map(|matrix| row_energies(matrix).iter().sum()).collect();
        for (own, expected) in energies(&own.each_ref()).into_iter().zip(expected) {
            assert!((own / expected - 1.0).abs() < 1e-5, "{own} against {expected}");
        }
        let wide = values.uniform([40, 900]);
        let (mean, squares) = column_moments(&on(device, &wide));
        let (expected_mean, expected_squares) = column_moments(&wide);
        assert_rounded("means", mean, expected_mean, 40, Precision::F32);
        assert_rounded("squares", squares, expected_squares, 40, Precision::F32);
        let sums = column_sums(on(device, &wide));
        assert_rounded("sums", sums, column_sums(wide), 40, Precision::F32);
        let broken = on(device, &(matrices[1].clone() / 0.0));
        assert!(!energies(&[&broken])[0].is_finite());
    });
}
