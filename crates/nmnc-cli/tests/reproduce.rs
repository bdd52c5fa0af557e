//! `nmnc reproduce` and `nmnc analyze --over-training` on tiny settings: files, numbers that agree with each other, going on after
//! a kill.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::{Folder, nmnc};
use serde_json::Value;

const TINY: [&str; 10] = [
    "--quick",
    "--seeds",
    "1",
    "--examples",
    "60",
    "--set",
    "data={train_limit=128, test_limit=50}",
    "--set",
    "train.epochs=1",
    "--threads=2",
];

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The rows of a CSV file by column name.
fn csv(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), names.len(), "{line}");
        names.iter().zip(cells).map(|(n, c)| ((*n).to_owned(), c.to_owned())).collect()
    };
    lines.map(row).collect()
}

fn number(row: &BTreeMap<String, String>, name: &str) -> f64 {
    row[name].parse().unwrap_or_else(|_| panic!("{name}: {:?}", row[name]))
}

fn page(path: &Path) -> String {
    let page = fs::read_to_string(path).unwrap();
    for foreign in ["<script", "src=", "href=\"http", "url(http", "@import", "NaN"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    page
}

#[test]
fn alignment_leaves_tables_and_a_page_that_agree_and_is_made_once() {
    let folder = Folder::new();
    let arguments = [&["reproduce", "alignment", "--out", "out"], &TINY[..]].concat();
    let first = folder.run(&arguments).success();
    assert!(first.stdout.ends_with("out/report.html\n"), "{}", first.stdout);
    assert_eq!(first.stderr, "");
    let out = folder.path("out");
    let (rows, found) = (csv(&out.join("alignment.csv")), json(&out.join("alignment.json")));
    let listed = found["rows"].as_array().unwrap();
    assert_eq!(rows.len(), listed.len());
    // 4 conditions, 3 stages, and the dimensions below the number of samples.
    assert_eq!(rows.len(), 4 * 3 * 2);
    for (row, listed) in rows.iter().zip(listed) {
        let alpha = number(row, "alpha_mean_jacobian");
        assert_eq!(listed["alpha"]["mean_jacobian"]["mean"].as_f64(), Some(alpha));
        assert!((0.0..=1.0).contains(&alpha));
        let (n, d) = (number(row, "units"), number(row, "d"));
        assert_eq!(number(row, "chance"), d / n);
        let gain = number(row, "gain_mean_jacobian");
        assert!((gain - (alpha - number(row, "untrained_mean_jacobian"))).abs() < 1e-12);
        // One seed has no spread.
        assert_eq!(row["alpha_mean_jacobian_sem"], "");
    }
    assert!(
        found["verdict"][0].as_str().unwrap().contains("nothing can be concluded"),
        "{}",
        found["verdict"]
    );
    // The last step of the training table is the result.
    let training = csv(&out.join("training.csv"));
    for row in &rows {
        let last = training
            .iter()
            .filter(|t| ["condition", "stage", "d"].iter().all(|key| t[*key] == row[*key]))
            .max_by_key(|t| t["step"].parse::<u64>().unwrap())
            .unwrap();
        assert_eq!(last["alpha_mean_jacobian"], row["alpha_mean_jacobian"]);
    }
    // Networks of one seed start alike, whatever trains them.
    let start = |condition: &str| -> Vec<String> {
        let own = training.iter().filter(|t| t["condition"] == condition && t["step"] == "0");
        own.map(|t| t["alpha_mean_jacobian"].clone()).collect()
    };
    assert!(start("sgd-decay") == start("adam") && start("adam") == start("nmnc"));
    let weights = csv(&out.join("weights.csv"));
    let law = |condition: &str| {
        let own = weights.iter().filter(|w| w["condition"] == condition);
        own.map(|w| number(w, "law")).fold(1.0, f64::min)
    };
    assert!(law("sgd-decay") < 1.0 && law("sgd") == 1.0 && law("adam") == 1.0);
    assert!(page(&out.join("report.html")).contains("nmnc reproduce alignment --out out"));

    let before = fs::read(out.join("alignment.csv")).unwrap();
    let second = folder.run(&arguments).success();
    assert_eq!(second.stdout.matches("made before, kept").count(), 4, "{}", second.stdout);
    assert!(!second.stdout.contains("analyzing"), "{}", second.stdout);
    assert!(fs::read(out.join("alignment.csv")).unwrap() == before);
    // Another measurement of the same runs is made anew.
    let other: Vec<&str> = arguments.iter().map(|a| if *a == "60" { "50" } else { a }).collect();
    let third = folder.run(&other).success();
    assert_eq!(third.stdout.matches("analyzing").count(), 4, "{}", third.stdout);
    // Other runs are not mixed in.
    let other = [&arguments[..], &["--set", "train.epochs=2"]].concat();
    let error = folder.run(&other).failure(5).stderr;
    assert_eq!(
        error,
        "error: out/sgd-decay-seed0: was made with another configuration (train.epochs: 1 there, 2 here); name \
         another folder with --out\n"
    );

    // One of the runs on its own.
    let ran = folder
        .run(&[
            "analyze",
            "out/nmnc-seed0",
            "--over-training",
            "--examples",
            "50",
            "--jacobians",
            "10",
            "--curve=8",
            "--dimensions=4,8",
        ])
        .success();
    assert!(ran.stdout.ends_with("out/nmnc-seed0/analysis/training\n"), "{}", ran.stdout);
    let own = folder.path("out/nmnc-seed0/analysis/training");
    let found = json(&own.join("training.json"));
    let moments = found["moments"].as_array().unwrap();
    assert_eq!(moments[0]["step"], 0);
    assert_eq!(csv(&own.join("training.csv")).len(), moments.len() * 3 * 2);
    assert_eq!(csv(&own.join("weights.csv")).len(), moments.len() * 4);
    page(&own.join("report.html"));
}

#[test]
fn dimension_fits_an_exponent_to_every_estimator() {
    let folder = Folder::new();
    let arguments = [&["reproduce", "dimension", "--scales", "0.5,1", "--out", "out"], &TINY[..]].concat();
    folder.run(&arguments).success();
    let out = folder.path("out");
    let (estimates, exponents) = (csv(&out.join("dimension.csv")), csv(&out.join("exponents.csv")));
    // 2 widths of 3 and of 2 stages, trained and not.
    assert_eq!(estimates.len(), 2 * (3 + 2) * 2);
    let found = json(&out.join("dimension.json"));
    assert_eq!(found["exponents"].as_array().unwrap().len(), exponents.len());
    assert_eq!(exponents.len(), (3 + 2) * 7);
    for row in &exponents {
        let points: Vec<(f64, f64)> = estimates
            .iter()
            .filter(|e| {
                e["network"] == row["network"] && e["stage"] == row["stage"] && e["trained"] == "true"
            })
            .map(|e| (number(e, "units"), number(e, &row["estimator"])))
            .collect();
        // With two widths the line goes through both points.
        let [(n0, y0), (n1, y1)] = points[..] else { panic!("{points:?}") };
        let slope = (y1 / y0).ln() / (n1 / n0).ln();
        assert!((n1 / n0 - 2.0).abs() < 1e-12);
        assert!((number(row, "exponent") - slope).abs() < 1e-9, "{row:?}");
    }
    page(&out.join("report.html"));
}

#[test]
fn an_experiment_that_was_killed_goes_on_where_it_was() {
    let folder = Folder::new();
    let arguments = |out: &'static str| -> Vec<&str> {
        [&["reproduce", "dimension", "--scales", "0.5,1", "--out", out, "--quiet"], &TINY[..]].concat()
    };
    folder.run(&arguments("whole")).success();
    // The third of four runs is under way when the kill comes.
    let mut child = nmnc(folder.root(), &arguments("killed"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let third = folder.path("killed/dense-x0.5-seed0/config.toml");
    while !third.exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    child.wait().unwrap();
    let first = folder.path("killed/conv-x0.5-seed0");
    let kept = |name: &str| {
        let path = first.join(name);
        (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap())
    };
    let before = ["summary.json", "metrics.jsonl", "dimension.json"].map(kept);
    let args: Vec<&str> = arguments("killed").into_iter().filter(|a| *a != "--quiet").collect();
    let ran = folder.run(&args).success();
    assert!(ran.stdout.matches("made before, kept").count() >= 2, "{}", ran.stdout);
    assert!(["summary.json", "metrics.jsonl", "dimension.json"].map(kept) == before);
    let table = |out: &str| fs::read(folder.path(out).join("dimension.csv")).unwrap();
    assert!(table("whole") == table("killed"));
}
