//! Every registered estimator obeys the error law it declares (method of correlation: Kang et al. 2026; closed forms).

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::Seed;
use nmnc_core::seed::{Role, Stream};
use nmnc_learn::estimator::{
    Estimator, JacobianEstimator, JacobianSettings, Learning, Probing, leaky_average_law,
};
use nmnc_learn::noise::Probe;
use nmnc_testing::values;

const DIMENSION: usize = 12;
const OUTPUTS: usize = 3;

fn normal(shape: [usize; 2], stream: &mut Stream) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    stream.fill_normal(&mut numbers);
    let numbers: Vec<f64> = numbers.into_iter().map(f64::from).collect();
    Tensor::from_data(TensorData::new(numbers, shape), (&Device::flex(), DType::F64))
}

fn energy(t: Tensor<2>) -> f64 {
    values(&t).iter().map(|v| v * v).sum()
}

/// Slope of a least-squares line through points in double-logarithmic coordinates.
fn slope(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let mean = |f: fn(&(f64, f64)) -> f64| logs.iter().map(f).sum::<f64>() / logs.len() as f64;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let cross: f64 = logs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    cross / logs.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>()
}

/// An estimator of a Jacobian `[OUTPUTS, dimension]`.
fn learner(learning: Learning, probing: Probing) -> JacobianEstimator {
    let settings =
        JacobianSettings { learning, watched: false, ..JacobianSettings::new(probing.units, OUTPUTS) };
    JacobianEstimator::new(JacobianSettings { probing, ..settings }, (&Device::flex(), DType::F64)).unwrap()
}

/// How an estimator learns that takes its first answers for all there is to know.
fn at_once(estimator: Estimator) -> Learning {
    match estimator {
        Estimator::Average => Learning::Average { eta: 1.0 },
        Estimator::LeastSquares => Learning::LeastSquares { eta: 1.0 },
        // Answers are all but exact compared with what is expected of the Jacobian.
        Estimator::RecursiveLeastSquares => Learning::Recursive { forgetting: 1.0, ridge: 1e-9 },
        Estimator::Kalman => Learning::Kalman,
    }
}

/// Mean and standard error of the relative squared error of `trials` estimates from `probes` probes of a linear black box, each answer
/// with an error of deviation `noise` per unit of the coordinates.
fn measured(estimator: Estimator, probe: Probe, probes: usize, trials: u64, noise: f64) -> (f64, f64) {
    let mut stream = Seed(11).stream(Role::Analysis, 0, 0);
    let jacobian = normal([OUTPUTS, DIMENSION], &mut stream);
    let black_box = |x: Tensor<2>| x.matmul(jacobian.clone().transpose());
    let activity = normal([1, DIMENSION], &mut stream);
    let probing = Probing { probe, seed: Seed(11), index: probes, ..Probing::new(DIMENSION) };
    let estimator = learner(at_once(estimator), probing);
    let errors: Vec<f64> = (0..trials)
        .map(|trial| {
            let mut estimator = estimator.clone();
            let perturbations = estimator.ask(trial, 0..probes, &activity).unwrap().unwrap();
            let changes = perturbations.answered(&activity.clone().repeat_dim(0, probes), black_box);
            let errors = normal([probes, OUTPUTS], &mut Seed(12).stream(Role::Probe, probes, trial));
            estimator.learn_from(&perturbations, changes + errors * (noise * perturbations.deviation()));
            energy(estimator.feedback() - jacobian.clone()) / energy(jacobian.clone())
        })
        .collect();
    let mean = errors.iter().sum::<f64>() / trials as f64;
    let variance = errors.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / (trials - 1) as f64;
    (mean, (variance / trials as f64).sqrt())
}

#[test]
fn variance_laws_hold_for_every_estimator_and_probe() {
    for estimator in Estimator::ALL {
        for probe in Probe::ALL {
            let law = estimator.law(probe);
            let mut against_law = Vec::new();
            let mut against_probes = Vec::new();
            for probes in [5, 9, 12, 17, 30, 41, 67, 90] {
                let (mean, error) = measured(estimator, probe, probes, 1500, 0.0);
                let declared = (law.variance)(DIMENSION, probes);
                let slack = (law.slack)(DIMENSION, probes);
                let what = format!(
                    "{estimator:?} {probe:?} K {probes}: measured {mean} +- {error}, declared {declared} + {slack}"
                );
                if declared == 0.0 {
                    // Exact up to the single precision of the probes, and where a solution hardly exists.
                    assert!(mean < 1e-7 + slack, "{what}");
                    continue;
                }
                // The probes are single-precision numbers.
                let off = mean - declared;
                assert!(off > -5.0 * error - 1e-6 * declared, "{what}");
                assert!(off < 5.0 * error + 1e-6 * declared + slack, "{what}");
                against_law.push((declared, mean));
                against_probes.push((probes as f64, mean));
            }
            let fitted = slope(&against_law);
            assert!(
                (fitted - 1.0).abs() < 0.05,
                "{estimator:?} {probe:?}: slope {fitted} against its own law"
            );
            // Averages of independent probes go as 1/K.
            if estimator == Estimator::Average && matches!(probe, Probe::Gaussian | Probe::Rademacher) {
                let fitted = slope(&against_probes);
                assert!(
                    (fitted + 1.0).abs() < 0.05,
                    "{estimator:?} {probe:?}: slope {fitted} against probes"
                );
            }
        }
    }
}

#[test]
fn errors_of_the_responses_add_what_is_declared() {
    const NOISE: f64 = 0.7;
    let scale = energy(normal([OUTPUTS, DIMENSION], &mut Seed(11).stream(Role::Analysis, 0, 0)));
    let mut checked = 0;
    for estimator in Estimator::ALL {
        for probe in Probe::ALL {
            let law = estimator.law(probe);
            for probes in [5, 8, 17, 24, 48, 90] {
                let Some(added) = (law.response_noise)(DIMENSION, probes) else { continue };
                let (mean, error) = measured(estimator, probe, probes, 1500, NOISE);
                let added = added * NOISE * NOISE * OUTPUTS as f64 / scale;
                let declared = (law.variance)(DIMENSION, probes) + added;
                let what =
                    format!("{estimator:?} {probe:?} K {probes}: {mean} +- {error}, declared {declared}");
                assert!((mean - declared).abs() < 5.0 * error, "{what}");
                // Where the test can tell the declared addition from none.
                checked += usize::from(added > 5.0 * error);
            }
        }
    }
    assert!(checked >= 30, "{checked}");
}

#[test]
fn bias_of_a_nonlinear_output_vanishes_with_the_declared_power_of_sigma() {
    const M: usize = 4;
    const PROBES: usize = 40_000;
    let mut stream = Seed(5).stream(Role::Analysis, 0, 0);
    let weight = normal([OUTPUTS, M], &mut stream) * 0.5;
    let shift = normal([1, OUTPUTS], &mut stream) * 0.7;
    let gain = (shift.clone().tanh().powi_scalar(2) * -1.0 + 1.0).transpose();
    let jacobian = weight.clone() * gain;
    // Activity of norm sqrt(M) from which the black box measures, so that sigma is the deviation along each coordinate.
    let activity = Tensor::<2>::ones([1, M], (&Device::flex(), DType::F64));
    let black_box = |x: Tensor<2>| {
        let z = x - activity.clone();
        (z.clone().matmul(weight.clone().transpose()) + shift.clone()).tanh()
            // Estimators are linear in the changes: without the linear part only the bias remains, and its noise is small.
            - z.matmul(jacobian.clone().transpose())
    };
    for estimator in Estimator::ALL {
        for probe in Probe::ALL {
            for antithetic in [false, true] {
                if estimator == Estimator::RecursiveLeastSquares {
                    // The same solution as least squares, by a recursion that takes all probes at once: too large here.
                    continue;
                }
                let points: Vec<(f64, f64)> = [0.05, 0.1, 0.2]
                    .into_iter()
                    .map(|sigma| {
                        let probing = Probing { probe, antithetic, sigma, seed: Seed(5), ..Probing::new(M) };
                        let mut own = learner(at_once(estimator), probing);
                        let asked = own.ask(0, 0..PROBES, &activity).unwrap().unwrap();
                        let many = activity.clone().repeat_dim(0, PROBES);
                        own.learn_from(&asked, asked.answered(&many, black_box));
                        (sigma, energy(own.feedback()).sqrt())
                    })
                    .collect();
                let fitted = slope(&points);
                let declared = f64::from(estimator.law(probe).bias_order);
                let what = format!("{estimator:?} {probe:?} antithetic {antithetic}: {points:?}");
                assert!((fitted - declared).abs() < 0.25, "{what}: slope {fitted}, declared {declared}");
            }
        }
    }
}

#[test]
fn the_leaky_average_obeys_its_law() {
    const PROBES: usize = 30;
    const TRIALS: u64 = 600;
    let jacobian = normal([OUTPUTS, DIMENSION], &mut Seed(3).stream(Role::Analysis, 0, 0));
    let activity = normal([1, DIMENSION], &mut Seed(3).stream(Role::Analysis, 1, 0));
    let variance = (Estimator::Average.law(Probe::Gaussian).variance)(DIMENSION, PROBES);
    for eta in [0.1, 0.5, 1.0] {
        let mut sums = [0.0; 12];
        for trial in 0..TRIALS {
            let probing = Probing { seed: Seed(3), index: trial as usize, ..Probing::new(DIMENSION) };
            let mut own = learner(Learning::Average { eta }, probing);
            for (step, sum) in sums.iter_mut().enumerate() {
                let asked = own.ask(step as u64, 0..PROBES, &activity).unwrap().unwrap();
                own.learn_from(&asked, asked.noise().matmul(jacobian.clone().transpose()));
                let missed = own.feedback() - jacobian.clone();
                *sum += energy(missed) / energy(jacobian.clone()) / TRIALS as f64;
            }
        }
        for (updates, measured) in sums.iter().enumerate() {
            let declared = leaky_average_law(eta, updates as u32 + 1, variance);
            assert!(
                (measured / declared - 1.0).abs() < 0.08,
                "eta {eta} t {}: {measured} {declared}",
                updates + 1
            );
        }
    }
}

/// A Jacobian `[OUTPUTS, n]` with a given fraction alpha of its energy on the first d units, which stand for the manifold.
fn jacobian_with(alpha: f64, d: usize, n: usize) -> Tensor<2> {
    let mut stream = Seed(7).stream(Role::Analysis, 1, 0);
    let (on, off) = (normal([OUTPUTS, d], &mut stream), normal([OUTPUTS, n - d], &mut stream));
    let part = |t: Tensor<2>, share: f64| t.clone() * (share / energy(t)).sqrt();
    Tensor::cat(vec![part(on, alpha), part(off, 1.0 - alpha)], 1)
}

/// Of estimates of `jacobian` (energy 1) by K probes on its first `m` units: squared error, cosine as a ratio of means, mean cosine.
fn estimates(jacobian: &Tensor<2>, m: usize, probes: usize, trials: u64) -> [f64; 3] {
    let n = jacobian.dims()[1];
    let seen = jacobian.clone().narrow(1, 0, m);
    let (mut error, mut cross, mut square, mut cosine) = (0.0, 0.0, 0.0, 0.0);
    let activity = Tensor::<2>::ones([1, m], (&Device::flex(), DType::F64));
    let probing = Probing { seed: Seed(13), index: m * 1000 + probes, ..Probing::new(m) };
    let unknowing = learner(at_once(Estimator::Average), probing);
    for trial in 0..trials {
        let mut own = unknowing.clone();
        let asked = own.ask(trial, 0..probes, &activity).unwrap().unwrap();
        own.learn_from(&asked, asked.noise().matmul(seen.clone().transpose()));
        let found = own.feedback();
        let missed = 1.0 - energy(seen.clone());
        let own: f64 = values(&(found.clone() * seen.clone())).iter().sum();
        let length = energy(found.clone());
        error += energy(found - seen.clone()) + if m < n { missed } else { 0.0 };
        cross += own;
        square += length;
        cosine += own / length.sqrt();
    }
    let count = trials as f64;
    [error / count, cross / count / (square / count).sqrt(), cosine / count]
}

#[test]
fn the_manifold_wins_up_to_the_break_even_number_of_probes_and_no_further() {
    const TRIALS: u64 = 1500;
    let (d, n) = (6, 60);
    for alpha in [0.2, 0.3, 0.6] {
        let jacobian = jacobian_with(alpha, d, n);
        let both = |k: usize| (estimates(&jacobian, d, k, TRIALS), estimates(&jacobian, n, k, TRIALS));
        // alpha = (K + d + 1) / (K + n + 1), where the cosines, and so the errors after the best scaling, are equal.
        let even = (alpha * (n + 1) as f64 - (d + 1) as f64) / (1.0 - alpha);
        for factor in [0.5, 0.75, 1.4, 2.5] {
            let k = (factor * even).round().max(1.0) as usize;
            let (manifold, isotropic) = both(k);
            let what = format!("alpha {alpha}, K {k}, break-even {even:.1}: {manifold:?} {isotropic:?}");
            let wins = alpha > (k + d + 1) as f64 / (k + n + 1) as f64;
            assert_eq!(wins, factor < 1.0, "{what}");
            assert_eq!(manifold[1] > isotropic[1], wins, "{what}");
            let k = k as f64;
            let law = (alpha * k / (k + (d + 1) as f64)).sqrt();
            assert!((manifold[1] / law - 1.0).abs() < 0.03, "{what}: law {law}");
            let law = (k / (k + (n + 1) as f64)).sqrt();
            assert!((isotropic[1] / law - 1.0).abs() < 0.03, "{what}: law {law}");
            // Away from the crossing the mean of the cosines says the same.
            if !(0.6..2.0).contains(&factor) {
                assert_eq!(manifold[2] > isotropic[2], wins, "{what}");
            }
        }
        // Squared errors without scaling cross where (1 - alpha) + alpha (d + 1) / K = (n + 1) / K.
        let even = ((n + 1) as f64 - alpha * (d + 1) as f64) / (1.0 - alpha);
        for (factor, wins) in [(0.7, true), (1.4, false)] {
            let (manifold, isotropic) = both((factor * even).round() as usize);
            assert_eq!(manifold[0] < isotropic[0], wins, "alpha {alpha}: {manifold:?} {isotropic:?}");
        }
    }
    // Below the margin, alpha < (d + 2) / (n + 2), isotropic noise is the better one from the first probe on.
    let jacobian = jacobian_with(0.05, d, n);
    for k in [1, 4, 16] {
        let (manifold, isotropic) = (estimates(&jacobian, d, k, TRIALS), estimates(&jacobian, n, k, TRIALS));
        assert!(manifold[1] < isotropic[1], "K {k}: {manifold:?} {isotropic:?}");
    }
}
