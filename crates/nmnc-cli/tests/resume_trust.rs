//! What `--resume` finds in a run folder is what the run left there, or it is refused in one line and stays as it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::common::{self, Folder, TINY, copy, metrics};

const LAST: &str = "run/checkpoints/step-0000000008";
const RESTORE: &str =
    "put the file back as the run left it, or go on with what is left of it by --resume --accept-records";

/// A run of 8 steps with checkpoints after 4 and 8 and rows of steps 1, 2, 4, 6 and 8, stopped before its summary was written.
fn stopped() -> Folder {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder.run(&["train", "tiny.toml", "--out", "run", "--quiet"]).success();
    fs::remove_file(folder.path("run/summary.json")).unwrap();
    folder
}

fn contents(folder: &Folder) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    folder.tree().into_iter().map(|path| (path.clone(), fs::read(path).ok())).collect()
}

/// That a command is refused with exit code 5 and this line, and changes nothing.
fn refused(folder: &Folder, arguments: &str, error: &str) {
    let before = contents(folder);
    let ran = folder.run(&arguments.split_whitespace().collect::<Vec<_>>()).failure(5);
    assert_eq!(ran.stderr, format!("error: {error}\n"));
    assert!(contents(folder) == before, "{arguments} changed files: {:?}", folder.tree());
}

fn resume(folder: &Folder) {
    folder.run(&["train", "tiny.toml", "--out", "run", "--resume", "--quiet"]).success();
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let folder = stopped();
    folder.run(&["train", "tiny.toml", "--out", "other", "--seed", "1", "--quiet"]).success();
    folder.run(&["train", "tiny.toml", "--out", "same", "--quiet"]).success();
    let own = folder.path(LAST);
    let swap = |name: &str| {
        fs::remove_dir_all(&own).unwrap();
        copy(&folder.path(name).join("checkpoints/step-0000000008"), &own);
    };
    swap("other");
    refused(
        &folder,
        "train tiny.toml --out run --resume",
        &format!(
            "{LAST}: is of another run (seed: 1 there, 0 here); put back the configuration the run began with, or remove the checkpoint if it is from elsewhere"
        ),
    );
    // Of the same configuration, but what it was written after are the rows of another run.
    swap("same");
    refused(
        &folder,
        "train tiny.toml --out run --resume",
        &format!("run/metrics.jsonl: has other rows than the run wrote (steps 6 to 8); {RESTORE}"),
    );
    fs::remove_dir_all(&own).unwrap();
    resume(&folder);
    assert_eq!(metrics(&folder.path("run")), metrics(&folder.path("same")));
}

#[test]
fn a_configuration_that_was_edited_in_both_places_is_refused() {
    let folder = stopped();
    let edited =
        folder.run(&["config", "check", "tiny.toml", "--resolved", "--set", "train.batch=32"]).success();
    fs::write(folder.path("run/config.toml"), edited.stdout).unwrap();
    refused(
        &folder,
        "train tiny.toml --out run --resume --set train.batch=32",
        &format!(
            "{LAST}: is of another run (train.batch: 64 there, 32 here); put back the configuration the run began with, or remove the checkpoint if it is from elsewhere"
        ),
    );
}

#[test]
fn a_run_that_lost_its_configuration_is_not_written_over() {
    let folder = stopped();
    fs::remove_file(folder.path("run/config.toml")).unwrap();
    for resume in ["", " --resume"] {
        refused(
            &folder,
            &format!("train tiny.toml --out run{resume}"),
            "run: holds a run without its config.toml; put the file back, or name another folder with --out",
        );
    }
}

type Damage = (&'static str, fn(&str) -> Option<String>, &'static str, &'static [u64]);

/// Each with the rows that are left.
const DAMAGES: [Damage; 7] = [
    ("deleted", |_| None, "lacks 5 of the 5 rows that the run wrote (steps 1 to 8)", &[]),
    ("emptied", |_| Some(String::new()), "lacks 5 of the 5 rows that the run wrote (steps 1 to 8)", &[]),
    (
        "cut",
        |text| Some(text[..text.len() * 3 / 5].to_owned()),
        "lacks 3 of the 5 rows that the run wrote (steps 4 to 8)",
        &[1, 2],
    ),
    (
        "a row removed",
        |text| Some(text.lines().filter(|l| !l.contains("\"step\":2,")).map(|l| format!("{l}\n")).collect()),
        "lacks 1 of the 5 rows that the run wrote (step 2)",
        &[1, 4, 6, 8],
    ),
    (
        "rows doubled",
        |text| Some(text.lines().map(|l| format!("{l}\n{l}\n")).collect()),
        "has rows more than once (steps 1 to 8)",
        &[1, 2, 4, 6, 8],
    ),
    (
        "rows in another order",
        |text| Some(text.lines().rev().map(|l| format!("{l}\n")).collect()),
        "has other rows than the run wrote (steps 1 to 8)",
        &[1, 2, 4, 6, 8],
    ),
    (
        "edited",
        |text| {
            let (before, last) = text.split_at(text.find("{\"step\":6,").unwrap());
            Some(format!("{before}{}", last.replacen("\"waiting\":", "\"waiting\":1", 1)))
        },
        "has other rows than the run wrote (steps 6 to 8)",
        &[1, 2, 4, 6, 8],
    ),
];

#[test]
fn records_that_were_damaged_are_told_and_taken_only_when_asked_to() {
    let sound = stopped();
    let original = fs::read_to_string(sound.path("run/metrics.jsonl")).unwrap();
    for (name, damage, complaint, left) in DAMAGES {
        let folder = Folder::new();
        folder.write("tiny.toml", TINY);
        copy(&sound.path("run"), &folder.path("run"));
        let file = folder.path("run/metrics.jsonl");
        match damage(&original) {
            Some(text) => fs::write(&file, text).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        let error = format!("run/metrics.jsonl: {complaint}; {RESTORE}");
        refused(&folder, "train tiny.toml --out run --resume", &error);
        let accept = ["train", "tiny.toml", "--out", "run", "--resume", "--accept-records"];
        let ran = folder.run(&accept).success();
        assert_eq!(ran.stderr, format!("warning: run: metrics.jsonl {complaint}\n"), "{name}");
        let steps = |run: &Path| -> Vec<u64> {
            metrics(run).iter().map(|row| row["step"].as_u64().unwrap()).collect()
        };
        assert_eq!(steps(&folder.path("run")), left, "{name}");
        let summary = common::files::json(&folder.path("run/summary.json"));
        assert_eq!(summary["warnings"][0], format!("metrics.jsonl {complaint}"), "{name}");
        let rows = common::files::csv(&folder.path("run/metrics.csv")).len();
        assert_eq!(rows, left.len(), "{name}");
        // From then on what was left is what the run has written.
        let again = folder.run(&["train", "tiny.toml", "--out", "run", "--resume"]).success();
        assert!(again.stdout.contains("nothing to resume"), "{name}: {again:?}");
    }
}

#[test]
fn a_run_that_is_complete_but_for_its_records_is_not_called_complete() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder.run(&["compare", "tiny.toml", "--rules", "bp", "--out", "out", "--quiet"]).success();
    let file = folder.path("out/bp-seed0/metrics.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    for (changed, complaint) in [
        (text[..text.len() / 2].to_owned(), "lacks 3 of the 5 rows that the run wrote (steps 4 to 8)"),
        (text.repeat(2), "has rows more than once (steps 1 to 8)"),
    ] {
        fs::write(&file, changed).unwrap();
        let error = format!("out/bp-seed0/metrics.jsonl: {complaint}; {RESTORE}");
        refused(&folder, "compare tiny.toml --rules bp,dfa --out out", &error);
        refused(&folder, "train tiny.toml --set credit.rule=bp --out out/bp-seed0 --resume", &error);
    }
    fs::write(&file, text).unwrap();
    folder.run(&["compare", "tiny.toml", "--rules", "bp", "--out", "out", "--quiet"]).success();
}

#[test]
fn what_a_killed_run_wrote_after_its_checkpoint_is_written_again() {
    let folder = stopped();
    let file = folder.path("run/metrics.jsonl");
    let (original, table) = (fs::read(&file).unwrap(), fs::read(folder.path("run/metrics.csv")).unwrap());
    for (appended, csv) in [(&original[..], "kept"), (&original[..40], "deleted"), (b"{", "emptied")] {
        fs::write(&file, [&original[..], appended].concat()).unwrap();
        match csv {
            "deleted" => fs::remove_file(folder.path("run/metrics.csv")).unwrap(),
            "emptied" => fs::write(folder.path("run/metrics.csv"), "").unwrap(),
            _ => {}
        }
        resume(&folder);
        assert!(fs::read(&file).unwrap() == original);
        assert!(fs::read(folder.path("run/metrics.csv")).unwrap() == table, "{csv}");
        fs::remove_file(folder.path("run/summary.json")).unwrap();
    }
    // From an older checkpoint the last rows are made again, the first stay to the byte.
    fs::remove_dir_all(folder.path(LAST)).unwrap();
    resume(&folder);
    let text = fs::read(&file).unwrap();
    let kept = original.split_inclusive(|byte| *byte == b'\n').take(3).map(<[u8]>::len).sum::<usize>();
    assert!(text[..kept] == original[..kept] && text != original);
    assert_eq!(metrics(&folder.path("run")).len(), 5);
}

#[test]
fn copies_of_checkpoints_are_no_checkpoints_and_push_none_out() {
    let folder = stopped();
    let checkpoints = folder.path("run/checkpoints");
    let last = folder.path(LAST);
    for name in ["step-backup1", "step-backup2", "step-0000000008.old", "step-00000000009"] {
        copy(&last, &checkpoints.join(name));
    }
    // By its name a checkpoint, by what it says the copy of one.
    copy(&last, &checkpoints.join("step-0000000009"));
    fs::remove_dir_all(&last).unwrap();
    let ran = folder.run(&["train", "tiny.toml", "--out", "run", "--resume"]).success();
    assert_eq!(
        ran.stderr,
        "warning: run: passing over a checkpoint: run/checkpoints/step-0000000009: is the checkpoint of step 8 under another name; remove it\n"
    );
    let mut names: Vec<_> =
        fs::read_dir(&checkpoints).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let expected = [
        "step-00000000009",
        "step-0000000004",
        "step-0000000008",
        "step-0000000008.old",
        "step-0000000009",
        "step-backup1",
        "step-backup2",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_run_killed_before_it_removed_a_checkpoint_removes_it_when_it_goes_on() {
    let folder = stopped();
    copy(&folder.path(LAST), &folder.path("run/checkpoints/step-0000000003"));
    let left = folder.path("run/checkpoints/.partial-0123456789ab-1-1-abcdef");
    fs::create_dir(&left).unwrap();
    resume(&folder);
    assert!(!folder.path("run/checkpoints/step-0000000003").exists() && !left.exists());
    assert_eq!(fs::read_dir(folder.path("run/checkpoints")).unwrap().count(), 2, "checkpoint.keep");
}

#[test]
fn a_checkpoint_of_an_older_format_is_refused() {
    let folder = stopped();
    for step in ["step-0000000004", "step-0000000008"] {
        let checkpoint = folder.path("run/checkpoints").join(step);
        let state = fs::read_to_string(checkpoint.join("state.json")).unwrap();
        let older = "{\n  \"format\": 2,\n  \"step\": 4,\n  \"config_sha256\": \"\"\n}\n";
        let sums = fs::read_to_string(checkpoint.join("SHA256SUMS")).unwrap();
        let hash =
            |text: &str| Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert!(sums.contains(&hash(&state)));
        fs::write(checkpoint.join("SHA256SUMS"), sums.replace(&hash(&state), &hash(older))).unwrap();
        fs::write(checkpoint.join("state.json"), older).unwrap();
    }
    refused(
        &folder,
        "train tiny.toml --out run --resume --quiet",
        "run/checkpoints/step-0000000004: has checkpoint format 2, this version reads 4; use the version of nmnc that wrote it",
    );
}

/// A limit of the system on the size of files is an error like a full disk.
#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_is_one_line() {
    let folder = stopped();
    let before = contents(&folder);
    for out in ["run --resume", "new"] {
        let line = format!("ulimit -f 1; exec \"$0\" train tiny.toml --out {out} --quiet");
        let mut command = std::process::Command::new("sh");
        command.current_dir(folder.root()).args(["-c", &line, env!("CARGO_BIN_EXE_nmnc")]);
        let ran = common::Ran::of(command.output().unwrap()).failure(8);
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.lines().count() == 1, "{ran:?}");
        assert!(ran.stderr.contains("File too large"), "{ran:?}");
    }
    fs::remove_dir_all(folder.path("new")).unwrap();
    assert!(contents(&folder) == before, "{:?}", folder.tree());
    resume(&folder);
}
