//! The rule as a whole against closed forms, on a network whose Jacobian is known: a linear stage and a linear readout.

use burn::tensor::{Device, Tensor};
use nmnc_core::device::{self, matrix};
use nmnc_core::linalg::orthonormalize_rows;
use nmnc_core::seed::Role;
use nmnc_core::{Result, Seed};
use nmnc_learn::credit::{
    CreditConfig, CreditRule, InputSampler, NoiseCorrelation, NoiseCorrelationConfig, RuleConfig, RuleSetup,
    StepContext,
};
use nmnc_learn::estimator::{Estimator, leaky_average_law};
use nmnc_learn::net::{self, Activation, Dense, ForwardPass, Network};
use nmnc_learn::noise::Probe;
use nmnc_learn::workers::Share;
use nmnc_testing::values;

const UNITS: usize = 20;
const OUTPUTS: usize = 4;
const BATCH: usize = 40;

fn normal(shape: [usize; 2], index: usize) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    Seed(21).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    matrix(numbers, shape, &Device::flex())
}

/// x = u W^T with activity on a six-dimensional subspace of the units, y = x A^T.
fn network() -> Network {
    let device = Device::flex();
    let stage = Dense::new(normal([UNITS, 6], 1), Tensor::zeros([1, UNITS], &device), Activation::Identity);
    let readout =
        Dense::new(normal([OUTPUTS, UNITS], 2), Tensor::zeros([1, OUTPUTS], &device), Activation::Identity);
    Network::chain(vec![Box::new(stage)], readout).unwrap()
}

struct Inputs;

impl InputSampler for Inputs {
    fn sample(&self, count: usize, _step: u64) -> Result<net::Inputs> {
        Ok(normal([count, 6], 3).into())
    }
}

struct World {
    network: Network,
    pass: ForwardPass,
    error: Tensor<2>,
    jacobian: Tensor<2>,
    share: Share<'static>,
}

impl World {
    fn new() -> Self {
        let network = network();
        let pass = network.forward(normal([BATCH, 6], 4));
        let (error, jacobian) = (normal([BATCH, OUTPUTS], 5), normal([OUTPUTS, UNITS], 2));
        Self { network, pass, error, jacobian, share: Share::alone(BATCH) }
    }

    fn context(&self, seed: u64, step: u64) -> StepContext<'_> {
        StepContext {
            network: &self.network,
            pass: &self.pass,
            error: &self.error,
            step,
            seed: Seed(seed),
            inputs: &Inputs,
            share: &self.share,
        }
    }

    fn setup<'a>(&'a self, seed: u64, device: &'a Device) -> RuleSetup<'a> {
        RuleSetup { network: &self.network, seed: Seed(seed), device }
    }
}

fn rule(text: &str, world: &World) -> NoiseCorrelation {
    seeded(text, world, 0)
}

fn seeded(text: &str, world: &World, seed: u64) -> NoiseCorrelation {
    let config: CreditConfig = toml::from_str(text).unwrap();
    let settings = toml::Value::Table(config.resolve().unwrap().settings);
    let config: NoiseCorrelationConfig = settings.try_into().unwrap();
    NoiseCorrelation::new(config.resolve().unwrap(), &world.setup(seed, &Device::flex()))
}

fn energy(t: &Tensor<2>) -> f64 {
    values(t).iter().map(|v| v * v).sum()
}

#[test]
fn learned_feedback_converges_to_the_jacobian_as_the_laws_say() {
    let world = World::new();
    for (text, dimension) in
        [("rule = 'vnc'\neta = 0.3", UNITS), ("rule = 'nmnc'\neta = 0.3\nmanifold = { dimension = 5 }", 5)]
    {
        let trials = 600;
        for updates in [1, 4, 12] {
            let mut errors = Vec::new();
            for seed in 0..trials {
                let mut rule = seeded(text, &world, seed);
                for step in 0..updates {
                    let signals = rule.signals(&world.context(seed, step)).unwrap();
                    let expected = world.error.clone().matmul(rule.feedback(0).unwrap());
                    assert!(energy(&(signals[0].clone() - expected)) == 0.0);
                }
                let target = match rule.manifold(0) {
                    Some(manifold) => manifold.embed(manifold.coordinates(world.jacobian.clone())),
                    None => world.jacobian.clone(),
                };
                let error = energy(&(rule.feedback(0).unwrap() - target.clone()));
                errors.push(error / energy(&target));
                assert_eq!(rule.probes(), updates * BATCH as u64);
            }
            let variance = (Estimator::Average.law(Probe::Gaussian).variance)(dimension, BATCH);
            let declared = leaky_average_law(0.3, updates as u32, variance);
            let mean = errors.iter().sum::<f64>() / trials as f64;
            let spread = errors.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / (trials - 1) as f64;
            let deviation = (mean - declared).abs() / (spread / trials as f64).sqrt();
            assert!(
                deviation < 4.0,
                "{text} after {updates}: {mean}, declared {declared}, {deviation} s.e.m. apart"
            );
            assert!(
                (mean / declared - 1.0).abs() < 0.12,
                "{text} after {updates}: {mean}, declared {declared}"
            );
        }
    }
}

#[test]
fn memoryless_signals_are_unbiased_with_the_declared_variance() {
    let world = World::new();
    let exact = world.error.clone().matmul(world.jacobian.clone());
    for (text, dimension) in [
        ("rule = 'node-perturbation'\nprobes = 50", UNITS),
        ("rule = 'manifold-node-perturbation'\nprobes = 50\nmanifold = { dimension = 6 }", 6),
        ("rule = 'node-perturbation'\nprobes = 50\nantithetic = true", UNITS),
    ] {
        let mut rule = seeded(text, &world, 1);
        let (mut error, mut scale) = (0.0, 0.0);
        for step in 0..20 {
            let signal = rule.signals(&world.context(1, step)).unwrap().remove(0);
            let target = match rule.manifold(0) {
                Some(manifold) => manifold.embed(manifold.coordinates(exact.clone())),
                None => exact.clone(),
            };
            error += energy(&(signal - target.clone()));
            scale += energy(&target);
        }
        let declared = (Estimator::Average.law(Probe::Gaussian).variance)(dimension, 50);
        assert!((error / scale / declared - 1.0).abs() < 0.15, "{text}: {} {declared}", error / scale);
        let passes = if text.contains("antithetic") { 2 } else { 1 };
        assert_eq!(rule.probes(), 20 * 50 * BATCH as u64 * passes);
    }
}

#[test]
fn a_direct_mirror_learns_all_that_activity_varies_along_and_perturbs_nothing() {
    let world = World::new();
    let mut rule = rule("rule = 'direct-mirror'\nobserve = { ridge = 0.01 }", &world);
    let signal = (0..40).map(|step| rule.signals(&world.context(0, step)).unwrap().remove(0)).last().unwrap();
    // Activity is u W^T: it varies along the columns of W and nowhere else.
    let mut axes: Vec<f32> = device::values(&normal([UNITS, 6], 1).transpose());
    assert_eq!(orthonormalize_rows(&mut axes, UNITS), 6);
    let axes = matrix(axes, [6, UNITS], &Device::flex());
    let exact = world.error.clone().matmul(world.jacobian.clone());
    let seen = exact.clone().matmul(axes.clone().transpose()).matmul(axes);
    let error = energy(&(signal - seen.clone())) / energy(&seen);
    assert!(error < 1e-6, "{error}");
    assert!(energy(&seen) < 0.6 * energy(&exact), "most of the Jacobian lies off the activity");
    assert_eq!(rule.probes(), 0);
}

#[test]
fn one_region_of_one_is_none_and_several_are_not() {
    let world = World::new();
    for text in [
        "rule = 'direct-mirror'",
        "rule = 'direct-mirror'\nprobes = 1\ninterval = 2",
        "rule = 'nmnc'\nmanifold = { dimension = 3, refresh = 2 }",
    ] {
        let signal = |more: &str| {
            let mut rule = rule(&format!("{text}\n{more}"), &world);
            (0..4).map(|step| values(&rule.signals(&world.context(0, step)).unwrap()[0])).collect::<Vec<_>>()
        };
        let apart = |more: &str| {
            let all = signal("").concat().into_iter().zip(signal(more).concat());
            all.map(|(none, some)| (none - some).abs()).fold(0.0, f64::max)
        };
        let one = apart("regions = { by = 'output', count = 1 }");
        assert!(one < 1e-4, "{text}: {one}");
        for several in ["{ by = 'output' }", "{ by = 'class' }"] {
            let several = apart(&format!("regions = {several}"));
            assert!(several > 1e-3, "{text}: {several}");
        }
    }
}

#[test]
fn memoryless_signals_from_noise_of_a_covariance_are_whitened() {
    let world = World::new();
    let exact = world.error.clone().matmul(world.jacobian.clone());
    for (rest, dimension) in [(0.0, 4), (0.3, UNITS)] {
        let text = format!(
            "rule = 'manifold-node-perturbation'\nnoise = 'covariance'\nexponent = 1.0\nrest = {rest:?}\nprobes = 50\n\
             manifold = {{ dimension = 4 }}"
        );
        let mut rule = seeded(&text, &world, 1);
        let (mut error, mut scale) = (0.0, 0.0);
        for step in 0..20 {
            let signal = rule.signals(&world.context(1, step)).unwrap().remove(0);
            let manifold = rule.manifold(0).unwrap();
            let sum: f64 = manifold.variances().iter().sum();
            let along: Vec<f32> =
                manifold.variances().iter().map(|v| ((1.0 - rest) * v / sum).sqrt() as f32).collect();
            let off = (rest / (UNITS - 4) as f64).sqrt();
            // In the metric of the noise, which is zero where there is none, the law is that of all coordinates alike.
            let weighed = |rows: Tensor<2>| {
                let on = manifold.coordinates(rows.clone());
                let beside = rows - manifold.embed(on.clone());
                energy(&(on * matrix(along.clone(), [1, 4], &Device::flex()))) + energy(&(beside * off))
            };
            error += weighed(signal - exact.clone());
            scale += weighed(exact.clone());
        }
        let declared = (Estimator::Average.law(Probe::Gaussian).variance)(dimension, 50);
        assert!((error / scale / declared - 1.0).abs() < 0.15, "{rest}: {} {declared}", error / scale);
    }
}

#[test]
fn orthogonal_probes_on_the_manifold_give_the_projected_jacobian_at_once() {
    let world = World::new();
    // 40 examples in blocks of 5 dimensions: whole blocks, so a single update with eta 1 is exact.
    let text = "rule = 'nmnc'\neta = 1.0\nprobe = 'orthogonal'\nmanifold = { dimension = 5 }";
    let mut rule = rule(text, &world);
    rule.signals(&world.context(0, 0)).unwrap();
    let manifold = rule.manifold(0).unwrap();
    let target = manifold.embed(manifold.coordinates(world.jacobian.clone()));
    let error = energy(&(rule.feedback(0).unwrap() - target.clone())) / energy(&target);
    assert!(error < 1e-8, "{error}");
}

#[test]
fn feedback_updates_and_refreshes_keep_their_intervals() {
    let world = World::new();
    let mut rule = rule("rule = 'nmnc'\ninterval = 3\nmanifold = { dimension = 4, refresh = 2 }", &world);
    let mut probes = Vec::new();
    for step in 0..7 {
        rule.signals(&world.context(0, step)).unwrap();
        probes.push(rule.probes() / BATCH as u64);
    }
    assert_eq!(probes, [1, 1, 1, 2, 2, 2, 3]);
}

#[test]
fn a_restored_rule_goes_on_as_the_first_would_have() {
    let world = World::new();
    for text in [
        "rule = 'vnc'\ninterval = 2",
        "rule = 'nmnc'\nmanifold = { dimension = 3, refresh = 4 }",
        "rule = 'nmnc'\nnoise = 'covariance'\nestimator = 'least-squares'\nmanifold = { dimension = 3, refresh = 4 }",
        "rule = 'nmnc'\nmanifold = { dimension = 3, refresh = 2, method = 'incremental' }",
        "rule = 'direct-mirror'\nregions = { by = 'class' }",
        "rule = 'nmnc'\nregions = { by = 'output', count = 3 }\nmanifold = { dimension = 3, refresh = 4 }",
    ] {
        let mut first = rule(text, &world);
        (0..3).for_each(|step| drop(first.signals(&world.context(0, step)).unwrap()));
        let mut second = rule(text, &world);
        second.restore(&first.state()).unwrap();
        for step in 3..9 {
            let signal =
                |rule: &mut NoiseCorrelation| values(&rule.signals(&world.context(0, step)).unwrap()[0]);
            assert_eq!(signal(&mut first), signal(&mut second), "{text} step {step}");
        }
        assert_eq!(first.probes(), second.probes());
    }
}

#[test]
fn a_dead_stage_is_reported_and_receives_no_probes() {
    let device = Device::flex();
    let dead =
        Dense::new(Tensor::zeros([UNITS, 6], &device), Tensor::zeros([1, UNITS], &device), Activation::Relu);
    let readout =
        Dense::new(normal([OUTPUTS, UNITS], 2), Tensor::zeros([1, OUTPUTS], &device), Activation::Identity);
    let network = Network::chain(vec![Box::new(dead)], readout).unwrap();
    let pass = network.forward(normal([BATCH, 6], 4));
    let world = World { network, pass, ..World::new() };
    for text in ["rule = 'nmnc'", "rule = 'vnc'", "rule = 'node-perturbation'"] {
        let mut rule = rule(text, &world);
        let signals = rule.signals(&world.context(0, 0)).unwrap();
        assert_eq!(energy(&signals[0]), 0.0);
        assert_eq!(rule.probes(), 0);
        let warnings = rule.take_warnings();
        assert!(warnings.iter().any(|w| w.starts_with("stage 1: activity")), "{text}: {warnings:?}");
    }
}

#[test]
fn normalized_signals_have_the_norm_of_the_error() {
    let world = World::new();
    let mut rule = rule("rule = 'vnc'\nnormalize = 'signal'", &world);
    let signals = rule.signals(&world.context(0, 0)).unwrap();
    assert!((energy(&signals[0]) / energy(&world.error) - 1.0).abs() < 1e-5);
}

#[test]
fn the_noise_of_a_step_is_what_the_rule_learned_from() {
    let world = World::new();
    let activity = world.pass.activity(0);
    // Outputs are linear in the noise: dy = A xi.
    let changes = |noise: &Tensor<2>| noise.clone().matmul(world.jacobian.clone().transpose());
    for text in
        ["rule = 'node-perturbation'", "rule = 'manifold-node-perturbation'\nmanifold = { dimension = 5 }"]
    {
        let mut rule = rule(text, &world);
        let signal = rule.signals(&world.context(0, 0)).unwrap().remove(0);
        let noise = rule.noise(0, activity, (Seed(0), 0)).unwrap().unwrap();
        // A probe an example: each signal is its own noise, times what that did to the loss.
        let success = (changes(&noise) * world.error.clone()).sum_dim(1);
        let expected = noise.clone() * success;
        let scale = (energy(&signal) / energy(&expected)).sqrt() as f32;
        assert!(energy(&(signal.clone() - expected * scale)) < 1e-8 * energy(&signal), "{text}");
        let other = rule.noise(0, activity, (Seed(0), 1)).unwrap().unwrap();
        let together: f64 = values(&(noise.clone() * other)).iter().sum();
        assert!(together.abs() < 0.2 * energy(&noise), "{text}: noise of another step is other noise");
    }
    for text in ["rule = 'vnc'\neta = 1.0", "rule = 'nmnc'\neta = 1.0\nmanifold = { dimension = 5 }"] {
        let mut rule = rule(text, &world);
        rule.signals(&world.context(0, 0)).unwrap();
        let noise = rule.noise(0, activity, (Seed(0), 0)).unwrap().unwrap();
        let found = changes(&noise).transpose().matmul(noise.clone());
        let feedback = rule.feedback(0).unwrap();
        let scale = (energy(&feedback) / energy(&found)).sqrt() as f32;
        assert!(energy(&(feedback.clone() - found * scale)) < 1e-8 * energy(&feedback), "{text}");
        let relative = (energy(&noise) / energy(activity)).sqrt();
        assert!((relative - 0.1).abs() < 0.03, "{text}: {relative} of the activity");
    }
}
