//! `nmnc similarity` on tiny runs: files, numbers that must agree, the same bits again.

use std::fs;

use serde_json::Value;

use crate::common::{Folder, TINY, npy_header};

fn read(folder: &Folder, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.path(name)).unwrap()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn networks_are_compared_with_each_other_themselves_and_recordings() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder.run(&["train", "tiny.toml", "--out", "a"]).success();
    folder.run(&["train", "tiny.toml", "--out", "b", "--set", "credit.rule=bp", "--seed", "3"]).success();

    let ran =
        folder.run(&["similarity", "a", "b", "a/checkpoints/step-0000000008", "--examples", "80"]).success();
    assert!(ran.stdout.ends_with("the folder:\nsimilarity\n"), "{}", ran.stdout);
    let found = read(&folder, "similarity/similarity.json");
    // Every SVCCA that the terminal shows has its chance beside it.
    assert!(ran.stdout.contains("SVCCA  by chance\n"), "{}", ran.stdout);
    let first = &found["pairs"][0];
    let shown = ["cka", "svcca", "svcca_chance"]
        .map(|name| format!("{:.3}", number(&first[name][1][1])).replace('-', "−"));
    let words: Vec<&str> = ran.stdout.split_whitespace().collect();
    assert!(words.windows(3).any(|found| found == shown), "{shown:?} in {}", ran.stdout);
    assert_eq!((&found["examples"], found["pairs"].as_array().unwrap().len()), (&80.into(), 3));
    assert_eq!(found["compared"][0]["stages"], serde_json::json!(["Stage 1", "Stage 2", "Stage 3"]));
    let pair = |i: usize| &found["pairs"][i];
    for stage in 0..3 {
        // The latest checkpoint is the run.
        for measure in ["cka", "cka_biased", "svcca"] {
            let same = number(&pair(1)[measure][stage][stage]);
            assert!((same - 1.0).abs() < 1e-9, "{measure}: {same}");
            let other = number(&pair(0)[measure][stage][stage]);
            assert!(other < 1.0 - 1e-6, "{measure} of another network: {other}");
            // Of the pair (b, checkpoint), what is of (a, b), transposed.
            let across = number(&pair(2)[measure][2][stage]);
            assert!((across - number(&pair(0)[measure][stage][2])).abs() < 1e-9);
        }
        assert!(number(&pair(0)["svcca_chance"][stage][stage]) < number(&pair(1)["svcca"][stage][stage]));
    }
    let csv = fs::read_to_string(folder.path("similarity/similarity.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + 3 * 9);
    assert!(csv.lines().nth(1).unwrap().starts_with("a,Stage 1,"), "{csv}");
    let page = fs::read_to_string(folder.path("similarity/report.html")).unwrap();
    for foreign in ["<script ", "src=", "href=\"http", "url(http", "@import", "NaN"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(page.matches("<figure>").count(), 3);

    // One thread, the same numbers.
    let again =
        ["similarity", "a", "b", "--examples", "80", "--threads", "1", "--out", "again", "--format", "json"];
    folder.run(&again).success();
    assert_eq!(read(&folder, "again/similarity.json")["pairs"][0], found["pairs"][0]);
    assert_eq!(fs::read_dir(folder.path("again")).unwrap().count(), 1);

    // Recordings: rows in the order of the split. A unit that does not vary is like nothing.
    let header = npy_header("<f8", "(100, 4)");
    let values: Vec<u8> = (0..400).flat_map(|i| f64::from(i * i % 37).to_le_bytes()).collect();
    fs::write(folder.path("x.npy"), [&header[..], &values].concat()).unwrap();
    let constant: Vec<u8> = (0..400).flat_map(|_| 2.0f64.to_le_bytes()).collect();
    fs::write(folder.path("c.npy"), [&header[..], &constant].concat()).unwrap();
    let ran = folder
        .run(&[
            "similarity",
            "a",
            "--against",
            "x.npy",
            "--against",
            "c.npy",
            "--stage",
            "1,3",
            "--out",
            "c",
            "--json",
        ])
        .success();
    let event: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    let result = &event["result"];
    assert_eq!((&event["event"], &result["examples"]), (&"similarity".into(), &100.into()));
    assert_eq!(result["compared"][0]["units"].as_array().unwrap().len(), 2);
    assert!(number(&result["pairs"][0]["cka"][1][0]).abs() < 0.5);
    assert!(result["pairs"][1]["cka"][0][0].is_null() && result["pairs"][1]["svcca"][0][0].is_null());
    assert!(result["warnings"].to_string().contains("c.npy, Data: does not vary"), "{}", result["warnings"]);

    // A single network against itself.
    folder.run(&["similarity", "b", "--out", "own", "--examples", "50"]).success();
    let own = read(&folder, "own/similarity.json");
    for stage in 0..3 {
        assert!((number(&own["pairs"][0]["cka"][stage][stage]) - 1.0).abs() < 1e-12);
    }

    // What is no comparison is not replaced.
    folder.write("own/notes.txt", "mine");
    let refused = folder.run(&["similarity", "b", "--out", "own"]).failure(8);
    assert!(
        refused.stderr.contains("own: holds `notes.txt`, which is no part of a comparison"),
        "{refused:?}"
    );
}
