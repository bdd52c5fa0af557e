//! Every kernel at the stages of the reference network (3-64-128-256 channels on 32x32 images, 3x3, rectified, 2x2 max
//! pooling, batch 128) and at stages of other shapes.
//!
//!     cargo bench -p nmnc-kernels --bench stages
//!
//! Throughput counts the multiplications and additions of the direct convolution, so `Gelem/s` is GFLOP/s.

use std::hint::black_box;

use burn::tensor::{Device, Distribution, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nmnc_kernels::{
    Activation, ConvSpec, Pool, conv_activity, conv_forward, conv_gated_error, conv_gated_product,
    conv_input_gradient, conv_parameter_gradient, matmul,
};

const BATCH: usize = 128;

/// The reference network's stages.
const FIRST: ConvSpec = ConvSpec {
    input: [3, 32, 32],
    channels: 64,
    kernel: 3,
    stride: 1,
    padding: 1,
    activation: Activation::Relu,
    pool: Pool::Max,
    pool_size: 2,
};
const SECOND: ConvSpec = ConvSpec { input: [64, 16, 16], channels: 128, ..FIRST };
const THIRD: ConvSpec = ConvSpec { input: [128, 8, 8], channels: 256, ..FIRST };

const STAGES: [(&str, ConvSpec); 8] = [
    ("1 of 3", FIRST),
    ("2 of 3", SECOND),
    ("3 of 3", THIRD),
    ("2, 5x5", ConvSpec { kernel: 5, padding: 2, ..SECOND }),
    ("2, stride 2", ConvSpec { stride: 2, ..SECOND }),
    ("2, average pooling", ConvSpec { pool: Pool::Average, ..SECOND }),
    ("2, tanh", ConvSpec { activation: Activation::Tanh, ..SECOND }),
    ("1x28x28", ConvSpec { input: [1, 28, 28], ..FIRST }),
];

fn random(shape: [usize; 2]) -> Tensor<2> {
    Tensor::random(shape, Distribution::Normal(0.0, 0.1), &Device::flex())
}

fn stages(criterion: &mut Criterion) {
    for (name, spec) in STAGES {
        let x = random([BATCH, spec.input_units()]);
        let weight = random([spec.channels, spec.fan_in()]);
        let bias = random([1, spec.channels]);
        let delta = random([BATCH, spec.output_units()]);
        let (_, gate) = conv_forward(&spec, x.clone(), weight.clone(), bias.clone());

        let mut group = criterion.benchmark_group(format!("stage {name}"));
        group.throughput(Throughput::Elements((spec.flops() * BATCH) as u64));
        group.bench_function("forward", |b| {
            b.iter(|| black_box(conv_forward(&spec, x.clone(), weight.clone(), bias.clone())));
        });
        group.bench_function("activity", |b| {
            b.iter(|| black_box(conv_activity(&spec, x.clone(), weight.clone(), bias.clone())));
        });
        group.bench_function("parameter gradient", |b| {
            b.iter(|| black_box(conv_parameter_gradient(&spec, x.clone(), &gate, delta.clone())));
        });
        group.bench_function("input gradient", |b| {
            b.iter(|| black_box(conv_input_gradient(&spec, weight.clone(), &gate, delta.clone())));
        });
        // What takes the place of the input gradient on a manifold of 64 dimensions: the product with the responses, and back to units.
        let responses = random([spec.convolved_units(), 64]);
        group.bench_function("gated product, 64 columns", |b| {
            b.iter(|| black_box(conv_gated_product(&spec, &gate, delta.clone(), responses.clone())));
        });
        group.bench_function("the same by a dense product", |b| {
            b.iter(|| black_box(matmul(conv_gated_error(&spec, &gate, delta.clone()), responses.clone())));
        });
        // Nothing is multiplied here but one slope an error.
        group.throughput(Throughput::Elements((spec.convolved_units() * BATCH) as u64));
        group.bench_function("gated error", |b| {
            b.iter(|| black_box(conv_gated_error(&spec, &gate, delta.clone())));
        });
        group.finish();
    }
}

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("product");
    for [m, k, n] in [[128, 4096, 10], [10, 128, 4096], [128, 64, 16384], [1024, 1024, 1024]] {
        let (a, b) = (random([m, k]), random([k, n]));
        group.throughput(Throughput::Elements((2 * m * k * n) as u64));
        group.bench_function(format!("{m}x{k} by {k}x{n}"), |bencher| {
            bencher.iter(|| black_box(matmul(a.clone(), b.clone())));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = stages, products
}
criterion_main!(benches);
