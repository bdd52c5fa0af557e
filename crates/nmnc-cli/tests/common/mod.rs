//! Running the program in a folder of its own.
#![allow(dead_code, missing_docs)]

pub mod benchmark;
pub mod files;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A network that trains in a fraction of a second: 8 steps, a checkpoint every 4.
pub const TINY: &str = "\
seed = 0

[data]
train_limit = 256
test_limit = 100

[network]
preset = \"conv3\"
widths = [4, 4, 4]

[credit]
rule = \"nmnc\"

[credit.nmnc]
interval = 2
manifold = { dimension = 4, refresh = 3, samples = 32 }

[train]
epochs = 2
batch = 64
optimizer = { name = \"adam\", learning_rate = 1e-3 }

[metrics]
interval = 2
alignment_interval = 4
dimension = 4
samples = 32

[checkpoint]
interval = 4
";

/// The program, to be run in `folder` with nothing of the user's environment that it reads.
pub fn nmnc(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nmnc"));
    command
        .current_dir(folder)
        .args(arguments)
        .env("NMNC_DATA_DIR", folder.join("data"))
        .env_remove("NMNC_DATA_MIRROR");
    command
}

/// A temporary folder to run in.
pub struct Folder(tempfile::TempDir);

/// What a run printed.
#[derive(Debug)]
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(nmnc(self.root(), arguments).output().unwrap())
    }

    /// Every path below the folder, sorted.
    pub fn tree(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                found.push(path.clone());
                if path.is_dir() {
                    walk(&path, found);
                }
            }
        }
        let mut found = Vec::new();
        walk(self.root(), &mut found);
        found.sort();
        found
    }
}

impl Ran {
    /// What was printed, without the waits that a slow machine has to tell of.
    pub fn of(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        Self {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: stderr.split_inclusive('\n').filter(|line| !line.starts_with("... ")).collect(),
            code: output.status.code(),
        }
    }

    pub fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    pub fn failure(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

/// Copies a folder and all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copied = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            fs::copy(&path, copied).unwrap();
        }
    }
}

/// The records of a run without what a clock measured.
pub fn metrics(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let record = |line: &str| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        let record = value.as_object_mut().unwrap();
        record.remove("seconds").unwrap();
        record.remove("images_per_second").unwrap();
        record.remove("waiting").unwrap();
        value
    };
    text.lines().map(record).collect()
}

/// The latest checkpoint of a run.
pub fn last_checkpoint(run: &Path) -> PathBuf {
    let all = fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("step-")).max().unwrap()
}

/// The header of a `.npy` file for elements `descr` and a shape as Python writes it.
pub fn npy_header(descr: &str, shape: &str) -> Vec<u8> {
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    text += &" ".repeat(63 - (10 + text.len()) % 64);
    text.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((text.len() as u16).to_le_bytes());
    out.extend(text.as_bytes());
    out
}
