//! Pipes and endless files in the place of files, for everything that reads one: an error of one line, and no waiting.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};

use nmnc_analysis::analysis::MappedArray;
use nmnc_analysis::brain::{AssemblyOptions, Benchmark, read_assembly};
use nmnc_analysis::similarity::Distance;
use nmnc_core::records::RunRecords;
use nmnc_core::{Error, ErrorKind, Result, tensor_file};
use nmnc_train::Config;

const BENCHMARK: &str = "name = 'x'\n[stimuli]\nfolder = '.'\ntable = 'table.csv'\n[[target]]\nname = 'y'\nrdm = { file = 'rdm.npz' }\n";
const TABLE: &str = "file\na.png\nb.png\nc.png\nd.png\ne.png\nf.png\n";
const RUN: &str = "seed = 0\n[credit]\nrule = 'bp'\n";

/// What is read, in a folder where the named file is something else: the error's family and how its reading is called.
type Case = (&'static str, ErrorKind, fn(&Path) -> Result<()>);

fn benchmark(folder: &Path) -> Result<()> {
    Benchmark::open(folder, None, Distance::Correlation).map(|_| ())
}

const CASES: [Case; 10] = [
    ("benchmark.toml", ErrorKind::Data, benchmark),
    ("table.csv", ErrorKind::Data, benchmark),
    ("rdm.npz", ErrorKind::Data, benchmark),
    ("x.npy", ErrorKind::Data, |folder| MappedArray::open(&folder.join("x.npy")).map(|_| ())),
    ("x.nc", ErrorKind::Data, |folder| {
        read_assembly(&folder.join("x.nc"), &AssemblyOptions::default()).map(|_| ())
    }),
    ("config.toml", ErrorKind::Checkpoint, |folder| RunRecords::read(folder).map(|_| ())),
    ("metrics.jsonl", ErrorKind::Checkpoint, |folder| RunRecords::read(folder).map(|_| ())),
    ("summary.json", ErrorKind::Checkpoint, |folder| RunRecords::read(folder).map(|_| ())),
    ("x.safetensors", ErrorKind::Checkpoint, |folder| {
        tensor_file::read(&folder.join("x.safetensors")).map(|_| ())
    }),
    ("x.toml", ErrorKind::Config, |folder| Config::read(&folder.join("x.toml"), &[]).map(|_| ())),
];

/// A folder with the texts that readers come by on their way to `name`, of which nothing is there.
fn folder(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [("benchmark.toml", BENCHMARK), ("table.csv", TABLE), ("config.toml", RUN)] {
        if file != name {
            fs::write(folder.path().join(file), text).unwrap();
        }
    }
    let path = folder.path().join(name);
    (folder, path)
}

fn check(name: &str, kind: ErrorKind, error: &Error, part: &str) {
    let line = error.to_string();
    assert_eq!(error.kind(), kind, "{name}: {line}");
    assert!(line.contains(&format!("{name}: {part}")) && !line.contains('\n'), "{name}: {line}");
}

/// Were one of them opened, this test would wait for ever.
#[test]
fn no_reader_waits_for_a_pipe() {
    for (name, kind, read) in CASES {
        let (folder, path) = folder(name);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        check(name, kind, &read(folder.path()).unwrap_err(), "is a pipe, not a regular file");
    }
}

/// Files of a terabyte that take no place on the disk.
#[test]
fn no_reader_takes_a_file_without_end() {
    for (name, kind, read) in CASES {
        let (folder, path) = folder(name);
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let part = match name {
            "rdm.npz" | "x.npy" | "x.nc" => "is no",
            _ => "has 1099511627776 bytes, more than the",
        };
        check(name, kind, &read(folder.path()).unwrap_err(), part);
    }
}
