//! Short runs of every registered rule on every compiled accelerator, in every precision it has: the same bits twice, also when
//! interrupted and resumed, and step by step close to the processor. A device that this machine lacks is named and passed over.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use burn::tensor::Device;
use common::{StopAt, outcome};
use nmnc_core::records::Record;
use nmnc_core::{ErrorKind, device};
use nmnc_learn::credit::rule_names;
use nmnc_learn::recurrent::time_rule_names;
use nmnc_train::{Config, Images, Loss, Observer, Problem, RunOptions, SequenceConfig, Silent};

const IMAGES: &str = r#"
[data]
train_limit = 300
test_limit = 60

[network]
preset = "conv3"
widths = [6, 8, 12]

[credit]
rule = "RULE"

[train]
epochs = 2
batch = 30
optimizer = { name = "sgd", learning_rate = RATE }

[metrics]
interval = 1
alignment_interval = 10
dimension = 8
samples = 60

[checkpoint]
interval = 4
"#;

const TRIALS: &str = r#"
task = "DelayMatchSample"

[recurrent]
units = 16

[credit]
rule = "RULE"

[train]
epochs = 2
trials = 80
batch = 8
evaluation = 20

[metrics]
interval = 1

[checkpoint]
interval = 4
"#;

/// A run with the settings given, in a folder.
type Start<'a> = &'a dyn Fn(&Path, &[String], bool, &mut dyn Observer) -> nmnc_core::Result<()>;

/// The compiled accelerators that work here, each with a precision that it has.
fn devices() -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    for name in device::NAMES.into_iter().filter(|name| *name != "flex") {
        for (text, precision) in [
            ("tf32", device::Precision::Tf32),
            ("bf16", device::Precision::Bf16),
            ("f32", device::Precision::F32),
        ] {
            match device::open_with(name, precision) {
                Ok(_) => found.push((name, text)),
                Err(reason) => println!("skipped: {name}, {text}: {reason}"),
            }
        }
    }
    found
}

/// Largest relative difference of the losses of two runs, and the step where it was.
fn difference(own: &[Record], other: &[Record]) -> (f64, u64) {
    let loss = |record: &Record| record.train.map_or(f64::NAN, |score| score.loss);
    assert_eq!(own.len(), other.len());
    let relative =
        own.iter().zip(other).map(|(own, other)| ((loss(own) / loss(other) - 1.0).abs(), own.step));
    relative
        .filter(|(size, _)| !size.is_nan())
        .fold((0.0, 0), |most, next| if next.0 > most.0 { next } else { most })
}

fn check(rule: &str, failed: &mut Vec<String>, start: Start) {
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let path = |i: usize| folders[i].path();
    start(path(0), &[], false, &mut Silent).unwrap();
    let expected = outcome(path(0));
    for (name, precision) in devices() {
        let settings = [format!("device='{name}'"), format!("precision='{precision}'")];
        let folders: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
        let path = |i: usize| folders[i].path();
        start(path(0), &settings, false, &mut Silent).unwrap();
        let first = outcome(path(0));
        let stopped = catch_unwind(AssertUnwindSafe(|| start(path(1), &settings, false, &mut StopAt(11))));
        assert!(stopped.is_err(), "{rule} went past its stop");
        start(path(1), &settings, true, &mut Silent).unwrap();
        assert!(first == outcome(path(1)), "{rule} on {name}, {precision}: other bits after resuming");
        let (relative, step) = difference(&first.0, &expected.0);
        println!(
            "{rule} on {name}, {precision}: loss within {relative:.1e} of the processor's (step {step})"
        );
        // A rule that perturbs learns from differences of outputs, whose rounding errors are larger by the inverse of their relative
        // size, some hundred times; twenty steps build on one another.
        let perturbs = first.0.last().is_some_and(|record| record.probes > 0);
        let tolerance = match (precision, perturbs) {
            ("f32", false) => 1e-3,
            ("f32", true) => 2e-2,
            ("tf32", false) => 1e-2,
            ("tf32", true) => 5e-2,
            (_, false) => 5e-2,
            (_, true) => 2e-1,
        };
        if relative >= tolerance {
            failed.push(format!("{rule} on {name}, {precision}: {relative} at step {step}"));
        }
    }
}

/// The panics that stop runs on purpose are not worth a message.
fn quietly(test: impl FnOnce()) {
    std::panic::set_hook(Box::new(|info| {
        if !info.to_string().contains("stop here") {
            eprintln!("{info}");
        }
    }));
    test();
    let _ = std::panic::take_hook();
}

#[test]
fn every_rule_trains_on_every_device() {
    quietly(|| {
        let mut failed = Vec::new();
        for rule in rule_names() {
            // An estimate from a single probe is so large that at the rate of the others rounding grows with every step.
            let rate = if rule.ends_with("node-perturbation") { "0.0005" } else { "0.02" };
            let text = IMAGES.replace("RULE", rule).replace("RATE", rate);
            check(rule, &mut failed, &|folder, settings, resume, observer| {
                let options = RunOptions { resume, command: "test".into(), ..RunOptions::default() };
                Config::parse(&text, "test", settings)?.resolve()?.run(folder, &options, observer).map(drop)
            });
        }
        for rule in time_rule_names() {
            let text = TRIALS.replace("RULE", rule);
            check(rule, &mut failed, &|folder, settings, resume, observer| {
                let options = RunOptions { resume, command: "test".into(), ..RunOptions::default() };
                SequenceConfig::parse(&text, "test", settings)?
                    .resolve()?
                    .run(folder, &options, observer)
                    .map(drop)
            });
        }
        assert!(failed.is_empty(), "{failed:#?}");
    });
}

/// An accelerator makes the update while it is still checked whether the gradient is finite.
#[test]
fn a_step_whose_gradient_is_not_finite_is_taken_back() {
    let mut names: Vec<&str> = devices().into_iter().map(|(name, _)| name).collect();
    names.push("flex");
    names.dedup();
    for name in names {
        let text = IMAGES.replace("RULE", "bp").replace("RATE", "0.02");
        let config = Config::parse(&text, "test", &[format!("device='{name}'")]).unwrap().resolve().unwrap();
        let (mut images, mut learner) = (config.images().unwrap(), config.learner(1));
        let weights = |images: &Images| -> Vec<Vec<f32>> {
            images.network().parameters().into_iter().map(|(_, own)| device::values(&own.value)).collect()
        };
        let assessed = |images: &mut Images| {
            let batch = images.batch(0).unwrap();
            images.assess(batch, 0, false).unwrap().0
        };
        let before = weights(&images);
        let mut broken = assessed(&mut images);
        broken.gradients = broken.gradients.scaled(f64::INFINITY);
        let error = learner.update(images.network_mut(), broken).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Diverged, "{name}");
        assert_eq!((weights(&images), learner.step()), (before.clone(), 0), "{name}");

        // The optimizer is what it was, too: a good step is that of a run that has seen no other.
        let good = assessed(&mut images);
        learner.update(images.network_mut(), good).unwrap();
        let (mut fresh, mut learner) = (config.images().unwrap(), config.learner(1));
        let good = assessed(&mut fresh);
        learner.update(fresh.network_mut(), good).unwrap();
        assert_ne!(weights(&fresh), before, "{name}");
        assert_eq!(weights(&images), weights(&fresh), "{name}");
    }
}

/// Both losses, of labels and of smoothed ones, with outputs that tie and outputs whose exponentials would overflow.
#[test]
fn losses_are_those_of_the_processor() {
    let outputs = [[2.0, 2.0, -1.0], [0.5, 0.25, 0.75], [-90.0, 90.0, 0.0], [1.0, 2.0, 3.0], [0.0, 0.0, 0.0]];
    let labels = [1, 2, 0, 0, 0];
    let on = |device: &Device| device::matrix(outputs.concat(), [5, 3], device);
    for (name, _) in devices().into_iter().filter(|(_, precision)| *precision == "f32") {
        let losses = [Loss::CrossEntropy, Loss::MeanSquaredError];
        for loss in losses.into_iter().flat_map(|loss| [loss.smoothed(0.0), loss.smoothed(0.1)]) {
            let own = loss.judge(&on(&device::open(name).unwrap()), &labels);
            let expected = loss.judge(&on(&Device::flex()), &labels);
            assert_eq!(own.hits, expected.hits, "{name}, {loss:?}");
            assert!((own.loss / expected.loss - 1.0).abs() < 1e-6, "{name}, {loss:?}: {}", own.loss);
            let errors = |error| device::values::<f64>(error).into_iter();
            for (own, expected) in errors(&own.error).zip(errors(&expected.error)) {
                assert!((own - expected).abs() < 1e-6 * expected.abs().max(0.1), "{name}, {loss:?}: {own}");
            }
        }
    }
}
