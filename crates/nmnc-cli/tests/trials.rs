//! `nmnc analyze --trials` on a small recording: files, numbers that must agree, the same bits again.

use std::fs;

use nmnc::data::NpzWriter;
use nmnc::data::npz::Array;
use nmnc::trials::NoiseAlignment;
use serde_json::Value;

use crate::common::{Folder, npy_header};

const CONDITIONS: usize = 12;
const REPEATS: usize = 6;
const UNITS: usize = 5;

/// Conditions that move two units, noise that is strongest in the first of them, and a missing trial.
fn values() -> Vec<f64> {
    let mut state = 12_345_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let mut values = Vec::new();
    for condition in 0..CONDITIONS {
        let mean = [(condition * 5 % 12) as f64, (condition * 7 % 12) as f64, 0.0, 0.0, 0.0];
        for _ in 0..REPEATS {
            let trial = mean.iter().enumerate();
            values.extend(trial.map(|(unit, mean)| mean + random() * if unit == 0 { 6.0 } else { 1.0 }));
        }
    }
    values[..UNITS].fill(f64::NAN);
    values
}

fn read(folder: &Folder, name: &str) -> NoiseAlignment {
    serde_json::from_slice(&fs::read(folder.path(name)).unwrap()).unwrap()
}

#[test]
fn trials_are_analyzed_from_arrays_and_archives() {
    let folder = Folder::new();
    let values = values();
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let header = npy_header("<f8", &format!("({CONDITIONS}, {REPEATS}, {UNITS})"));
    fs::write(folder.path("x.npy"), [&header[..], &bytes].concat()).unwrap();
    let mut archive = NpzWriter::new();
    archive.put("spikes", &[CONDITIONS, REPEATS, UNITS], &values).unwrap();
    fs::write(folder.path("x.npz"), archive.finish().unwrap()).unwrap();

    let ran = folder.run(&["analyze", "--trials", "x.npy", "--dim", "2"]).success();
    assert!(ran.stdout.starts_with("2 signal components of 5 units hold 0.9"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("the folder:\nx-analysis\n"), "{}", ran.stdout);
    assert_eq!(ran.stderr, "");
    let found = read(&folder, "x-analysis/trials.json");
    assert_eq!((found.conditions, found.repeats, found.missing, found.units), (CONDITIONS, [5, 6], 1, UNITS));
    let at = found.headline();
    // Variances of 3 and 1/12: 37 of 40 parts in the two units that conditions move.
    assert!((at.alpha - 37.0 / 40.0).abs() < 0.03 && at.chance == 0.4 && at.signal > 0.98, "{at:?}");
    let page = fs::read_to_string(folder.path("x-analysis/report.html")).unwrap();
    for foreign in ["<script ", "src=", "href=\"http", "url(http", "@import", "NaN", "inf\""] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(page.matches("<figure>").count(), 2);
    for (name, rows) in [("alignment.csv", found.curve.len()), ("cosines.csv", found.cosines.len())] {
        let text = fs::read_to_string(folder.path(&format!("x-analysis/{name}"))).unwrap();
        assert_eq!(text.lines().count(), rows + 1, "{text}");
    }
    let components = Array::read(&folder.path("x-analysis/arrays.npz"), "components").unwrap().unwrap();
    assert_eq!(components.shape(), [found.curve.len(), UNITS]);

    // Of an archive, on one thread, the same numbers.
    let again = [
        "analyze",
        "--trials",
        "x.npz",
        "--array",
        "spikes",
        "--dim",
        "2",
        "--threads",
        "1",
        "--out",
        "again",
        "--format",
        "json",
        "--json",
    ];
    let ran = folder.run(&again).success();
    let event: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&event["event"], &event["found"]["dimension"]), (&"trials".into(), &2.into()));
    let same = read(&folder, "again/trials.json");
    assert_eq!(NoiseAlignment { subject: found.subject.clone(), ..same }, found);
    assert_eq!(fs::read_dir(folder.path("again")).unwrap().count(), 1);

    // Without the gain of trials less of the noise is along the means, and the page says so.
    let cleaned = ["analyze", "--trials", "x.npy", "--dim", "2", "--remove-gain", "--out", "cleaned"];
    let ran = folder.run(&cleaned).success();
    // One of two dimensions and one of five units are gone.
    assert!(ran.stdout.contains("noise alike in all others would have 0.250 there"), "{}", ran.stdout);
    let less = read(&folder, "cleaned/trials.json");
    assert!(less.without_gain && !found.without_gain && less.noise_variance < 0.9 * found.noise_variance);
    for (page, said) in [("x-analysis", "left in"), ("cleaned", "taken out, along the mean")] {
        let page = fs::read_to_string(folder.path(&format!("{page}/report.html"))).unwrap();
        assert!(page.contains("Gain of trials") && page.contains(said));
    }

    // The only array of an archive needs no name.
    folder
        .run(&["analyze", "--trials", "x.npz", "--dim", "2", "--out", "again", "--format", "json"])
        .success();
    assert_eq!(
        NoiseAlignment { subject: found.subject.clone(), ..read(&folder, "again/trials.json") },
        found
    );
    let refused = folder.run(&["analyze", "--trials", "x.npz", "--array", "data"]).failure(4);
    assert_eq!(refused.stderr, "error: x.npz: no array `data`; known: spikes\n");
    let refused =
        folder.run(&["analyze", "--trials", "x.npy", "--max-memory", "1", "--out", "again"]).success();
    assert!(refused.stdout.ends_with("again\n"));
    folder.write("again/notes.txt", "mine");
    let refused = folder.run(&["analyze", "--trials", "x.npy", "--out", "again"]).failure(8);
    assert!(
        refused.stderr.contains("again: holds `notes.txt`, which is no part of an analysis of trials"),
        "{refused:?}"
    );
}
