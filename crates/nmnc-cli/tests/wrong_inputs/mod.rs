//! Wrong inputs: each is one line that says where, what and how to mend it, with the right exit code, and leaves every
//! file as it was.

mod command_line;
mod configurations;
mod data;
mod measurements;
mod runs;
mod sweeps;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::common::{Folder, Ran, TINY, nmnc};

/// What to prepare, what to run, what must come of it.
struct Case {
    prepare: fn(&Folder),
    arguments: &'static str,
    code: i32,
    error: &'static str,
}

const fn case(arguments: &'static str, code: i32, error: &'static str) -> Case {
    Case { prepare: |_| {}, arguments, code, error }
}

const fn prepared(prepare: fn(&Folder), arguments: &'static str, code: i32, error: &'static str) -> Case {
    Case { prepare, arguments, code, error }
}

/// Runs the cases and shows every difference, not only the first.
fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for case in cases {
        let folder = Folder::new();
        folder.write("tiny.toml", TINY);
        (case.prepare)(&folder);
        let before = contents(&folder);
        let arguments: Vec<&str> = case.arguments.split_whitespace().collect();
        let mut command = nmnc(folder.root(), &arguments);
        // Nothing listens there.
        command.env("NMNC_DATA_MIRROR", "http://127.0.0.1:9");
        let ran = Ran::of(command.output().unwrap());
        let error = ran.stderr.replace(&folder.root().display().to_string(), "<tmp>");
        let expected = format!("error: {}\n", case.error);
        if ran.code != Some(case.code) || error != expected {
            wrong.push(format!(
                "nmnc {}\n  expected {}: {expected}  got {:?}: {error}",
                case.arguments, case.code, ran.code
            ));
        }
        if contents(&folder) != before {
            wrong.push(format!("nmnc {} changed files: {:?}", case.arguments, folder.tree()));
        }
        if !ran.stdout.is_empty() {
            wrong.push(format!("nmnc {} printed {}", case.arguments, ran.stdout));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every file and folder with what is in it.
fn contents(folder: &Folder) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    folder.tree().into_iter().map(|path| (path.clone(), fs::read(path).ok())).collect()
}

/// A finished run in the folder `run`.
fn trained(folder: &Folder) {
    folder.run(&["train", "tiny.toml", "--out", "run", "--quiet"]).success();
}
