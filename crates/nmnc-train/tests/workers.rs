//! Workers that share a step: the sum of their shares is the step of all their examples.

use std::thread;

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::device::values;
use nmnc_core::seed::Role;
use nmnc_core::{Result, Seed};
use nmnc_data::tasks::{TaskConfig, TrialSet, generate};
use nmnc_learn::credit::{CreditConfig, RuleSetup};
use nmnc_learn::net::{Inputs, NetworkConfig, Weights};
use nmnc_learn::recurrent::{RecurrentConfig, TimeCreditConfig, TimeSetup};
use nmnc_testing::threads::Threads;
use nmnc_train::{
    Assessed, Classifier, ImageBatch, Learner, Loss, Optimizer, OptimizerConfig, Problem, Run, RunPlan,
    Schedule, Silent, TrialOptions, Trials,
};

use crate::line::Line;

/// The largest difference of two steps' gradients over the largest gradient, and of their losses.
fn difference(found: &Assessed, expected: &Assessed) -> f64 {
    let mut worst = (found.loss - expected.loss).abs() / expected.loss;
    assert_eq!(found.gradients.iter().len(), expected.gradients.iter().len());
    for ((name, found), (other, expected)) in found.gradients.iter().zip(expected.gradients.iter()) {
        assert_eq!(name, other);
        let (found, expected): (Vec<f64>, Vec<f64>) = (values(found), values(expected));
        let size = expected.iter().fold(0.0f64, |most, v| most.max(v.abs()));
        assert!(size > 0.0, "{name}");
        let differences = found.iter().zip(&expected).map(|(a, b)| (a - b).abs() / size);
        worst = differences.fold(worst, f64::max);
    }
    worst
}

fn same_bits(a: &Assessed, b: &Assessed) -> bool {
    let bits = |step: &Assessed| -> Vec<Vec<f64>> {
        step.gradients.iter().map(|(_, gradient)| values(gradient)).collect()
    };
    (a.loss, a.correct, a.count) == (b.loss, b.correct, b.count) && bits(a) == bits(b)
}

/// Precision, and the rounding that another order of the sums over examples allows.
const PRECISIONS: [(DType, f64); 2] = [(DType::F64, 1e-13), (DType::F32, 3e-6)];

#[test]
fn two_workers_on_parts_of_a_batch_of_images_make_the_step_of_the_whole() {
    const ROWS: usize = 12;
    for (dtype, rounding) in PRECISIONS {
        let classifier = || {
            let (seed, device) = (Seed(3), Device::flex());
            let config =
                NetworkConfig { preset: Some("mlp".into()), widths: Some(vec![9, 7]), ..Default::default() };
            let mut network = config.build([1, 4, 5], 3, seed, &device).unwrap();
            network.values_mut().into_iter().for_each(|value| *value = value.clone().cast(dtype));
            let setup = RuleSetup { network: &network, seed, device: &device };
            let rule = CreditConfig::preset("bp").build(&setup).unwrap();
            Classifier::new(network, rule, Loss::CrossEntropy, seed)
        };
        let mut numbers = vec![0.0; ROWS * 20];
        Seed(8).stream(Role::Analysis, 0, 0).fill_normal(&mut numbers);
        let images = Tensor::from_data(TensorData::new(numbers, [ROWS, 20]), (&Device::flex(), dtype));
        let batch = ImageBatch { images, labels: (0..ROWS as u32).map(|i| i * 7 % 3).collect() };
        let none = |_: usize, _: u64| -> Result<Inputs> { unreachable!("backprop asks for no inputs") };
        let (whole, _) = classifier().assess(batch.clone(), 0, &none, false).unwrap();
        assert!(whole.gradients.norm() > 0.01 && whole.loss > 0.1, "nothing to sum");
        // Halves, and parts of different sizes.
        for cut in [ROWS / 2, 5] {
            let joined: Vec<Assessed> = thread::scope(|scope| {
                let parts = [0..cut, cut..ROWS].into_iter().zip(Threads::of(2));
                let threads: Vec<_> = parts
                    .map(|(part, worker)| {
                        let (own, mut classifier) = (batch.part(part), classifier().shared(worker));
                        scope.spawn(move || {
                            let (share, _) = classifier.assess(own, 0, &none, false).unwrap();
                            share.of_all(classifier.workers()).unwrap()
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(same_bits(&joined[0], &joined[1]), "workers make different steps");
            assert_eq!((joined[0].correct, joined[0].count), (whole.correct, whole.count));
            let found = difference(&joined[0], &whole);
            assert!(found < rounding, "{dtype:?}, cut at {cut}: {found}");
        }
    }
}

#[test]
fn gradients_that_are_found_early_are_given_early_and_come_to_the_same_bits() {
    let (seed, device) = (Seed(3), Device::flex());
    let classifier = |rule: &str| {
        // Of the weights those of the first and the second stage are worth an exchange of their own.
        let config = NetworkConfig {
            preset: Some("mlp".into()),
            widths: Some(vec![130, 140, 9]),
            ..Default::default()
        };
        let network = config.build([1, 14, 10], 3, seed, &device).unwrap();
        let setup = RuleSetup { network: &network, seed, device: &device };
        let rule = CreditConfig::preset(rule).build(&setup).unwrap();
        Classifier::new(network, rule, Loss::CrossEntropy, seed)
    };
    let mut numbers = vec![0.0f32; 8 * 140];
    seed.stream(Role::Analysis, 0, 0).fill_normal(&mut numbers);
    let images = Tensor::from_data(TensorData::new(numbers, [8, 140]), &device);
    let batch = ImageBatch { images, labels: vec![0, 1, 2, 0, 1, 2, 0, 1] };
    let none = |_: usize, _: u64| -> Result<Inputs> { unreachable!("there is no manifold") };
    let joined = |rule: &str, measured: bool, left: &[&str]| -> Assessed {
        thread::scope(|scope| {
            let threads = [0..4, 4..8].into_iter().zip(Threads::of(2)).map(|(part, worker)| {
                let (own, mut classifier) = (batch.part(part), classifier(rule).shared(worker));
                scope.spawn(move || {
                    let (share, _) = classifier.assess(own, 0, &none, measured).unwrap();
                    let names: Vec<&str> = share.gradients.iter().map(|(name, _)| name).collect();
                    assert_eq!(names, left, "{rule}: what is left for the end");
                    share.of_all(classifier.workers()).unwrap()
                })
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).next_back().unwrap()
        })
    };
    let whole = classifier("bp").assess(batch.clone(), 0, &none, false).unwrap().0;
    let all: Vec<&str> = whole.gradients.iter().map(|(name, _)| name).collect();
    // The largest first, and from the output down, where the third stage's and the readout's go with the second's.
    for (rule, left) in [("dfa", &all[4..]), ("bp", &all[..0])] {
        let (early, late) = (joined(rule, false, left), joined(rule, true, &all));
        assert!(same_bits(&early, &late), "{rule}");
        assert!(
            early.gradients.iter().all(|(_, gradient)| values::<f64>(gradient).iter().any(|v| *v != 0.0)),
            "{rule}"
        );
        if rule == "bp" {
            let found = difference(&early, &whole);
            assert!(found < 3e-6, "{found}");
        }
        assert_eq!(early.gradients.iter().map(|(name, _)| name).collect::<Vec<_>>(), all);
    }
}

/// Trials of different lengths, so that shares weigh as their steps do, not as their trials.
#[test]
fn shares_of_trials_weigh_as_the_steps_of_their_loss() {
    let (seed, device) = (Seed(1), Device::flex());
    let task = TaskConfig::named("ReadySetGo", toml::Table::new()).unwrap().open(seed).unwrap();
    let channels = task.channels();
    let config: RecurrentConfig = toml::from_str("units = 6").unwrap();
    let mut network =
        config.build([channels.inputs.len(), channels.outputs.len()], task.dt(), seed, &device).unwrap();
    network.values_mut().into_iter().for_each(|value| *value = value.clone().cast(DType::F64));
    let rule =
        TimeCreditConfig::preset("bptt").build(&TimeSetup { network: &network, seed, device: &device });
    let options = TrialOptions { seed, response_weight: 3.0, ..TrialOptions::default() };
    let mut trials = Trials::new(network, rule.unwrap(), task, options).unwrap();
    let mut step_of = |numbers: std::ops::Range<u64>| {
        let batch = generate(trials.task(), seed, TrialSet::Training, numbers).unwrap();
        trials.assess(batch, 0, false).unwrap().0
    };
    let (whole, shares) = (step_of(0..8), vec![step_of(0..3), step_of(3..8)]);
    assert!((shares[0].weight / 3.0 - shares[1].weight / 5.0).abs() > 1.0, "trials of one length");
    assert!(whole.gradients.norm() > 0.01 && whole.loss > 0.1, "nothing to sum");
    let joined = thread::scope(|scope| {
        let threads: Vec<_> = shares
            .into_iter()
            .zip(Threads::of(2))
            .map(|(share, worker)| scope.spawn(move || share.of_all(&worker).unwrap()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).next_back().unwrap()
    });
    assert_eq!((joined.count, joined.weight), (whole.count, whole.weight));
    assert!((joined.correct - whole.correct).abs() < 1e-12);
    let found = difference(&joined, &whole);
    assert!(found < 1e-12, "{found}");
}

#[test]
fn runs_that_share_their_steps_keep_the_same_weights() {
    let learner = || {
        let optimizer = Optimizer::new(OptimizerConfig::default());
        Learner::new(optimizer, Schedule::constant(), Some(0.5))
    };
    let plan = RunPlan { epochs: 4, ..RunPlan::default() };
    let mut alone = Line::new();
    Run::new(&mut alone, &mut learner(), plan.clone()).train(&mut Silent).unwrap();
    let found: Vec<Vec<f64>> = thread::scope(|scope| {
        let threads: Vec<_> = Threads::of(2)
            .into_iter()
            .map(|worker| {
                let (plan, mut learner) = (plan.clone(), learner());
                scope.spawn(move || {
                    // Nine examples: one worker has five, the other four.
                    let mut line = Line::shared(worker);
                    Run::new(&mut line, &mut learner, plan).train(&mut Silent).unwrap();
                    line.coefficients()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(found[0], found[1]);
    assert_ne!(alone.coefficients(), Line::new().coefficients(), "nothing was learned");
    for (shared, alone) in found[0].iter().zip(alone.coefficients()) {
        assert!((shared - alone).abs() < 1e-6, "{shared} {alone}");
    }
}
