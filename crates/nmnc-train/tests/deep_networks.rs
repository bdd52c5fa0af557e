//! Deep networks in whole trainings: rules, running statistics and masks, resuming to the bit, settings they refuse.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use burn::tensor::Device;
use nmnc_core::Seed;
use nmnc_data::{DataConfig, Splits};
use nmnc_learn::net::{ARCHITECTURES, NetworkConfig};
use nmnc_train::{Config, Observer, Problem, Resolved, Run, RunOptions, Silent, fit};

use crate::common::{StopAt, outcome};

fn splits(count: usize) -> Splits {
    let data = DataConfig { train_limit: Some(count), test_limit: Some(100), ..DataConfig::default() };
    data.open(Seed(0)).unwrap()
}

fn config(network: &str, rule: &str, train: &str) -> Resolved<Config> {
    let text = format!("network = {{ {network} }}\ntrain = {{ {train} }}\n[credit]\n{rule}\n");
    Config::parse(&text, "test", &[]).unwrap().resolve().unwrap()
}

/// Accuracy and loss after training.
fn trained(config: &Resolved<Config>, splits: &Splits) -> [f64; 2] {
    let mut problem = config.images_of(splits.clone(), &Device::flex()).unwrap();
    let mut learner = config.learner(problem.steps_per_epoch());
    let found = fit(&mut problem, &mut learner, config.train.epochs, &mut Silent).unwrap();
    [found.score.accuracy, found.score.loss]
}

#[test]
fn rules_train_a_residual_network_and_a_transformer() {
    let splits = splits(400);
    let train = "batch = 40, epochs = 3, optimizer = { name = 'adam', learning_rate = 0.003 }";
    let manifold = "manifold = { samples = 100, dimension = 16, refresh = 10 }";
    for (network, rule) in [
        ("preset = 'resnet20', scale = 0.25", "rule = 'bp'".to_owned()),
        ("preset = 'resnet20', scale = 0.25", "rule = 'dfa'".to_owned()),
        ("preset = 'resnet20', scale = 0.25", format!("rule = 'nmnc'\n{manifold}")),
        ("preset = 'resnet20', scale = 0.25", format!("rule = 'manifold-mirror'\ninitial = 200\n{manifold}")),
        ("preset = 'vit-tiny', scale = 0.125", "rule = 'bp'".to_owned()),
        (
            "preset = 'vit-tiny', scale = 0.125",
            format!("rule = 'manifold-mirror'\ninitial = 200\n{manifold}"),
        ),
    ] {
        let [accuracy, loss] = trained(&config(network, &rule, train), &splits);
        assert!(loss.is_finite(), "{network}, {rule}: {loss}");
        // Ten classes: three standard errors above chance on a hundred images. Thirty steps are few for the others.
        let exact = rule.contains("'bp'") || rule.contains("mirror");
        assert!(!exact || accuracy > 0.19 && loss < 2.3, "{network}, {rule}: {accuracy} {loss}");
    }
}

#[test]
fn a_killed_training_of_a_network_with_masks_and_statistics_goes_on_to_the_same_bits() {
    let splits = splits(60);
    for network in ["preset = 'resnet20', scale = 0.125", "preset = 'vit-tiny', scale = 0.05"] {
        let config = config(
            network,
            "rule = 'nmnc'\nmanifold = { dimension = 4, refresh = 2 }",
            "batch = 20, epochs = 2",
        );
        let run = |folder: &Path, resume: bool, observer: &mut dyn Observer| {
            let mut problem = config.images_of(splits.clone(), &Device::flex()).unwrap();
            let mut learner = config.learner(problem.steps_per_epoch());
            let options = RunOptions { resume, ..RunOptions::default() };
            let mut plan = config.plan();
            plan.checkpoint.interval = 1;
            let run = Run::new(&mut problem, &mut learner, plan);
            run.in_folder(folder, config.identity(), &options, observer).unwrap().train(observer).unwrap();
            outcome(folder)
        };
        let folder = tempfile::tempdir().unwrap();
        let whole = run(&folder.path().join("whole"), false, &mut Silent);
        let killed = folder.path().join("killed");
        let stopped = catch_unwind(AssertUnwindSafe(|| run(&killed, false, &mut StopAt(4))));
        assert!(stopped.is_err());
        assert_eq!(run(&killed, true, &mut Silent), whole, "{network}");
    }
}

#[test]
fn resolving_keeps_a_deep_network_as_it_was_written() {
    for architecture in ARCHITECTURES {
        let written = NetworkConfig {
            preset: Some(architecture.name.to_owned()),
            scale: 0.5,
            ..NetworkConfig::default()
        };
        let resolved = written.resolve().unwrap();
        assert_eq!(resolved, written);
        assert_eq!(resolved.resolve().unwrap(), written);
    }
}

#[test]
fn what_a_deep_network_has_of_its_own_cannot_be_set() {
    let refused = |settings: &str| {
        let text = format!("[network]\npreset = 'resnet20'\n{settings}\n[credit]\nrule = 'bp'\n");
        Config::parse(&text, "test", &[]).and_then(|config| config.resolve()).unwrap_err().to_string()
    };
    for (settings, key) in [
        ("widths = [8]", "widths"),
        ("activation = 'tanh'", "activation"),
        ("init = 'orthogonal'", "init"),
        ("readout_init = 'he'", "readout_init"),
        ("[[network.stages]]\nkind = 'dense'\nunits = 3", "stages"),
    ] {
        let line = refused(settings);
        assert!(line.contains(&format!("network.{key}: `resnet20` has its own")), "{line}");
    }
    let text = "network = { preset = 'resnet2' }\ncredit = { rule = 'bp' }";
    let line = Config::parse(text, "test", &[]).and_then(|config| config.resolve()).unwrap_err().to_string();
    assert!(line.contains("did you mean `resnet20`?"), "{line}");
}
