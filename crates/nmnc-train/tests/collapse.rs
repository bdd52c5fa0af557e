//! Networks whose weights decay to nothing while they train: every rule goes on to the end, and what is recorded is finite.

use std::path::Path;

use nmnc_core::records::{RunRecords, Status};
use nmnc_learn::credit::rule_names;
use nmnc_learn::recurrent::time_rule_names;
use nmnc_train::{Config, RunOptions, SequenceConfig, Silent};

/// Each step leaves 0.3 of a weight, so that 100 steps leave less than the smallest number of single precision.
const COLLAPSE: &str = "train.optimizer={name='sgd',learning_rate=0.02,weight_decay=35}";

const IMAGES: &str = r#"
[data]
train_limit = 750
test_limit = 20

[network]
preset = "conv3"
widths = [3, 4, 5]

[credit]
rule = "RULE"

[train]
epochs = 2
batch = 15

[metrics]
interval = 40
alignment_interval = 40
dimension = 3
samples = 20

[checkpoint]
interval = 30
"#;

const TASK: &str = r#"
task = "DelayMatchSample"

[recurrent]
units = 12

[credit]
rule = "RULE"

[train]
epochs = 2
trials = 200
batch = 4
evaluation = 8

[metrics]
interval = 40
alignment_interval = 40
dimension = 3

[checkpoint]
interval = 30
"#;

/// Every number of every record, and that the run came to its end; where it stops on the way, it goes on to the same.
fn check(what: &str, run: impl Fn(&Path, bool) -> nmnc_core::Result<nmnc_core::records::Summary>) {
    let folder = tempfile::tempdir().unwrap();
    let summary = run(folder.path(), false).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(summary.status, Status::Complete, "{what}");
    let text = std::fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    assert!(!text.contains("NaN") && !text.contains("inf"), "{what}: {text}");
    for record in RunRecords::read(folder.path()).unwrap().records {
        let scores = [record.train.map(|s| s.loss), record.test.map(|s| s.loss)];
        assert!(scores.into_iter().flatten().all(f64::is_finite), "{what}: step {}", record.step);
    }
    // A checkpoint of a network of nothing is taken up as any other.
    let last = folder.path().join("checkpoints");
    let last = nmnc_train::checkpoint::list(&last).unwrap().pop().unwrap();
    std::fs::remove_dir_all(last).unwrap();
    std::fs::remove_file(folder.path().join("summary.json")).unwrap();
    run(folder.path(), true).unwrap_or_else(|e| panic!("{what}, resumed: {e}"));
    let again = std::fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    assert_eq!(again.lines().count(), text.lines().count(), "{what}");
}

#[test]
fn every_layered_rule_trains_a_network_that_collapses() {
    let mut cases: Vec<(&str, Vec<&str>)> = rule_names().map(|rule| (rule, vec![])).collect();
    cases.push(("nmnc", vec!["credit.manifold={ method = 'incremental', refresh = 3, dimension = 4 }"]));
    cases
        .push(("mean-jacobian", vec!["credit.interval=3", "credit.manifold={ dimension = 4, refresh = 3 }"]));
    cases.push(("nmnc", vec!["credit.manifold={ method = 'exact', refresh = 3, dimension = 0.8 }"]));
    cases.push(("nmnc", vec!["credit.estimator=recursive-least-squares", "credit.manifold.refresh=3"]));
    cases.push(("nmnc", vec!["credit.injection=joint", "credit.normalize=signal", "credit.probe=hadamard"]));
    cases.push(("vnc", vec!["credit.estimator=least-squares", "credit.antithetic=true"]));
    cases.push(("node-perturbation", vec!["credit.normalize=signal"]));
    cases.push((
        "manifold-mirror",
        vec![
            "credit.feedback=coordinates",
            "credit.noise=manifold",
            "credit.estimator=recursive-least-squares",
            "credit.manifold={ dimension = 4, refresh = 3, samples = 32 }",
        ],
    ));
    cases.push((
        "manifold-mirror",
        vec!["credit.budget=auto", "credit.manifold={ dimension = 4, refresh = 3, samples = 32 }"],
    ));
    for (rule, settings) in cases {
        let settings: Vec<String> = settings.into_iter().chain([COLLAPSE]).map(str::to_owned).collect();
        let config = Config::parse(&IMAGES.replace("RULE", rule), "test", &settings).unwrap();
        check(&format!("{rule} {settings:?}"), |folder, resume| {
            config.resolve()?.run(
                folder,
                &RunOptions { resume, command: "test".into(), ..RunOptions::default() },
                &mut Silent,
            )
        });
    }
}

#[test]
fn every_rule_over_time_trains_a_network_that_collapses() {
    let mut cases: Vec<(&str, Vec<&str>)> = time_rule_names().map(|rule| (rule, vec![])).collect();
    cases.push(("nmnc", vec!["credit.manifold={ method = 'incremental', refresh = 3, dimension = 4 }"]));
    cases.push(("nmnc", vec!["credit.estimator=least-squares", "credit.manifold.refresh=3"]));
    cases.push(("nmnc", vec!["recurrent.kind=gru", "credit.normalize=signal"]));
    for (rule, settings) in cases {
        let settings: Vec<String> = settings.into_iter().chain([COLLAPSE]).map(str::to_owned).collect();
        let config = SequenceConfig::parse(&TASK.replace("RULE", rule), "test", &settings).unwrap();
        let config = config.resolve().unwrap();
        check(&format!("{rule} {settings:?}"), |folder, resume| {
            config.run(
                folder,
                &RunOptions { resume, command: "test".into(), ..RunOptions::default() },
                &mut Silent,
            )
        });
    }
}
