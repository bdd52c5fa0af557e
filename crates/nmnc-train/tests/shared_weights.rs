//! Weights from and for other tools: what PyTorch saved gives the answers PyTorch gave, and what is written can be read.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use nmnc_core::{Result, Seed};
use nmnc_learn::net::{ARCHITECTURES, Network, NetworkConfig};
use nmnc_testing::{assert_close, golden_path, values};
use nmnc_train::{Config, SharedWeights};
use serde_json::Value;

const INPUT: [usize; 3] = [3, 16, 16];

/// The network of `exchange.py` with other settings, from a file.
fn start(settings: &str, from: &Path, outputs: usize) -> Result<Network> {
    let text = format!(
        "network = {{ preset = 'resnet20', scale = 0.25 }}\ncredit = {{ rule = 'bp' }}\n[weights]\nfrom = '{}'\n{settings}",
        from.display()
    );
    Config::parse(&text, "test", &[])?.resolve()?.initial_network(INPUT, outputs, &Device::flex())
}

fn refused(settings: &str, from: &Path, outputs: usize) -> String {
    let line = start(settings, from, outputs).unwrap_err().to_string();
    assert_eq!(line.lines().count(), 1);
    line.replace(&from.display().to_string(), "FILE")
}

fn numbers(value: &Value) -> Vec<f64> {
    let rows = value.as_array().unwrap().iter();
    rows.flat_map(|row| row.as_array().unwrap().iter().map(|v| v.as_f64().unwrap())).collect()
}

#[test]
fn a_network_that_pytorch_saved_answers_as_there() {
    let golden: Value =
        serde_json::from_str(&std::fs::read_to_string(golden_path("exchange.json")).unwrap()).unwrap();
    let x: Vec<f32> = numbers(&golden["x"]).into_iter().map(|v| v as f32).collect();
    let x = Tensor::from_data(burn::tensor::TensorData::new(x, [2, 768]), &Device::flex());
    for format in ["pth", "safetensors"] {
        let network = start("", &golden_path(&format!("exchange.{format}")), 5).unwrap();
        let found = values(&network.output(x.clone()));
        assert_close(format, &found, &numbers(&golden["logits"][format]), 1e-4);
    }
}

#[test]
fn what_does_not_fit_is_one_line_that_says_what_to_do() {
    let file = golden_path("exchange.pth");
    assert_eq!(
        refused("", &file, 7),
        "FILE: linear.weight has shape [5, 16], the network needs [7, 16]; weights.except = [\"linear\"] leaves that layer at its \
         initial weights"
    );
    let text = "network = { preset = 'resnet20', scale = 0.5 }\ncredit = { rule = 'bp' }\nweights = { from = 'FROM' }";
    let text = text.replace("FROM", &file.display().to_string());
    let wide = Config::parse(&text, "test", &[]).unwrap().resolve().unwrap();
    let wide = wide.initial_network(INPUT, 5, &Device::flex()).unwrap_err().to_string();
    assert!(wide.ends_with("so have 57 more; is it of a network of another width?"), "{wide}");
    let excepted = start("except = ['linear']", &file, 7).unwrap();
    let config = NetworkConfig { preset: Some("resnet20".into()), scale: 0.25, ..NetworkConfig::default() };
    let random = config.build(INPUT, 7, Seed(0), &Device::flex()).unwrap();
    for ((name, own), (_, initial)) in excepted.parameters().into_iter().zip(random.parameters()) {
        let same = values(&own.value) == values(&initial.value);
        assert_eq!(same, name.starts_with("linear."), "{name}");
    }
    assert_eq!(
        refused("except = ['liner']", &file, 5),
        "weights.except: the network has no layer `liner`; did you mean `linear`?"
    );
    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("changed.pth");
    let mut weights = SharedWeights::read(&file).unwrap();
    let moved = weights.arrays.remove("bn1.bias").unwrap();
    weights.arrays.insert("bn1.bais".into(), moved);
    weights.write(&changed).unwrap();
    assert_eq!(
        refused("", &changed, 5),
        "FILE: lacks bn1.bias of the network; it holds bn1.bais: is it of another network?"
    );
    let moved = weights.arrays["bn1.bais"].clone();
    weights.arrays.insert("bn1.bias".into(), moved);
    weights.write(&changed).unwrap();
    assert_eq!(
        refused("", &changed, 5),
        "FILE: holds bn1.bais, which the network has not; use weights of this network, or name layers in weights.except"
    );
    std::fs::write(&changed, b"nothing").unwrap();
    assert_eq!(
        refused("", &changed, 5),
        "FILE: is no whole file of weights; give one of safetensors, one of PyTorch 1.6 or later, or a run folder"
    );
    assert!(refused("", &folder.path().join("none.pth"), 5).starts_with("FILE: cannot open: "));
    assert!(refused("", folder.path(), 5).starts_with("FILE: holds no checkpoint; give a file of weights"));
    let text = "network = { preset = 'mlp' }\ncredit = { rule = 'bp' }\nweights = { except = ['a'] }";
    let alone = Config::parse(text, "test", &[]).unwrap_err().to_string();
    assert!(alone.contains("weights.except: has no meaning without weights.from"), "{alone}");
    let unknown = weights.write(&folder.path().join("x.onnx")).unwrap_err().to_string();
    assert!(
        unknown.ends_with("has no extension of a format of weights; let it end in .safetensors or .pth"),
        "{unknown}"
    );
}

/// Every parameter and buffer of a network by the names others know, in the order of the alphabet.
fn of(network: &Network) -> Vec<(String, Vec<f64>)> {
    let all = network.parameters().into_iter().chain(network.buffers());
    let mut all: Vec<_> = all.map(|(name, parameter)| (name, values(&parameter.value))).collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

#[test]
fn every_deep_network_goes_through_both_formats() {
    let folder = tempfile::tempdir().unwrap();
    let build = |index: usize, seed: u64| {
        let side = [64, 32, 16, 16, 32, 32, 32][index];
        ARCHITECTURES[index].build([3, side, side], 3, 0.0625, Seed(seed), &Device::flex()).unwrap()
    };
    for (index, architecture) in ARCHITECTURES.iter().enumerate() {
        let network = build(index, 1);
        let shared = SharedWeights::of(&network, architecture.name);
        assert!(shared.arrays.keys().all(|name| !name.starts_with("tokens")), "{}", architecture.name);
        for format in ["pth", "safetensors"] {
            let path: PathBuf = folder.path().join(format!("{}.{format}", architecture.name));
            shared.write(&path).unwrap();
            let mut other = build(index, 2);
            assert_ne!(of(&other), of(&network), "{}", architecture.name);
            SharedWeights::read(&path).unwrap().give(&mut other, &[], &Device::flex()).unwrap();
            assert_eq!(of(&other), of(&network), "{}.{format}", architecture.name);
        }
    }
}

#[test]
fn what_wrappers_put_before_every_name_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrapped.safetensors");
    let mut weights = SharedWeights::read(&golden_path("exchange.pth")).unwrap();
    weights.arrays =
        weights.arrays.into_iter().map(|(name, array)| (format!("module.{name}"), array)).collect();
    weights.write(&path).unwrap();
    start("", &path, 5).unwrap();
}
