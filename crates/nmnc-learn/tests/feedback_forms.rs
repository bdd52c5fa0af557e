//! Feedback weights kept in coordinates of the manifold against those kept for every unit: the same probes teach the same.

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::Seed;
use nmnc_core::seed::Role;
use nmnc_core::state::State;
use nmnc_learn::estimator::{
    FeedbackForm, JacobianEstimator, JacobianSettings, LearnedJacobian, Learning, Probing,
};
use nmnc_learn::manifold::{Dimension, Dimensions, ManifoldConfig};
use nmnc_learn::noise::Probe;
use nmnc_testing::{assert_close, values};

const UNITS: usize = 24;
const OUTPUTS: usize = 7;
const ROWS: usize = 10;
const DIMENSION: usize = 5;

const LEARNING: [Learning; 3] = [
    Learning::Average { eta: 0.3 },
    Learning::LeastSquares { eta: 0.7 },
    Learning::Recursive { forgetting: 0.9, ridge: 10.0 },
];

fn normal(rows: usize, columns: usize, index: usize) -> Tensor<2> {
    let mut numbers = vec![0.0; rows * columns];
    Seed(5).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    let numbers: Vec<f64> = numbers.into_iter().map(f64::from).collect();
    Tensor::from_data(TensorData::new(numbers, [rows, columns]), (&Device::flex(), DType::F64))
}

fn estimator(learning: Learning, form: FeedbackForm) -> JacobianEstimator {
    let dimension = Dimensions::Same(Dimension::Count(DIMENSION));
    let mut manifold = ManifoldConfig { dimension, ..ManifoldConfig::default() };
    manifold.resolve().unwrap();
    let probing = Probing { manifold: Some(manifold), probe: Probe::Gaussian, ..Probing::new(UNITS) };
    let settings = JacobianSettings { probing, learning, form, ..JacobianSettings::new(UNITS, OUTPUTS) };
    JacobianEstimator::new(settings, (&Device::flex(), DType::F64)).unwrap()
}

/// Activity on a subspace of its own for each number.
fn activity(number: usize) -> Tensor<2> {
    normal(60, DIMENSION + 1, 10 + number).matmul(normal(DIMENSION + 1, UNITS, 30 + number))
}

/// Three updates from step `first` on.
fn learn(estimator: &mut JacobianEstimator, first: u64) {
    let jacobian = normal(OUTPUTS, UNITS, 1).transpose();
    for step in first..first + 3 {
        let x = normal(ROWS, UNITS, 50 + step as usize);
        let perturbations = estimator.ask(step, 0..ROWS, &x).unwrap().unwrap();
        let changes = perturbations.answered(&x, |x| x.matmul(jacobian.clone()));
        estimator.learn_from(&perturbations, changes);
    }
}

fn compare(what: &str, units: &JacobianEstimator, coordinates: &JacobianEstimator) {
    assert_close(what, &values(&coordinates.feedback()), &values(&units.feedback()), 1e-12);
    let error = normal(4, OUTPUTS, 2);
    let [own, other] = [coordinates, units].map(|estimator| values(&estimator.error_signal(error.clone())));
    assert_close(what, &own, &other, 1e-12);
    let [own, other] = [coordinates, units].map(|estimator| estimator.standard_error().unwrap());
    assert!((own.expected - other.expected).abs() < 1e-10 * other.expected, "{what}");
}

/// The feedback that lies on the manifold, and nothing else.
fn projected(estimator: &mut JacobianEstimator) {
    let manifold = estimator.manifold().unwrap().clone();
    let mut state: State = estimator.state();
    let known = state.tensors["feedback"].clone();
    state.tensors.insert("feedback".into(), manifold.embed(manifold.coordinates(known)));
    estimator.restore(&state).unwrap();
}

#[test]
fn both_forms_learn_the_same_and_a_refresh_keeps_what_lies_on_the_new_manifold() {
    for learning in LEARNING {
        let [mut units, mut coordinates] =
            [FeedbackForm::Units, FeedbackForm::Coordinates].map(|form| estimator(learning, form));
        assert!(values(&coordinates.error_signal(normal(4, OUTPUTS, 2))).iter().all(|v| *v == 0.0));
        for (number, first) in [(0, 0), (1, 100), (2, 200)] {
            for own in [&mut units, &mut coordinates] {
                own.refresh(first, activity(number)).unwrap();
            }
            projected(&mut units);
            if number > 0 {
                compare(&format!("{learning:?}, turned to manifold {number}"), &units, &coordinates);
            }
            learn(&mut units, first);
            learn(&mut coordinates, first);
            compare(&format!("{learning:?}, manifold {number}"), &units, &coordinates);
        }
        assert_eq!(coordinates.state().tensors["feedback"].dims(), [OUTPUTS, DIMENSION]);
        // Taken up again, it goes on to the same bits.
        let mut other = estimator(learning, FeedbackForm::Coordinates);
        other.restore(&coordinates.state()).unwrap();
        for own in [&mut coordinates, &mut other] {
            own.refresh(300, activity(3)).unwrap();
            learn(own, 300);
        }
        assert_eq!(values(&other.feedback()), values(&coordinates.feedback()));
    }
}

#[test]
fn a_manifold_that_is_lost_takes_its_coordinates_with_it() {
    let mut estimator = estimator(LEARNING[0], FeedbackForm::Coordinates);
    estimator.refresh(0, activity(0)).unwrap();
    learn(&mut estimator, 0);
    estimator.refresh(10, &(activity(0) * 0.0)).unwrap();
    assert!(values(&estimator.feedback()).iter().all(|v| *v == 0.0));
    estimator.refresh(20, activity(1)).unwrap();
    learn(&mut estimator, 20);
    assert!(values(&estimator.feedback()).iter().any(|v| *v != 0.0));
}

#[test]
#[should_panic(expected = "needs noise on a manifold")]
fn coordinates_need_a_manifold() {
    let settings =
        JacobianSettings { form: FeedbackForm::Coordinates, ..JacobianSettings::new(UNITS, OUTPUTS) };
    assert!(JacobianEstimator::new(settings, &Device::flex()).is_err());
    let prober = nmnc_learn::estimator::Prober::new(Probing::new(UNITS)).unwrap();
    let (x, options) = (normal(ROWS, UNITS, 3), (&Device::flex(), DType::F64));
    let mut learned = LearnedJacobian::kept(
        FeedbackForm::Coordinates,
        LEARNING[0],
        Probe::Gaussian,
        [OUTPUTS, UNITS],
        options,
    )
    .unwrap();
    let perturbations = prober.ask(0, 0..ROWS, &x).unwrap().unwrap();
    learned.learn_from(&perturbations, normal(ROWS, OUTPUTS, 4));
}
