//! Cross-talk of stages that share a perturbed pass, against its law, on a linear network whose Jacobians are known.

use burn::tensor::{Device, Tensor};
use nmnc_core::device::matrix;
use nmnc_core::seed::Role;
use nmnc_core::{Result, Seed};
use nmnc_learn::credit::{
    CreditConfig, CreditRule, InputSampler, NoiseCorrelation, NoiseCorrelationConfig, RuleConfig, RuleSetup,
    StepContext,
};
use nmnc_learn::estimator::Estimator;
use nmnc_learn::net::{self, Activation, Block, Dense, Network};
use nmnc_learn::noise::Probe;
use nmnc_learn::workers::Share;
use nmnc_testing::values;

const UNITS: [usize; 2] = [16, 10];
const OUTPUTS: usize = 3;
const BATCH: usize = 40;

fn normal(shape: [usize; 2], index: usize) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    Seed(41).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    matrix(numbers, shape, &Device::flex())
}

fn linear(inputs: usize, units: usize, index: usize) -> Dense {
    let weight = normal([units, inputs], index) / (inputs as f64).sqrt();
    Dense::new(weight, Tensor::zeros([1, units], &Device::flex()), Activation::Identity)
}

struct Inputs;

impl InputSampler for Inputs {
    fn sample(&self, count: usize, _step: u64) -> Result<net::Inputs> {
        Ok(normal([count, 8], 3).into())
    }
}

fn energy(t: &Tensor<2>) -> f64 {
    values(t).iter().map(|v| v * v).sum()
}

fn rule(text: &str, network: &Network, seed: u64) -> Result<NoiseCorrelation> {
    let config: CreditConfig = toml::from_str(text).unwrap();
    let settings = toml::Value::Table(config.resolve()?.settings);
    let config: NoiseCorrelationConfig = settings.try_into().unwrap();
    config.fits(network)?;
    let device = Device::flex();
    Ok(NoiseCorrelation::new(config, &RuleSetup { network, seed: Seed(seed), device: &device }))
}

#[test]
fn stages_that_share_a_pass_see_each_other_as_the_law_says() {
    let stages: Vec<Box<dyn Block>> =
        vec![Box::new(linear(8, UNITS[0], 1)), Box::new(linear(UNITS[0], UNITS[1], 2))];
    let network = Network::chain(stages, linear(UNITS[1], OUTPUTS, 4)).unwrap();
    let pass = network.forward(normal([BATCH, 8], 5));
    let error = normal([BATCH, OUTPUTS], 6);
    let weight = |name: &str| network.parameter(name).unwrap().value.clone();
    let readout = weight("readout.weight");
    let jacobians = [readout.clone().matmul(weight("stage2.weight")), readout];
    let norm = |stage: usize| {
        let rows = nmnc_kernels::row_energies(pass.activity(stage));
        rows.into_iter().map(f64::sqrt).sum::<f64>() / BATCH as f64
    };
    let deviation = |stage: usize| norm(stage) / (UNITS[stage] as f64).sqrt();
    const TRIALS: u64 = 400;
    for (name, estimator) in [("average", Estimator::Average), ("least-squares", Estimator::LeastSquares)] {
        let law = estimator.law(Probe::Gaussian);
        for injection in ["'separate'", "'joint'", "[[2, 1]]"] {
            let text = format!(
                "rule = 'vnc'\neta = 1.0\nsigma = 0.01\nestimator = '{name}'\ninjection = {injection}"
            );
            let mut errors = [Vec::new(), Vec::new()];
            for seed in 0..TRIALS {
                let mut rule = rule(&text, &network, seed).unwrap();
                let context = StepContext {
                    network: &network,
                    pass: &pass,
                    error: &error,
                    step: 0,
                    seed: Seed(seed),
                    inputs: &Inputs,
                    share: &Share::alone(BATCH),
                };
                rule.signals(&context).unwrap();
                let passes = if injection == "'separate'" { 2 } else { 1 };
                assert_eq!(rule.probes(), passes * BATCH as u64, "{injection}");
                for stage in 0..2 {
                    let missed = rule.feedback(stage).unwrap() - jacobians[stage].clone();
                    errors[stage].push(energy(&missed));
                }
            }
            for stage in 0..2 {
                let m = UNITS[stage];
                let other = 1 - stage;
                let cross = (deviation(other) / deviation(stage)).powi(2) * energy(&jacobians[other]);
                let added = (law.response_noise)(m, BATCH).unwrap() * cross;
                let alone = (law.variance)(m, BATCH) * energy(&jacobians[stage]);
                let declared = if injection == "'separate'" { alone } else { alone + added };
                let mean = errors[stage].iter().sum::<f64>() / TRIALS as f64;
                let spread = errors[stage].iter().map(|e| (e - mean).powi(2)).sum::<f64>();
                let sem = (spread / ((TRIALS - 1) * TRIALS) as f64).sqrt();
                let what = format!("{name} {injection} stage {}: {mean} +- {sem}, {declared}", stage + 1);
                // The noise of the first stage moves the norm that scales the second's, by a ten-thousandth here.
                let rounding = 1e-6 * energy(&jacobians[stage]);
                assert!((mean - declared).abs() < 4.5 * sem + 1e-3 * declared + rounding, "{what}");
                assert!(added > 10.0 * sem || injection == "'separate'", "{what}: the law adds {added}");
            }
        }
    }
}

#[test]
fn antithetic_joint_passes_with_repetitions_and_memoryless_rules_work_too() {
    let stages: Vec<Box<dyn Block>> =
        vec![Box::new(linear(8, UNITS[0], 1)), Box::new(linear(UNITS[0], UNITS[1], 2))];
    let network = Network::chain(stages, linear(UNITS[1], OUTPUTS, 4)).unwrap();
    let pass = network.forward(normal([BATCH, 8], 5));
    let error = normal([BATCH, OUTPUTS], 6);
    let exact = nmnc_learn::credit::backpropagate(&network, &pass, &error);
    for rule_name in ["vnc", "nmnc", "node-perturbation", "manifold-node-perturbation"] {
        let manifold = if rule_name.contains("m") && rule_name != "vnc" && rule_name != "node-perturbation" {
            "manifold = { dimension = 6, samples = 100 }"
        } else {
            ""
        };
        let eta = if rule_name.contains("node") { "" } else { "eta = 1.0" };
        let text = format!(
            "rule = '{rule_name}'\n{eta}\nprobes = 60\nantithetic = true\ninjection = 'joint'\n{manifold}"
        );
        let mut rule = rule(&text, &network, 1).unwrap();
        let context = StepContext {
            network: &network,
            pass: &pass,
            error: &error,
            step: 0,
            seed: Seed(1),
            inputs: &Inputs,
            share: &Share::alone(BATCH),
        };
        let signals = rule.signals(&context).unwrap();
        assert_eq!(rule.probes(), 2 * 60 * BATCH as u64);
        for (stage, (signal, exact)) in signals.iter().zip(&exact).enumerate() {
            let target = match rule.manifold(stage) {
                Some(manifold) => manifold.embed(manifold.coordinates(exact.clone())),
                None => exact.clone(),
            };
            let cross: f64 = values(&(signal.clone() * target.clone())).iter().sum();
            let cosine = cross / (energy(signal) * energy(&target)).sqrt();
            assert!(cosine > 0.75, "{rule_name} stage {}: {cosine}", stage + 1);
        }
    }
}

#[test]
fn groups_that_do_not_fit_the_network_are_named() {
    let network = Network::chain(vec![Box::new(linear(8, 16, 1))], linear(16, OUTPUTS, 4)).unwrap();
    let message = |text: &str| rule(text, &network, 0).err().unwrap().to_string();
    assert_eq!(
        message("rule = 'vnc'\ninjection = [[1, 1]]"),
        "credit.injection.groups: stage 1 is named twice"
    );
    assert_eq!(
        message("rule = 'vnc'\ninjection = [[1, 2]]"),
        "injection.groups: there is no stage 2; the network has 1"
    );
    assert_eq!(
        message("rule = 'nmnc'\nmanifold = { dimension = [3, 4] }"),
        "manifold.dimension: lists 2 dimensions for 1 stages; give one for each stage, or one for all"
    );
}
