//! Asking and telling, with plain closures in the place of a network.

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::Seed;
use nmnc_core::seed::Role;
use nmnc_learn::estimator::{JacobianEstimator, JacobianSettings, Learning, Probing, Sums};
use nmnc_learn::manifold::{Dimension, Dimensions, ManifoldConfig};
use nmnc_learn::noise::Probe;
use nmnc_testing::{assert_close, values};

const UNITS: usize = 12;
const OUTPUTS: usize = 3;

const ALL: [Learning; 3] = [
    Learning::Average { eta: 0.3 },
    Learning::LeastSquares { eta: 0.8 },
    Learning::Recursive { forgetting: 0.9, ridge: 0.01 },
];

fn normal(shape: [usize; 2], index: usize) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    Seed(31).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    let numbers: Vec<f64> = numbers.into_iter().map(f64::from).collect();
    Tensor::from_data(TensorData::new(numbers, shape), (&Device::flex(), DType::F64))
}

fn energy(t: &Tensor<2>) -> f64 {
    values(t).iter().map(|v| v * v).sum()
}

fn settings(learning: Learning, seed: u64) -> JacobianSettings {
    let probing = Probing { seed: Seed(seed), sigma: 0.01, ..Probing::new(UNITS) };
    JacobianSettings { probing, learning, ..JacobianSettings::new(UNITS, OUTPUTS) }
}

fn on_manifold(mut settings: JacobianSettings, dimension: usize) -> JacobianSettings {
    let dimension = Dimensions::Same(Dimension::Count(dimension));
    settings.probing.manifold = Some(ManifoldConfig { dimension, refresh: 2, ..ManifoldConfig::default() });
    settings
}

fn estimator(settings: JacobianSettings) -> JacobianEstimator {
    JacobianEstimator::new(settings, (&Device::flex(), DType::F64)).unwrap()
}

/// Activity `[rows, UNITS]` of five directions.
fn activity(rows: usize, index: usize) -> Tensor<2> {
    normal([rows, 5], index).matmul(normal([5, UNITS], 1))
}

fn linear(x: Tensor<2>) -> Tensor<2> {
    x.matmul(normal([OUTPUTS, UNITS], 2).transpose())
}

/// Asks for `rows` of `step` and answers them.
fn answers(
    estimator: &JacobianEstimator,
    step: u64,
    rows: std::ops::Range<usize>,
    function: impl FnMut(Tensor<2>) -> Tensor<2>,
) -> (nmnc_learn::estimator::Perturbations, Tensor<2>) {
    let activity = activity(40, 3);
    let perturbations = estimator.ask(step, rows.clone(), &activity).unwrap().unwrap();
    let changes = perturbations.answered(&activity.slice([rows]), function);
    (perturbations, changes)
}

#[test]
fn rows_asked_for_in_parts_are_those_of_the_whole() {
    for probe in Probe::ALL {
        let mut own = settings(ALL[0], 5);
        own.probing.probe = probe;
        for own in [own.clone(), on_manifold(own, 5)] {
            let mut estimator = estimator(own);
            estimator.refresh(0, activity(200, 7)).unwrap();
            let asked = |step, rows| values(answers(&estimator, step, rows, linear).0.coordinates());
            let parts: Vec<f64> =
                [0..7, 7..8, 8..23, 23..40].into_iter().flat_map(|rows| asked(3, rows)).collect();
            assert_eq!(parts, asked(3, 0..40), "{probe:?}");
            assert_ne!(asked(3, 0..5), asked(4, 0..5), "{probe:?}");
        }
    }
}

#[test]
fn what_moves_an_activity_is_the_noise() {
    for own in [settings(ALL[0], 5), on_manifold(settings(ALL[0], 5), 4)] {
        let mut estimator = estimator(own);
        estimator.refresh(0, activity(200, 7)).unwrap();
        let (perturbations, _) = answers(&estimator, 0, 0..40, linear);
        let x = activity(40, 3);
        let expected = values(&(x.clone() + perturbations.noise()));
        assert_close("moved", &values(&perturbations.moved(&x)), &expected, 1e-12);
        let expected = values(&(x.clone() - perturbations.noise()));
        assert_close("moved back", &values(&perturbations.moved_back(&x)), &expected, 1e-12);
        // The norm asked for, of coordinates of unit variance.
        let scale = (energy(&perturbations.noise()) / 40.0).sqrt();
        let norms: Vec<f64> = nmnc_kernels::row_energies(&x).into_iter().map(f64::sqrt).collect();
        let ratio = scale / (norms.iter().sum::<f64>() / 40.0);
        assert!((ratio / 0.01 - 1.0).abs() < 0.15, "{ratio}");
    }
}

#[test]
fn sums_of_workers_are_those_of_one() {
    // Parts of fewer answers than coordinates, which together are fewer, as many and more.
    for learning in ALL {
        for parts in [vec![0..4, 4..9], vec![0..7, 7..12], vec![0..3, 3..30, 30..40], vec![0..20, 20..40]] {
            let end = parts.last().unwrap().end;
            let (mut alone, mut together) =
                (estimator(settings(learning, 1)), estimator(settings(learning, 1)));
            for step in 0..3 {
                let (perturbations, changes) = answers(&alone, step, 0..end, linear);
                alone.learn_from(&perturbations, changes);
                let told = parts.iter().map(|rows| {
                    let (perturbations, changes) = answers(&together, step, rows.clone(), linear);
                    together.tell(&perturbations, changes)
                });
                let sums: Sums = told.collect::<Vec<_>>().into_iter().sum();
                assert_eq!(sums.count(), end);
                together.learn(sums);
            }
            let what = format!("{learning:?} {parts:?}");
            assert_close(&what, &values(&together.feedback()), &values(&alone.feedback()), 1e-6);
            let (one, other) = (alone.standard_error().unwrap(), together.standard_error().unwrap());
            assert!((one.residual - other.residual).abs() < 1e-6, "{what}: {one:?} {other:?}");
        }
    }
}

#[test]
fn what_is_not_answered_is_left_out() {
    for learning in ALL {
        let (mut some, mut exact) = (estimator(settings(learning, 2)), estimator(settings(learning, 2)));
        let (perturbations, mut changes) = answers(&some, 0, 0..40, linear);
        // A worker that was lost left nothing of use in its rows.
        let answered: Vec<usize> = (0..40).filter(|row| row % 3 != 0).collect();
        let lost: Vec<f64> = (0..40).map(|row| if row % 3 == 0 { f64::NAN } else { 0.0 }).collect();
        let lost = Tensor::<2>::from_data(TensorData::new(lost, [40, 1]), (&Device::flex(), DType::F64));
        changes = changes + lost;
        let own = nmnc_core::device::selected(&changes, &answered);
        some.learn_from(&perturbations.only(&answered), own.clone());
        let parts = answered.iter().map(|&row| perturbations.part(row..row + 1));
        let told: Vec<Sums> =
            parts.enumerate().map(|(row, part)| exact.tell(&part, own.clone().narrow(0, row, 1))).collect();
        exact.learn(told.into_iter().sum());
        assert_close(&format!("{learning:?}"), &values(&some.feedback()), &values(&exact.feedback()), 1e-6);
    }
}

#[test]
fn antithetic_answers_have_no_even_orders() {
    let square = |x: Tensor<2>| linear(x.clone()) + linear(x.powi_scalar(2)) * 50.0;
    let missed = |antithetic: bool| {
        let mut own = settings(Learning::LeastSquares { eta: 1.0 }, 3);
        own.probing.antithetic = antithetic;
        own.probing.sigma = 0.3;
        let mut estimator = estimator(own);
        // The same activity in every row, so that there is one Jacobian.
        let x = activity(1, 3);
        let perturbations = estimator.ask(0, 0..40, &x).unwrap().unwrap();
        let changes = perturbations.answered(&x.clone().repeat_dim(0, 40), square);
        estimator.learn_from(&perturbations, changes);
        let exact = normal([OUTPUTS, UNITS], 2) * (x * 100.0 + 1.0);
        energy(&(estimator.feedback() - exact.clone())) / energy(&exact)
    };
    assert!(missed(true) < 1e-10, "{}", missed(true));
    assert!(missed(false) > 1e-3, "{}", missed(false));
}

#[test]
fn a_restored_estimator_goes_on_as_the_first_would_have() {
    for learning in ALL {
        for own in [settings(learning, 4), on_manifold(settings(learning, 4), 4)] {
            let mut first = estimator(own.clone());
            let step = |estimator: &mut JacobianEstimator, step: u64| {
                if estimator.due(step).is_some() {
                    estimator.refresh(step, activity(100, 20 + step as usize)).unwrap();
                }
                let (perturbations, changes) = answers(estimator, step, 0..20, |x| linear(x).tanh());
                estimator.learn_from(&perturbations, changes);
            };
            (0..3).for_each(|number| step(&mut first, number));
            let mut second = estimator(own);
            second.restore(&first.state()).unwrap();
            for number in 3..6 {
                step(&mut first, number);
                step(&mut second, number);
                assert_eq!(values(&first.feedback()), values(&second.feedback()), "{learning:?}");
                assert_eq!(first.standard_error(), second.standard_error());
            }
        }
    }
}

#[test]
fn silent_activity_and_missing_manifolds_ask_nothing_and_wrong_numbers_are_told() {
    let zero = Tensor::<2>::zeros([4, UNITS], (&Device::flex(), DType::F64));
    let own = estimator(settings(ALL[0], 0));
    assert!(own.ask(0, 0..4, &zero).unwrap().is_none());
    assert_eq!(own.prober().dimension(), Some(UNITS));
    let mut own = estimator(on_manifold(settings(ALL[0], 0), 3));
    assert!(own.ask(0, 0..4, &activity(4, 0)).unwrap().is_none());
    assert_eq!(own.prober().dimension(), None);
    assert!(own.refresh(0, &zero).unwrap().is_some());
    assert!(own.ask(0, 0..4, &activity(4, 0)).unwrap().is_none());
    let infinite = activity(4, 0) / 0.0;
    let own = estimator(settings(ALL[0], 0));
    assert_eq!(own.ask(0, 0..4, &infinite).unwrap_err().to_string(), "activity is not finite");
    let message = |settings| JacobianEstimator::new(settings, &Device::flex()).unwrap_err().to_string();
    assert_eq!(message(settings(Learning::Average { eta: 0.0 }, 0)), "eta: 0 is not in (0, 1]");
    assert_eq!(message(JacobianSettings::new(0, 1)), "units: must be at least 1");
    assert_eq!(message(JacobianSettings::new(1, 0)), "outputs: must be at least 1");
    let none = on_manifold(settings(ALL[0], 0), 0);
    assert!(message(none).starts_with("manifold.dimension: "));
}

/// Over `trials`, after `updates` of `count` answers with errors of deviation `noise` per output and unit of the coordinates: the mean
/// squared error, the mean of its expected square, the mean squared error before the last update and what its residuals showed.
fn calibration(learning: Learning, count: usize, updates: u64, noise: f64, trials: u64) -> [f64; 4] {
    let mut means = [0.0; 4];
    for trial in 0..trials {
        // Coordinates of the Jacobian have unit variance.
        let jacobian = normal([OUTPUTS, UNITS], 100 + trial as usize);
        let mut estimator = estimator(settings(learning, trial));
        let missed = |estimator: &JacobianEstimator| {
            energy(&(estimator.feedback() - jacobian.clone())) / energy(&jacobian)
        };
        let mut before = 1.0;
        for step in 0..updates {
            before = missed(&estimator);
            let x = activity(40, 3);
            let perturbations = estimator.ask(step, 0..count, &x).unwrap().unwrap();
            let errors = normal([count, OUTPUTS], 10_000 + (trial * updates + step) as usize);
            let changes = perturbations.noise().matmul(jacobian.clone().transpose())
                + errors * (noise * perturbations.deviation());
            estimator.learn_from(&perturbations, changes);
        }
        let told = estimator.standard_error().unwrap();
        let own = [missed(&estimator), told.expected.powi(2), before, told.residual.powi(2)];
        means.iter_mut().zip(own).for_each(|(mean, value)| *mean += value / trials as f64);
    }
    means
}

#[test]
fn standard_errors_are_calibrated() {
    const TRIALS: u64 = 400;
    let average = Learning::Average { eta: 0.2 };
    let least_squares = Learning::LeastSquares { eta: 1.0 };
    for (learning, count, updates, noise, tolerance) in [
        (average, 8, 1, 0.0, 0.05),
        (average, 8, 12, 0.0, 0.05),
        (average, 30, 6, 0.0, 0.05),
        // The variance of the errors is itself estimated, from the residuals.
        (average, 30, 12, 3.0, 0.15),
        (least_squares, 4, 2, 0.0, 0.05),
        (least_squares, 4, 5, 0.0, 0.05),
        (least_squares, 40, 4, 2.0, 0.15),
        (Learning::LeastSquares { eta: 0.3 }, 30, 6, 1.0, 0.15),
    ] {
        let [error, expected, before, residual] = calibration(learning, count, updates, noise, TRIALS);
        let what = format!("{learning:?} {count} answers, {updates} updates, noise {noise}");
        assert!((expected / error - 1.0).abs() < tolerance, "{what}: error {error}, expected {expected}");
        // Relative to ||J||^2 = UNITS a row, the answers have errors of noise^2.
        let added = noise * noise / UNITS as f64;
        let shown = (before + added) / (1.0 + added);
        // A ratio of sums over few answers is not quite the ratio of what they stand for.
        let tolerance = 0.06 + 1.0 / count as f64;
        assert!(
            (residual / shown - 1.0).abs() < tolerance,
            "{what}: residual {residual}, should show {shown}"
        );
    }
    // Recursive least squares, told the truth about its prior and the errors of the answers: of unit variance.
    let recursive = Learning::Recursive { forgetting: 1.0, ridge: 1.0 };
    for (count, updates) in [(3, 1), (3, 6), (20, 3)] {
        let [error, expected, ..] = calibration(recursive, count, updates, 1.0, TRIALS);
        let what = format!("{count} answers, {updates} updates: error {error}, expected {expected}");
        // Where errors come from answers alone, their mean over ||J||^2 is 36 / 34 of the ratio of means, for 36 normal entries.
        assert!((expected / error - 1.0).abs() < 0.08, "{what}");
    }
}

#[test]
fn a_jacobian_that_moves_shows_in_the_residuals() {
    let mut estimator = estimator(settings(Learning::LeastSquares { eta: 1.0 }, 8));
    for step in 0..4 {
        let (perturbations, changes) = answers(&estimator, step, 0..30, linear);
        estimator.learn_from(&perturbations, changes);
    }
    assert!(estimator.standard_error().unwrap().residual < 1e-5);
    let (perturbations, changes) = answers(&estimator, 9, 0..30, |x| linear(x) * -1.0);
    estimator.learn_from(&perturbations, changes);
    let told = estimator.standard_error().unwrap();
    assert!((told.residual - 2.0).abs() < 1e-4, "{told:?}");
}

#[test]
fn as_many_answers_as_are_foreseen_bring_the_error_down_to_the_target() {
    let recursive = Learning::Recursive { forgetting: 1.0, ridge: 1.0 };
    for (learning, noise, target) in [
        (Learning::Average { eta: 1.0 }, 0.0, 0.4),
        (Learning::LeastSquares { eta: 1.0 }, 0.0, 0.5),
        (Learning::LeastSquares { eta: 1.0 }, 0.0, 1e-3),
        (recursive, 1.0, 0.6),
        (recursive, 1.0, 0.15),
    ] {
        let count = estimator(settings(learning, 0)).further_answers(target).unwrap();
        let what = format!("{learning:?}: {count} answers for {target}");
        let [error, expected, ..] = calibration(learning, count, 1, noise, 200);
        assert!(error.sqrt() < target * 1.05 + 1e-9, "{what}: {}", error.sqrt());
        // And not many more than it takes.
        let [fewer, ..] = calibration(learning, (count * 4 / 5).max(1), 1, noise, 200);
        assert!(fewer.sqrt() > target * 0.98, "{what}: {} from fewer", fewer.sqrt());
        assert!(expected.sqrt() < target * 1.05 + 1e-9, "{what}: expected {}", expected.sqrt());
    }
    // One update of a leaky average cannot forget its start.
    assert_eq!(estimator(settings(Learning::Average { eta: 0.3 }, 0)).further_answers(0.5), None);
    assert_eq!(estimator(settings(Learning::Average { eta: 0.3 }, 0)).further_answers(1.0), Some(0));
}

#[test]
fn answers_that_come_after_the_manifold_has_turned_are_told_in_its_new_coordinates() {
    let learning = Learning::Recursive { forgetting: 1.0, ridge: 1e-9 };
    let mut estimator = estimator(on_manifold(settings(learning, 1), 5));
    // Five directions hold all activity, in whichever axes.
    estimator.refresh(0, activity(40, 3)).unwrap();
    let (late, changes) = answers(&estimator, 0, 0..5, linear);
    estimator.refresh(1, &(activity(40, 4) * 3.0)).unwrap();
    let manifold = estimator.manifold().unwrap().clone();
    let turned = late.on(&manifold);
    assert_close("noise", &values(&turned.noise()), &values(&late.noise()), 1e-9);
    estimator.learn_from(&turned, changes.clone());
    let jacobian = normal([OUTPUTS, UNITS], 2);
    let seen = manifold.embed(manifold.coordinates(jacobian));
    assert_close("feedback", &values(&estimator.feedback()), &values(&seen), 1e-5);
}
