//! Networks of the literature against torchvision: logits, gradients, running statistics, on the same weights.

use std::collections::BTreeMap;

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::Seed;
use nmnc_learn::credit::backpropagate;
use nmnc_learn::net::{
    ARCHITECTURES, Activation, Add, Architecture, Dense, ForwardPass, Gradients, Network, shared_name,
};
use nmnc_testing::{assert_close, golden_path, values};
use serde_json::Value;

/// The formula by which weights, images and errors are made here and in `scripts/golden/architectures.py`.
fn numbers(count: usize, key: u64) -> Vec<f64> {
    let one = |index: usize| {
        let i = (index as u64 + 1).wrapping_add(key.wrapping_mul(1 << 33));
        let i = i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let i = (i ^ (i >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let i = i ^ (i >> 32);
        (i >> 41) as f64 / (1u64 << 22) as f64 - 1.0
    };
    (0..count).map(one).collect()
}

fn matrix(shape: [usize; 2], key: u64, scale: f64, shift: f64, dtype: DType) -> Tensor<2> {
    let numbers = numbers(shape[0] * shape[1], key).into_iter();
    let rounded: Vec<f64> = numbers.map(|n| f64::from((n * scale + shift) as f32)).collect();
    Tensor::from_data(TensorData::new(rounded, shape), (&Device::flex(), dtype))
}

/// Gives every parameter and buffer the numbers of its place in the alphabet; gives the places.
fn fill(network: &mut Network, dtype: DType) -> BTreeMap<String, u64> {
    let all = network.parameters().into_iter().chain(network.buffers());
    let shapes: BTreeMap<String, Vec<usize>> =
        all.map(|(name, parameter)| (shared_name(&name).to_owned(), parameter.shape.clone())).collect();
    let keys: BTreeMap<String, u64> = shapes.keys().cloned().zip(0..).collect();
    let value = |name: &str, dims: [usize; 2]| {
        let (shape, key) = (&shapes[name], keys[name]);
        let (scale, shift) = if name.ends_with("running_var") {
            (0.25, 1.0)
        } else if shape.len() > 1 && !name.contains("embedding") && !name.contains("token") {
            ((3.0 / shape[1..].iter().product::<usize>() as f64).sqrt(), 0.0)
        } else if name.ends_with("weight") {
            (0.25, 1.0)
        } else {
            (0.125, 0.0)
        };
        matrix(dims, key, scale, shift, dtype)
    };
    let names = |of: Vec<(String, &nmnc_learn::net::Parameter)>| -> Vec<(String, [usize; 2])> {
        of.into_iter()
            .map(|(name, parameter)| (shared_name(&name).to_owned(), parameter.value.dims()))
            .collect()
    };
    let (parameters, buffers) = (names(network.parameters()), names(network.buffers()));
    for (slot, (name, dims)) in network.values_mut().into_iter().zip(parameters) {
        *slot = value(&name, dims);
    }
    for (slot, (name, dims)) in network.buffer_values_mut().into_iter().zip(buffers) {
        *slot = value(&name, dims);
    }
    keys
}

fn golden() -> Value {
    let text = std::fs::read_to_string(golden_path("architectures.json")).expect("golden file");
    serde_json::from_str(&text).expect("JSON")
}

fn list(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Logits agree within `tolerance` of the largest; what follows from a training pass, which divides by the deviations of few numbers, within
/// `loose`.
fn check(architecture: &Architecture, golden: &Value, dtype: DType, tolerance: f64, loose: f64) {
    const BATCH: usize = 3;
    let (name, outputs) = (architecture.name, golden["outputs"].as_u64().unwrap() as usize);
    let case = &golden["cases"][name];
    let (side, scale) = (case["side"].as_u64().unwrap() as usize, case["scale"].as_f64().unwrap());
    let device = Device::flex();
    let mut network = architecture.build([3, side, side], outputs, scale, Seed(0), &device).unwrap();
    let keys = fill(&mut network, dtype);
    let x = matrix([BATCH, 3 * side * side], 10_000, 1.0, 0.0, dtype);
    let delta = matrix([BATCH, outputs], 10_001, 1.0, 0.0, dtype);
    let evaluation = values(&network.output(x.clone()));
    assert_close(&format!("{name} {dtype:?}"), &evaluation, &list(&case["evaluation"]), tolerance);
    // Masks of dropout are ours alone: where there are some, PyTorch's have been left out, as evaluation does.
    let masked = network.nodes().iter().any(|node| node.block().describe().starts_with("dropout"));
    let pass = match masked {
        true => network.forward(x),
        false => network.training_forward(x, Seed(0), 0, 0),
    };
    let what = format!("{name} {dtype:?}, training");
    assert_close(&what, &values(&pass.output), &list(&case["training"]), loose);
    let signals = backpropagate(&network, &pass, &delta);
    let gradients = network.gradients(&pass, &signals, &delta);
    let mut compared = 0;
    for (own, gradient) in gradients.iter() {
        let own = shared_name(own);
        let along = matrix(gradient.dims(), 20_000 + keys[own], 1.0, 0.0, dtype);
        let found: f64 = values(&(gradient.clone() * along)).iter().sum();
        let (expected, norm) =
            (case["gradients"][own].as_f64().unwrap(), case["norms"][own].as_f64().unwrap());
        // Relative to what a gradient of this norm has along random numbers; biases before a normalisation have none but rounding.
        let error = (found - expected).abs() / (norm + 1e-3);
        assert!(error < loose, "{what}: {own}: {found} {expected}, norm {norm}");
        compared += 1;
    }
    assert_eq!(compared, case["gradients"].as_object().unwrap().len(), "{name}");
    let names = network.buffers().into_iter().map(|(name, _)| name);
    for (own, updated) in names.zip(network.updated_buffers(&pass)) {
        let (found, expected) =
            (values(&updated).iter().sum::<f64>(), case["statistics"][&own].as_f64().unwrap());
        assert!(
            (found - expected).abs() < loose * (1.0 + expected.abs()),
            "{what}: {own}: {found} {expected}"
        );
    }
}

#[test]
fn networks_agree_with_torchvision() {
    let golden = golden();
    for architecture in ARCHITECTURES {
        check(architecture, &golden, DType::F32, 1e-4, 0.1);
    }
}

#[test]
fn double_precision_leaves_no_difference() {
    let golden = golden();
    for architecture in ARCHITECTURES {
        check(architecture, &golden, DType::F64, 1e-10, 1e-8);
    }
}

/// One way down through everything, and signals by stages with gradients of their sections, come to the same bits; also in a graph
/// where a node leads to two stages.
#[test]
fn gradients_of_the_exact_error_are_the_same_bits_however_it_is_carried() {
    let device = Device::flex();
    let bits = |gradients: nmnc_learn::net::Gradients| -> Vec<(String, Vec<f64>)> {
        gradients.into_iter().map(|(name, gradient)| (name, values(&gradient))).collect()
    };
    let deep = |name: &str, side: usize, scale: f64| {
        let architecture = Architecture::find(name).unwrap();
        architecture.build([3, side, side], 5, scale, Seed(3), &device).unwrap()
    };
    let mut twice = Network::builder(&[4]);
    let dense = |units: usize, inputs: usize, key: u64| {
        let weight = matrix([units, inputs], key, 0.5, 0.0, DType::F32);
        Dense::new(weight, matrix([1, units], key + 1, 0.1, 0.0, DType::F32), Activation::Tanh)
    };
    let x = twice.input(0).unwrap();
    let shared = twice.node("shared", dense(6, 4, 70), &[x]).unwrap();
    let one = twice.node("one", dense(6, 6, 72), &[shared]).unwrap();
    let both = twice.node("both", Add::new(2, 6), &[one, shared]).unwrap();
    let two = twice.node("two", dense(6, 6, 74), &[both]).unwrap();
    twice.stage(one).unwrap();
    twice.stage(two).unwrap();
    let readout = twice.node("readout", dense(5, 6, 76), &[two]).unwrap();
    let networks = [
        deep("resnet20", 8, 0.25),
        deep("resnet50", 32, 0.0625),
        deep("vit-tiny", 32, 0.1),
        deep("alexnet", 64, 0.05),
        twice.build(readout).unwrap(),
    ];
    let mut apart = 0;
    for network in networks {
        let x = matrix([3, network.inputs()[0]], 60, 1.0, 0.0, DType::F32);
        let error = matrix([3, 5], 61, 1.0, 0.0, DType::F32);
        let pass = || network.training_forward(x.clone(), Seed(2), 1, 0);
        let signals = backpropagate(&network, &pass(), &error);
        let gradients = network.gradients(&pass(), &signals, &error);
        let mut found = Gradients::default();
        network
            .backpropagated(pass(), &error, |gradients| {
                let _: () = found.extend(gradients);
                Ok(())
            })
            .unwrap();
        let found = found.in_order(gradients.iter().map(|(name, _)| name));
        let expected = bits(gradients.clone());
        assert_eq!(bits(found), expected, "{} nodes", network.nodes().len());
        let (mut found, mut largest) = (Gradients::default(), Vec::new());
        let signal = |stage: usize, _: &ForwardPass| Ok(signals[stage].clone());
        let take = |gradients: Gradients| {
            let size = |(_, gradient): (&str, &Tensor<2>)| gradient.dims().iter().product::<usize>();
            largest.push(gradients.iter().map(size).sum::<usize>());
            let _: () = found.extend(gradients);
            Ok(())
        };
        network.gradients_by_size(pass(), &error, signal, take).unwrap();
        assert_eq!(bits(found.in_order(gradients.iter().map(|(name, _)| name))), expected);
        apart += usize::from(largest.is_sorted_by(|a, b| a >= b) && largest.len() > 2);
    }
    assert!(apart >= 2, "{apart} networks whose sections come by size");
}

#[test]
fn parameters_are_as_many_as_torchvisions_have() {
    // Counts that torchvision's documentation gives for 1000 classes; He et al. 2016, table 6, for small images.
    let counts = [
        ("alexnet", 224, 1000, 61_100_840),
        ("vgg11", 224, 1000, 132_863_336),
        ("resnet18", 224, 1000, 11_689_512),
        ("resnet50", 224, 1000, 25_557_032),
        ("resnet20", 32, 10, 269_722),
        ("resnet56", 32, 10, 853_018),
        ("vit-tiny", 224, 1000, 5_717_416),
    ];
    for (name, side, outputs, count) in counts {
        let build = Architecture::find(name).unwrap();
        let network = build.build([3, side, side], outputs, 1.0, Seed(0), &Device::flex()).unwrap();
        assert_eq!(network.parameter_count(), count, "{name}");
        assert_eq!(build.stages(), network.stages().len(), "{name}");
    }
}

#[test]
fn images_that_do_not_fit_are_refused_in_one_line() {
    let refused = |name: &str, input: [usize; 3]| {
        let build = Architecture::find(name).unwrap();
        build.build(input, 10, 1.0, Seed(0), &Device::flex()).unwrap_err().to_string()
    };
    assert!(
        refused("alexnet", [3, 32, 32]).starts_with("network.features."),
        "{}",
        refused("alexnet", [3, 32, 32])
    );
    assert!(refused("resnet20", [3, 3, 3]).contains("at least 4 px"));
    assert!(refused("vit-tiny", [3, 30, 32]).contains("patches of 4 px"));
}
