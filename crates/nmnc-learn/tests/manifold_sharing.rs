//! A manifold found in a sample of which each of several workers has a part: that of the whole sample.

use std::thread;

use burn::tensor::{Device, Tensor};
use nmnc_core::Seed;
use nmnc_core::device::matrix;
use nmnc_core::seed::Role;
use nmnc_learn::manifold::{Dimension, Fit, PcaMethod, Sample, Subspace, Tracker, Tracking};
use nmnc_learn::workers::Share;
use nmnc_testing::threads::Threads;
use nmnc_testing::{assert_close, values};

const SAMPLES: usize = 50;
const UNITS: usize = 30;

/// Activity with variances that fall by a quarter from one direction to the next, and a mean of `mean` deviations, times `size`.
fn activity(index: usize, mean: f64, size: f64) -> Tensor<2> {
    let normal = |shape: [usize; 2], index: usize| {
        let mut numbers = vec![0.0; shape[0] * shape[1]];
        Seed(8).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
        matrix(numbers, shape, &Device::flex())
    };
    let falling: Vec<f32> = (0..UNITS).map(|unit| 0.75f32.powf(unit as f32 / 2.0)).collect();
    let scale = matrix(falling, [1, UNITS], &Device::flex());
    (normal([SAMPLES, UNITS], index) * scale + normal([1, UNITS], 99) * mean) * size
}

/// What two refreshes, of which the second starts from the first, come to.
fn follow(method: PcaMethod, samples: [Sample; 2]) -> [Fit; 2] {
    let tracking = Tracking { dimension: Dimension::Count(4), method, warm_start: true, forgetting: 0.9 };
    let mut tracker = Tracker::new(tracking).unwrap();
    let mut before: Option<Subspace> = None;
    samples.map(|sample| {
        let mut stream = Seed(4).stream(Role::RangeFinder, 0, 0);
        let fit = tracker.refresh(before.as_ref(), sample, &mut stream).unwrap();
        before = fit.subspace.clone();
        fit
    })
}

/// The same by `workers` with parts of different sizes, for each of them.
fn shared(method: PcaMethod, batches: &[Tensor<2>; 2], ends: &[usize]) -> Vec<[Fit; 2]> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    thread::scope(|scope| {
        let threads = starts.zip(ends).zip(Threads::of(ends.len())).map(|((start, &end), worker)| {
            scope.spawn(move || {
                let share = Share::of(&worker, end - start).unwrap();
                let part = |batch: &Tensor<2>| batch.clone().narrow(0, start, end - start);
                follow(method, [0, 1].map(|i| Sample::shared(part(&batches[i]), share.clone())))
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn the_manifold_of_parts_is_that_of_the_whole_and_the_same_for_all() {
    for method in [PcaMethod::Randomized, PcaMethod::Exact, PcaMethod::Incremental] {
        // Near zero and far from it, and of sizes whose squares are beyond single precision.
        for (mean, size) in [(0.5, 1.0), (40.0, 1.0), (0.5, 1e25), (0.5, 1e-25)] {
            let batches = [activity(0, mean, size), activity(1, mean, size)];
            let whole = follow(method, [0, 1].map(|i| Sample::from(&batches[i])));
            let found = shared(method, &batches, &[13, 33, SAMPLES]);
            for worker in &found {
                for ((own, first), whole) in worker.iter().zip(&found[0]).zip(&whole) {
                    let [own, first, whole] = [own, first, whole].map(|fit| fit.subspace.as_ref().unwrap());
                    assert_eq!(values(own.basis()), values(first.basis()), "{method:?}, mean {mean}");
                    assert_eq!(own.variances(), first.variances());
                    let angle = own.principal_angles(whole).unwrap().pop().unwrap();
                    assert!(angle < 1e-4, "{method:?}, mean {mean}, size {size}: {angle}");
                    let share = |variances: &[f64]| -> Vec<f64> {
                        variances.iter().map(|v| v / whole.total_variance()).collect()
                    };
                    assert_close("variances", &share(own.variances()), &share(whole.variances()), 1e-5);
                    assert!((own.total_variance() / whole.total_variance() - 1.0).abs() < 1e-5);
                }
            }
        }
    }
}

#[test]
fn samples_that_tell_no_manifold_tell_none_in_parts() {
    let still = activity(0, 0.5, 1.0).narrow(0, 0, 1).repeat_dim(0, SAMPLES);
    for worker in shared(PcaMethod::Randomized, &[still.clone(), still], &[20, SAMPLES]) {
        assert!(worker.iter().all(|fit| fit.subspace.is_none() && fit.degeneracy.is_some()));
    }
    // As many components as the sample as a whole has, of which no part knows them all.
    let few = activity(0, 0.5, 1.0).narrow(0, 0, 4);
    for [fit, _] in shared(PcaMethod::Randomized, &[few.clone(), few], &[1, 4]) {
        assert_eq!(fit.subspace.unwrap().dimension(), 3);
        assert!(
            fit.degeneracy
                .unwrap()
                .to_string()
                .contains("the rank of the activity of 4 examples on 30 units")
        );
    }
}
