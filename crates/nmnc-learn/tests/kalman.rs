//! The estimator that finds by itself how far a Jacobian moves and how large errors answers have, against filters that are told.

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::Seed;
use nmnc_core::linalg::solve_definite;
use nmnc_core::seed::Role;
use nmnc_core::state::State;
use nmnc_learn::estimator::{Covariance, JacobianEstimator, JacobianSettings, Learning, Probing};
use nmnc_learn::manifold::{Dimension, Dimensions, ManifoldConfig, PcaMethod};
use nmnc_testing::values;

const UNITS: usize = 10;
const OUTPUTS: usize = 4;

fn tensor(numbers: Vec<f64>, shape: [usize; 2]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(numbers, shape), (&Device::flex(), DType::F64))
}

fn normal(shape: [usize; 2], index: usize, step: u64) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    Seed(31).stream(Role::Analysis, index, step).fill_normal(&mut numbers);
    tensor(numbers.into_iter().map(f64::from).collect(), shape)
}

fn energy(t: &Tensor<2>) -> f64 {
    values(t).iter().map(|v| v * v).sum()
}

/// Activity with a variance that falls from axis to axis, so that components are the axes.
fn activity() -> Tensor<2> {
    let scales = tensor((0..UNITS).map(|i| 0.6f64.powi(i as i32)).collect(), [1, UNITS]);
    normal([400, UNITS], 1, 0) * scales
}

/// Noise in `components` components by the root of the activity's variance, and a share of 0.1 off them unless they are all.
fn settings(components: usize, seed: u64) -> JacobianSettings {
    let dimension = Dimensions::Same(Dimension::Count(components));
    let manifold = ManifoldConfig { dimension, method: PcaMethod::Exact, ..ManifoldConfig::default() };
    let covariance = Some(Covariance { exponent: 0.5, rest: 0.1 });
    let probing = Probing { manifold: Some(manifold), covariance, seed: Seed(seed), ..Probing::new(UNITS) };
    JacobianSettings { probing, learning: Learning::Kalman, ..JacobianSettings::new(UNITS, OUTPUTS) }
}

fn estimator(components: usize, seed: u64) -> JacobianEstimator {
    made(settings(components, seed))
}

/// With noise that goes where it tells the most.
fn aimed(components: usize, seed: u64) -> JacobianEstimator {
    made(JacobianSettings { aimed: true, ..settings(components, seed) })
}

fn made(settings: JacobianSettings) -> JacobianEstimator {
    let mut own = JacobianEstimator::new(settings, (&Device::flex(), DType::F64)).unwrap();
    own.refresh(0, activity()).unwrap();
    own
}

/// The covariance S^2 of the noise `[n, n]` over the mean along its coordinates, from many draws.
fn noise_covariance(own: &JacobianEstimator) -> Vec<f64> {
    const DRAWN: usize = 200_000;
    let asked = own.ask(1 << 40, 0..DRAWN, &activity()).unwrap().unwrap();
    let noise = asked.noise() / asked.deviation();
    values(&(noise.clone().transpose().matmul(noise) / DRAWN as f64))
}

fn multiplied(a: &[f64], b: &[f64], [rows, inner, columns]: [usize; 3]) -> Vec<f64> {
    let entry = |i: usize, j: usize| (0..inner).map(|k| a[i * inner + k] * b[k * columns + j]).sum();
    (0..rows * columns).map(|ij| entry(ij / columns, ij % columns)).collect()
}

fn transposed(a: &[f64], columns: usize) -> Vec<f64> {
    let rows = a.len() / columns;
    (0..a.len()).map(|ij| a[(ij % rows) * columns + ij / rows]).collect()
}

/// The textbook's Kalman filter with all n by n numbers of its covariance, told the sizes of steps and of errors.
struct Told {
    estimate: Vec<f64>,
    covariance: Vec<f64>,
}

impl Told {
    fn new() -> Self {
        Self { estimate: vec![0.0; UNITS * OUTPUTS], covariance: vec![0.0; UNITS * UNITS] }
    }

    /// `probes` `[K, n]` and their `changes` `[K, outputs]`, after a step of covariance `step`.
    fn learn(&mut self, probes: &[f64], changes: &[f64], step: &[f64], error: f64) {
        let count = probes.len() / UNITS;
        self.covariance.iter_mut().zip(step).for_each(|(own, step)| *own += step);
        let seen = multiplied(probes, &self.covariance, [count, UNITS, UNITS]);
        let mut expected = multiplied(&seen, &transposed(probes, UNITS), [count, UNITS, count]);
        (0..count).for_each(|k| expected[k * count + k] += error);
        let predicted = multiplied(probes, &self.estimate, [count, UNITS, OUTPUTS]);
        let innovations: Vec<f64> = changes.iter().zip(&predicted).map(|(c, p)| c - p).collect();
        let across = transposed(&seen, UNITS);
        let weights = solve_definite(&expected, count, &innovations).unwrap();
        let change = multiplied(&across, &weights, [UNITS, count, OUTPUTS]);
        self.estimate.iter_mut().zip(change).for_each(|(own, change)| *own += change);
        let gain = solve_definite(&expected, count, &seen).unwrap();
        let reduced = multiplied(&across, &gain, [UNITS, count, UNITS]);
        self.covariance.iter_mut().zip(reduced).for_each(|(own, less)| *own -= less);
    }

    /// `[outputs, n]`.
    fn feedback(&self) -> Tensor<2> {
        tensor(self.estimate.clone(), [UNITS, OUTPUTS]).transpose()
    }
}

/// Variance of a step of a row along each axis, the first band and the others, over its size.
fn bands() -> Vec<f64> {
    (0..UNITS).map(|i| if i < 4 { 1.0 } else { 0.1 }).collect()
}

/// A step of the Jacobian `[outputs, n]` of the given size, along the components of an estimator.
fn moved(size: f64, step: u64) -> Tensor<2> {
    let scales = bands().into_iter().map(|variance| (variance * size).sqrt()).collect();
    let basis = estimator(UNITS, 0).manifold().unwrap().basis().clone();
    (normal([OUTPUTS, UNITS], 19, step) * tensor(scales, [1, UNITS])).matmul(basis.transpose())
}

/// The covariance of a step `[n, n]`, over its size.
fn step_covariance() -> Vec<f64> {
    let basis = estimator(UNITS, 0).manifold().unwrap().basis().clone();
    let along = tensor(bands(), [1, UNITS]);
    values(&(basis.clone() * along).matmul(basis.transpose()))
}

struct Run {
    /// Mean squared error over the last updates, of the filter, of the filter that is told, and of zero.
    errors: [f64; 3],
    /// Mean over the last updates of what the estimator expects of its squared error over ||J S||^2, and of what it is.
    expected: [f64; 2],
    estimator: JacobianEstimator,
}

/// Learns from `count` answers at each of `updates` updates of a Jacobian that moves by `steps` and answers with errors of variance `error`.
fn run(components: usize, updates: u64, count: usize, steps: [f64; 2], error: f64) -> Run {
    let mut own = estimator(components, 5);
    let (covariance, steps_covariance) = (noise_covariance(&own), step_covariance());
    let mut told = Told::new();
    let mut jacobian = tensor(vec![0.0; OUTPUTS * UNITS], [OUTPUTS, UNITS]);
    let (mut errors, mut expected) = ([0.0; 3], [0.0; 2]);
    for update in 0..updates {
        let size = steps[usize::from(update > 0)];
        jacobian = jacobian + moved(size, update);
        let asked = own.ask(update, 0..count, &activity()).unwrap().unwrap();
        let probes = asked.noise();
        let own_errors = normal([count, OUTPUTS], 7, update) * (error.sqrt() * asked.deviation());
        let changes = probes.clone().matmul(jacobian.clone().transpose()) + own_errors;
        own.learn_from(&asked, changes.clone());
        let per_unit = |t: Tensor<2>| values(&(t / asked.deviation()));
        let step: Vec<f64> = steps_covariance.iter().map(|c| c * size).collect();
        told.learn(&per_unit(probes), &per_unit(changes), &step, error);
        if update >= updates / 2 {
            let judged = [own.feedback(), told.feedback(), jacobian.zeros_like()];
            for (sum, feedback) in errors.iter_mut().zip(judged) {
                *sum += energy(&(feedback - jacobian.clone()));
            }
            let weighted = |rows: &Tensor<2>| {
                let rows = values(rows);
                let turned = multiplied(&rows, &covariance, [OUTPUTS, UNITS, UNITS]);
                rows.iter().zip(turned).map(|(a, b)| a * b).sum::<f64>()
            };
            expected[0] += own.standard_error().unwrap().expected.powi(2);
            expected[1] += weighted(&(own.feedback() - jacobian.clone())) / weighted(&jacobian);
        }
    }
    let half = (updates - updates / 2) as f64;
    Run { errors: errors.map(|e| e / half), expected: expected.map(|e| e / half), estimator: own }
}

/// The variances of a step, in the first band, and of errors that an estimator has found.
fn found(own: &JacobianEstimator) -> [f64; 2] {
    let kept = own.state();
    let values = &kept.numbers["kalman.moves.values"];
    [values[0], values[values.len() - 1]]
}

#[test]
fn it_is_nearly_as_good_as_a_filter_that_is_told_what_it_has_to_find() {
    // Components that are all there is, for which nothing is approximated, and few with a rest.
    // With errors that hide nearly all of it, a filter that is told is ahead by what it need not find.
    for components in [UNITS, 4] {
        for (step, error, most) in [(0.01, 0.3, 1.7), (0.1, 0.3, 1.3), (0.01, 3.0, 2.0)] {
            let run = run(components, 240, 6, [1.0, step], error);
            let [own, told, zero] = run.errors;
            let what = format!("{components} components, q {step}, r {error}: {own} {told} {zero}");
            assert!(own < most * told, "{what}");
            assert!(told < 0.7 * zero, "there is something to learn: {what}");
            let [_, error_found] = found(&run.estimator);
            assert!((error_found / error).ln().abs() < 0.4, "{what}: r {error_found}");
            let [expected, measured] = run.expected;
            assert!((expected / measured).ln().abs() < 0.35, "{what}: expected {expected}, is {measured}");
        }
    }
}

#[test]
fn exact_answers_of_a_jacobian_that_stays_are_learned_exactly() {
    for components in [UNITS, 4] {
        let mut own = estimator(components, 6);
        let jacobian = normal([OUTPUTS, UNITS], 3, 0);
        for update in 0..10 {
            let asked = own.ask(update, 0..UNITS, &activity()).unwrap().unwrap();
            own.learn_from(&asked, asked.noise().matmul(jacobian.clone().transpose()));
        }
        let error = (energy(&(own.feedback() - jacobian.clone())) / energy(&jacobian)).sqrt();
        assert!(error < 1e-3, "{components}: {error}");
    }
}

#[test]
fn few_answers_are_believed_where_the_jacobian_is_expected() {
    // Fewer answers than coordinates, of a Jacobian as expected: the posterior mean is better than the smallest solution.
    let mut sums = [0.0; 2];
    for trial in 0..40 {
        let mut own = estimator(UNITS, 100 + trial);
        let smallest = Learning::LeastSquares { eta: 1.0 };
        let mut probing = settings(UNITS, 100 + trial).probing;
        probing.covariance = Some(Covariance { exponent: 0.0, rest: 0.1 });
        let white = JacobianSettings { probing, learning: smallest, ..settings(UNITS, 0) };
        let mut white = JacobianEstimator::new(white, (&Device::flex(), DType::F64)).unwrap();
        white.refresh(0, activity()).unwrap();
        let jacobian = moved(1.0, trial);
        for (sum, own) in sums.iter_mut().zip([&mut own, &mut white]) {
            let asked = own.ask(0, 0..4, &activity()).unwrap().unwrap();
            own.learn_from(&asked, asked.noise().matmul(jacobian.clone().transpose()));
            *sum += energy(&(own.feedback() - jacobian.clone())) / energy(&jacobian);
        }
    }
    let [own, white] = sums.map(|sum| sum / 40.0);
    assert!(own < 0.7 * white, "{own} {white}");
}

#[test]
fn answers_taken_in_parts_are_those_taken_at_once() {
    // More than fit a block, of a Jacobian that nothing else moves.
    const COUNT: usize = 300;
    let jacobian = normal([OUTPUTS, UNITS], 3, 0);
    let mut own = estimator(UNITS, 8);
    let asked = own.ask(0, 0..COUNT, &activity()).unwrap().unwrap();
    let errors = normal([COUNT, OUTPUTS], 9, 0) * (0.5 * asked.deviation());
    own.learn_from(&asked, asked.noise().matmul(jacobian.clone().transpose()) + errors.clone());
    // Least squares of all answers, which a filter comes to when they are many.
    let probes = values(&(asked.noise() / asked.deviation()));
    let changes = values(&((asked.noise().matmul(jacobian.transpose()) + errors) / asked.deviation()));
    let across = transposed(&probes, UNITS);
    let gram = multiplied(&across, &probes, [UNITS, COUNT, UNITS]);
    let right = multiplied(&across, &changes, [UNITS, COUNT, OUTPUTS]);
    let solved = tensor(solve_definite(&gram, UNITS, &right).unwrap(), [UNITS, OUTPUTS]).transpose();
    let apart = (energy(&(own.feedback() - solved.clone())) / energy(&solved)).sqrt();
    assert!(apart < 0.02, "{apart}");
}

#[test]
fn what_is_known_moves_with_the_components() {
    let run = run(4, 20, 6, [1.0, 0.01], 0.3);
    let mut own = run.estimator;
    let trace = |own: &JacobianEstimator| {
        let kept = own.state().nested("kalman");
        let d = kept.counter("components").unwrap() as usize;
        let along = kept.numbers("along", d * d).unwrap();
        let off = kept.numbers("off", 1).unwrap()[0];
        (0..d).map(|i| along[i * d + i]).sum::<f64>() + off * (UNITS - d) as f64
    };
    let (before, feedback) = (trace(&own), values(&own.feedback()));
    // Other components altogether.
    let turned = activity().matmul(normal([UNITS, UNITS], 11, 0));
    own.refresh(1, &turned).unwrap();
    assert!((trace(&own) / before - 1.0).abs() < 1e-9);
    assert_eq!(values(&own.feedback()), feedback);
    // What was known well of an old component is known less of a new one that lies across.
    let kept = own.state().nested("kalman");
    let along = kept.numbers("along", 16).unwrap();
    let before = before / UNITS as f64;
    let least = (0..4).map(|i| along[i * 5]).fold(f64::INFINITY, f64::min);
    assert!(least > 0.2 * before && least < 5.0 * before, "{along:?}");
}

#[test]
fn it_foresees_what_further_answers_do() {
    for components in [UNITS, 4] {
        let run = run(components, 40, 6, [1.0, 0.02], 0.5);
        let own = run.estimator;
        let now = own.standard_error().unwrap().expected;
        let target = 0.6 * now;
        let further = own.further_answers(target).unwrap();
        let after = |count: usize| {
            let mut own = own.clone();
            let asked = own.ask(1000, 0..count, &activity()).unwrap().unwrap();
            let predicted = asked.noise().matmul(own.feedback().transpose());
            // Answers as expected: what is predicted, errors of both kinds.
            let [step, error] = found(&own);
            let change = moved(step, 2000);
            let errors = normal([count, OUTPUTS], 13, 0) * (error.sqrt() * asked.deviation());
            own.learn_from(&asked, predicted + asked.noise().matmul(change.transpose()) + errors);
            own.standard_error().unwrap().expected
        };
        let reached = after(further);
        assert!(
            (reached / target).ln().abs() < 0.3,
            "{components}: {further} answers, {reached} for {target}"
        );
        assert!(after(further / 4) > reached, "{components}");
    }
}

#[test]
fn a_checkpoint_keeps_all_of_it() {
    for components in [UNITS, 4] {
        let run = run(components, 6, 6, [1.0, 0.1], 0.3);
        let mut first = run.estimator;
        let mut second = estimator(components, 5);
        let kept: State = first.state();
        second.restore(&kept).unwrap();
        kept.check_taken(&second.state()).unwrap();
        for own in [&mut first, &mut second] {
            let asked = own.ask(50, 0..6, &activity()).unwrap().unwrap();
            own.learn_from(&asked, normal([6, OUTPUTS], 17, 0));
        }
        assert_eq!(values(&first.feedback()), values(&second.feedback()));
    }
    let mut own = estimator(4, 5);
    let mut broken = run(4, 2, 6, [1.0, 0.1], 0.3).estimator.state();
    broken.numbers.insert("kalman.along".into(), vec![0.0; 3]);
    assert!(own.restore(&broken).unwrap_err().to_string().contains("expected 16"));
}

#[test]
fn answers_that_say_nothing_or_are_not_finite_are_told_apart() {
    let mut own = estimator(4, 5);
    let asked = own.ask(0, 0..6, &activity()).unwrap().unwrap();
    own.learn_from(&asked, tensor(vec![0.0; 6 * OUTPUTS], [6, OUTPUTS]));
    assert_eq!(energy(&own.feedback()), 0.0);
    let mut numbers = vec![0.0; 6 * OUTPUTS];
    numbers[3] = f64::NAN;
    own.learn_from(&asked, tensor(numbers, [6, OUTPUTS]));
    assert!(values(&own.feedback()).iter().any(|b| b.is_nan()));
}

/// Squared error of the changes of the output that B predicts of the activity, over that of zero, after one more update of an estimator that
/// knows what another has learned of a Jacobian that moves along the first four components.
fn judged(aimed: bool, components: usize, seed: u64) -> f64 {
    let mut own = estimator(components, seed);
    let basis = estimator(UNITS, 0).manifold().unwrap().basis().clone().narrow(1, 0, 4);
    let mut jacobian = normal([OUTPUTS, UNITS], 3, seed);
    for update in 0..61 {
        if update == 60 {
            let known = own.state();
            own = made(JacobianSettings { aimed, ..settings(components, seed) });
            own.restore(&known).unwrap();
        }
        let step = normal([OUTPUTS, 4], 23, 100 * seed + update) * 0.5;
        jacobian = jacobian + step.matmul(basis.clone().transpose());
        let asked = own.ask(update, 0..6, &activity()).unwrap().unwrap();
        let errors = normal([6, OUTPUTS], 7, 100 * seed + update) * asked.deviation();
        own.learn_from(&asked, asked.noise().matmul(jacobian.clone().transpose()) + errors);
    }
    let predicted = |rows: Tensor<2>| energy(&activity().matmul(rows.transpose()));
    predicted(own.feedback() - jacobian.clone()) / predicted(jacobian)
}

#[test]
fn aimed_noise_leaves_less_at_the_next_update() {
    for components in [UNITS, 4] {
        let mut sums = [0.0; 2];
        for seed in 0..60 {
            sums[0] += judged(true, components, 40 + seed);
            sums[1] += judged(false, components, 40 + seed);
        }
        println!("{components}: {sums:?}");
        assert!(sums[0] < 0.95 * sums[1], "{components}: {sums:?}");
    }
}

#[test]
fn aimed_noise_has_its_energy_and_is_the_same_after_a_checkpoint() {
    let mut own = aimed(4, 9);
    let before = noise_covariance(&own);
    assert_eq!(before, noise_covariance(&estimator(4, 9)), "at first it is that of the activity");
    assert_eq!(own.aimed_at(), None);
    for update in 0..8 {
        let asked = own.ask(update, 0..6, &activity()).unwrap().unwrap();
        own.learn_from(&asked, asked.noise().matmul(normal([OUTPUTS, UNITS], 3, 0).transpose()));
        if update == 0 {
            // What it began with: a tenth off the components, and as many directions as its covariance says.
            let (share, directions) = own.aimed_at().unwrap();
            let trace: f64 = (0..UNITS).map(|i| before[i * UNITS + i]).sum();
            let squares: f64 = before.iter().map(|c| c * c).sum();
            assert!((share - 0.9).abs() < 1e-9, "{share}");
            assert!((directions / (trace * trace / squares) - 1.0).abs() < 0.02, "{directions}");
        }
    }
    let after = noise_covariance(&own);
    let trace =
        |covariance: &[f64]| (0..UNITS).map(|i| covariance[i * UNITS + i]).sum::<f64>() / UNITS as f64;
    assert!((trace(&after) - 1.0).abs() < 0.02, "{}", trace(&after));
    assert!((after[0] - before[0]).abs() > 0.05 || (after[UNITS + 1] - before[UNITS + 1]).abs() > 0.05);
    let mut other = aimed(4, 9);
    other.restore(&own.state()).unwrap();
    let rows = |own: &JacobianEstimator| values(&own.ask(20, 0..5, &activity()).unwrap().unwrap().noise());
    assert_eq!(rows(&own), rows(&other));
}

#[test]
fn aimed_noise_needs_a_filter_and_looks_everywhere() {
    let refused = |change: fn(&mut JacobianSettings)| {
        let mut own = JacobianSettings { aimed: true, ..settings(4, 0) };
        change(&mut own);
        JacobianEstimator::new(own, &Device::flex()).unwrap_err().to_string()
    };
    for error in [
        refused(|own| own.learning = Learning::LeastSquares { eta: 1.0 }),
        refused(|own| own.probing.covariance = None),
        refused(|own| own.probing.covariance = Some(Covariance { exponent: 0.5, rest: 0.0 })),
    ] {
        assert!(error.contains("aimed"), "{error}");
    }
}
