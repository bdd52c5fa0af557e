//! Networks that collapse, and data of sizes at the ends of what numbers can say: the program goes on, or says one line.

use std::fs;
use std::io::Write;

use serde_json::Value;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::common::{Folder, TINY, npy_header};

/// Numbers that look random.
fn numbers(count: usize) -> Vec<f64> {
    let number = |at: usize| {
        let mut z = (at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (z >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    (0..count).map(number).collect()
}

fn array(folder: &Folder, name: &str, [rows, columns]: [usize; 2], factor: f64) {
    let mut bytes = npy_header("<f8", &format!("({rows}, {columns})"));
    bytes.extend(numbers(rows * columns).into_iter().flat_map(|v| (v * factor).to_le_bytes()));
    fs::write(folder.path(name), bytes).unwrap();
}

fn read(folder: &Folder, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.path(name)).unwrap()).unwrap()
}

#[test]
fn a_network_that_collapses_trains_to_the_end() {
    let folder = Folder::new();
    let printed = folder.run(&["config", "presets", "demo"]).success().stdout;
    folder.write("demo.toml", &printed);
    let ran = folder
        .run(&[
            "train",
            "demo.toml",
            "--out",
            "run",
            "--set",
            "train.optimizer={name=\"sgd\",learning_rate=0.02,weight_decay=20}",
            "--set",
            "data.train_limit=2000",
            "--set",
            "train.epochs=4",
        ])
        .success();
    assert!(ran.stderr.contains("activity does not vary"), "{}", ran.stderr);
    assert_eq!(read(&folder, "run/summary.json")["status"], "complete");
}

/// Images of floats, from the smallest sizes to the largest, as they are and standardized.
#[test]
fn float_images_of_any_size_train_or_say_in_one_line_that_they_cannot() {
    const IMAGES: usize = 64;
    let folder = Folder::new();
    folder.write("tiny.toml", &TINY.replace("train_limit = 256\ntest_limit = 100\n", "source = \"DATA\"\n"));
    for (factor, code) in [(1e-20, 0), (1e-30, 0), (1e-44, 0), (1e15, 0), (1e23, 6), (6e38, 6)] {
        let name = format!("images{factor:e}.npz");
        let mut writer = ZipWriter::new(fs::File::create(folder.path(&name)).unwrap());
        for part in ["train", "test"] {
            writer.start_file(format!("x_{part}.npy"), SimpleFileOptions::default()).unwrap();
            writer.write_all(&npy_header("<f4", &format!("({IMAGES}, 12, 12)"))).unwrap();
            let pixels = numbers(IMAGES * 144).into_iter().map(|v| (v * factor) as f32);
            writer.write_all(&pixels.flat_map(f32::to_le_bytes).collect::<Vec<u8>>()).unwrap();
            writer.start_file(format!("y_{part}.npy"), SimpleFileOptions::default()).unwrap();
            writer.write_all(&npy_header("<i8", &format!("({IMAGES},)"))).unwrap();
            let labels = (0..IMAGES as i64).flat_map(|i| (i % 3).to_le_bytes());
            writer.write_all(&labels.collect::<Vec<u8>>()).unwrap();
        }
        writer.finish().unwrap();
        for standardize in ["none", "train"] {
            let (source, out) = (format!("data.source={name}"), format!("{factor:e}-{standardize}"));
            let standardize = format!("data.standardize={standardize}");
            let arguments = ["train", "tiny.toml", "--out", &out, "--set", &source, "--set", &standardize];
            let ran = folder.run(&arguments);
            let expected = if standardize.ends_with("none") { code } else { 0 };
            assert_eq!(ran.code, Some(expected), "{factor:e} {standardize}: {}", ran.stderr);
            if expected != 0 {
                let last = ran.stderr.lines().last().unwrap();
                assert!(last.starts_with("error: step 0") && last.contains("train.clip_norm"), "{last}");
            }
        }
    }
}

#[test]
fn arrays_of_any_size_are_analyzed_or_refused_in_one_line() {
    let folder = Folder::new();
    array(&folder, "whole.npy", [60, 12], 1.0);
    folder.run(&["analyze", "--activity", "whole.npy", "--out", "whole"]).success();
    let dimensions = |name: &str| {
        let mut found = read(&folder, &format!("{name}/analysis.json"))["stages"][0]["dimensions"].clone();
        let total = found["total_variance"].take().as_f64().unwrap();
        (found, total)
    };
    let (whole, variance) = dimensions("whole");
    for exponent in [-140, 140] {
        let factor = 10f64.powi(exponent);
        array(&folder, "scaled.npy", [60, 12], factor);
        folder.run(&["analyze", "--activity", "scaled.npy", "--out", "scaled"]).success();
        let (found, total) = dimensions("scaled");
        // Powers of ten round.
        assert_eq!(found["components"], whole["components"], "{exponent}");
        let ratio = found["participation"]["plain"].as_f64().unwrap()
            / whole["participation"]["plain"].as_f64().unwrap();
        assert!((ratio - 1.0).abs() < 1e-9, "{exponent} {ratio}");
        assert!((total / factor / factor / variance - 1.0).abs() < 1e-9, "{exponent} {total}");
    }
    for (factor, word, unit) in [(1e-160, "below", "smaller"), (1e155, "above", "larger")] {
        array(&folder, "beyond.npy", [60, 12], factor);
        let ran = folder.run(&["analyze", "--activity", "beyond.npy", "--out", "beyond"]).failure(4);
        let expected = format!(
            "error: beyond.npy: activity: its variance is {word} what double precision has numbers for; give it in a {unit} unit\n"
        );
        assert_eq!(ran.stderr, expected);
        assert!(!folder.path("beyond").exists());
    }
}

#[test]
fn recordings_of_any_size_are_compared_with_the_same_similarity() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder.run(&["train", "tiny.toml", "--out", "run"]).success();
    let similarity = |factor: f64| {
        array(&folder, "recorded.npy", [100, 9], factor);
        folder
            .run(&["similarity", "run", "--against", "recorded.npy", "--split", "test", "--out", "found"])
            .success();
        let pair = read(&folder, "found/similarity.json")["pairs"][0].clone();
        let number =
            |measure: &str| pair[measure][2][0].as_f64().unwrap_or_else(|| panic!("{factor:e} {pair}"));
        ["cka", "cka_biased", "svcca"].map(number)
    };
    let whole = similarity(1.0);
    for factor in [1e-160, 1e155, 1e-300, 1e300] {
        let scaled = similarity(factor);
        assert!(
            scaled.iter().zip(whole).all(|(s, w)| (s - w).abs() < 1e-9),
            "{factor:e} {scaled:?} {whole:?}"
        );
    }
}
