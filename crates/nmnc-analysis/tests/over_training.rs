//! A run over its training: the law of decay on real runs, and agreement with what training itself recorded.

use std::path::Path;

use burn::tensor::Device;
use nmnc_analysis::analysis::{self, AnalysisSettings, ExampleSplit, OverTraining, Source, decay_law};
use nmnc_core::records::RunRecords;
use nmnc_report::csv;
use nmnc_train::{Config, Resolved, RunOptions, Silent, checkpoint};

fn config(changes: &[&str]) -> Resolved<Config> {
    let text = "[data]\ntrain_limit = 64\ntest_limit = 20\n[network]\npreset = 'mlp'\nwidths = [20, 12]\n\
                [credit]\nrule = 'bp'\n[train]\nepochs = 10\nbatch = 16\n[metrics]\nalignment_interval = 0\n\
                [checkpoint]\nhistory = 5\n";
    let changes: Vec<String> = changes.iter().map(|c| (*c).to_owned()).collect();
    Config::parse(text, "test", &changes).unwrap().resolve().unwrap()
}

fn train(config: &Resolved<Config>, folder: &Path) {
    config.run(folder, &RunOptions::default(), &mut Silent).unwrap();
}

fn found(folder: &Path, settings: &AnalysisSettings) -> (OverTraining, analysis::Analysis) {
    let source = Source { path: folder.to_owned(), data: None, split: ExampleSplit::Train, device: None };
    analysis::over_training(&source, settings, &[]).unwrap()
}

fn small() -> AnalysisSettings {
    AnalysisSettings {
        examples: 60,
        jacobians: 20,
        curve: 8,
        dimensions: vec![2, 8],
        probes: 0,
        ..AnalysisSettings::default()
    }
}

/// An orthonormal basis of the span of `rows`, each of `width` numbers.
fn span(rows: &[f32], width: usize) -> Vec<Vec<f64>> {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for row in rows.chunks_exact(width) {
        let mut v: Vec<f64> = row.iter().map(|&v| f64::from(v)).collect();
        // Twice is enough.
        for _ in 0..2 {
            remove(&mut v, &basis);
        }
        let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        if length > 1e-6 {
            basis.push(v.into_iter().map(|v| v / length).collect());
        }
    }
    basis
}

fn remove(v: &mut [f64], basis: &[Vec<f64>]) {
    for b in basis {
        let along: f64 = v.iter().zip(b).map(|(v, b)| v * b).sum();
        v.iter_mut().zip(b).for_each(|(v, b)| *v -= along * b);
    }
}

/// What lies off the span of the training images of the first stage's weight, by training step: its norm, and how far it has
/// moved from step 0, both over its norm at step 0.
fn off_span(config: &Config, folder: &Path) -> Vec<(u64, f64, f64)> {
    let device = Device::flex();
    let data = config.data.open(config.seed).unwrap().train;
    let width = data.shape().len();
    let basis = span(&data.batch(&(0..data.len()).collect::<Vec<_>>()).unwrap().images, width);
    assert!(basis.len() < width / 2, "much lies off the span");
    let mut network = config.network.build([1, 28, 28], 10, config.seed, &device).unwrap();
    let off = |network: &nmnc_learn::net::Network| -> Vec<f64> {
        let mut weight: Vec<f64> = nmnc_core::device::values(&network.parameters()[0].1.value);
        weight.chunks_exact_mut(width).for_each(|row| remove(row, &basis));
        weight
    };
    let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let start = off(&network);
    let mut found = vec![(0, 1.0, 0.0)];
    for path in checkpoint::list(&folder.join("checkpoints")).unwrap() {
        let checkpoint = checkpoint::load(&path, &device).unwrap();
        checkpoint.restore_weights(&mut network, &device).unwrap();
        let now = off(&network);
        let moved: Vec<f64> = now.iter().zip(&start).map(|(a, b)| a - b).collect();
        found.push((checkpoint.step, norm(&now) / norm(&start), norm(&moved) / norm(&start)));
    }
    found
}

#[test]
fn off_the_span_of_the_data_weights_decay_by_the_law_under_sgd_and_not_under_adam() {
    let law = |config: &Config, step| {
        let schedule = config.train.schedule.in_steps(4, 40);
        decay_law(&config.train.optimizer, &schedule, step)
    };
    for optimizer in [
        "{name='sgd', learning_rate=0.02, weight_decay=0.3}",
        "{name='sgd', learning_rate=0.01, momentum=0.8, weight_decay=0.2}",
        "{name='sgd', learning_rate=0.01, momentum=0.8, nesterov=true, weight_decay=0.2}",
        "{name='sgd', learning_rate=0.02}",
    ] {
        let config = config(&[&format!("train.optimizer={optimizer}"), "train.schedule.warmup=2.0"]);
        let folder = tempfile::tempdir().unwrap();
        train(&config, folder.path());
        let measured = off_span(&config, folder.path());
        assert_eq!(measured.last().unwrap().0, 40);
        for (step, fraction, moved) in measured {
            let expected = law(&config, step).unwrap();
            assert!((fraction - expected).abs() < 1e-4, "{optimizer} step {step}: {fraction} {expected}");
            // It shrinks and does not turn.
            assert!((moved - (1.0 - expected)).abs() < 1e-4, "{optimizer} step {step}: {moved} {expected}");
        }
    }
    // Adam without decay: nothing would move off the span if the argument held.
    let config = config(&["train.optimizer={name='adam', learning_rate=3e-3}"]);
    let folder = tempfile::tempdir().unwrap();
    train(&config, folder.path());
    assert_eq!(law(&config, 40), Some(1.0));
    let moved = off_span(&config, folder.path()).last().unwrap().2;
    assert!(moved > 0.03, "{moved}");
}

#[test]
fn checkpoints_kept_for_good_are_there_and_change_no_number() {
    let (with, without) = (config(&["checkpoint.history=4"]), config(&["checkpoint.history=0"]));
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    train(&with, a.path());
    train(&without, b.path());
    let names = |folder: &Path| -> Vec<String> {
        let all = checkpoint::list(&folder.join("checkpoints")).unwrap();
        all.iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    // 1, 40^(1/3), 40^(2/3), 40, and the two latest, of which 40 is one.
    let expected = [1, 3, 12, 36, 40].map(|step| format!("step-{step:010}"));
    assert_eq!(names(a.path()), expected);
    assert_eq!(names(b.path()), expected[3..]);
    let weights = |folder: &Path| {
        std::fs::read(folder.join("checkpoints/step-0000000040/weights.safetensors")).unwrap()
    };
    assert!(weights(a.path()) == weights(b.path()));
    // An unused setting is not written, so that runs made before it existed can be resumed.
    assert!(!without.to_toml().contains("history"));
}

#[test]
fn every_moment_is_the_analysis_of_its_checkpoint() {
    let config = config(&["train.optimizer={name='sgd', learning_rate=0.05, weight_decay=0.1}"]);
    let folder = tempfile::tempdir().unwrap();
    train(&config, folder.path());
    let (found, last) = found(folder.path(), &small());
    let steps: Vec<u64> = found.moments.iter().map(|m| m.step).collect();
    assert_eq!(steps, [0, 1, 3, 6, 16, 36, 40]);
    let (first, end) = (&found.moments[0], found.moments.last().unwrap());
    for (moment, analyzed) in end.stages.iter().zip(&last.stages) {
        let alignment = analyzed.alignment.as_ref().unwrap();
        assert_eq!(moment.table, alignment.table);
        assert_eq!(moment.dimensions, analyzed.dimensions);
        // The control of the last analysis is the first moment.
        let start = &first.stage(moment.stage).unwrap().table;
        for (row, untrained) in alignment.table.iter().zip(start) {
            assert_eq!(row.untrained, Some(untrained.mean_jacobian));
        }
    }
    for moment in &found.moments {
        for stage in &moment.stages {
            let a = stage.agreement;
            assert!((a.cosine - 1.0).abs() < 1e-6 && (a.weight_cosine - 1.0).abs() < 1e-6, "{a:?}");
        }
        let law = (1.0f64 - 0.05 * 0.1).powi(moment.step as i32);
        assert!(moment.weights.iter().all(|w| (w.law.unwrap() - law).abs() < 1e-9));
    }
    assert!(first.weights.iter().all(|w| (w.initial - 1.0).abs() < 1e-12 && (w.norm - 1.0).abs() < 1e-12));
    assert!(end.weights[0].initial < 0.95 && end.weights[0].initial > 0.5, "{:?}", end.weights);

    // The first stage's weight, against the files themselves.
    let rows = csv(analysis::weight_rows(&found));
    assert_eq!(rows.lines().count(), 1 + steps.len() * 3);
    assert_eq!(csv(analysis::training_rows(&found)).lines().count(), 1 + steps.len() * 2 * 2);
}

#[test]
fn agreement_is_what_training_recorded_at_the_next_step() {
    let changes = [
        "credit.rule=nmnc",
        "credit.nmnc.interval=3",
        "credit.nmnc.manifold={dimension=4, refresh=5, samples=32}",
        "metrics.alignment_interval=1",
        "metrics.interval=1",
        "metrics.samples=32",
        "metrics.dimension=4",
    ];
    let config = config(&changes);
    let folder = tempfile::tempdir().unwrap();
    train(&config, folder.path());
    let (found, _) = found(folder.path(), &small());
    let records = RunRecords::read(folder.path()).unwrap().records;
    let mut compared = 0;
    for moment in &found.moments {
        let Some(record) = records.iter().find(|r| r.step == moment.step + 1) else { continue };
        for (stage, recorded) in moment.stages.iter().zip(&record.stages) {
            let a = stage.agreement;
            let own = [a.cosine, a.norm_ratio, a.weight_cosine];
            assert_eq!(
                own,
                [recorded.cosine, recorded.norm_ratio, recorded.weight_cosine],
                "{}",
                moment.step
            );
            assert!(a.mean_cosine.is_some() && a.mean_cosine == recorded.mean_cosine, "{}", moment.step);
            compared += 1;
        }
    }
    assert_eq!(compared, 6 * 2);
}

#[test]
fn a_damaged_checkpoint_is_passed_over_and_one_checkpoint_is_no_run() {
    let config = config(&[]);
    let folder = tempfile::tempdir().unwrap();
    train(&config, folder.path());
    let damaged = folder.path().join("checkpoints/step-0000000003/weights.safetensors");
    std::fs::write(&damaged, b"no weights").unwrap();
    let (found, _) = found(folder.path(), &small());
    assert!(found.moments.iter().all(|m| m.step != 3) && found.moments.len() == 6);
    assert!(found.warnings.iter().any(|w| w.contains("step-0000000003")), "{:?}", found.warnings);
    let path = folder.path().join("checkpoints/step-0000000001");
    let source = Source { path, data: None, split: ExampleSplit::Train, device: None };
    let error = analysis::over_training(&source, &small(), &[]).unwrap_err().to_string();
    assert!(
        error.ends_with("is one checkpoint of a run; give the run folder to look at its whole training"),
        "{error}"
    );
}
