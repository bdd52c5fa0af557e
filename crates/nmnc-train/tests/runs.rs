//! Whole runs of every registered rule: they learn, they repeat bit by bit on any number of threads, and they resume exactly.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use nmnc_core::records::{Record, RunRecords};
use nmnc_learn::credit::rule_names;
use nmnc_train::{Config, Observer, RunOptions, Silent};

use crate::common::{StopAt, in_pool, outcome};

const CONFIG: &str = r#"
[data]
train_limit = 600
test_limit = 300
augment = { crop = 2, flip = true }

[network]
preset = "conv3"
widths = [6, 8, 12]

[credit]
rule = "RULE"

[train]
epochs = 2
batch = 50
optimizer = { name = "adam", learning_rate = 0.003 }

[metrics]
interval = 5
alignment_interval = 7
dimension = 12
samples = 100

[checkpoint]
interval = 4
"#;

fn config(rule: &str) -> Config {
    with(rule, &[])
}

fn with(rule: &str, settings: &[&str]) -> Config {
    let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
    Config::parse(&CONFIG.replace("RULE", rule), "test", &settings).unwrap()
}

fn finish(
    config: &Config,
    folder: &Path,
    resume: bool,
    observer: &mut dyn Observer,
) -> nmnc_core::Result<nmnc_core::records::Summary> {
    config.resolve()?.run(
        folder,
        &RunOptions { resume, command: "test".into(), ..RunOptions::default() },
        observer,
    )
}

#[test]
fn every_rule_repeats_on_any_number_of_threads_and_resumes_exactly() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut cases: Vec<_> = rule_names().map(|rule| (rule, config(rule))).collect();
    cases.push((
        "nmnc, incremental",
        with("nmnc", &["credit.manifold={ method = 'incremental', refresh = 3 }"]),
    ));
    cases.push((
        "mean-jacobian, on a manifold",
        with("mean-jacobian", &["credit.interval=5", "credit.manifold={ dimension = 8, refresh = 7 }"]),
    ));
    cases.push(("direct-mirror, by class", with("direct-mirror", &["credit.regions={ by = 'class' }"])));
    cases.push((
        "direct-mirror, probed, by output",
        with("direct-mirror", &["credit.probes=1", "credit.interval=3", "credit.regions={ by = 'output' }"]),
    ));
    cases.push((
        "nmnc, by output",
        with("nmnc", &["credit.regions={ by = 'output', count = 3 }", "credit.manifold={ refresh = 5 }"]),
    ));
    let shaped = ["credit.noise=covariance", "credit.estimator=kalman", "credit.interval=3"];
    cases.push((
        "nmnc, a filter",
        with("nmnc", &[&shaped[..], &["credit.manifold={ refresh = 5 }"]].concat()),
    ));
    cases.push(("nmnc, a budget", with("nmnc", &["credit.budget=0.5", "credit.manifold={ refresh = 5 }"])));
    cases.push(("nmnc, cold starts", with("nmnc", &["credit.manifold={ warm_start = false, refresh = 5 }"])));
    for (rule, config) in cases {
        let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
        let path = |i: usize| folders[i].path();
        in_pool(1, || finish(&config, path(0), false, &mut Silent).unwrap());
        in_pool(2, || finish(&config, path(1), false, &mut Silent).unwrap());
        let first = outcome(path(0));
        assert!(first.0.len() > 6, "{rule}: {} records", first.0.len());
        assert!(first == outcome(path(1)), "{rule}: one and two threads differ");
        for stop in [3, 6, 13, 23] {
            let stopped =
                catch_unwind(AssertUnwindSafe(|| finish(&config, path(2), true, &mut StopAt(stop))));
            assert!(stopped.is_err(), "{rule} went past step {stop}");
        }
        finish(&config, path(2), true, &mut Silent).unwrap();
        let resumed = outcome(path(2));
        assert!(first.0 == resumed.0, "{rule}: records differ after resuming");
        assert!(first.1 == resumed.1, "{rule}: weights differ after resuming");
    }
    let _ = std::panic::take_hook();
}

/// With measured steps, which are not streamed, in between.
#[test]
fn streamed_training_gives_the_bits_of_plain_training_on_any_number_of_threads() {
    let local: Vec<_> = rule_names().filter(|rule| config(rule).credit.is_local().unwrap()).collect();
    assert_eq!(
        local,
        [
            "mean-jacobian",
            "dfa",
            "vnc",
            "nmnc",
            "node-perturbation",
            "manifold-node-perturbation",
            "direct-mirror",
        ]
    );
    let mut cases: Vec<_> = local.into_iter().map(|rule| (rule, vec![])).collect();
    cases.push((
        "nmnc",
        vec!["credit.manifold={ method = 'incremental', refresh = 3 }", "credit.normalize=signal"],
    ));
    cases.push((
        "nmnc",
        vec![
            "credit.noise=covariance",
            "credit.estimator=least-squares",
            "credit.ridge=3.0",
            "credit.manifold={ dimension = 6, refresh = 3 }",
        ],
    ));
    cases.push((
        "mean-jacobian",
        vec!["credit.interval=4", "credit.manifold={ method = 'incremental', refresh = 3 }"],
    ));
    cases.push((
        "nmnc",
        vec![
            "credit.manifold={ method = 'incremental', refresh = 3 }",
            "credit.injection=joint",
            "credit.estimator=recursive-least-squares",
        ],
    ));
    cases.push(("nmnc", vec!["credit.budget=1.5", "credit.manifold={ dimension = 6, refresh = 3 }"]));
    cases.push(("direct-mirror", vec!["credit.regions={ by = 'output' }"]));
    cases.push(("nmnc", vec!["credit.regions={ by = 'class' }"]));
    for (rule, settings) in cases {
        let done = |threads: usize, streamed: bool| {
            let folder = tempfile::tempdir().unwrap();
            let streamed = format!("train.streamed={streamed}");
            let config = with(rule, &[&settings[..], &["train.epochs=1", &streamed]].concat());
            in_pool(threads, || finish(&config, folder.path(), false, &mut Silent).unwrap());
            outcome(folder.path())
        };
        let plain = done(2, false);
        assert!(plain == done(1, true) && plain == done(2, true), "{rule} {settings:?}");
    }
}

#[test]
fn every_rule_learns() {
    for rule in rule_names() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(rule);
        config.data.augment = Default::default();
        config.data.train_limit = Some(2000);
        config.train.epochs = 3;
        let summary = finish(&config, folder.path(), false, &mut Silent).unwrap();
        let accuracy = summary.test.unwrap().accuracy;
        // Chance is 0.1.
        assert!(accuracy > 0.35, "{rule}: test accuracy {accuracy}");
    }
}

#[test]
fn backprop_agrees_with_itself_and_the_manifold_needs_fewer_probes() {
    let last = |rule: &str| {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(rule);
        config.train.epochs = 1;
        config.metrics.alignment_interval = 12;
        let summary = finish(&config, folder.path(), false, &mut Silent).unwrap();
        (RunRecords::read(folder.path()).unwrap().records.pop().unwrap(), summary.probes)
    };
    let (exact, probes) = last("bp");
    assert_eq!(probes, 0);
    for stage in &exact.stages {
        assert!((stage.cosine - 1.0).abs() < 1e-6 && (stage.weight_cosine - 1.0).abs() < 1e-6, "{stage:?}");
        assert!(
            (stage.norm_ratio - 1.0).abs() < 1e-6 && (stage.weight_norm_ratio - 1.0).abs() < 1e-6,
            "{stage:?}"
        );
        let (alpha, chance) =
            (stage.captured_energy.unwrap(), stage.dimension.unwrap() as f64 / stage.units as f64);
        assert!(alpha > 0.0 && alpha < 1.0 && stage.margin == Some(alpha - chance), "{stage:?}");
    }
    // The mean of other examples than those of the batch, some steps old. Behind the last stage all is linear: one Jacobian for all examples.
    let (mean, probes) = last("mean-jacobian");
    assert_eq!(probes, 0);
    for (stage, exact) in mean.stages.iter().zip(&exact.stages) {
        let [own, backprop] = [stage, exact].map(|stage| stage.mean_cosine.unwrap());
        match stage.stage {
            3 => assert!(
                own > 0.999 && stage.cosine > 0.999 && (backprop - 1.0).abs() < 1e-6,
                "{stage:?} {exact:?}"
            ),
            _ => {
                assert!(own > 0.7 && own > stage.cosine + 0.05, "{stage:?}");
                assert!(backprop > 0.1 && backprop < 0.98, "{exact:?}");
            }
        }
    }
    let ((manifold, manifold_probes), (vanilla, vanilla_probes)) = (last("nmnc"), last("vnc"));
    assert_eq!(manifold_probes, vanilla_probes);
    // In the first stage 600 probes are few against 1176 units and many against 64 dimensions.
    let weight_cosine = |record: &Record| record.stages[0].weight_cosine;
    assert!(weight_cosine(&manifold) > weight_cosine(&vanilla) + 0.2, "{manifold:?} {vanilla:?}");
}

#[test]
fn divergence_names_step_stage_and_checkpoint_and_leaves_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config("bp");
    config.train.optimizer = nmnc_train::OptimizerConfig::Sgd {
        learning_rate: 1e18,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
        decayed: nmnc_train::Decayed::All,
    };
    config.checkpoint.interval = 1;
    let error = finish(&config, folder.path(), false, &mut Silent).unwrap_err();
    let line = error.to_string();
    assert_eq!(error.kind(), nmnc_core::ErrorKind::Diverged);
    assert!(line.starts_with("step "), "{line}");
    assert!(line.contains("not finite") && line.contains("stage"), "{line}");
    let summary = RunRecords::read(folder.path()).unwrap().summary.unwrap();
    assert_eq!(summary.status, nmnc_core::records::Status::Diverged);
}
