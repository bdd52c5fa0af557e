//! Run folders that hold what no run writes: one line with file and line number, of the kind that is exit code 5.

use std::fs;

use nmnc_core::ErrorKind;
use nmnc_core::records::RunRecords;
use serde_json::{Value, json};

const CONFIG: &str = "seed = 3\n[credit]\nrule = \"nmnc\"\n";

fn record(step: u64) -> Value {
    let stage = json!({
        "stage": 1, "units": 8, "cosine": 0.5, "angle_degrees": 60, "norm_ratio": null, "weight_cosine": 0.5, "weight_angle_degrees": 60,
        "weight_norm_ratio": 1.7e308, "dimension": 4
    });
    json!({
        "step": step, "epoch": 0.5, "probes": 0, "learning_rate": 0.1, "seconds": 1, "images_per_second": null,
        "train": { "loss": -1.7e308, "accuracy": 0.5 }, "stages": [stage]
    })
}

fn summary() -> Value {
    json!({
        "rule": "nmnc", "seed": 3, "status": "complete", "test": null, "best_test_accuracy": null, "steps": 2, "epochs": 1, "probes": 0,
        "probes_per_example": 0, "seconds": 1, "stage_units": [8], "parameters": 10, "warnings": [], "version": "0", "environment": [["a", "b"]],
        "device": "flex", "command": "nmnc", "config_sha256": "0"
    })
}

/// What is said of a folder with these files, from the name of the file on.
fn refused(config: &str, metrics: &[Value], summary: Option<&Value>) -> String {
    let lines: String = metrics.iter().map(|line| format!("{line}\n")).collect();
    refused_text(config, &lines, summary)
}

fn refused_text(config: &str, metrics: &str, summary: Option<&Value>) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.toml"), config).unwrap();
    fs::write(folder.path().join("metrics.jsonl"), metrics).unwrap();
    if let Some(summary) = summary {
        fs::write(folder.path().join("summary.json"), summary.to_string()).unwrap();
    }
    match RunRecords::read(folder.path()) {
        Ok(_) => String::new(),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Checkpoint, "{error}");
            let text = error.to_string();
            assert!(text.len() < 1_500, "{}", text.len());
            text.replace(&format!("{}/", folder.path().display()), "")
        }
    }
}

/// The value with another at the place that `path` points to.
fn with(mut value: Value, path: &str, other: Value) -> Value {
    *value.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = other;
    value
}

#[test]
fn what_a_run_writes_is_read() {
    assert_eq!(refused(CONFIG, &[record(1), record(2)], Some(&summary())), "");
}

#[test]
fn records_have_numbers_of_their_size() {
    let stage = record(0)["stages"][0].clone();
    let many: Vec<Value> = (1..=10_000).map(|number| with(stage.clone(), "/stage", number.into())).collect();
    for (path, value, problem) in [
        ("/stages/0/stage", json!(1_u64 << 63), "stage 9223372036854775808 is not one from 1 to 4096"),
        ("/stages/0/stage", json!(0), "stage 0 is not one from 1 to 4096"),
        (
            "/stages/0/units",
            json!(u64::MAX),
            "stage 1: units: 18446744073709551615 is more than 9007199254740992",
        ),
        (
            "/stages/0/dimension",
            json!(u64::MAX),
            "stage 1: dimension: 18446744073709551615 is more than 9007199254740992",
        ),
        ("/stages/0/norm_ratio", json!(-1), "stage 1: norm_ratio: -1 is not a number from 0 on"),
        ("/stages", json!([stage, stage]), "stage 1 after stage 1 is not one up to 4096"),
        ("/stages", json!(many), "stage 4097 after stage 4096 is not one up to 4096"),
        ("/step", json!(1_u64 << 54), "step: 18014398509481984 is more than 9007199254740992"),
        ("/step", json!(1), "step 1 comes after step 1"),
        ("/step", json!(0), "step 0 comes after step 1"),
        ("/epoch", json!(-0.5), "epoch: -0.5 is not a number from 0 on"),
        ("/seconds", json!(-1e300), "seconds: -1"),
        ("/learning_rate", json!(-1), "learning_rate: -1 is not a number from 0 on"),
    ] {
        let found = refused(CONFIG, &[record(1), with(record(2), path, value)], None);
        assert!(
            found.starts_with(&format!("metrics.jsonl:2: not a metrics record: {problem}")),
            "{path}: {found}"
        );
        assert!(found.ends_with("; remove the line, or the run folder if there are more"), "{found}");
    }
    let text = record(1).to_string().replace("\"epoch\":0.5", "\"epoch\":1e999") + "\n";
    let found = refused_text(CONFIG, &text, None);
    assert!(found.starts_with("metrics.jsonl:1: not a metrics record: number out of range"), "{found}");
}

#[test]
fn psychometric_curves_are_some_that_can_be_drawn() {
    let level = json!({ "strength": -1.5, "trials": 10, "chosen": 2 });
    let own = json!({
        "strength": "coherence", "levels": [level],
        "fit": {
            "mu": 0, "mu_se": 0.1, "sigma": 2, "sigma_se": 0.5, "slope": 0.2, "slope_se": 0.1, "lapse_low": 0, "lapse_high": 0.2,
            "deviance": 3
        }
    });
    let told = |path: &str, value: Value| {
        let mut whole = record(1);
        whole["psychometric"] = with(own.clone(), path, value.clone());
        let mut ended = summary();
        ended["psychometric"] = with(own.clone(), path, value);
        (refused(CONFIG, &[whole], None), refused(CONFIG, &[], Some(&ended)))
    };
    assert_eq!(told("/fit/mu", json!(1)), (String::new(), String::new()));
    assert_eq!(told("/fit", json!(null)), (String::new(), String::new()));
    for (path, value, problem) in [
        ("/levels", json!(vec![level; 65]), "levels: 65 is more than 64"),
        ("/levels/0/chosen", json!(11), "chosen: 11 is more than 10"),
        ("/fit/sigma", json!(0), "sigma: 0 is not above 0"),
        ("/fit/sigma_se", json!(-1), "a standard error: -1 is not a number from 0 on"),
        ("/fit/lapse_high", json!(0.6), "lapse_high: 0.6 is not a number from 0 to 0.5"),
    ] {
        let (record, summary) = told(path, value);
        let problem = format!("psychometric: {problem}; remove ");
        assert!(record.starts_with(&format!("metrics.jsonl:1: not a metrics record: {problem}")), "{record}");
        assert!(summary.starts_with(&format!("summary.json:1: not a summary: {problem}")), "{summary}");
    }
}

#[test]
fn summaries_and_rules_have_names_and_texts_of_their_size() {
    let long = "r".repeat(70_000);
    for (path, value, problem) in [
        ("/rule", json!(long), "rule: a name of 70000 characters is longer than 200"),
        ("/rule", json!(""), "rule: is empty"),
        ("/seconds", json!(-1), "seconds: -1 is not a number from 0 on"),
        ("/steps", json!(u64::MAX), "steps: 18446744073709551615 is more than 9007199254740992"),
        ("/stage_units", json!(vec![1; 10_000]), "stage_units: 10000 is more than 4096"),
        ("/warnings", json!(["w".repeat(5_000_000)]), "a text of 5000000 bytes is longer than 4194304"),
    ] {
        let found = refused(CONFIG, &[], Some(&with(summary(), path, value)));
        assert!(
            found.starts_with(&format!("summary.json:1: not a summary: {problem}; remove it")),
            "{path}: {found}"
        );
    }
    let config = CONFIG.replace("nmnc", &long);
    let found = refused(&config, &[], None);
    assert!(
        found.starts_with("config.toml: credit.rule: a name of 70000 characters is longer than 200"),
        "{found}"
    );
    let found = refused(&CONFIG.replace('3', "-3"), &[], None);
    assert_eq!(found, "config.toml: seed: is negative");
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_file_is_not_waited_for() {
    for name in ["config.toml", "metrics.jsonl", "summary.json"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.toml"), CONFIG).unwrap();
        let _ = fs::remove_file(folder.path().join(name));
        let made = std::process::Command::new("mkfifo").arg(folder.path().join(name)).status().unwrap();
        assert!(made.success());
        let error = RunRecords::read(folder.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Checkpoint);
        assert!(error.to_string().contains(&format!("{name}: is a pipe, not a regular file")), "{error}");
    }
}
