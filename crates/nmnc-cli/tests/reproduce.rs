//! `nmnc reproduce` and `nmnc analyze --over-training` on tiny settings: files, numbers that agree with each other, going on after
//! a kill.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::common::files::{csv, json, number};
use crate::common::{Folder, nmnc};

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

fn page(path: &Path) -> String {
    let page = fs::read_to_string(path).unwrap();
    for foreign in ["<script ", "src=", "href=\"http", "url(http", "@import", "NaN"] {
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
fn scaling_fits_an_exponent_to_the_probes_needed() {
    let folder = Folder::new();
    let own = ["reproduce", "scaling", "--scales", "0.5,1", "--probes", "1500", "--out", "out"];
    folder.run(&[&own, &TINY[..]].concat()).success();
    let out = folder.path("out");
    let (measured, exponents) = (csv(&out.join("scaling.csv")), csv(&out.join("exponents.csv")));
    // 2 widths of 3 and of 2 stages, two targets, three noises.
    assert_eq!(measured.len(), 2 * (3 + 2) * 2 * 3);
    for row in &measured {
        let m = number(row, "dimension");
        match row["noise"].as_str() {
            "isotropic" => assert_eq!((m, number(row, "attainable")), (number(row, "units"), 1.0)),
            "manifold" => assert_eq!(m, 16.0),
            _ => assert!(m < 60.0, "{row:?}"),
        }
        if row["target"] == "example" {
            let law = (m + 1.0) * 0.81 / 0.19;
            assert!((number(row, "probes_law") / law - 1.0).abs() < 1e-9, "{row:?}");
        }
        // Not reached if the most probes are not enough.
        assert!(row["probes"].is_empty() || number(row, "probes") <= 1500.0, "{row:?}");
        assert!(!row["probes"].is_empty() || number(row, "probes_law") > 500.0, "{row:?}");
    }
    for row in &exponents {
        let same = |m: &&BTreeMap<String, String>| {
            ["network", "stage", "target", "noise"].iter().all(|key| m[*key] == row[*key])
        };
        let points: Vec<(f64, f64)> =
            measured.iter().filter(same).map(|m| (number(m, "units"), number(m, "probes"))).collect();
        let [(n0, k0), (n1, k1)] = points[..] else { panic!("{points:?}") };
        assert!((number(row, "exponent") - (k1 / k0).ln() / (n1 / n0).ln()).abs() < 1e-9, "{row:?}");
    }
    // Dense networks are small enough for isotropic noise.
    let dense = |e: &&BTreeMap<String, String>| {
        e["network"] == "dense" && e["stage"] == "2" && e["noise"] == "isotropic" && e["target"] == "example"
    };
    let isotropic = exponents.iter().find(dense).unwrap();
    assert!((number(isotropic, "exponent") - 1.0).abs() < 0.2, "{isotropic:?}");
    let curves = csv(&out.join("curves.csv"));
    assert!(curves.iter().all(|c| number(c, "relative_cosine").abs() <= 1.0));
    let found = json(&out.join("scaling.json"));
    assert_eq!(found["exponents"].as_array().unwrap().len(), exponents.len());
    assert!(page(&out.join("report.html")).contains("nmnc reproduce scaling"));
}

#[test]
fn accuracy_is_tabulated_against_the_probes_that_were_spent() {
    let folder = Folder::new();
    // 16 steps of 8 examples.
    let arguments = [
        "reproduce",
        "cifar10",
        "--quick",
        "--data",
        "fashion-mnist-sample",
        "--seeds",
        "2",
        "--out",
        "out",
        "--rules",
        "bp,vnc,nmnc,node-perturbation",
        "--budgets",
        "0.1,1,6",
        "--width-budget",
        "0.5",
        "--scales",
        "0.5,1",
        "--set",
        "data.train_limit=64",
        "--set",
        "data.test_limit=50",
        "--set",
        "train.epochs=2",
        "--set",
        "train.batch=8",
        "--set",
        "network.widths=[4, 4, 4]",
        "--set",
        "metrics.alignment_interval=0",
        "--threads=2",
    ];
    let ran = folder.run(&arguments).success();
    let out = folder.path("out");
    let (rows, runs) = (csv(&out.join("cifar10.csv")), csv(&out.join("runs.csv")));
    let spent = |condition: &str, scale: &str, budget: &str| -> Option<f64> {
        let found = rows
            .iter()
            .find(|r| r["condition"] == condition && r["scale"] == scale && r["budget"] == budget)
            .unwrap_or_else(|| panic!("{condition} {scale} {budget}"));
        (found["possible"] == "true").then(|| number(found, "probes_per_example"))
    };
    // What is spent follows from the steps: an update at every multiple of the interval from the first step on.
    for rule in ["vnc", "nmnc"] {
        assert_eq!(spent(rule, "1", "0.1"), None, "every 30 of 16 steps");
        assert_eq!(spent(rule, "1", "1"), Some(3.0 * 6.0 / 16.0));
        assert_eq!(spent(rule, "1", "6"), Some(6.0));
        // Every sixth step: 0, 6 and 12.
        assert_eq!(spent(rule, "0.5", "0.5"), Some(3.0 * 3.0 / 16.0));
    }
    assert_eq!(spent("node-perturbation", "1", "1"), None);
    assert_eq!(spent("node-perturbation", "1", "6"), Some(6.0));
    assert_eq!(spent("node-perturbation", "0.5", "3"), Some(3.0), "the nearest to 0.5 that it can have");
    assert_eq!(spent("bp", "0.5", ""), Some(0.0));
    assert!(ran.stdout.contains("not possible"), "{}", ran.stdout);
    // Means and differences are those of the runs.
    let accuracies = |condition: &str, scale: &str, budget: &str| -> Vec<f64> {
        let of = |r: &&BTreeMap<String, String>| {
            r["condition"] == condition && r["scale"] == scale && r["budget"] == budget
        };
        runs.iter().filter(of).map(|r| number(r, "accuracy")).collect()
    };
    for row in rows.iter().filter(|r| r["possible"] == "true") {
        let own = accuracies(&row["condition"], &row["scale"], &row["budget"]);
        let bp = accuracies("bp", &row["scale"], "");
        let [a, b] = own[..] else { panic!("{own:?}") };
        assert!((number(row, "accuracy") - (a + b) / 2.0).abs() < 1e-9);
        assert!((number(row, "accuracy_sem") - (a - b).abs() / 2.0).abs() < 1e-9);
        if row["condition"] != "bp" {
            let less = (a - bp[0] + b - bp[1]) / 2.0;
            assert!((number(row, "less_backprop") - less).abs() < 1e-9, "{row:?}");
        }
        let compared = ["nmnc", "node-perturbation"].contains(&row["condition"].as_str());
        if compared && row["budget"] == "6" {
            let vnc = accuracies("vnc", "1", "6");
            assert!((number(row, "less_vanilla") - (a - vnc[0] + b - vnc[1]) / 2.0).abs() < 1e-9);
        }
    }
    // Accuracies are the runs' own.
    let summary = json(&out.join("nmnc-p1-x1-seed0/summary.json"));
    let accuracy = 100.0 * summary["test"]["accuracy"].as_f64().unwrap();
    assert!((accuracies("nmnc", "1", "1")[0] - accuracy).abs() < 1e-9);
    assert!(page(&out.join("report.html")).contains("not possible"));
    let found = json(&out.join("cifar10.json"));
    let impossible = found["impossible"].as_array().unwrap();
    assert_eq!(impossible.len(), rows.iter().filter(|r| r["possible"] == "false").count());
    // A second call trains nothing.
    let again = folder.run(&arguments).success();
    assert!(!again.stdout.contains("analyzing"), "{}", again.stdout);
    // Without --data it is about CIFAR-10, not about whatever is at hand.
    let missing = folder.run(&["reproduce", "cifar10", "--rules", "bp", "--out", "other"]).failure(4);
    assert!(missing.stderr.ends_with("run `nmnc data fetch cifar10`\n"), "{}", missing.stderr);
    assert!(!folder.path("other").exists());
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
