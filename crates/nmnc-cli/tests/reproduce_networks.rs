//! `nmnc reproduce margin` and `predictions` on tiny settings: files and numbers that agree with each other.

use std::collections::BTreeMap;
use std::fs;

use crate::common::Folder;
use crate::common::files::{csv, json, number};

const TINY: [&str; 5] =
    ["--quick", "--set", "data={train_limit=128, test_limit=50}", "--set", "train.epochs=2"];

type Row = BTreeMap<String, String>;

/// The measurements of a network or rule in a facet, by seed.
fn measured<'a>(rows: &'a [Row], condition: &str, facet: &str, metric: &str) -> Vec<&'a Row> {
    let same = |row: &&Row| row["condition"] == condition && row["facet"] == facet && row["metric"] == metric;
    rows.iter().filter(same).collect()
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.into_iter().collect();
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn margins_and_gains_of_networks_agree_with_what_was_measured() {
    let folder = Folder::new();
    let own = ["reproduce", "margin", "--seeds", "2", "--examples", "60", "--out", "out", "--threads=2"];
    let ran = folder.run(&[&own, &TINY[..]].concat()).success();
    assert_eq!(ran.stderr, "");
    let out = folder.path("out");
    let all = csv(&out.join("measurements.csv"));
    let (networks, stages) = (csv(&out.join("networks.csv")), csv(&out.join("stages.csv")));
    let names: Vec<&str> = networks.iter().map(|row| row["network"].as_str()).collect();
    assert_eq!(names, ["base", "half", "short"]);
    for row in &networks {
        let accuracy = |rule: &str| {
            mean(measured(&all, &row["network"], rule, "accuracy").iter().map(|m| number(m, "value")))
        };
        let gain = 100.0 * (accuracy("nmnc") - accuracy("vnc"));
        assert!((number(row, "nmnc_less_vnc") - gain).abs() < 1e-9, "{row:?}");
        assert_eq!(row["seeds"], "2");
        let own: Vec<&Row> = stages.iter().filter(|stage| stage["network"] == row["network"]).collect();
        assert_eq!(own.len(), 3);
        for stage in &own {
            let (n, d) = (number(stage, "units"), number(stage, "dimension"));
            assert_eq!(d, 16.0);
            assert!((number(stage, "margin") - (number(stage, "alpha") - d / n)).abs() < 1e-9);
        }
        let over = |column: &str| mean(own.iter().map(|stage| number(stage, column)));
        for column in ["alpha", "margin"] {
            assert!((number(row, column) - over(column)).abs() < 1e-9, "{column} {row:?}");
        }
        // The cosines of the law, written out, at the probes that a leaky average of the updates remembers.
        let remembered =
            mean(measured(&all, &row["network"], "vnc", "remembered").iter().map(|m| number(m, "value")));
        let updates = if row["network"] == "short" { 1 } else { 2 };
        let left = 0.8_f64.powi(updates);
        assert!((remembered - 32.0 * 9.0 * (1.0 - left) / (1.0 + left)).abs() < 1e-6, "{remembered}");
        let law = mean(own.iter().map(|stage| {
            let of = |column: &str| number(stage, column);
            let isotropic = (of("units") + 2.0) * of("variation") - 1.0;
            let inside = (of("dimension") + 2.0) * of("variation") * of("pooled") / of("alpha") - 1.0;
            of("alpha").sqrt() / (1.0 + inside / remembered).sqrt()
                - 1.0 / (1.0 + isotropic / remembered).sqrt()
        }));
        assert!((number(row, "law_gain") - law).abs() < 1e-9, "{} {law}", row["law_gain"]);
    }
    let half = &networks[1];
    let less = number(half, "alpha") - number(&networks[0], "alpha");
    assert!((number(half, "alpha_less_first") - less).abs() < 1e-9, "{half:?}");
    assert_eq!(json(&out.join("margin.json"))["predictors"].as_array().unwrap().len(), 3);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("Where the manifold helps") && !page.contains("NaN"));
    let again = folder.run(&[&own, &TINY[..]].concat()).success();
    assert_eq!(again.stdout.matches("made before, kept").count(), 18, "{}", again.stdout);
}

#[test]
fn a_network_of_images_of_few_dimensions_has_them_made_once() {
    let folder = Folder::new();
    let own = [
        "reproduce",
        "margin",
        "--networks",
        "dimension-8",
        "--seeds",
        "1",
        "--examples",
        "60",
        "--out",
        "out",
    ];
    // The run alone, in a folder that is not there yet: the fourth is the first of this network.
    folder.run(&[&own[..], &["--task", "4"], &TINY[..]].concat()).success();
    let mut files = fs::read_dir(folder.path("out")).unwrap().map(|file| file.unwrap().path());
    let made = files.find(|path| path.extension().is_some_and(|ending| ending == "npz")).unwrap();
    let name = made.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("images-8-"), "{name}");
    let bytes = fs::read(&made).unwrap();
    folder.run(&[&own[..], &TINY[..]].concat()).success();
    assert_eq!(fs::read(&made).unwrap(), bytes);
    let info = folder.run(&["data", "info", made.to_str().unwrap()]).success().stdout;
    assert!(info.contains("train: 128 gray images, 28x28 pixels"), "{info}");
    let networks = csv(&folder.path("out/networks.csv"));
    let names: Vec<&str> = networks.iter().map(|row| row["network"].as_str()).collect();
    assert_eq!(names, ["base", "dimension-8"]);
    let page = fs::read_to_string(folder.path("out/report.html")).unwrap();
    assert!(page.contains("images of 8 dimensions"));
}

#[test]
fn sessions_show_the_noise_that_each_rule_makes() {
    let folder = Folder::new();
    let own = [
        "reproduce",
        "predictions",
        "--seeds",
        "2",
        "--repeats",
        "4,12",
        "--units",
        "64",
        "--out",
        "out",
        "--threads=2",
    ];
    // Long enough for a network that knows something: in an untrained one all conditions call for the same change.
    let longer = ["--quick", "--set", "data={train_limit=500, test_limit=50}", "--set", "train.epochs=8"];
    let ran = folder.run(&[&own[..], &longer].concat()).success();
    assert_eq!(ran.stderr, "");
    let out = folder.path("out");
    let (signs, pairs) = (csv(&out.join("signs.csv")), csv(&out.join("pairs.csv")));
    assert_eq!(signs.len(), 5 * 2 * 5);
    // Of ten pairs, by five signs, for two numbers of trials.
    assert_eq!(pairs.len(), 10 * 5 * 2);
    let sign = |rule: &str, name: &str| {
        let of = |row: &&Row| row["rule"] == rule && row["sign"] == name && row["repeats"] == "12";
        number(signs.iter().find(of).unwrap(), "mean")
    };
    // Half of the variance is private.
    for on_manifold in ["nmnc", "bp-manifold"] {
        assert!(sign(on_manifold, "noise_on_manifold") > 0.1, "{on_manifold}");
        assert!(sign(on_manifold, "noise_dimension") < 0.7, "{on_manifold}");
    }
    for isotropic in ["vnc", "node-perturbation", "bp"] {
        assert!(sign(isotropic, "noise_on_manifold").abs() < 0.06, "{isotropic}");
        assert!(sign(isotropic, "noise_dimension") > 0.9, "{isotropic}");
    }
    // Node perturbation alone has nothing to go by but the noise of the trials it learns from.
    assert!(sign("node-perturbation", "follows_specifically") > 0.1);
    assert!(sign("node-perturbation", "follows_specifically") > sign("bp", "follows_specifically") + 0.1);
    for pair in &pairs {
        let of = |rule: &str| {
            let same = |row: &&Row| {
                row["rule"] == rule && row["sign"] == pair["sign"] && row["repeats"] == pair["repeats"]
            };
            number(signs.iter().find(same).unwrap(), "mean")
        };
        assert!((number(pair, "difference") - (of(&pair["first"]) - of(&pair["second"]))).abs() < 1e-9);
        assert!(pair["animals"].is_empty() || number(pair, "p_corrected") < 0.05, "{pair:?}");
    }
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("Signs of a rule") && !page.contains("NaN"));

    // What all units have in common is of one dimension for each condition, and lies on the manifold of conditions whatever the rule.
    let ran = folder.run(&[&own[..], &longer, &["--gain", "4", "--slow", "0.5"]].concat()).success();
    assert_eq!(ran.stderr, "");
    let signs = csv(&out.join("signs.csv"));
    let sign = |rule: &str, name: &str| {
        let of = |row: &&Row| row["rule"] == rule && row["sign"] == name && row["repeats"] == "12";
        number(signs.iter().find(of).unwrap(), "mean")
    };
    for rule in ["nmnc", "vnc", "node-perturbation", "bp"] {
        assert!(sign(rule, "noise_dimension") < 0.3, "{rule}");
        assert!(sign(rule, "noise_on_manifold") > 0.3, "{rule}");
    }
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("correlation 0.5 from trial to trial, variance 4 of the noise"));

    // Taken out along means it leaves noise of many dimensions where the rule's is isotropic, and learning as it was.
    let learning = ["nmnc", "vnc"].map(|rule| sign(rule, "learning_on_manifold"));
    let removed = ["--gain", "4", "--slow", "0.5", "--remove-gain"];
    let ran = folder.run(&[&own[..], &longer, &removed].concat()).success();
    assert_eq!(ran.stderr, "");
    let signs = csv(&out.join("signs.csv"));
    let sign = |rule: &str, name: &str| {
        let of = |row: &&Row| row["rule"] == rule && row["sign"] == name && row["repeats"] == "12";
        number(signs.iter().find(of).unwrap(), "mean")
    };
    assert!(sign("vnc", "noise_dimension") > 0.5 && sign("vnc", "noise_on_manifold") < 0.1);
    assert_eq!(["nmnc", "vnc"].map(|rule| sign(rule, "learning_on_manifold")), learning);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("variance 4 of the noise; taken out of recordings"));

    // Where units differ in following it, some of it is left, of few dimensions.
    folder.run(&[&own[..], &longer, &removed, &["--spread", "1"]].concat()).success();
    let left = csv(&out.join("signs.csv"));
    let of = |row: &&Row| row["rule"] == "vnc" && row["sign"] == "noise_dimension" && row["repeats"] == "12";
    let [all, some] = [&signs, &left].map(|signs| number(signs.iter().find(of).unwrap(), "mean"));
    assert!(some < 0.8 * all, "{some} of {all}");
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("units follow it by 1 ± 1; taken out of recordings"));
}
