//! Every block against PyTorch: activity, gradients, running statistics.

use burn::tensor::{DType, Device};
use nmnc_learn::net::{
    Activation, AdaptiveAverage, Attention, BatchNorm, Block, GroupNorm, GroupedConv, GroupedMap, Mode,
    Pooling, PoolingSpec, TokenDense, Window, own_weights,
};
use nmnc_testing::{Golden, PRECISIONS, assert_close, values};
use serde_json::Value;

use super::TRAINING;

/// PyTorch's names of the parameters of a case, in the block's order.
fn names(kind: &str) -> &'static [&'static str] {
    match kind {
        "attention" => &["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"],
        "dense-tokens" => &["0.weight", "0.bias"],
        _ => &["weight", "bias"],
    }
}

fn block(golden: &Golden, name: &str, dtype: DType) -> Box<dyn Block> {
    let (case, device) = (golden.case(name), Device::flex());
    let number = |key: &str| case[key].as_u64().unwrap() as usize;
    let real = |key: &str| case[key].as_f64().unwrap();
    let list = |key: &str| -> Vec<usize> {
        case[key].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
    };
    let of = |parameter: &str| golden.matrix(&format!("{name}.{parameter}"), dtype);
    let shape = list("shape");
    let image = || <[usize; 3]>::try_from(shape.clone()).unwrap();
    let positions = || shape[1] * shape[2];
    let kind = case["kind"].as_str().unwrap();
    match kind {
        "max-pool" | "average-pool" => Box::new(Pooling::new(PoolingSpec {
            input: image(),
            kind: if kind == "max-pool" { Window::Max } else { Window::Average },
            window: number("window"),
            stride: number("stride"),
            padding: number("padding"),
        })),
        "adaptive" => Box::new(AdaptiveAverage::new(image(), list("windows").try_into().unwrap())),
        "grouped" => {
            let map = GroupedMap {
                input: image(),
                channels: number("channels"),
                kernel: number("kernel"),
                stride: number("stride"),
                padding: number("padding"),
                groups: number("groups"),
            };
            let bias = golden.has(&format!("{name}.bias")).then(|| of("bias"));
            Box::new(GroupedConv::new(map, of("weight"), bias))
        }
        "batch-norm" => {
            Box::new(BatchNorm::new(shape[0], positions(), real("epsilon"), real("momentum"), &device))
        }
        "group-norm" => Box::new(GroupNorm::of_channels(
            shape[0],
            positions(),
            number("groups"),
            real("epsilon"),
            &device,
        )),
        "layer-norm" => Box::new(GroupNorm::of_tokens(shape[0], shape[1], real("epsilon"), &device)),
        "attention" => {
            let pair = |names: &[&str]| (of(names[0]), of(names[1]));
            let names = names(kind);
            Box::new(Attention::new(shape[0], number("heads"), [pair(&names[..2]), pair(&names[2..])]))
        }
        "dense-tokens" => Box::new(TokenDense::new(shape[0], of("0.weight"), of("0.bias"), Activation::Gelu)),
        other => panic!("{other}"),
    }
}

#[test]
fn blocks_agree_with_pytorch() {
    let golden = Golden::read("blocks.safetensors");
    let cases = golden.cases("");
    let kinds: Vec<&str> =
        cases.iter().filter(|name| golden.case(name).get("kind").is_some()).copied().collect();
    assert_eq!(kinds.len(), 22);
    for name in kinds {
        for (dtype, tolerance) in PRECISIONS {
            let case: &Value = golden.case(name);
            let tensor = |key: &str| golden.matrix(&format!("{name}.{key}"), dtype);
            let check = |key: &str, actual: &burn::tensor::Tensor<2>| {
                let expected = golden.numbers(&format!("{name}.{key}"));
                assert_close(&format!("{name} {key} {dtype:?}"), &values(actual), expected, tolerance);
            };
            let mut block = block(&golden, name, dtype);
            let names = names(case["kind"].as_str().unwrap());
            for (parameter, own) in block.parameters_mut().into_iter().zip(names) {
                parameter.value = tensor(own);
            }
            for buffer in block.buffers_mut() {
                buffer.value = tensor(&format!("before.{}", buffer.name));
            }
            let mode = if case["training"].as_bool().unwrap() { TRAINING } else { Mode::Evaluation };
            let (y, trace) = block.forward(&[tensor("x")], mode);
            check("y", &y);
            for (gradient, own) in block.parameter_vjp(&trace, tensor("delta")).iter().zip(names) {
                check(&format!("gradient.{own}"), gradient);
            }
            check("gradient.input", &block.input_vjp(&trace, tensor("delta"), 0, &own_weights(&*block)));
            for (buffer, updated) in block.buffers().iter().zip(block.updated_buffers(&trace)) {
                check(&format!("after.{}", buffer.name), &updated);
            }
        }
    }
}
