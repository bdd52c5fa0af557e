//! Time of one manifold refresh by method, against the number of units: 1024 samples (128 for the incremental method, whose
//! samples are a training batch), dimension 64.
//!
//!     cargo bench -p nmnc --bench manifold

#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Duration;

use burn::tensor::{Device, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nmnc::Seed;
use nmnc::device::matrix;
use nmnc::manifold::{Dimension, PcaMethod, Tracker, Tracking};
use nmnc::seed::Role;

const DIMENSION: usize = 64;
const SAMPLES: usize = 1024;
const BATCH: usize = 128;

fn normal(shape: [usize; 2], index: usize) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    Seed(3).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    matrix(numbers, shape, &Device::flex())
}

/// Activity with 200 directions of decaying variance, noise in all others, and a mean.
fn activity(samples: usize, units: usize, index: usize) -> Tensor<2> {
    let decay = (1..=200).map(|k| 1.0 / k as f32).collect();
    let coordinates = normal([samples, 200], index) * matrix(decay, [1, 200], &Device::flex());
    coordinates.matmul(normal([200, units], 0))
        + normal([samples, units], index + 1) * 0.02
        + normal([1, units], 9)
}

fn tracker(method: PcaMethod, warm_start: bool) -> Tracker {
    let dimension = Dimension::Count(DIMENSION);
    Tracker::new(Tracking { dimension, method, warm_start, forgetting: 0.9 }).expect("possible settings")
}

fn refresh(c: &mut Criterion) {
    let mut group = c.benchmark_group("manifold_refresh");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    for units in [4096, 8192, 16384] {
        group.throughput(Throughput::Elements(units as u64));
        for (name, method, warm, samples) in [
            ("exact", PcaMethod::Exact, false, SAMPLES),
            ("randomized", PcaMethod::Randomized, false, SAMPLES),
            ("warm", PcaMethod::Randomized, true, SAMPLES),
            ("incremental", PcaMethod::Incremental, false, BATCH),
        ] {
            let mut stream = Seed(0).stream(Role::RangeFinder, 0, 0);
            let mut known = tracker(method, warm);
            let before = activity(samples, units, 1);
            let before = known.refresh(None, before, &mut stream).expect("finite activity").subspace;
            let now = activity(samples, units, 3);
            group.bench_function(BenchmarkId::new(name, units), |b| {
                b.iter(|| {
                    let mut stream = Seed(0).stream(Role::RangeFinder, 0, 1);
                    black_box(known.clone().refresh(before.as_ref(), now.clone(), &mut stream))
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, refresh);
criterion_main!(benches);
