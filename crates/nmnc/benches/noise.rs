//! Random numbers: a million normals and signs, on one thread and on all, beside the tensor library's normals.

use std::hint::black_box;

use burn::tensor::{Device, Distribution, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nmnc::Seed;
use nmnc::noise::Probe;
use nmnc::seed::Role;
use rayon::ThreadPoolBuilder;

const COUNT: usize = 1_000_000;

fn fills(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a million random numbers");
    group.throughput(Throughput::Elements(COUNT as u64)).sample_size(20);
    let device = Device::flex();
    let mut values = vec![0.0; COUNT];
    for (name, threads) in [("one thread", 1), ("all threads", 0)] {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        group.bench_function(format!("normal, {name}"), |bencher| {
            bencher.iter(|| {
                pool.install(|| Seed(1).stream(Role::Probe, 0, 0).fill_normal(black_box(&mut values)))
            });
        });
        group.bench_function(format!("signs, {name}"), |bencher| {
            bencher.iter(|| {
                pool.install(|| Seed(1).stream(Role::Probe, 0, 0).fill_rademacher(black_box(&mut values)))
            });
        });
        group.bench_function(format!("Gaussian probes, {name}"), |bencher| {
            let shape = [100, COUNT / 100];
            bencher.iter(|| {
                pool.install(|| Probe::Gaussian.draw(shape, &mut Seed(1).stream(Role::Probe, 0, 0), &device))
            });
        });
        group.bench_function(format!("tensor library's normal, {name}"), |bencher| {
            let normal = Distribution::Normal(0.0, 1.0);
            bencher.iter(|| pool.install(|| Tensor::<1>::random([COUNT], normal, &device)));
        });
    }
    group.finish();
}

criterion_group!(benches, fills);
criterion_main!(benches);
