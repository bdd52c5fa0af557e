//! Whole runs of a graph with blocks from outside the library: dropout masks and running statistics go on after a kill as they would have.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use burn::tensor::{Device, Tensor};
use nmnc_core::seed::Role;
use nmnc_core::{Result, Seed};
use nmnc_data::{DataConfig, Splits};
use nmnc_learn::credit::{CreditConfig, RuleSetup};
use nmnc_learn::net::{Activation, Dense, Init, Network};
use nmnc_testing::blocks::{Centered, Residual};
use nmnc_train::{
    CheckpointConfig, Identity, ImageOptions, Images, Learner, Loss, Observer, Optimizer, OptimizerConfig,
    Problem, Run, RunOptions, RunPlan, Schedule, Silent,
};

use crate::common::{StopAt, in_pool, outcome};

const SEED: Seed = Seed(4);

fn splits() -> Splits {
    let data = DataConfig { train_limit: Some(120), test_limit: Some(40), ..DataConfig::default() };
    data.open(SEED).unwrap()
}

/// Images, a stage, a residual stage with layer normalisation and dropout, running means, the readout.
fn network(inputs: usize, classes: usize) -> Network {
    let device = Device::flex();
    let weight = |shape: [usize; 2], index: usize| {
        Init::Lecun.weight(shape, shape[0], &mut SEED.stream(Role::Weights, index, 0), &device)
    };
    let dense = |shape: [usize; 2], index: usize, activation: Activation| {
        Dense::new(weight(shape, index), Tensor::zeros([1, shape[0]], &device), activation)
    };
    let row = |value: f32| Tensor::full([1, 12], value, &device);
    let mut net = Network::builder(&[inputs]);
    let images = net.input(0).unwrap();
    let stem = net.node("stem", dense([12, inputs], 0, Activation::Tanh), &[images]).unwrap();
    let residual = Residual::new(row(1.0), row(0.0), weight([8, 12], 1), weight([12, 8], 2));
    let residual = net.node("residual", residual, &[stem]).unwrap();
    let centered = net.node("centered", Centered::new(row(0.0)), &[residual]).unwrap();
    let readout = net.node("readout", dense([classes, 12], 3, Activation::Identity), &[centered]).unwrap();
    net.stage(stem).unwrap();
    net.stage(residual).unwrap();
    net.build(readout).unwrap()
}

fn images(rule: &str, options: ImageOptions) -> Result<Images> {
    let splits = splits();
    let network = network(splits.train.shape().len(), splits.train.classes().len());
    let config: CreditConfig = toml::from_str(rule).unwrap();
    let rule = config.build(&RuleSetup { network: &network, seed: SEED, device: &Device::flex() })?;
    Images::new(network, rule, splits, Loss::CrossEntropy, options)
}

/// Weights and buffers at the end.
fn run(folder: &Path, rule: &str, resume: bool, observer: &mut dyn Observer) -> Vec<f32> {
    let options =
        ImageOptions { seed: SEED, batch: 20, samples: 50, dimension: 4, ..ImageOptions::default() };
    let mut images = images(rule, options).unwrap();
    let mut learner = Learner::new(Optimizer::new(OptimizerConfig::default()), Schedule::constant(), None);
    let plan = RunPlan {
        epochs: 2,
        record_interval: 2,
        measure_interval: 5,
        checkpoint: CheckpointConfig { interval: 4, ..CheckpointConfig::default() },
        ..RunPlan::default()
    };
    let identity = Identity::new("test", SEED, toml::Table::new()).unwrap();
    let options = RunOptions { resume, command: "test".into(), ..RunOptions::default() };
    let run = Run::new(&mut images, &mut learner, plan);
    run.in_folder(folder, identity, &options, observer).unwrap().train(observer).unwrap();
    let net = images.network();
    let all = net.parameters().into_iter().chain(net.buffers());
    all.flat_map(|(_, parameter)| nmnc_core::device::values::<f32>(&parameter.value)).collect()
}

#[test]
fn masks_and_running_statistics_go_on_after_a_kill() {
    std::panic::set_hook(Box::new(|_| {}));
    for rule in [
        "rule = 'bp'",
        "rule = 'nmnc'\nmanifold = { dimension = 4, refresh = 3 }",
        "rule = 'manifold-mirror'\nmanifold = { dimension = 4, refresh = 3 }",
    ] {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [whole, pieces] = [folders[0].path(), folders[1].path()];
        let expected = in_pool(1, || run(whole, rule, false, &mut Silent));
        for stop in [6, 11] {
            let stopped = || run(pieces, rule, true, &mut StopAt(stop));
            assert!(catch_unwind(AssertUnwindSafe(stopped)).is_err(), "{rule}: went past step {stop}");
        }
        assert_eq!(expected, run(pieces, rule, true, &mut Silent), "{rule}");
        let ((records, bytes), resumed) = (outcome(whole), outcome(pieces));
        assert!(
            records == resumed.0 && bytes == resumed.1,
            "{rule}: records or weights differ after resuming"
        );
        let saved = String::from_utf8_lossy(&bytes).into_owned();
        assert!(saved.contains("centered.mean") && saved.contains("residual.norm.gain"), "{rule}");
    }
    let _ = std::panic::take_hook();
}

#[test]
fn what_depends_on_the_clean_pass_cannot_be_streamed() {
    let options = ImageOptions { streamed: true, ..ImageOptions::default() };
    let refused = images("rule = 'dfa'", options).err().unwrap().to_string();
    assert_eq!(
        refused,
        "network.residual: depends in training on the clean pass, so that a step has to keep it; set train.streamed to false"
    );
}
