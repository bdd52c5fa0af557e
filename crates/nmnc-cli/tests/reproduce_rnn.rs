//! `nmnc reproduce rnn` and `nmnc analyze` of recurrent runs on tiny settings: files, numbers that agree with each other, errors.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nmnc::analysis::TaskLoaded;
use nmnc::data::npz::Array;
use nmnc::net::Weights;

use crate::common::Folder;
use crate::common::files::{csv, json, number};

const TINY: [&str; 20] = [
    "reproduce",
    "rnn",
    "--quick",
    "--seeds",
    "2",
    "--tasks",
    "AntiReach,DelayComparison",
    "--widths",
    "12,24",
    "--width-tasks",
    "DelayComparison",
    "--budgets",
    "0.5",
    "--set",
    "recurrent.units=24",
    "--set",
    "train={epochs=2, trials=64, batch=16, evaluation=100}",
    "--threads=2",
    "--out",
    "out",
];

#[test]
fn rules_on_tasks_leave_tables_and_a_page_that_agree_and_are_made_once() {
    let folder = Folder::new();
    let ran = folder.run(&TINY).success();
    assert!(ran.stdout.ends_with("out/report.html\n"), "{}", ran.stdout);
    let out = folder.path("out");
    let (rows, runs) = (csv(&out.join("rnn.csv")), csv(&out.join("runs.csv")));
    // Six conditions on two tasks, and on one of them in a second width.
    assert_eq!((rows.len(), runs.len()), (18, 36));
    for row in &rows {
        let own: Vec<f64> = runs
            .iter()
            .filter(|r| ["task", "condition", "units", "budget"].iter().all(|key| r[*key] == row[*key]))
            .map(|r| number(r, "accuracy"))
            .collect();
        let [a, b] = own[..] else { panic!("{own:?}") };
        assert!((number(row, "accuracy") - (a + b) / 2.0).abs() < 1e-9);
        assert!(number(row, "unbroken_accuracy") <= number(row, "accuracy") + 1e-9);
        // Every second of eight steps perturbs all sixteen trials once.
        let probes = if row["budget"].is_empty() { 0.0 } else { 64.0 };
        assert_eq!(number(row, "probes"), probes, "{row:?}");
        let other = |condition: &str| {
            let same = |r: &&BTreeMap<String, String>| {
                r["task"] == row["task"] && r["units"] == row["units"] && r["condition"] == condition
            };
            number(rows.iter().find(same).unwrap(), "accuracy")
        };
        if row["condition"] == "bptt" {
            assert!((number(row, "weight_cosine") - 1.0).abs() < 1e-6);
        } else {
            assert!((number(row, "less_bptt") - (number(row, "accuracy") - other("bptt"))).abs() < 1e-9);
        }
        assert_eq!(row["less_vnc"].is_empty(), ["bptt", "rflo", "vnc"].contains(&row["condition"].as_str()));
        assert_eq!(row["less_isotropic"].is_empty(), row["condition"] != "nmnc-ls");
        if !row["less_isotropic"].is_empty() {
            let difference = number(row, "accuracy") - other("vnc-ls");
            assert!((number(row, "less_isotropic") - difference).abs() < 1e-9);
        }
        if !row["less_vnc"].is_empty() {
            assert!((number(row, "less_vnc") - (number(row, "accuracy") - other("vnc"))).abs() < 1e-9);
        }
        assert!((number(row, "chance_alpha") - (16.0 / number(row, "units")).min(1.0)).abs() < 0.35);
        assert!((0.0..=1.0 + 1e-6).contains(&number(row, "alpha")));
    }
    // Accuracies are the runs' own.
    let run = out.join("AntiReach-nmnc-p0.5-n24-seed1");
    let summary = json(&run.join("summary.json"));
    let listed = runs
        .iter()
        .find(|r| r["task"] == "AntiReach" && r["condition"] == "nmnc" && r["seed"] == "1")
        .unwrap();
    for (field, value) in [
        ("accuracy", &summary["test"]["accuracy"]),
        ("fixation_breaks", &summary["trials"]["fixation_breaks"]),
        ("unbroken_accuracy", &summary["trials"]["unbroken_accuracy"]),
    ] {
        assert!((number(listed, field) - 100.0 * value.as_f64().unwrap()).abs() < 1e-9, "{field}");
    }
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for foreign in ["<script ", "src=", "href=\"http", "url(http", "@import", "NaN"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("Captured energy of lagged Jacobians") && page.contains("State space after NMNC"));
    assert!(page.contains("Changed in every run") && page.contains("recurrent.units=24, train={epochs=2"));
    let again = folder.run(&TINY).success();
    assert_eq!(again.stdout.matches("made before, kept").count(), runs.len());
    assert!(!again.stdout.contains("analyzing"));

    // One of the runs by itself.
    let path = run.to_str().unwrap();
    let ran = folder.run(&["analyze", path, "--examples", "60", "--dimensions", "4"]).success();
    let analysis = run.join("analysis/step-0000000008");
    assert!(ran.stdout.contains("participation ratio"), "{}", ran.stdout);
    let found = json(&analysis.join("states.json"));
    assert_eq!((found["trials"].as_u64(), found["dimension"].as_u64()), (Some(60), Some(4)));
    let lags = csv(&analysis.join("lags.csv"));
    let shares: f64 = lags.iter().map(|lag| number(lag, "share")).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    // At lag 0 the Jacobian is the readout's weight: what it was before training is no better than chance.
    assert!(number(&lags[0], "alpha") > 0.0 && lags[0]["ms"] == "0");
    let times: Vec<f64> = csv(&analysis.join("dimension.csv")).iter().map(|m| number(m, "ms")).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]) && times.contains(&0.0));
    assert!(analysis.join("curves.csv").is_file());
    let page = fs::read_to_string(analysis.join("report.html")).unwrap();
    for words in ["PC 1", "PC 2", "PC 3", "Accuracy by condition"] {
        assert!(page.contains(words), "{words}");
    }
    exported(&run, &analysis);
    // What cannot be shown pictures says what can be done with it.
    for arguments in [&["similarity", path, path][..], &["analyze", path, "--data", "sample"]] {
        let failed = folder.run(arguments);
        assert!(
            failed.stderr.contains("on a task") && failed.stderr.lines().count() == 1,
            "{}",
            failed.stderr
        );
    }
    let failed = folder.run(&["similarity", path, path]).failure(5);
    assert!(
        failed.stderr.contains("a run on a task, whose network sees trials and no images"),
        "{}",
        failed.stderr
    );
    for (arguments, told) in [
        (&["--stage", "1"][..], "--stage: has no meaning for a recurrent network on a task"),
        (&["--over-training"], "--over-training: has no meaning"),
        (&["--examples", "10"], "trials: 10 trials are too few"),
    ] {
        let failed = folder.run(&[&["analyze", path], arguments].concat()).failure(3);
        assert!(failed.stderr.contains(told) && failed.stderr.lines().count() == 1, "{}", failed.stderr);
    }
}

/// States and outputs of an analysis of 60 trials: outputs are what the readout of the checkpoint makes of states, step by step, and
/// the archive is one of trials.
fn exported(run: &Path, analysis: &Path) {
    let file = analysis.join("arrays.npz");
    let array = |name: &str| Array::read(&file, name).unwrap().unwrap();
    let batch = nmnc::tasks::import(&file).unwrap();
    let (steps, trials) = (batch.steps, 60);
    let (states, outputs) = (array("states"), array("network_outputs"));
    assert_eq!(
        (states.shape(), outputs.shape()),
        (&[steps, trials, 24][..], &[steps, trials, batch.outputs][..])
    );
    let (states, outputs) = (states.floats().unwrap(), outputs.floats().unwrap());
    let network = TaskLoaded::open(run, None).unwrap().network;
    let of = |name: &str| -> Vec<f64> {
        let (_, parameter) = network.parameters().into_iter().find(|(own, _)| own == name).unwrap();
        nmnc::device::values(&parameter.value)
    };
    let (weight, bias) = (of("readout.weight"), of("readout.bias"));
    for row in 0..steps * trials {
        for out in 0..batch.outputs {
            let told = f64::from(outputs[row * batch.outputs + out]);
            let sum: f64 = (0..24).map(|i| weight[out * 24 + i] * f64::from(states[row * 24 + i])).sum();
            assert!((told - sum - bias[out]).abs() < 1e-4, "{told}, {sum}");
        }
    }
    // The right answers by condition, counted from what the archive says of each trial.
    let correct = array("correct").numbers().unwrap();
    let rows = csv(&analysis.join("conditions.csv"));
    let names: Vec<&String> = rows.iter().map(|row| &row["condition"]).collect();
    assert_eq!(rows.iter().map(|row| number(row, "trials")).sum::<f64>(), 60.0, "{names:?}");
    let good: f64 = rows.iter().map(|row| number(row, "trials") * number(row, "accuracy")).sum();
    assert!((good - correct.iter().sum::<f64>()).abs() < 1e-9);
    // Orthonormal components.
    let components = array("components");
    let [d, n] = components.shape() else { panic!("{:?}", components.shape()) };
    let (d, n, u) = (*d, *n, components.floats().unwrap());
    assert_eq!((d, n), (4, 24));
    for (i, j) in (0..d).flat_map(|i| (0..d).map(move |j| (i, j))) {
        let dot: f32 = (0..n).map(|k| u[i * n + k] * u[j * n + k]).sum();
        assert!((dot - f32::from(u8::from(i == j))).abs() < 1e-4, "{i}, {j}: {dot}");
    }
}

#[test]
fn wrong_choices_are_told_before_anything_is_trained() {
    let folder = Folder::new();
    for (arguments, told) in [
        (&["--tasks", "AntiReech"][..], "there is no task `AntiReech`; did you mean `AntiReach`?"),
        (&["--rules", "nnmc"], "rules: no condition is called `nnmc`; did you mean `nmnc`?"),
        (&["--budgets", "3"], "budgets: 3 probes per training trial is not in (0, 1]"),
        (&["--budgets", "0.0001"], "an update every 10000 steps, of which there are 300"),
        (&["--width-tasks", "Adding"], "width-tasks: `Adding` is not among the tasks"),
        (&["--set", "train.epoch=3"], "unknown setting `epoch`"),
    ] {
        let failed = folder.run(&[&["reproduce", "rnn", "--out", "out"], arguments].concat()).failure(3);
        assert!(failed.stderr.contains(told) && failed.stderr.lines().count() == 1, "{}", failed.stderr);
        assert!(!folder.path("out").exists());
    }
}
