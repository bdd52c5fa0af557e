//! The kernels with every kind of vector instructions this machine can run, each in a process of its own.

use std::process::Command;

/// Runs this file's other test with the given choice.
fn with(instructions: &str) -> (bool, String) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["kernels_agree_with_the_composed_path", "--exact", "--ignored", "--nocapture"])
        .env("NMNC_VECTORS", instructions)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn narrower_instructions_agree() {
    let mut kinds = vec![("portable", "none beyond the compiler's")];
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        kinds.push(("avx2", "AVX2 and FMA"));
    }
    for (name, description) in kinds {
        let (passed, text) = with(name);
        assert!(passed, "{name}: {text}");
        assert!(text.contains(description), "{name}: {text}");
    }
}

#[test]
fn unknown_instructions_are_refused() {
    let (passed, text) = with("mmx");
    assert!(!passed);
    assert!(
        text.contains("NMNC_VECTORS: unknown instructions `mmx`; unset it, or use `avx2` or `portable`"),
        "{text}"
    );
}

mod common;

use common::{Values, assert_close, shapes};
use nmnc_kernels::{
    Activation, ConvSpec, Pool, composed, conv_forward, conv_gated_product, conv_input_gradient,
    conv_parameter_gradient, vector_instructions,
};

#[test]
#[ignore = "run by the tests above, with instructions chosen by the environment"]
fn kernels_agree_with_the_composed_path() {
    println!("{}", vector_instructions());
    // Direct, minimal filtering, and patches; channels that fill no whole vector or panel.
    for (input, kernel, pool) in [
        ([3, 13, 10], 3, Pool::Max),
        ([19, 14, 9], 3, Pool::Max),
        ([9, 12, 12], 3, Pool::Average),
        ([17, 9, 8], 5, Pool::Max),
    ] {
        let spec = ConvSpec {
            input,
            channels: 37,
            kernel,
            stride: 1,
            padding: 1,
            activation: Activation::Tanh,
            pool,
            pool_size: 2,
        };
        let mut values = Values(11);
        let (weight_shape, bias_shape) = shapes(&spec);
        let x = values.uniform([7, spec.input_units()]);
        let weight = values.uniform(weight_shape).mul_scalar(0.2);
        let bias = values.uniform(bias_shape);
        let delta = values.uniform([7, spec.output_units()]);
        let (output, gate) = conv_forward(&spec, x.clone(), weight.clone(), bias.clone());
        let (expected, expected_gate) = composed::conv_forward(&spec, x.clone(), weight.clone(), bias);
        assert_close("output", output, expected);
        let gated = composed::conv_gated_error(&spec, &expected_gate, delta.clone());
        let matrix = values.uniform([spec.convolved_units(), 87]);
        let product = conv_gated_product(&spec, &gate, delta.clone(), matrix.clone());
        assert_close("gated product", product, gated.clone().matmul(matrix));
        let (dw, db) = conv_parameter_gradient(&spec, x.clone(), &gate, delta.clone());
        let (expected_dw, expected_db) = composed::conv_parameter_gradient(&spec, x, gated.clone());
        assert_close("weight gradient", dw, expected_dw);
        assert_close("bias gradient", db, expected_db);
        let dx = conv_input_gradient(&spec, weight.clone(), &gate, delta);
        assert_close("input gradient", dx, composed::conv_input_gradient(&spec, weight, gated));
    }
}
