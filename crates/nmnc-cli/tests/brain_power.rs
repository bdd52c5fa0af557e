//! `nmnc brain --power`.

use std::fs;

use crate::common::benchmark::benchmark;
use crate::common::files::{csv, json, number};
use crate::common::{Folder, TINY};

#[test]
fn power_tells_seeds_and_stimuli_that_agree_with_the_contrasts() {
    let folder = Folder::new();
    benchmark(&folder);
    folder.write("tiny.toml", TINY);
    folder
        .run(&["compare", "tiny.toml", "--rules", "bp,dfa", "--seeds", "3", "--out", "runs", "--quiet"])
        .success();
    let base = ["brain", "runs", "--benchmark", "bench", "--out", "out", "--draws", "200"];
    let plain = folder.run(&base).success();
    assert!(!plain.stdout.contains("Shown by these") && !folder.path("out/power.csv").exists());
    let ran = folder.run(&[&base[..], &["--power", "0.1"]].concat()).success();
    assert!(
        ran.stdout.contains("Shown by these") && ran.stdout.contains("a difference of 0.1 is shown"),
        "{}",
        ran.stdout
    );
    let (rows, contrasts) = (csv(&folder.path("out/power.csv")), csv(&folder.path("out/contrasts.csv")));
    assert_eq!(rows.len(), contrasts.len());
    let stimuli = json(&folder.path("out/brain.json"))["scores"]["stimuli"].as_f64().unwrap();
    for (row, contrast) in rows.iter().zip(&contrasts) {
        assert_eq!(
            (&row["condition"], &row["less"], &row["stage"]),
            (&contrast["condition"], &contrast["less"], &contrast["stage"])
        );
        let deviation = number(contrast, "sem") * 3f64.sqrt();
        assert!((number(row, "deviation_over_seeds") - deviation).abs() < 1e-9);
        let error = (number(contrast, "stimuli_high") - number(contrast, "stimuli_low")) / 3.919_928;
        assert!((number(row, "error_over_stimuli") - error).abs() < 1e-6);
        let needed = (stimuli * (3.241_52 * error / 0.1).powi(2)).ceil().max(20.0);
        assert!((number(row, "stimuli") - needed).abs() <= 1.0 + 1e-3 * needed, "{row:?} {needed}");
        // With the quantiles of two degrees of freedom.
        let by_seeds = (4.302_65 + 1.885_62) * deviation / 3f64.sqrt();
        let expected = by_seeds.max(3.241_52 * error);
        assert!((number(row, "shown_by_these") - expected).abs() < 1e-3 * expected + 1e-9, "{row:?}");
    }
    let page = fs::read_to_string(folder.path("out/report.html")).unwrap();
    assert!(page.contains(">Power<"));
    for (more, message) in [
        (
            &["--power", "0"][..],
            "invalid value '0' for '--power [<SIZE>]': not a difference of similarities, above 0 and at most 2",
        ),
        (
            &["--power", "--resample", "subjects"],
            "--power: counts stimuli, and so needs them drawn; leave out --resample, or --power",
        ),
    ] {
        let ran = folder.run(&[&base[..], more].concat());
        assert!(ran.stderr.contains(message), "{}", ran.stderr);
    }
}
