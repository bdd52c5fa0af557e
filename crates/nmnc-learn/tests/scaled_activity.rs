//! Manifolds, estimators and agreements are the same at every size of numbers, and say so where there is nothing to find.

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::device::values;
use nmnc_core::seed::{Role, Seed};
use nmnc_core::{ErrorKind, scale};
use nmnc_learn::agreement::{Agreement, agreement, agreement_of_rows};
use nmnc_learn::estimator::{Estimator, JacobianEstimator, JacobianSettings, Learning, Probing, Responses};
use nmnc_learn::manifold::{
    Degeneracy, Dimension, Fit, ManifoldConfig, PcaMethod, Subspace, Tracker, Tracking, fit,
};
use nmnc_learn::noise::Probe;

const METHODS: [PcaMethod; 3] = [PcaMethod::Exact, PcaMethod::Randomized, PcaMethod::Incremental];
/// Factors of single and of double precision: powers of two near the ends of the promise, and beyond it in single precision.
const SINGLE: [i32; 8] = [-110, -100, -66, -33, 33, 66, 100, 110];
const DOUBLE: [i32; 6] = [-465, -300, -66, 66, 300, 465];

fn tensor(numbers: &[f64], columns: usize, dtype: DType) -> Tensor<2> {
    let data = TensorData::new(numbers.to_vec(), [numbers.len() / columns, columns]);
    Tensor::from_data(data, (&Device::flex(), dtype))
}

fn normals(rows: usize, columns: usize, index: usize, dtype: DType) -> Tensor<2> {
    let mut numbers = vec![0.0f32; rows * columns];
    Seed(5).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    tensor(&numbers.into_iter().map(f64::from).collect::<Vec<_>>(), columns, dtype)
}

/// 2^exponent times a matrix.
fn times(matrix: &Tensor<2>, exponent: i32) -> Tensor<2> {
    scale::over(matrix.clone(), 2f64.powi(-exponent))
}

fn found(activity: Tensor<2>, dimension: Dimension, method: PcaMethod) -> Fit {
    fit(activity, dimension, method, &mut Seed(0).stream(Role::RangeFinder, 0, 0)).unwrap()
}

fn scales(dtype: DType) -> Vec<i32> {
    if dtype == DType::F64 { DOUBLE.to_vec() } else { SINGLE.to_vec() }
}

#[test]
fn manifolds_are_those_of_activity_of_any_size_to_the_bit() {
    for dtype in [DType::F32, DType::F64] {
        // As many samples as units or fewer, with a mean near zero and far from it.
        for (rows, columns, offset) in [(40, 12, 0.0), (12, 40, 0.5), (30, 12, 100.0)] {
            let activity = normals(rows, columns, 0, dtype) + offset;
            let cases = METHODS.map(|method| (method, Dimension::Count(3)));
            for (method, dimension) in cases.into_iter().chain([(PcaMethod::Exact, Dimension::Variance(0.7))])
            {
                let whole = found(activity.clone(), dimension, method).subspace.unwrap();
                for exponent in scales(dtype) {
                    let scaled = found(times(&activity, exponent), dimension, method).subspace.unwrap();
                    let what = format!("{method:?} {dtype:?} {exponent} offset {offset}");
                    assert_eq!(values::<f64>(scaled.basis()), values::<f64>(whole.basis()), "{what}");
                    let square = 4f64.powi(exponent);
                    for (scaled, whole) in scaled.variances().iter().zip(whole.variances()) {
                        assert_eq!(*scaled, whole * square, "{what}");
                    }
                    let ratio = scaled.total_variance() / square / whole.total_variance();
                    assert!((ratio - 1.0).abs() < 1e-6, "{what} {ratio}");
                }
            }
        }
    }
}

/// A network that shrinks by powers of ten from refresh to refresh, to nothing, and comes back.
#[test]
fn trackers_follow_activity_into_nothing_and_back() {
    for method in METHODS {
        for warm_start in [false, true] {
            let tracking = Tracking { dimension: Dimension::Count(3), method, warm_start, forgetting: 0.5 };
            let mut tracker = Tracker::new(tracking).unwrap();
            let mut subspace: Option<Subspace> = None;
            let powers = (0..50).chain([60, 0, 30, 44, 2]);
            for (step, power) in powers.enumerate() {
                let activity = normals(30, 12, step, DType::F32);
                let activity = scale::times(activity, 10f64.powi(-power));
                let mut stream = Seed(0).stream(Role::RangeFinder, 0, step as u64);
                let fit = tracker.refresh(subspace.as_ref(), activity, &mut stream).unwrap();
                match &fit.subspace {
                    Some(subspace) => {
                        let numbers = values::<f64>(subspace.basis());
                        assert!(numbers.iter().all(|v| v.is_finite()), "{method:?} {step}");
                        assert!(subspace.variances().iter().all(|v| *v > 0.0 && v.is_finite()));
                    }
                    None => assert_eq!(fit.degeneracy, Some(Degeneracy::NoVariance)),
                }
                if method != PcaMethod::Incremental {
                    assert_eq!(fit.subspace.is_some(), power < 46, "{method:?} {power}");
                }
                subspace = fit.subspace;
            }
            let state = tracker.state();
            Tracker::new(tracking).unwrap().restore(&state, 12).unwrap();
        }
    }
}

#[test]
fn degenerate_activity_has_the_manifold_that_there_is() {
    for dtype in [DType::F32, DType::F64] {
        let noise = normals(20, 6, 3, dtype);
        let one = noise.clone().narrow(0, 0, 1);
        let constant = one.clone().repeat_dim(0, 20);
        let column = noise.clone().narrow(1, 0, 1);
        let halved = Tensor::cat(vec![column.clone(), constant.clone().narrow(1, 1, 5)], 1);
        let twice = noise.clone().narrow(0, 0, 2).repeat_dim(0, 10);
        for method in METHODS {
            for exponent in [-100, 0, 100] {
                let rank = |activity: &Tensor<2>| {
                    let fit = found(times(activity, exponent), Dimension::Count(4), method);
                    assert!(fit.degeneracy.is_some(), "{method:?} fewer than asked for");
                    fit.subspace.map(|subspace| subspace.dimension())
                };
                assert_eq!(rank(&noise.zeros_like()), None, "zero");
                assert_eq!(rank(&one), None, "one row");
                assert_eq!(rank(&constant), None, "{method:?} {dtype:?} duplicate rows");
                assert_eq!(rank(&column), Some(1), "one column");
                assert_eq!(rank(&halved), Some(1), "constant columns");
                assert_eq!(rank(&twice), Some(1), "two rows again and again");
            }
        }
        for bad in [f64::NAN, f64::INFINITY] {
            let mut numbers = values::<f64>(&noise);
            numbers[7] = bad;
            for method in METHODS {
                let mut stream = Seed(0).stream(Role::RangeFinder, 0, 0);
                let refused = fit(tensor(&numbers, 6, dtype), Dimension::Count(2), method, &mut stream);
                let error = refused.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Diverged);
                assert_eq!(error.to_string(), "manifold: the activity is not finite");
            }
        }
    }
    let huge = normals(20, 6, 3, DType::F64) * 1e200;
    let error =
        fit(huge, Dimension::Count(2), PcaMethod::Exact, &mut Seed(0).stream(Role::RangeFinder, 0, 0));
    assert_eq!(
        error.unwrap_err().to_string(),
        "manifold: the variance of the activity is beyond the range of numbers"
    );
}

const UNITS: usize = 8;
const OUTPUTS: usize = 3;

/// Feedback learned at activity and output of the given powers of two, in three updates, with the error that it says it has.
fn learned(learning: Learning, probing: &Probing, dtype: DType, [x, y]: [i32; 2]) -> (Vec<f64>, [f64; 2]) {
    let probing = probing.clone();
    let settings = JacobianSettings { probing, learning, ..JacobianSettings::new(UNITS, OUTPUTS) };
    let mut estimator = JacobianEstimator::new(settings, (&Device::flex(), dtype)).unwrap();
    let activity = times(&normals(10, UNITS, 1, dtype), x);
    let map = times(&normals(UNITS, OUTPUTS, 2, dtype), y);
    for step in 0..3 {
        if estimator.due(step).is_some() {
            estimator.refresh(step, &activity).unwrap();
        }
        let perturbations = estimator.ask(step, 0..10, &activity).unwrap().expect("activity is not zero");
        let changes = perturbations.answered(&activity, |x| x.matmul(map.clone()));
        estimator.learn_from(&perturbations, changes);
    }
    let error = estimator.standard_error().unwrap();
    (values::<f64>(&times(&estimator.feedback(), -y)), [error.expected, error.residual])
}

#[test]
fn estimators_learn_the_same_at_every_size_of_activity_and_of_output() {
    let manifold = ManifoldConfig {
        dimension: nmnc_learn::manifold::Dimensions::Same(Dimension::Count(4)),
        refresh: 1,
        ..ManifoldConfig::default()
    };
    let learnings = [
        Learning::Average { eta: 0.5 },
        Learning::LeastSquares { eta: 0.5 },
        Learning::Recursive { forgetting: 0.9, ridge: 0.1 },
    ];
    for (learning, manifold) in learnings.into_iter().flat_map(|l| [(l, None), (l, Some(manifold.clone()))]) {
        for probe in Probe::ALL {
            let probing = Probing { probe, manifold: manifold.clone(), ..Probing::new(UNITS) };
            for dtype in [DType::F32, DType::F64] {
                let (whole, error) = learned(learning, &probing, dtype, [0, 0]);
                // 1e-30 to 1e30 of either, as far as responses have numbers.
                let all = if dtype == DType::F64 { [-465, -200, 200, 465] } else { [-100, -50, 50, 96] };
                let powers = all.map(|x| [[x, 0], [0, x], [x, -x], [x / 2, x / 2]]);
                for power in powers.into_iter().flatten() {
                    let (scaled, own) = learned(learning, &probing, dtype, power);
                    let what = format!("{learning:?} {probe:?} {dtype:?} {power:?}");
                    // Activity of a power of two has noise of a power of two; responses are differences, and round alike, but for
                    // the smallest numbers of single precision.
                    let rounding = if dtype == DType::F64 { 0.0 } else { 1e-6 };
                    assert!(scaled.iter().zip(&whole).all(|(a, b)| (a - b).abs() <= rounding), "{what}");
                    assert!(
                        own.iter().zip(error).all(|(a, b)| (a - b).abs() < 1e-6),
                        "{what} {own:?} {error:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn activity_next_to_nothing_is_not_perturbed_and_answers_of_nothing_teach_nothing() {
    for dtype in [DType::F32, DType::F64] {
        let settings = JacobianSettings::new(UNITS, OUTPUTS);
        let mut estimator = JacobianEstimator::new(settings, (&Device::flex(), dtype)).unwrap();
        let activity = normals(4, UNITS, 1, dtype);
        for nothing in [activity.zeros_like(), scale::times(activity.clone(), 1e-42)] {
            let asked = estimator.ask(0, 0..4, &nothing).unwrap();
            assert_eq!(asked.is_some(), dtype == DType::F64 && values::<f64>(&nothing)[0] != 0.0);
        }
        let perturbations = estimator.ask(0, 0..4, &activity).unwrap().unwrap();
        let silent = tensor(&[0.0; 4 * OUTPUTS], OUTPUTS, dtype);
        estimator.learn_from(&perturbations, silent);
        assert!(values::<f64>(&estimator.feedback()).iter().all(|v| *v == 0.0));
        assert_eq!(estimator.standard_error().unwrap().residual, 0.0);
        let error = estimator.ask(0, 0..4, &(activity * f64::INFINITY)).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Diverged, "activity is not finite")
        );
    }
}

#[test]
fn estimates_from_degenerate_probes_are_finite_and_from_those_that_are_not_finite_not() {
    for dtype in [DType::F32, DType::F64] {
        let probes = normals(5, 7, 4, dtype);
        let changes = normals(5, 2, 5, dtype);
        let row = probes.clone().narrow(0, 0, 1);
        let degenerate =
            [probes.zeros_like(), row.repeat_dim(0, 5), probes.clone().narrow(1, 0, 1).repeat_dim(1, 7)];
        for estimator in Estimator::ALL {
            for probes in degenerate.clone() {
                let found = estimator.estimate(&Responses { probes, changes: changes.clone() });
                assert!(values::<f64>(&found).iter().all(|v| v.is_finite()), "{estimator:?}");
            }
            let broken = Responses { probes: probes.clone() * f64::NAN, changes: changes.clone() };
            assert!(values::<f64>(&estimator.estimate(&broken)).iter().all(|v| v.is_nan()), "{estimator:?}");
        }
    }
}

#[test]
fn agreement_is_that_of_vectors_of_any_size() {
    for dtype in [DType::F32, DType::F64] {
        let (a, b) = (normals(6, 9, 6, dtype), normals(6, 9, 7, dtype));
        let close = |found: Agreement, expected: Agreement, factor: f64| {
            (found.cosine - expected.cosine).abs() < 1e-6
                && (found.angle_degrees - expected.angle_degrees).abs() < 1e-4
                && (found.norm_ratio / factor / expected.norm_ratio - 1.0).abs() < 1e-6
        };
        for x in scales(dtype).into_iter().filter(|x| x.abs() < 101 || dtype == DType::F64) {
            for y in [x, 0] {
                let (own, other) = (times(&a, x), times(&b, y));
                let factor = 2f64.powi(x - y);
                let rows = agreement_of_rows(&own, &other);
                assert!(close(rows, agreement_of_rows(&a, &b), factor), "{dtype:?} {x} {y} {rows:?}");
                let whole = agreement(&own, &other);
                assert!(close(whole, agreement(&a, &b), factor), "{dtype:?} {x} {y} {whole:?}");
            }
        }
    }
}
