//! Vector-Jacobian and Jacobian-vector products of blocks against finite differences in f64, over random geometries.

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::Seed;
use nmnc_core::device::values;
use nmnc_core::seed::{Role, Stream};
use nmnc_learn::net::{Activation, Block, Conv, ConvSpec, Dense, Mode, Pool, own_weights};
use proptest::prelude::*;

const ACTIVATIONS: [Activation; 4] =
    [Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Gelu];
const POOLS: [Pool; 3] = [Pool::None, Pool::Max, Pool::Average];

fn normal(shape: [usize; 2], stream: &mut Stream) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    stream.fill_normal(&mut numbers);
    from(numbers.into_iter().map(f64::from).collect(), shape)
}

fn from(numbers: Vec<f64>, shape: [usize; 2]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(numbers, shape), (&Device::flex(), DType::F64))
}

/// Checks the gradients of <block(x), delta> at a few coordinates of weight, bias and input, and the jvp as their adjoint.
fn check(build: impl Fn(Tensor<2>, Tensor<2>) -> Box<dyn Block>, weight: [usize; 2], seed: u64) {
    const BATCH: usize = 2;
    let mut stream = Seed(seed).stream(Role::Analysis, 0, 0);
    let parameters = [normal(weight, &mut stream) * 0.5, normal([1, weight[0]], &mut stream)];
    let block = build(parameters[0].clone(), parameters[1].clone());
    let input = normal([BATCH, block.inputs()[0]], &mut stream);
    let delta = normal([BATCH, block.units()], &mut stream);
    let (_, trace) = block.forward(std::slice::from_ref(&input), Mode::Evaluation);
    let mut gradients = block.parameter_vjp(&trace, delta.clone());
    gradients.push(block.input_vjp(&trace, delta.clone(), 0, &own_weights(&*block)));
    let change = normal([BATCH, block.inputs()[0]], &mut stream);
    let forward = block.jvp(&trace, std::slice::from_ref(&change), &own_weights(&*block)) * delta.clone();
    let forward: f64 = forward.sum().into_scalar();
    let back: f64 = (gradients[gradients.len() - 1].clone() * change).sum().into_scalar();
    assert!((forward - back).abs() < 1e-9 * (1.0 + back.abs()), "{}: {forward} {back}", block.describe());
    let points = [parameters[0].clone(), parameters[1].clone(), input];
    // A block without parameters has only the gradient of its input.
    let first = points.len() - gradients.len();
    for (which, analytic) in (first..).zip(gradients) {
        let analytic = values::<f64>(&analytic);
        for _ in 0..4 {
            let coordinate = stream.below(analytic.len());
            let value = |step: f64| {
                let mut moved = points.clone();
                let mut numbers = values::<f64>(&moved[which]);
                numbers[coordinate] += step;
                moved[which] = from(numbers, moved[which].dims());
                let [weight, bias, input] = moved;
                (build(weight, bias).activity(&[input]) * delta.clone()).sum().into_scalar::<f64>()
            };
            let numeric = (value(1e-6) - value(-1e-6)) / 2e-6;
            let error = (numeric - analytic[coordinate]).abs();
            assert!(
                error < 1e-6 * (1.0 + numeric.abs()),
                "which {which}: {numeric} {}",
                analytic[coordinate]
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolutions(
        input in (1usize..4, 3usize..9, 3usize..9), channels in 1usize..5, kernel in 1usize..6, stride in 1usize..4,
        padding in 0usize..3, activation in 0usize..4, pool in 0usize..3, pool_size in 1usize..4, seed: u64,
    ) {
        let spec = ConvSpec {
            input: [input.0, input.1, input.2], channels, kernel, stride, padding,
            activation: ACTIVATIONS[activation], pool: POOLS[pool], pool_size,
        };
        prop_assume!(spec.check().is_ok());
        let shape = [channels, input.0 * kernel * kernel];
        check(|weight, bias| Box::new(Conv::new(spec, weight, bias)), shape, seed);
    }

    #[test]
    fn dense_stages(inputs in 1usize..9, units in 1usize..9, activation in 0usize..4, seed: u64) {
        check(|weight, bias| Box::new(Dense::new(weight, bias, ACTIVATIONS[activation])), [units, inputs], seed);
    }
}
