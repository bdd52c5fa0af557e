//! Blocks against PyTorch: activity, vjps of the parameters and of the input, in f64 (composed path) and f32 (fused path).

use nmnc_learn::net::Mode;
use nmnc_testing::{Golden, PRECISIONS, assert_close, block, values};

#[test]
fn blocks_agree_with_pytorch() {
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
            let block = block(golden.case(case), tensor("weight"), tensor("bias"));
            let (activity, trace) = block.forward(&[tensor("x")], Mode::Evaluation);
            check("y", &activity);
            check("y", &block.activity(&[tensor("x")]));
            let gradients = block.parameter_vjp(&trace, tensor("delta"));
            for (parameter, gradient) in block.parameters().into_iter().zip(&gradients) {
                check(&format!("gradient_{}", parameter.name), gradient);
            }
            let input = block.input_vjp(&trace, tensor("delta"), 0, &[tensor("weight")]);
            check("gradient_input", &input);
        }
    }
}
