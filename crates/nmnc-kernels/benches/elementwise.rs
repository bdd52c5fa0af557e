//! Fused elementwise work on a million numbers, beside the same composed of tensor operations.

use burn::tensor::{Device, Distribution, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nmnc_kernels::{AdamStep, adam, embed_add, matmul, perturb, row_energies};

const BATCH: usize = 128;
const UNITS: usize = 8192;
const DIMENSION: usize = 64;

fn random(shape: [usize; 2]) -> Tensor<2> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex())
}

fn elementwise(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a million numbers");
    group.throughput(Throughput::Elements((BATCH * UNITS) as u64)).sample_size(20);
    let shape = [BATCH, UNITS];
    let (activity, noise) = (random(shape), random(shape));
    let (coordinates, basis) = (random([BATCH, DIMENSION]), random([UNITS, DIMENSION]));

    group.bench_function("row energies", |bencher| bencher.iter(|| row_energies(&activity)));
    group.bench_function("row energies, composed", |bencher| {
        bencher.iter(|| activity.clone().powi_scalar(2).sum_dim(1).into_data());
    });
    group.bench_function("isotropic noise", |bencher| bencher.iter(|| perturb(&activity, &noise, 0.1)));
    group.bench_function("isotropic noise, composed", |bencher| {
        bencher.iter(|| activity.clone() + noise.clone() * 0.1);
    });
    group.bench_function("noise in 64 dimensions", |bencher| {
        bencher.iter(|| embed_add(&activity, &coordinates, &basis, 0.1));
    });
    group.bench_function("noise in 64 dimensions, composed", |bencher| {
        bencher.iter(|| activity.clone() + matmul(coordinates.clone() * 0.1, basis.clone().transpose()));
    });

    let step =
        AdamStep { rate: 1e-3, betas: [0.9, 0.999], epsilon: 1e-8, penalty: 0.0, decay: 0.0, steps: 9 };
    let mut state = Some([random(shape), random(shape), random(shape).abs()]);
    group.bench_function("adam", |bencher| {
        bencher.iter(|| {
            let [value, first, second] = state.take().expect("put back below");
            state = Some(adam(value, noise.clone(), first, second, &step));
        });
    });
    let mut state = Some([random(shape), random(shape), random(shape).abs()]);
    group.bench_function("adam, composed", |bencher| {
        bencher.iter(|| {
            let [value, first, second] = state.take().expect("put back below");
            let gradient = noise.clone();
            let square = gradient.clone() * gradient.clone();
            let first = first * 0.9 + gradient * 0.1;
            let second = second * 0.999 + square * 0.001;
            let change = first.clone() / (second.clone().sqrt() / 0.09 + 1e-8) / 0.6;
            state = Some([value - change * 1e-3, first, second]);
        });
    });
    group.finish();
}

criterion_group!(benches, elementwise);
criterion_main!(benches);
