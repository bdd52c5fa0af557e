//! A graph of blocks, some of them written outside the library: derivatives, replays, rules.

mod derivatives;
mod mean_jacobian;
mod refusals;
mod replays;
mod rules;

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::Seed;
use nmnc_core::seed::Role;
use nmnc_learn::net::{Activation, Add, Dense, Network};
use nmnc_testing::blocks::{Centered, Residual};
use nmnc_testing::differences::inner;

const BATCH: usize = 6;
const OUTPUTS: usize = 3;

/// Standard normal numbers.
fn normal(shape: [usize; 2], index: usize, dtype: DType) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    Seed(17).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    let numbers: Vec<f64> = numbers.into_iter().map(f64::from).collect();
    Tensor::<2>::from_data(TensorData::new(numbers, shape), (&Device::flex(), DType::F64)).cast(dtype)
}

fn dense([units, inputs]: [usize; 2], index: usize, activation: Activation, dtype: DType) -> Dense {
    let weight = normal([units, inputs], index, dtype) / (inputs as f64).sqrt();
    Dense::new(weight, normal([1, units], index + 1, dtype) * 0.1, activation)
}

fn residual(units: usize, hidden: usize, dtype: DType) -> Residual {
    let gain = normal([1, units], 20, dtype) * 0.2 + 1.0;
    let bias = normal([1, units], 21, dtype) * 0.2;
    let first = normal([hidden, units], 22, dtype) / (units as f64).sqrt();
    Residual::new(gain, bias, first, normal([units, hidden], 23, dtype) / (hidden as f64).sqrt())
}

/// ```text
/// a - stem (stage 1) -+- twin --+
///                     |        sum - residual (stage 2) -+
/// b - side -----------|---------+------------------------+
///                     +- shortcut -----------------------+- late - tail (stage 3) [- centered] - readout
/// ```
///
/// A skip around stage 2, a fan-out of stage 1, and a node (`side`) that leads to two stages.
fn network(dtype: DType, centered: bool) -> Network {
    let mut net = Network::builder(&[5, 4]);
    let (a, b) = (net.input(0).unwrap(), net.input(1).unwrap());
    let stem = net.node("stem", dense([8, 5], 1, Activation::Tanh, dtype), &[a]).unwrap();
    let side = net.node("side", dense([8, 4], 3, Activation::Gelu, dtype), &[b]).unwrap();
    let twin = net.node("twin", dense([8, 8], 5, Activation::Identity, dtype), &[stem]).unwrap();
    let sum = net.node("sum", Add::new(2, 8), &[twin, side]).unwrap();
    let residual = net.node("residual", residual(8, 7, dtype), &[sum]).unwrap();
    let shortcut = net.node("shortcut", dense([8, 8], 9, Activation::Tanh, dtype), &[stem]).unwrap();
    let late = net.node("late", Add::new(3, 8), &[residual, shortcut, side]).unwrap();
    let tail = net.node("tail", dense([6, 8], 11, Activation::Tanh, dtype), &[late]).unwrap();
    for stage in [stem, residual, tail] {
        net.stage(stage).unwrap();
    }
    let last = match centered {
        true => net.node("centered", Centered::new(normal([1, 6], 13, dtype)), &[tail]).unwrap(),
        false => tail,
    };
    let readout = net.node("readout", dense([OUTPUTS, 6], 14, Activation::Identity, dtype), &[last]).unwrap();
    net.build(readout).unwrap()
}

fn inputs(batch: usize, index: usize, dtype: DType) -> Vec<Tensor<2>> {
    vec![normal([batch, 5], index, dtype), normal([batch, 4], index + 1, dtype)]
}

fn cosine(a: &Tensor<2>, b: &Tensor<2>) -> f64 {
    inner(a, b) / (inner(a, a) * inner(b, b)).sqrt()
}
