//! Learning from observation alone: against ridge regression by normal equations, against the mean Jacobian of functions of Gaussian
//! activity (Stein's lemma), and what must teach nothing.

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::Seed;
use nmnc_core::linalg::solve_definite;
use nmnc_core::seed::Role;
use nmnc_learn::estimator::{
    FeedbackForm, JacobianEstimator, JacobianSettings, Learning, Observing, Probing,
};
use nmnc_learn::manifold::{Dimension, Dimensions, ManifoldConfig};
use nmnc_testing::{assert_close, values};

const OUTPUTS: usize = 3;

fn normal(shape: [usize; 2], index: usize) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    Seed(17).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    let numbers: Vec<f64> = numbers.into_iter().map(f64::from).collect();
    Tensor::from_data(TensorData::new(numbers, shape), (&Device::flex(), DType::F64))
}

fn settings(units: usize) -> JacobianSettings {
    JacobianSettings {
        learning: Learning::LeastSquares { eta: 0.2 },
        ..JacobianSettings::new(units, OUTPUTS)
    }
}

fn estimator(settings: JacobianSettings) -> JacobianEstimator {
    JacobianEstimator::new(settings, (&Device::flex(), DType::F64)).unwrap()
}

fn cosine(a: &Tensor<2>, b: &Tensor<2>) -> f64 {
    let (a, b) = (values(a), values(b));
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

/// B + (Y - X B^T)^T X (X^T X + ridge * mean square)^-1 for centered X and Y, written out by columns, whichever of K and n is larger.
fn written_out(known: &Tensor<2>, activity: &Tensor<2>, output: &Tensor<2>, ridge: f64) -> Vec<f64> {
    let center = |rows: &Tensor<2>| rows.clone() - rows.clone().mean_dim(0);
    let (x, y) = (center(activity), center(output));
    let [count, units] = x.dims();
    let innovations = y - x.clone().matmul(known.clone().transpose());
    let mut gram = values(&x.clone().transpose().matmul(x.clone()));
    let trace: f64 = (0..units).map(|i| gram[i * units + i]).sum();
    (0..units).for_each(|i| gram[i * units + i] += ridge * trace / count as f64);
    let cross = values(&x.transpose().matmul(innovations));
    let step = solve_definite(&gram, units, &cross).unwrap();
    let known = values(known);
    (0..OUTPUTS * units).map(|ij| known[ij] + step[ij % units * OUTPUTS + ij / units]).collect()
}

#[test]
fn an_observation_is_a_step_of_ridge_regression_on_what_is_left() {
    for (count, units) in [(6, 15), (15, 15), (40, 15), (2, 4)] {
        for ridge in [0.01, 1.0, 30.0] {
            let mut estimator = estimator(settings(units));
            for turn in 0..3 {
                let (x, y) =
                    (normal([count, units], turn) + 5.0, normal([count, OUTPUTS], 10 + turn) * 2.0 - 1.0);
                let expected = written_out(&estimator.feedback(), &x, &y, ridge);
                estimator.observe(&x, &y, Observing { ridge }).unwrap();
                assert_close("feedback", &values(&estimator.feedback()), &expected, 1e-9);
            }
        }
    }
}

#[test]
fn what_is_observed_of_gaussian_activity_is_the_mean_jacobian() {
    const UNITS: usize = 8;
    // Activity of unequal variances, y = tanh(x W^T): J(x) = (1 - y^2) W differs from example to example, and from J(0).
    let mixing = normal([UNITS, UNITS], 1) * 0.5;
    let weights = normal([OUTPUTS, UNITS], 2);
    let examples = |index: usize, count: usize| normal([count, UNITS], index).matmul(mixing.clone()) + 0.3;
    let function = |x: Tensor<2>| x.matmul(weights.clone().transpose()).tanh();
    let mut estimator = estimator(settings(UNITS));
    for batch in 0..300 {
        let x = examples(100 + batch, 64);
        estimator.observe(&x, &function(x.clone()), Observing { ridge: 30.0 }).unwrap();
    }
    let y = function(examples(3, 20_000));
    let slopes = (y.ones_like() - y.clone() * y).mean_dim(0).transpose();
    let mean = slopes * weights.clone();
    // What one batch in thirty differs by from the next stays; a different matrix stays away.
    assert!(cosine(&estimator.feedback(), &mean) > 0.99, "{}", cosine(&estimator.feedback(), &mean));
    assert!(cosine(&weights, &mean) < 0.98, "the mean Jacobian is no multiple of the weights");
}

#[test]
fn probes_and_observations_teach_one_feedback() {
    const UNITS: usize = 12;
    // Activity varies along five directions; only perturbations tell of the others.
    let jacobian = normal([OUTPUTS, UNITS], 2);
    let linear = |x: Tensor<2>| x.matmul(jacobian.clone().transpose());
    let activity = normal([64, 5], 4).matmul(normal([5, UNITS], 1));
    let probing = Probing { sigma: 0.01, seed: Seed(5), ..Probing::new(UNITS) };
    let mut estimator = estimator(JacobianSettings {
        probing,
        learning: Learning::LeastSquares { eta: 1.0 },
        ..settings(UNITS)
    });
    for _ in 0..50 {
        estimator.observe(&activity, &linear(activity.clone()), Observing { ridge: 1e-3 }).unwrap();
    }
    let residual = activity.clone().matmul((estimator.feedback() - jacobian.clone()).transpose());
    assert!(values(&residual).iter().all(|r| r.abs() < 1e-6), "known where activity varies");
    let seen = cosine(&estimator.feedback(), &jacobian);
    assert!(seen < 0.95, "{seen}");
    let perturbations = estimator.ask(0, 0..UNITS, &activity).unwrap().unwrap();
    let rows = activity.clone().narrow(0, 0, UNITS);
    estimator.learn_from(&perturbations, perturbations.answered(&rows, linear));
    assert_close("all of J", &values(&estimator.feedback()), &values(&jacobian), 1e-6);
}

#[test]
fn in_coordinates_nothing_off_the_manifold_is_learned() {
    const UNITS: usize = 12;
    let dimension = Dimensions::Same(Dimension::Count(4));
    let manifold = ManifoldConfig { dimension, ..ManifoldConfig::default() };
    let probing = Probing { manifold: Some(manifold), ..Probing::new(UNITS) };
    let mut estimator =
        estimator(JacobianSettings { probing, form: FeedbackForm::Coordinates, ..settings(UNITS) });
    let (x, y) = (normal([64, UNITS], 1), normal([64, OUTPUTS], 2));
    estimator.observe(&x, &y, Observing::default()).unwrap();
    assert!(values(&estimator.feedback()).iter().all(|b| *b == 0.0), "there is no manifold yet");
    estimator.refresh(0, &x).unwrap();
    let basis = estimator.manifold().unwrap().clone();
    for _ in 0..2 {
        let expected = written_out(
            &basis.coordinates(estimator.feedback()),
            &basis.coordinates(x.clone()),
            &y,
            Observing::default().ridge,
        );
        estimator.observe(&x, &y, Observing::default()).unwrap();
        assert_close("coordinates", &values(&basis.coordinates(estimator.feedback())), &expected, 1e-9);
        let within = basis.embed(basis.coordinates(estimator.feedback()));
        assert_close("within", &values(&estimator.feedback()), &values(&within), 1e-9);
    }
}

#[test]
fn what_does_not_differ_teaches_nothing_and_what_is_not_finite_is_refused() {
    const UNITS: usize = 4;
    let mut estimator = estimator(settings(UNITS));
    let same = normal([1, UNITS], 1).repeat_dim(0, 8);
    for x in [same.clone(), same.zeros_like(), normal([1, UNITS], 2)] {
        let y = normal([x.dims()[0], OUTPUTS], 3);
        estimator.observe(&x, &y, Observing::default()).unwrap();
        assert!(values(&estimator.feedback()).iter().all(|b| b.abs() < 1e-12));
    }
    let (x, y) = (normal([8, UNITS], 2), normal([8, OUTPUTS], 3));
    for (x, y) in [(x.clone() * f64::NAN, y.clone()), (x, y * f64::INFINITY)] {
        let refused = estimator.observe(&x, &y, Observing::default()).unwrap_err().to_string();
        assert!(refused.contains("not finite"), "{refused}");
        assert!(values(&estimator.feedback()).iter().all(|b| b.is_finite()));
    }
}

#[test]
fn the_unit_of_activity_and_of_output_does_not_matter() {
    const UNITS: usize = 6;
    let (x, y) = (normal([16, UNITS], 1), normal([16, OUTPUTS], 2));
    let learned = |x: f64, y: f64, activity: &Tensor<2>, output: &Tensor<2>| {
        let mut estimator = estimator(settings(UNITS));
        for _ in 0..2 {
            let (activity, output) = (activity.clone() * x, output.clone() * y);
            estimator.observe(&activity, &output, Observing::default()).unwrap();
        }
        values(&(estimator.feedback() * (x / y)))
    };
    let plain = learned(1.0, 1.0, &x, &y);
    for exponent in [-400, -120, 110, 400] {
        let unit = 2f64.powi(exponent);
        assert_eq!(learned(unit, 1.0, &x, &y), plain, "activity times 2^{exponent}");
        assert_eq!(learned(1.0, unit, &x, &y), plain, "output times 2^{exponent}");
    }
}
