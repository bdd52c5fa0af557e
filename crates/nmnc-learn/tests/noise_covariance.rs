//! Noise whose covariance is a power of that of the activity: what it is, the laws of what is learned from it, and its ends, which are
//! noise on the manifold and noise anywhere.

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::Seed;
use nmnc_core::linalg::solve_definite;
use nmnc_core::seed::Role;
use nmnc_learn::estimator::{
    Covariance, FeedbackForm, JacobianEstimator, JacobianSettings, Learning, Probing,
};
use nmnc_learn::manifold::{Dimension, Dimensions, ManifoldConfig, PcaMethod, Subspace};
use nmnc_testing::{assert_close, values};

const UNITS: usize = 12;
const COMPONENTS: usize = 5;
const OUTPUTS: usize = 3;
const SIGMA: f64 = 0.3;

fn tensor(numbers: Vec<f64>, shape: [usize; 2]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(numbers, shape), (&Device::flex(), DType::F64))
}

fn normal(shape: [usize; 2], index: usize) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    Seed(23).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    tensor(numbers.into_iter().map(f64::from).collect(), shape)
}

fn energy(t: &Tensor<2>) -> f64 {
    values(t).iter().map(|v| v * v).sum()
}

/// Activity whose variance falls along random axes.
fn activity() -> Tensor<2> {
    let scales = tensor((0..UNITS).map(|i| 0.7f64.powi(i as i32)).collect(), [1, UNITS]);
    (normal([200, UNITS], 1) * scales).matmul(normal([UNITS, UNITS], 2)) + 0.5
}

fn settings(learning: Learning, covariance: Option<Covariance>) -> JacobianSettings {
    let dimension = Dimensions::Same(Dimension::Count(COMPONENTS));
    let manifold = ManifoldConfig { dimension, method: PcaMethod::Exact, ..ManifoldConfig::default() };
    let probing = Probing { manifold: Some(manifold), covariance, sigma: SIGMA, ..Probing::new(UNITS) };
    JacobianSettings { probing, learning, watched: false, ..JacobianSettings::new(UNITS, OUTPUTS) }
}

/// An estimator that has seen the activity.
fn estimator(settings: JacobianSettings) -> JacobianEstimator {
    let mut estimator = JacobianEstimator::new(settings, (&Device::flex(), DType::F64)).unwrap();
    estimator.refresh(0, activity()).unwrap();
    estimator
}

/// The covariance of the noise by its definition, over its mean along m coordinates, to the power given: `[n, n]`.
fn written_out(covariance: Covariance, components: &Subspace, power: f64) -> Tensor<2> {
    let Covariance { exponent, rest } = covariance;
    let m = if rest > 0.0 { UNITS } else { COMPONENTS } as f64;
    let powers: Vec<f64> = components.variances().iter().map(|v| v.powf(exponent)).collect();
    let sum: f64 = powers.iter().sum();
    let along = powers.iter().map(|p| ((1.0 - rest) * m * p / sum).powf(power)).collect();
    let basis = components.basis().clone();
    let on = (basis.clone() * tensor(along, [1, COMPONENTS])).matmul(basis.clone().transpose());
    if rest == 0.0 {
        return on;
    }
    let identity = Tensor::<2>::eye(UNITS, &Device::flex()).cast(DType::F64);
    let off = identity - basis.clone().matmul(basis.transpose());
    on + off * (rest * m / (UNITS - COMPONENTS) as f64).powf(power)
}

fn cases() -> impl Iterator<Item = Covariance> {
    let exponents = [0.0, 0.5, 1.0].into_iter();
    exponents.flat_map(|exponent| [0.0, 0.2].map(|rest| Covariance { exponent, rest }))
}

#[test]
fn noise_has_the_covariance_and_the_energy_that_are_asked_for() {
    const DRAWN: usize = 40_000;
    let activity = activity();
    let norm =
        values(&activity.clone().powi_scalar(2).sum_dim(1)).iter().map(|e| e.sqrt()).sum::<f64>() / 200.0;
    for covariance in cases() {
        let own = estimator(settings(Learning::LeastSquares { eta: 1.0 }, Some(covariance)));
        let asked = own.ask(0, 0..DRAWN, &activity).unwrap().unwrap();
        let noise = asked.noise();
        let expected = written_out(covariance, own.manifold().unwrap(), 1.0) * asked.deviation().powi(2);
        let [trace, wanted] = [energy(&noise) / DRAWN as f64, (SIGMA * norm).powi(2)];
        assert!((trace / wanted - 1.0).abs() < 0.02, "{covariance:?}: {trace} {wanted}");
        let found = noise.clone().transpose().matmul(noise.clone()) / DRAWN as f64;
        let apart = energy(&(found - expected.clone())).sqrt();
        // The expected deviation of a sample covariance, about its trace over the root of the number drawn.
        assert!(apart < 2.0 * wanted / (DRAWN as f64).sqrt(), "{covariance:?}: {apart}");
        let rows = activity.clone().repeat_dim(0, DRAWN / 200);
        let moved = energy(&(asked.moved(&rows) - rows.clone() - noise.clone())).sqrt();
        let back = energy(&(asked.moved_back(&rows) - rows + noise)).sqrt();
        assert!(moved < 1e-9 && back < 1e-9, "{covariance:?}: {moved} {back}");
    }
}

#[test]
fn the_ends_are_noise_on_the_manifold_and_noise_anywhere() {
    let jacobian = normal([OUTPUTS, UNITS], 3);
    let learned = |settings: JacobianSettings| {
        let mut own = estimator(settings);
        for step in 0..2 {
            let asked = own.ask(step, 0..8, &activity()).unwrap().unwrap();
            own.learn_from(&asked, asked.noise().matmul(jacobian.clone().transpose()));
        }
        values(&own.feedback())
    };
    let ends = [0.0, (UNITS - COMPONENTS) as f64 / UNITS as f64];
    for learning in [
        Learning::Average { eta: 0.3 },
        Learning::LeastSquares { eta: 0.3 },
        Learning::Recursive { forgetting: 0.9, ridge: 2.0 },
    ] {
        let [cut, anywhere] = ends.map(|rest| Covariance { exponent: 0.0, rest });
        assert_eq!(learned(settings(learning, Some(cut))), learned(settings(learning, None)), "{learning:?}");
        let mut white = settings(learning, None);
        white.probing.manifold = None;
        let found = learned(settings(learning, Some(anywhere)));
        assert_close("anywhere", &found, &learned(white), 1e-9);
    }
}

/// Mean over trials of the squared error of averages of `probes` answers, plain and in the metric of the noise, with standard errors; and
/// the mean estimate.
fn averages(covariance: Covariance, jacobian: &Tensor<2>, probes: usize) -> ([[f64; 2]; 2], Tensor<2>) {
    const TRIALS: u64 = 1500;
    let unknowing = estimator(settings(Learning::Average { eta: 1.0 }, Some(covariance)));
    let components = unknowing.manifold().unwrap().clone();
    let seen = written_out(covariance, &components, 0.0);
    let target = jacobian.clone().matmul(seen);
    let root = written_out(covariance, &components, 0.5);
    let mut mean = target.zeros_like();
    let mut errors: [Vec<f64>; 2] = Default::default();
    for trial in 0..TRIALS {
        let mut own = unknowing.clone();
        let asked = own.ask(trial, 0..probes, &activity()).unwrap().unwrap();
        own.learn_from(&asked, asked.noise().matmul(jacobian.clone().transpose()));
        let missed = own.feedback() - target.clone();
        errors[0].push(energy(&missed));
        errors[1].push(energy(&missed.matmul(root.clone())));
        mean = mean + own.feedback() / TRIALS as f64;
    }
    let found = errors.map(|errors| {
        let mean = errors.iter().sum::<f64>() / TRIALS as f64;
        let spread = errors.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / (TRIALS - 1) as f64;
        [mean, (spread / TRIALS as f64).sqrt()]
    });
    (found, mean)
}

#[test]
fn the_whitened_average_is_unbiased_and_has_the_variance_of_its_law() {
    let jacobian = normal([OUTPUTS, UNITS], 3);
    for covariance in cases() {
        let own = estimator(settings(Learning::Average { eta: 1.0 }, Some(covariance)));
        let components = own.manifold().unwrap();
        let power = |power| written_out(covariance, components, power);
        let target = jacobian.clone().matmul(power(0.0));
        let in_metric = energy(&jacobian.clone().matmul(power(0.5)));
        let inverse = values(&power(-1.0)).iter().step_by(UNITS + 1).sum::<f64>();
        let m = own.prober().dimension().unwrap();
        assert_eq!(m, if covariance.rest > 0.0 { UNITS } else { COMPONENTS });
        let mut points = Vec::new();
        for probes in [3, 12, 48] {
            let ([plain, weighted], mean) = averages(covariance, &jacobian, probes);
            let declared = [
                (inverse * in_metric + energy(&target)) / probes as f64,
                (m + 1) as f64 / probes as f64 * in_metric,
            ];
            for ([found, error], declared) in [plain, weighted].into_iter().zip(declared) {
                let what = format!("{covariance:?}, K {probes}: {found} +- {error}, declared {declared}");
                assert!((found - declared).abs() < 5.0 * error, "{what}");
                assert!(error < 0.2 * declared, "{what}");
            }
            // The mean of as many estimates as there are trials is nearer by the root of their number.
            let bias = energy(&(mean - target.clone()));
            assert!(bias < 3.0 * declared[0] / 1500.0, "{covariance:?}, K {probes}: bias {bias}");
            points.push(((probes as f64).ln(), plain[0].ln()));
        }
        let slope = (points[2].1 - points[0].1) / (points[2].0 - points[0].0);
        assert!((slope + 1.0).abs() < 0.1, "{covariance:?}: slope {slope} against probes");
    }
}

#[test]
fn least_squares_moves_by_the_posterior_mean_in_the_metric_of_the_noise() {
    let start = normal([OUTPUTS, UNITS], 4);
    let jacobian = normal([OUTPUTS, UNITS], 3);
    for covariance in cases() {
        for (probes, ridge) in [(3, 0.5), (5, 3.0), (30, 0.5)] {
            let mut own = estimator(settings(Learning::Posterior { eta: 0.4, ridge }, Some(covariance)));
            // Something is known beforehand.
            let first = own.ask(0, 0..probes, &activity()).unwrap().unwrap();
            own.learn_from(&first, first.noise().matmul(start.clone().transpose()));
            let known = own.feedback();
            let asked = own.ask(1, 0..probes, &activity()).unwrap().unwrap();
            let (noise, prior) = (asked.noise(), written_out(covariance, own.manifold().unwrap(), 1.0));
            let changes = noise.clone().matmul(jacobian.clone().transpose());
            own.learn_from(&asked, changes.clone());
            // B + eta R^T (Xi P Xi^T + ridge s)^-1 Xi P.
            let mut gram = values(&noise.clone().matmul(prior.clone()).matmul(noise.clone().transpose()));
            let mean = (0..probes).map(|i| gram[i * probes + i]).sum::<f64>() / probes as f64;
            (0..probes).for_each(|i| gram[i * probes + i] += ridge * mean);
            let left = changes - noise.clone().matmul(known.clone().transpose());
            let weights = solve_definite(&gram, probes, &values(&left)).unwrap();
            let step = tensor(weights, [probes, OUTPUTS]).transpose().matmul(noise).matmul(prior);
            assert_close("feedback", &values(&own.feedback()), &values(&(known + step * 0.4)), 1e-8);
        }
        // Exact answers to as many probes as there are coordinates leave nothing unknown.
        let mut own = estimator(settings(Learning::LeastSquares { eta: 1.0 }, Some(covariance)));
        let asked = own.ask(0, 0..UNITS + 3, &activity()).unwrap().unwrap();
        own.learn_from(&asked, asked.noise().matmul(jacobian.clone().transpose()));
        let target = jacobian.clone().matmul(written_out(covariance, own.manifold().unwrap(), 0.0));
        let error = energy(&(own.feedback() - target.clone())) / energy(&target);
        assert!(error < 1e-10, "{covariance:?}: {error}");
    }
}

#[test]
fn a_prior_that_is_right_beats_one_that_is_not() {
    // Jacobians with rows of the covariance of the noise, few exact answers: noise of the same energy, all directions alike.
    let covariance = Covariance { exponent: 1.0, rest: 0.2 };
    let root = written_out(
        covariance,
        estimator(settings(Learning::LeastSquares { eta: 1.0 }, None)).manifold().unwrap(),
        0.5,
    );
    let mut errors = [0.0; 2];
    for trial in 0..200 {
        let jacobian = normal([OUTPUTS, UNITS], 100 + trial).matmul(root.clone());
        let white = Covariance { exponent: 0.0, rest: (UNITS - COMPONENTS) as f64 / UNITS as f64 };
        for (error, covariance) in errors.iter_mut().zip([covariance, white]) {
            let mut own = estimator(settings(Learning::LeastSquares { eta: 1.0 }, Some(covariance)));
            let asked = own.ask(trial as u64, 0..3, &activity()).unwrap().unwrap();
            own.learn_from(&asked, asked.noise().matmul(jacobian.clone().transpose()));
            *error += energy(&(own.feedback() - jacobian.clone())) / energy(&jacobian) / 200.0;
        }
    }
    // All directions alike: what 3 of 12 coordinates leave.
    assert!((errors[1] - 0.75).abs() < 0.05, "{errors:?}");
    assert!(errors[0] < 0.6, "{errors:?}");
}

#[test]
fn a_restored_estimator_asks_and_learns_as_the_first_would_have() {
    for covariance in cases() {
        let made = || settings(Learning::Posterior { eta: 0.4, ridge: 1.0 }, Some(covariance));
        let mut first = estimator(made());
        let teach = |own: &mut JacobianEstimator, step| {
            let asked = own.ask(step, 0..4, &activity()).unwrap().unwrap();
            own.learn_from(&asked, asked.noise().matmul(normal([UNITS, OUTPUTS], 3)));
        };
        teach(&mut first, 0);
        let mut second = JacobianEstimator::new(made(), (&Device::flex(), DType::F64)).unwrap();
        second.restore(&first.state()).unwrap();
        teach(&mut first, 1);
        teach(&mut second, 1);
        assert_eq!(values(&first.feedback()), values(&second.feedback()), "{covariance:?}");
    }
}

#[test]
fn impossible_covariances_are_refused() {
    let refused = |change: fn(&mut JacobianSettings)| {
        let covariance = Covariance { exponent: 0.5, rest: 0.1 };
        let mut settings = settings(Learning::LeastSquares { eta: 1.0 }, Some(covariance));
        change(&mut settings);
        JacobianEstimator::new(settings, &Device::flex()).unwrap_err().to_string()
    };
    assert_eq!(
        refused(|own| own.probing.covariance = Some(Covariance { exponent: -0.5, rest: 0.1 })),
        "exponent: -0.5 is not 0 or more"
    );
    assert_eq!(
        refused(|own| own.probing.covariance = Some(Covariance { exponent: 0.5, rest: 1.0 })),
        "rest: 1 is not in [0, 1)"
    );
    assert_eq!(
        refused(|own| own.probing.manifold = None),
        "covariance: is known by the components of a manifold"
    );
    assert_eq!(
        refused(|own| own.form = FeedbackForm::Coordinates),
        "form: noise off the manifold has no coordinates on it"
    );
}
