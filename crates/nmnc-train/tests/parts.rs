//! Runs of parts that no configuration describes: a problem of one's own, a rule and network of one's own, steps by hand.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use burn::tensor::Device;
use nmnc_core::Seed;
use nmnc_core::device::values;
use nmnc_core::records::{Record, RunRecords, Status, Summary};
use nmnc_data::DataConfig;
use nmnc_data::tasks::{TaskConfig, TrialSet, generate, judge};
use nmnc_learn::credit::{CreditConfig, RuleSetup};
use nmnc_learn::net::NetworkConfig;
use nmnc_learn::recurrent::{RecurrentConfig, TimeCreditConfig, TimeSetup};
use nmnc_train::{
    CheckpointConfig, Decayed, Identity, ImageOptions, Images, Learner, Loss, Observer, Optimizer,
    OptimizerConfig, Problem, Run, RunOptions, RunPlan, Schedule, Silent, TrialOptions, Trials, fit,
};

use crate::common::{StopAt, in_pool, outcome};
use crate::line::Line;

fn descent(learning_rate: f64, momentum: f64) -> Learner {
    let optimizer = OptimizerConfig::Sgd {
        learning_rate,
        momentum,
        nesterov: false,
        weight_decay: 0.0,
        decayed: Decayed::All,
    };
    Learner::new(Optimizer::new(optimizer), Schedule::constant(), None)
}

#[test]
fn a_problem_of_ones_own_is_learned_and_leaves_a_run_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (mut line, mut learner) = (Line::new(), descent(0.2, 0.0));
    let identity = Identity::new("delta", Seed(7), "rows = 8".parse().unwrap()).unwrap();
    let plan = RunPlan { epochs: 20, record_interval: 3, ..RunPlan::default() };
    let run = Run::new(&mut line, &mut learner, plan);
    let run = run.in_folder(folder.path(), identity, &RunOptions::default(), &mut Silent).unwrap();
    let outcome = run.train(&mut Silent).unwrap();
    // Noise-free, so that descent finds the coefficients themselves.
    for (found, told) in line.coefficients().iter().zip(Line::TRUTH) {
        assert!((found - told).abs() < 1e-4, "{found} {told}");
    }
    assert!(outcome.evaluation.score.loss < 1e-8);
    let found = RunRecords::read(folder.path()).unwrap();
    assert_eq!((found.rule.as_str(), found.seed), ("delta", 7));
    let summary: Summary = found.summary.unwrap();
    assert_eq!(Some(&summary), outcome.summary.as_ref());
    assert_eq!((summary.status, summary.steps, summary.parameters), (Status::Complete, 20 * Line::STEPS, 3));
    let steps: Vec<u64> = found.records.iter().take(4).map(|record| record.step).collect();
    assert_eq!(steps, [1, 3, Line::STEPS, 6]);
}

#[test]
fn steps_by_hand_are_those_of_a_run() {
    let (mut by_run, mut learner) = (Line::new(), descent(0.1, 0.9));
    fit(&mut by_run, &mut learner, 3, &mut Silent).unwrap();
    assert_eq!(learner.step(), 3 * Line::STEPS);
    let (mut by_hand, mut learner) = (Line::new(), descent(0.1, 0.9));
    for step in 0..3 * Line::STEPS {
        let batch = by_hand.batch(step).unwrap();
        let (assessed, _) = by_hand.assess(batch, step, false).unwrap();
        learner.update(by_hand.network_mut(), assessed).unwrap();
    }
    assert_eq!(by_run.coefficients(), by_hand.coefficients());
}

#[test]
fn divergence_of_a_problem_of_ones_own_names_step_and_part() {
    let (mut line, mut learner) = (Line::new(), descent(1e30, 0.0));
    let error = fit(&mut line, &mut learner, 9, &mut Silent).unwrap_err();
    assert_eq!(error.kind(), nmnc_core::ErrorKind::Diverged);
    let line = error.to_string();
    assert!(line.starts_with("step ") && line.contains(", line: "), "{line}");
    assert!(line.ends_with("try a lower learning rate, weight decay or train.clip_norm"), "{line}");
}

/// A run of the rule nmnc, which has a manifold and feedback to be restored, on the caller's network.
fn image_run(
    folder: &Path,
    settings: &str,
    resume: bool,
    observer: &mut dyn Observer,
) -> nmnc_core::Result<()> {
    let (seed, device) = (Seed(4), Device::flex());
    let data = DataConfig { train_limit: Some(120), test_limit: Some(40), ..DataConfig::default() };
    let splits = data.open(seed).unwrap();
    let shape = splits.train.shape();
    let input = [shape.channels, shape.height, shape.width];
    let config = NetworkConfig { preset: Some("mlp".into()), widths: Some(vec![12]), ..Default::default() };
    let network = config.build(input, splits.train.classes().len(), seed, &device).unwrap();
    let rule = CreditConfig::new("nmnc", "manifold = { dimension = 4, refresh = 3 }".parse().unwrap());
    let rule = rule.build(&RuleSetup { network: &network, seed, device: &device }).unwrap();
    let options = ImageOptions { seed, batch: 20, samples: 50, dimension: 4, ..ImageOptions::default() };
    let mut images = Images::new(network, rule, splits, Loss::CrossEntropy, options)?;
    let mut learner =
        Learner::new(Optimizer::new(OptimizerConfig::default()), Schedule::constant(), Some(1.0));
    let plan = RunPlan {
        epochs: 2,
        record_interval: 2,
        measure_interval: 5,
        checkpoint: CheckpointConfig { interval: 4, ..CheckpointConfig::default() },
        ..RunPlan::default()
    };
    let identity = Identity::new("nmnc", seed, settings.parse().unwrap())?;
    let options = RunOptions { resume, command: "test".into(), ..RunOptions::default() };
    let run = Run::new(&mut images, &mut learner, plan);
    run.in_folder(folder, identity, &options, observer)?.train(observer).map(drop)
}

#[test]
fn a_run_of_the_callers_parts_resumes_exactly() {
    std::panic::set_hook(Box::new(|_| {}));
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [whole, pieces] = [folders[0].path(), folders[1].path()];
    in_pool(1, || image_run(whole, "widths = [12]", false, &mut Silent).unwrap());
    for stop in [2, 6, 11] {
        let run = || image_run(pieces, "widths = [12]", true, &mut StopAt(stop));
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err(), "went past step {stop}");
    }
    let _ = std::panic::take_hook();
    image_run(pieces, "widths = [12]", true, &mut Silent).unwrap();
    let (first, resumed) = (outcome(whole), outcome(pieces));
    assert!(first.0.len() > 6, "{} records", first.0.len());
    assert!(first.0 == resumed.0, "records differ after resuming");
    assert!(first.1 == resumed.1, "weights differ after resuming");
    let other = image_run(pieces, "widths = [13]", true, &mut Silent).unwrap_err().to_string();
    assert!(other.contains("was made with another configuration (widths: [12] there, [13] here)"), "{other}");
    let again = image_run(pieces, "widths = [12]", false, &mut Silent).unwrap_err().to_string();
    assert!(again.contains("already holds a run"), "{again}");
}

#[test]
fn parts_that_do_not_fit_are_told() {
    let (seed, device) = (Seed(0), Device::flex());
    let config = NetworkConfig { preset: Some("mlp".into()), widths: Some(vec![5]), ..Default::default() };
    let told = |input: [usize; 3], outputs: usize, options: ImageOptions| {
        let data = DataConfig { train_limit: Some(20), test_limit: Some(20), ..DataConfig::default() };
        let network = config.build(input, outputs, seed, &device).unwrap();
        let rule = CreditConfig::preset("bp")
            .build(&RuleSetup { network: &network, seed, device: &device })
            .unwrap();
        let images = Images::new(network, rule, data.open(seed).unwrap(), Loss::CrossEntropy, options);
        images.err().map(|error| error.to_string())
    };
    let options = ImageOptions::default;
    assert_eq!(told([1, 28, 28], 10, options()), None);
    let other = told([1, 8, 8], 10, options()).unwrap();
    assert!(other.starts_with("network: takes inputs of [64] numbers, an image has 784;"), "{other}");
    let few = told([1, 28, 28], 9, options()).unwrap();
    assert!(few.starts_with("network: has 9 outputs for 10 classes;"), "{few}");
    let streamed = told([1, 28, 28], 10, ImageOptions { streamed: true, ..options() }).unwrap();
    assert!(streamed.starts_with("train.streamed: "), "{streamed}");
    let seed = Identity::new("bp", Seed(u64::MAX), toml::Table::new()).unwrap_err().to_string();
    assert_eq!(seed, "seed: 18446744073709551615 is not below 2^63");
}

/// Keeps the training accuracy of every record.
#[derive(Default)]
struct Accuracies(Vec<f64>);

impl Observer for Accuracies {
    fn record(&mut self, record: &Record) {
        self.0.extend(record.train.map(|score| score.accuracy));
    }
}

/// In Copying a trial is worth the fraction of symbols it got right.
#[test]
fn training_accuracy_of_copying_is_the_mean_of_what_trials_are_worth() {
    const BATCH: usize = 7;
    let (seed, device) = (Seed(2), Device::flex());
    let trials = || {
        let task = TaskConfig::named("Copying", toml::Table::new()).unwrap().open(seed).unwrap();
        let channels = task.channels();
        let config: RecurrentConfig = toml::from_str("units = 20").unwrap();
        let size = [channels.inputs.len(), channels.outputs.len()];
        let network = config.build(size, task.dt(), seed, &device).unwrap();
        let setup = TimeSetup { network: &network, seed, device: &device };
        let rule = TimeCreditConfig::preset("bptt").build(&setup).unwrap();
        let options =
            TrialOptions { seed, batch: BATCH, trials: 6 * BATCH, evaluation: 10, ..TrialOptions::default() };
        Trials::new(network, rule, task, options).unwrap()
    };
    let learner =
        || Learner::new(Optimizer::new(OptimizerConfig::default()), Schedule::constant(), Some(1.0));
    let mut recorded = Accuracies::default();
    let plan = RunPlan { epochs: 1, record_interval: 3, ..RunPlan::default() };
    Run::new(&mut trials(), &mut learner(), plan).train(&mut recorded).unwrap();
    // The same steps again, each trial judged here from the network's outputs.
    let (mut again, mut learner) = (trials(), learner());
    let mut worth = Vec::new();
    for step in 0..6 {
        let numbers = step * BATCH as u64..(step + 1) * BATCH as u64;
        let batch = generate(again.task(), seed, TrialSet::Training, numbers).unwrap();
        let pass = again.network().forward(&batch.values, [batch.steps, BATCH], None);
        worth.push(judge(&batch, &values::<f64>(&pass.output)).iter().map(|o| o.correct).sum::<f64>());
        let (assessed, _) = again.assess(batch, step, false).unwrap();
        learner.update(again.network_mut(), assessed).unwrap();
    }
    let means = |each: fn(f64) -> f64| {
        [0..1, 1..3, 3..6].map(|steps| {
            let count = steps.len() * BATCH;
            worth[steps].iter().map(|sum| each(*sum)).sum::<f64>() / count as f64
        })
    };
    let (exact, rounded) = (means(|sum| sum), means(f64::round));
    assert_eq!(recorded.0.len(), 3);
    for ((found, told), rounded) in recorded.0.iter().zip(exact).zip(rounded) {
        assert!((found - told).abs() < 1e-15, "{found} {told}");
        assert!((told - rounded).abs() > 0.01, "rounding each batch would not show: {worth:?}");
    }
}
