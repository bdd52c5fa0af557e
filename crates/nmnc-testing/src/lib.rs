//! What tests of several crates share: reading golden files, comparing numbers, blocks from outside the library, threads as workers,
//! counting what is allocated.

pub mod blocks;
pub mod differences;
pub mod memory;
pub mod threads;

use std::collections::HashMap;
use std::path::PathBuf;

use burn::tensor::{DType, Device, Tensor, TensorData};
use safetensors::SafeTensors;
use serde_json::Value;

/// A golden file: tensors of what other software computed, and the cases in its metadata.
pub struct Golden {
    tensors: HashMap<String, (Vec<usize>, Vec<f64>)>,
    cases: HashMap<String, Value>,
}

/// Where the golden file `name` is.
pub fn golden_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

impl Golden {
    /// Reads the golden file `name`.
    pub fn read(name: &str) -> Self {
        let bytes = std::fs::read(golden_path(name)).expect("golden file");
        let file = SafeTensors::deserialize(&bytes).expect("safetensors");
        let numbers = |view: safetensors::tensor::TensorView| -> Vec<f64> {
            let chunks = view.data().chunks_exact(8).map(|c| <[u8; 8]>::try_from(c).unwrap());
            match view.dtype() {
                safetensors::Dtype::F64 => chunks.map(f64::from_le_bytes).collect(),
                safetensors::Dtype::I64 => chunks.map(|c| i64::from_le_bytes(c) as f64).collect(),
                other => panic!("unexpected type {other:?}"),
            }
        };
        let tensors = file.iter().map(|(k, v)| (k.to_owned(), (v.shape().to_vec(), numbers(v)))).collect();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("metadata");
        let cases = metadata.metadata().iter().flatten();
        let cases = cases.filter_map(|(k, v)| Some((k.clone(), serde_json::from_str(v).ok()?))).collect();
        Self { tensors, cases }
    }

    /// The numbers of the tensor `name`, row-major.
    pub fn numbers(&self, name: &str) -> &[f64] {
        &self.tensors.get(name).unwrap_or_else(|| panic!("no golden tensor {name}")).1
    }

    /// The shape of the tensor `name`.
    pub fn shape(&self, name: &str) -> &[usize] {
        &self.tensors[name].0
    }

    /// Whether there is a tensor `name`.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A matrix in the given precision; a vector becomes one row.
    pub fn matrix(&self, name: &str, dtype: DType) -> Tensor<2> {
        let (shape, numbers) = self.tensors.get(name).unwrap_or_else(|| panic!("no golden tensor {name}"));
        let columns = *shape.last().unwrap();
        let data = TensorData::new(numbers.clone(), [numbers.len() / columns, columns]);
        Tensor::from_data(data, (&Device::flex(), dtype))
    }

    /// The case `name`.
    pub fn case(&self, name: &str) -> &Value {
        self.cases.get(name).unwrap_or_else(|| panic!("no golden case {name}"))
    }

    /// Case names that start with `prefix`, sorted.
    pub fn cases(&self, prefix: &str) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.cases.keys().filter(|k| k.starts_with(prefix)).map(String::as_str).collect();
        names.sort_unstable();
        names
    }
}

/// Both precisions, with the tolerance each deserves relative to the largest expected value.
pub const PRECISIONS: [(DType, f64); 2] = [(DType::F64, 1e-11), (DType::F32, 2e-5)];

/// Asserts that `actual` equals `expected` within `tolerance` of the largest expected value.
pub fn assert_close(what: &str, actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len(), "{what}: number of values");
    let scale = expected.iter().fold(1e-300f64, |a, b| a.max(b.abs()));
    let worst = actual.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst <= tolerance * scale, "{what}: off by {worst:e}, scale {scale:e}, tolerance {tolerance:e}");
    assert!(actual.iter().all(|v| v.is_finite()), "{what}: not finite");
}

/// The values of a tensor, row-major.
pub fn values(tensor: &Tensor<2>) -> Vec<f64> {
    nmnc_core::device::values(tensor)
}

/// A block from its golden description.
pub fn block(case: &Value, weight: Tensor<2>, bias: Tensor<2>) -> Box<dyn nmnc_learn::net::Block> {
    use nmnc_learn::net::{Activation, Conv, ConvSpec, Dense, Pool};
    let number = |key: &str| case[key].as_u64().unwrap_or_else(|| panic!("{key} in {case}")) as usize;
    let activation = match case["activation"].as_str().unwrap() {
        "relu" => Activation::Relu,
        "tanh" => Activation::Tanh,
        "gelu" => Activation::Gelu,
        "identity" => Activation::Identity,
        other => panic!("{other}"),
    };
    if case.get("kernel").is_none() {
        return Box::new(Dense::new(weight, bias, activation));
    }
    let pool = match case["pool"].as_str().unwrap() {
        "max" => Pool::Max,
        "average" => Pool::Average,
        "none" => Pool::None,
        other => panic!("{other}"),
    };
    let input: Vec<usize> =
        case["input"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect();
    let spec = ConvSpec {
        input: input.try_into().unwrap(),
        channels: number("channels"),
        kernel: number("kernel"),
        stride: number("stride"),
        padding: number("padding"),
        activation,
        pool,
        pool_size: number("pool_size"),
    };
    Box::new(Conv::new(spec, weight, bias))
}
