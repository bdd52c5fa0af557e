//! Manifolds followed from refresh to refresh: against exact PCA, against subspaces known beforehand, and against themselves.

use burn::tensor::{Device, Tensor};
use nmnc_core::Seed;
use nmnc_core::device::{energy, matrix};
use nmnc_core::seed::Role;
use nmnc_learn::manifold::{Degeneracy, Dimension, PcaMethod, Subspace, Tracker, Tracking, fit};
use nmnc_testing::{assert_close, values};

fn normal(shape: [usize; 2], index: usize) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    Seed(8).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    matrix(numbers, shape, &Device::flex())
}

/// `count` orthonormal axes in `units` dimensions.
fn axes(units: usize, count: usize, index: usize) -> Tensor<2> {
    let mut stream = Seed(0).stream(Role::Analysis, 0, 0);
    let tall = normal([units + 3, units], index);
    fit(tall, Dimension::Count(count), PcaMethod::Exact, &mut stream)
        .unwrap()
        .subspace
        .unwrap()
        .basis()
        .clone()
}

/// Activity with the given deviations along `axes`, deviation `rest` in all directions, and a mean.
fn activity(samples: usize, axes: &Tensor<2>, deviations: &[f32], rest: f64, index: usize) -> Tensor<2> {
    let [units, count] = axes.dims();
    let scale = matrix(deviations.to_vec(), [1, count], &Device::flex());
    let inside = (normal([samples, count], index) * scale).matmul(axes.clone().transpose());
    inside + normal([samples, units], index + 1) * rest + normal([1, units], 1_000_000)
}

fn tracking(method: PcaMethod, dimension: usize, forgetting: f64) -> Tracking {
    Tracking { dimension: Dimension::Count(dimension), method, warm_start: true, forgetting }
}

/// Refreshes with every batch in turn.
fn follow(tracking: Tracking, batches: &[Tensor<2>]) -> Subspace {
    let mut tracker = Tracker::new(tracking).unwrap();
    let mut subspace = None;
    for (step, batch) in batches.iter().enumerate() {
        let mut stream = Seed(4).stream(Role::RangeFinder, 0, step as u64);
        subspace = tracker.refresh(subspace.as_ref(), batch.clone(), &mut stream).unwrap().subspace;
    }
    subspace.unwrap()
}

fn exact(activity: Tensor<2>, dimension: usize) -> Subspace {
    follow(tracking(PcaMethod::Exact, dimension, 1.0), &[activity])
}

fn subspace(basis: Tensor<2>) -> Subspace {
    let dimension = basis.dims()[1];
    Subspace::new(basis, vec![1.0; dimension], dimension as f64)
}

fn largest_angle(a: &Subspace, b: &Subspace) -> f64 {
    *a.principal_angles(b).unwrap().last().unwrap()
}

#[test]
fn principal_angles_are_those_of_planes_at_known_angles() {
    let all = axes(12, 4, 1);
    let column = |k: usize| all.clone().narrow(1, k, 1);
    let plane = |first: f64, second: f64| {
        let turned = |a: usize, b: usize, angle: f64| column(a) * angle.cos() + column(b) * angle.sin();
        subspace(Tensor::cat(vec![turned(0, 2, first), turned(1, 3, second)], 1))
    };
    for angles in [[0.0, 0.3], [1e-4, 1e-3], [0.7, 1.5], [0.02, std::f64::consts::FRAC_PI_2]] {
        let found = plane(0.0, 0.0).principal_angles(&plane(angles[0], angles[1])).unwrap();
        for (found, expected) in found.iter().zip(angles) {
            assert!((found - expected).abs() < 1e-6 + 1e-5 * expected, "{found} {expected}");
        }
    }
}

/// Without forgetting and with every direction kept, merging batch by batch is exact PCA of all of them.
#[test]
fn never_forgetting_all_batches_is_exact_pca_of_all_examples() {
    let axes = axes(90, 6, 1);
    let deviations = [3.0, 2.0, 1.5, 1.0, 0.6, 0.3];
    for offset in [0.0, 500.0] {
        let batch = |i: usize| activity(25 + i, &axes, &deviations, 0.0, 10 + 2 * i) + offset;
        let batches: Vec<_> = (0..7).map(batch).collect();
        let merged = follow(tracking(PcaMethod::Incremental, 6, 1.0), &batches);
        let whole = exact(Tensor::cat(batches, 0), 6);
        let tolerance = if offset > 0.0 { 2e-3 } else { 1e-4 };
        assert_close("variances", merged.variances(), whole.variances(), tolerance);
        assert_close("total", &[merged.total_variance()], &[whole.total_variance()], tolerance);
        let angle = largest_angle(&merged, &whole);
        assert!(angle < tolerance, "offset {offset}: {angle}");
        let gram = values(&merged.basis().clone().transpose().matmul(merged.basis().clone()));
        let identity: Vec<f64> = (0..36).map(|i| if i / 6 == i % 6 { 1.0 } else { 0.0 }).collect();
        assert_close("orthonormal", &gram, &identity, 1e-5);
    }
}

/// Batches with means of their own: the spread of the means is spread of the activity.
#[test]
fn the_spread_between_batches_counts() {
    let axes = axes(60, 4, 1);
    let batch = |i: usize| {
        activity(30, &axes, &[0.5, 0.4, 0.3, 0.2], 0.0, 10 + 2 * i)
            + axes.clone().narrow(1, 3, 1).transpose() * (i as f64)
    };
    let batches: Vec<_> = (0..6).map(batch).collect();
    let merged = follow(tracking(PcaMethod::Incremental, 4, 1.0), &batches);
    let whole = exact(Tensor::cat(batches, 0), 4);
    assert!(whole.variances()[0] > 2.0, "the means differ: {:?}", whole.variances());
    assert_close("variances", merged.variances(), whole.variances(), 1e-4);
    assert!(largest_angle(&merged, &whole) < 1e-3);
}

#[test]
fn a_stationary_spectrum_is_found_by_every_method() {
    let (units, dimension) = (300, 8);
    let axes = axes(units, dimension, 1);
    let deviations: Vec<f32> = (0..dimension).map(|k| 2.0 * 0.8f32.powi(k as i32)).collect();
    let batch = |i: usize, samples: usize| activity(samples, &axes, &deviations, 0.02, 10 + 2 * i);
    let large: Vec<_> = (0..4).map(|i| batch(i, 400)).collect();
    let small: Vec<_> = (0..30).map(|i| batch(i, 50)).collect();
    let truth = subspace(axes.clone());
    let reference = exact(large[3].clone(), dimension);
    for (method, batches) in [(PcaMethod::Randomized, &large), (PcaMethod::Incremental, &small)] {
        let found = follow(tracking(method, dimension, 0.95), batches);
        // Exact PCA of one large sample is itself this far from the truth.
        let (angle, bound) = (largest_angle(&found, &truth), 1.5 * largest_angle(&reference, &truth));
        assert!(bound < 0.1 && angle < bound, "{method:?}: {angle}, bound {bound}");
        let expected: Vec<f64> = deviations.iter().map(|s| f64::from(s * s)).collect();
        assert_close(&format!("{method:?}"), found.variances(), &expected, 0.3);
    }
}

/// Data seen at refresh t - k weighs forgetting^k, so the manifold lags by forgetting / (1 - forgetting) refreshes on average.
#[test]
fn a_rotating_subspace_is_followed_with_the_lag_of_its_memory() {
    let (units, dimension, rate, forgetting) = (200, 4, 0.02f64, 0.8);
    let all = axes(units, 2 * dimension, 1);
    let (start, target) = (all.clone().narrow(1, 0, dimension), all.narrow(1, dimension, dimension));
    let turned = |i: usize| {
        let angle = rate * i as f64;
        start.clone() * angle.cos() + target.clone() * angle.sin()
    };
    let batch = |i: usize| activity(64, &turned(i), &[1.0, 0.9, 0.8, 0.7], 0.01, 10 + 2 * i);
    let batches: Vec<_> = (0..60).map(batch).collect();
    let truth = subspace(turned(59));
    let angle = |forgetting| {
        largest_angle(&follow(tracking(PcaMethod::Incremental, dimension, forgetting), &batches), &truth)
    };
    let lag = rate * forgetting / (1.0 - forgetting);
    let found = angle(forgetting);
    assert!(found > 0.5 * lag && found < 1.5 * lag, "{found}, lag {lag}");
    // What never forgets lags by half of all that happened.
    assert!(angle(1.0) > 4.0 * found, "{}", angle(1.0));
    // The warm start looks at present activity alone: it lags by nothing.
    let warm = follow(tracking(PcaMethod::Randomized, dimension, 1.0), &batches);
    let warm = largest_angle(&warm, &exact(batches[59].clone(), dimension));
    assert!(warm < 0.1 * rate, "{warm}");
}

/// A direction that the previous basis does not contain at all enters through the random axes.
#[test]
fn a_warm_start_finds_a_direction_that_was_not_there() {
    let all = axes(120, 6, 1);
    let before = activity(200, &all.clone().narrow(1, 0, 3), &[1.0, 0.9, 0.8], 0.0, 10);
    let after = activity(200, &all.narrow(1, 3, 3), &[1.0, 0.9, 0.8], 0.0, 20);
    let found = follow(tracking(PcaMethod::Randomized, 3, 1.0), &[before, after.clone()]);
    assert!(largest_angle(&found, &exact(after, 3)) < 1e-2);
}

#[test]
fn a_warm_start_captures_nearly_what_exact_pca_does_and_claims_no_more() {
    let axes = axes(400, 60, 1);
    let deviations: Vec<f32> = (1..=60).map(|k| 1.0 / k as f32).collect();
    let moved = axes.clone() + normal([400, 60], 5) * 0.01;
    let before = activity(300, &axes, &deviations, 0.01, 10);
    let after = activity(300, &moved, &deviations, 0.01, 20);
    let found = follow(tracking(PcaMethod::Randomized, 12, 1.0), &[before, after.clone()]);
    let reference = exact(after.clone(), 12);
    for (own, exact) in found.variances().iter().zip(reference.variances()) {
        assert!(*own <= exact * (1.0 + 1e-4), "{own} {exact}");
    }
    let centered = after.clone() - after.mean_dim(0);
    let inside = |subspace: &Subspace| energy(&subspace.coordinates(centered.clone()));
    let ratio = inside(&found) / inside(&reference);
    assert!(ratio > 0.999 && ratio <= 1.0 + 1e-6, "{ratio}");
}

#[test]
fn a_mean_far_from_zero_changes_little() {
    let axes = axes(150, 5, 1);
    let near = activity(100, &axes, &[1.0, 0.8, 0.6, 0.4, 0.2], 0.01, 10);
    let reference = exact(near.clone(), 5);
    for offset in [1.0, 10.0, 1000.0] {
        let far = near.clone() + offset;
        for method in [PcaMethod::Exact, PcaMethod::Randomized, PcaMethod::Incremental] {
            let found = follow(tracking(method, 5, 1.0), &[far.clone(), far.clone()]);
            let angle = largest_angle(&found, &reference);
            // Single precision keeps 6e-5 of the smallest deviation at an offset of 1000.
            assert!(angle < 5e-3, "{method:?} {offset}: {angle}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let axes = axes(700, 20, 1);
    let deviations: Vec<f32> = (1..=20).map(|k| 1.0 / k as f32).collect();
    let batches: Vec<_> = (0..3).map(|i| activity(600, &axes, &deviations, 0.05, 10 + 2 * i)).collect();
    for method in [PcaMethod::Exact, PcaMethod::Randomized, PcaMethod::Incremental] {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| follow(tracking(method, 12, 0.9), &batches));
            (
                nmnc_core::device::values::<f32>(found.basis()),
                found.variances().to_vec(),
                found.total_variance(),
            )
        };
        let one = on(1);
        assert!(one == on(2) && one == on(3), "{method:?}");
    }
}

#[test]
fn a_restored_tracker_goes_on_as_the_first_would_have() {
    let axes = axes(80, 10, 1);
    let batch = |i: usize| activity(40, &axes, &[1.0; 10], 0.1, 10 + 2 * i);
    let tracking = tracking(PcaMethod::Incremental, 6, 0.7);
    let mut first = Tracker::new(tracking).unwrap();
    let mut stream = Seed(0).stream(Role::RangeFinder, 0, 0);
    (0..3).for_each(|i| drop(first.refresh(None, batch(i), &mut stream).unwrap()));
    let mut second = Tracker::new(tracking).unwrap();
    second.restore(&first.state(), 80).unwrap();
    for i in 3..6 {
        let mut basis = |tracker: &mut Tracker| {
            let fit = tracker.refresh(None, batch(i), &mut stream).unwrap();
            nmnc_core::device::values::<f32>(fit.subspace.unwrap().basis())
        };
        assert_eq!(basis(&mut first), basis(&mut second));
    }
    let mut broken = first.state();
    broken.numbers.insert("scatter".into(), vec![1.0]);
    assert!(
        second.restore(&broken, 80).unwrap_err().to_string().starts_with("scatter: has 1 numbers, expected")
    );
}

#[test]
fn a_manifold_grows_with_what_has_been_seen_and_outlives_a_silent_batch() {
    let axes = axes(50, 10, 1);
    let tracking = tracking(PcaMethod::Incremental, 8, 0.9);
    let mut tracker = Tracker::new(tracking).unwrap();
    let mut stream = Seed(0).stream(Role::RangeFinder, 0, 0);
    let mut refresh = |activity| tracker.refresh(None, activity, &mut stream).unwrap();
    let silent = refresh(Tensor::full([5, 50], 0.3, &Device::flex()));
    assert!(silent.subspace.is_none() && silent.degeneracy == Some(Degeneracy::NoVariance));
    // Four examples and the mean before them span four directions.
    let few = refresh(activity(4, &axes, &[1.0; 10], 0.0, 10));
    assert_eq!(few.subspace.unwrap().dimension(), 4);
    assert_eq!(few.degeneracy, Some(Degeneracy::Clipped { asked: 8, given: 4, samples: 4, units: 50 }));
    assert_eq!(refresh(activity(30, &axes, &[1.0; 10], 0.0, 20)).subspace.unwrap().dimension(), 8);
    assert_eq!(refresh(Tensor::full([5, 50], 0.3, &Device::flex())).subspace.unwrap().dimension(), 8);
}

#[test]
fn impossible_settings_are_refused() {
    let message = |tracking| Tracker::new(tracking).unwrap_err().to_string();
    for forgetting in [0.0, -1.0, 1.5, f64::NAN] {
        let line = message(tracking(PcaMethod::Incremental, 3, forgetting));
        assert_eq!(line, format!("forgetting: {forgetting} is not in (0, 1]"));
    }
    let fraction =
        Tracking { dimension: Dimension::Variance(0.9), ..tracking(PcaMethod::Incremental, 3, 0.9) };
    assert!(message(fraction).contains("needs the whole spectrum"));
}
