//! Stages against PyTorch: activity, parameter gradient and input gradient, in f64 (composed path) and f32 (fused path).

use nmnc_testing::{Golden, PRECISIONS, assert_close, stage, values};

#[test]
fn stages_agree_with_pytorch() {
    let golden = Golden::read("stages.safetensors");
    let cases: Vec<&str> = ["conv.", "dense."].iter().flat_map(|prefix| golden.cases(prefix)).collect();
    assert_eq!(cases.len(), 15);
    for case in cases {
        for (dtype, tolerance) in PRECISIONS {
            let tensor = |name: &str| golden.matrix(&format!("{case}.{name}"), dtype);
            let check = |name: &str, actual: &burn::tensor::Tensor<2>| {
                let expected = golden.numbers(&format!("{case}.{name}"));
                assert_close(&format!("{case} {name} {dtype:?}"), &values(actual), expected, tolerance);
            };
            let stage = stage(golden.case(case), tensor("weight"), tensor("bias"));
            let (activity, trace) = stage.forward(tensor("x"));
            check("y", &activity);
            check("y", &stage.activity(tensor("x")));
            let [weight, bias] = stage.parameter_gradient(&trace, tensor("delta"));
            check("gradient_weight", &weight);
            check("gradient_bias", &bias);
            check("gradient_input", &stage.carry_back(&trace, tensor("delta"), tensor("weight")));
        }
    }
}
