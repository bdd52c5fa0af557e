//! In run folders and checkpoints, and in places to write.

use std::fs;

use super::{case, check, prepared, trained};
use crate::common::{Folder, last_checkpoint};

/// A run stopped before its end, after the second of its two checkpoints.
fn stopped(folder: &Folder) {
    trained(folder);
    fs::remove_file(folder.path("run/summary.json")).unwrap();
}

/// Changes a file of each checkpoint.
fn damage(folder: &Folder, file: &str, change: impl Fn(&mut Vec<u8>)) {
    for entry in fs::read_dir(folder.path("run/checkpoints")).unwrap() {
        let path = entry.unwrap().path().join(file);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn in_run_folders_and_checkpoints() {
    check(&[
        prepared(
            trained,
            "train tiny.toml --out run",
            5,
            "run: already holds a run; continue it with --resume, or name another folder with --out",
        ),
        prepared(
            trained,
            "train tiny.toml --out run --resume --set train.batch=32",
            5,
            "run: was made with another configuration (train.batch: 64 there, 32 here); use the same configuration, or name another folder with --out",
        ),
        prepared(
            trained,
            "train tiny.toml --out run --resume --seed 1",
            5,
            "run: was made with another configuration (seed: 0 there, 1 here); use the same configuration, or name another folder with --out",
        ),
        prepared(
            |f| {
                stopped(f);
                damage(f, "weights.safetensors", |bytes| bytes.truncate(40));
            },
            "train tiny.toml --out run --resume",
            5,
            "run/checkpoints/step-0000000004/weights.safetensors: is damaged (its checksum does not match); no checkpoint of the run is whole: remove the run folder and start again",
        ),
        prepared(
            |f| {
                stopped(f);
                damage(f, "state.json", |bytes| bytes[10] ^= 1);
            },
            "train tiny.toml --out run --resume",
            5,
            "run/checkpoints/step-0000000004/state.json: is damaged (its checksum does not match); no checkpoint of the run is whole: remove the run folder and start again",
        ),
        prepared(
            |f| {
                stopped(f);
                fs::remove_dir_all(f.path("run/checkpoints/step-0000000004")).unwrap();
                fs::remove_file(last_checkpoint(&f.path("run")).join("SHA256SUMS")).unwrap();
            },
            "train tiny.toml --out run --resume",
            5,
            "run/checkpoints/step-0000000008/SHA256SUMS: is missing; no checkpoint of the run is whole: remove the run folder and start again",
        ),
        prepared(
            |f| {
                stopped(f);
                damage(f, "records.json", |bytes| bytes[30] ^= 1);
            },
            "train tiny.toml --out run --resume",
            5,
            "run/checkpoints/step-0000000004/records.json: is damaged (its checksum does not match); no checkpoint of the run is whole: remove the run folder and start again",
        ),
        prepared(
            |f| {
                trained(f);
                f.write("run/summary.json", "{}");
            },
            "train tiny.toml --out run --resume",
            5,
            "run/summary.json:1: not a summary: missing field `rule`; remove it: resuming the run writes it anew",
        ),
        prepared(
            |f| {
                trained(f);
                f.write("run/metrics.jsonl", "{\"step\": 1}\n");
            },
            "report run",
            5,
            "run/metrics.jsonl:1: not a metrics record: missing field `epoch` (column 11); remove the line, or the run folder if there are more",
        ),
        prepared(
            |f| {
                stopped(f);
                f.write("run/config.toml", "seed = 0\n");
            },
            "report run",
            5,
            "run/config.toml: credit.rule: missing",
        ),
        prepared(
            |f| fs::create_dir(f.path("empty")).unwrap(),
            "report empty",
            5,
            "empty: holds no run (no config.toml in it or one level below); give the folder that `nmnc train` or `nmnc compare` wrote",
        ),
        case(
            "cite nowhere",
            5,
            "nowhere: no such folder; give the folder that `nmnc train` or `nmnc compare` wrote",
        ),
        case(
            "report nowhere",
            5,
            "nowhere: no such folder; give the folder that `nmnc train` or `nmnc compare` wrote",
        ),
        prepared(
            |f| {
                f.run(&["compare", "tiny.toml", "--rules", "bp", "--out", "out", "--quiet"]).success();
            },
            "compare tiny.toml --rules bp,dfa --out out --set train.loss=mean-squared-error",
            5,
            "out/bp-seed0: was made with another configuration (train.loss: \"cross-entropy\" there, \"mean-squared-error\" here); name another folder with --out",
        ),
    ]);
}

/// Changes the text of a file of the run.
fn change(folder: &Folder, file: &str, from: &str, to: &str) {
    let path = folder.path(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn in_what_runs_recorded() {
    check(&[
        prepared(
            |f| {
                trained(f);
                change(f, "run/metrics.jsonl", "{\"stage\":1,", "{\"stage\":9223372036854775808,");
            },
            "report run",
            5,
            "run/metrics.jsonl:1: not a metrics record: stage 9223372036854775808 is not one from 1 to 4096; remove the line, or the run folder if there are more",
        ),
        prepared(
            |f| {
                trained(f);
                change(f, "run/metrics.jsonl", "{\"step\":4,", "{\"step\":1,");
            },
            "report run",
            5,
            "run/metrics.jsonl:3: not a metrics record: step 1 comes after step 2; remove the line, or the run folder if there are more",
        ),
        prepared(
            |f| {
                trained(f);
                change(f, "run/summary.json", "\"nmnc\"", &format!("\"{}\"", "r".repeat(70_000)));
            },
            "report run",
            5,
            "run/summary.json:1: not a summary: rule: a name of 70000 characters is longer than 200; remove it: resuming the run writes it anew",
        ),
        prepared(
            |f| {
                stopped(f);
                change(
                    f,
                    "run/config.toml",
                    "rule = \"nmnc\"",
                    &format!("rule = \"{}\"", "r".repeat(70_000)),
                );
            },
            "report run",
            5,
            "run/config.toml: credit.rule: a name of 70000 characters is longer than 200",
        ),
    ]);
}

#[test]
fn in_places_to_write_and_servers() {
    check(&[
        case(
            "train tiny.toml --out tiny.toml",
            8,
            "tiny.toml: cannot create folder: File exists (os error 17)",
        ),
        case(
            "train tiny.toml --out tiny.toml/run",
            8,
            "tiny.toml/run: cannot create folder: Not a directory (os error 20)",
        ),
        prepared(
            trained,
            "report run --out nowhere/report.html",
            8,
            "nowhere: no such folder; create it, or name another place",
        ),
        prepared(trained, "report run --out run", 8, "run: is a folder; name a file"),
        case("train .", 3, ".: is a folder; give a TOML file"),
        prepared(trained, "train run", 3, "run: is a folder; of the run in it, give run/config.toml"),
        case("sweep .", 3, ".: is a folder; give the TOML file of the sweep"),
        case(
            "report tiny.toml",
            5,
            "tiny.toml: is no folder; give the folder that `nmnc train` or `nmnc compare` wrote",
        ),
        prepared(
            |f| fs::create_dir_all(f.path("data/mnist")).unwrap(),
            "data fetch mnist",
            9,
            "mnist: http://127.0.0.1:9/mnist/train-images-idx3-ubyte.gz: cannot be reached: io: Connection refused (os error 111); check the connection, set NMNC_DATA_MIRROR to a mirror, or put the file at <tmp>/data/mnist/train-images-idx3-ubyte.gz yourself",
        ),
    ]);
}
