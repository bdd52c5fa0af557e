//! Assemblies read by the program in a process of its own: the same recordings, and an error whatever becomes of that process.

use std::process::Command;

use nmnc::ErrorKind;
use nmnc::brain::{AssemblyOptions, Recordings, read_assembly_apart};

fn golden(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../nmnc-testing/golden").join(name)
}

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_nmnc"));
    program.arg("read-assembly");
    program
}

/// All of it, numbers as bits: some are not numbers.
fn bits(found: &Recordings) -> String {
    let numbers: Vec<u64> = found.presentations.iter().map(|number| number.to_bits()).collect();
    let Recordings { stimuli, stimulus_of, units, region, subject, .. } = found;
    format!("{numbers:?} {stimuli:?} {stimulus_of:?} {units:?} {region:?} {subject:?}")
}

#[cfg(feature = "brainio")]
#[test]
fn another_process_reads_the_same() {
    let window = AssemblyOptions { window: Some((70.0, 170.0)), ..AssemblyOptions::default() };
    for (name, options) in [
        ("assembly_bins.nc", window),
        ("assembly_plain.nc", AssemblyOptions::default()),
        ("assembly_classic.nc", AssemblyOptions::default()),
    ] {
        let own = nmnc::brain::read_assembly(&golden(name), &options).unwrap();
        let other = read_assembly_apart(program(), &golden(name), &options).unwrap();
        assert_eq!(bits(&other), bits(&own), "{name}");
    }
    let none = AssemblyOptions { variable: Some("region".into()), ..AssemblyOptions::default() };
    for (name, options) in [("assembly_bins.nc", none), ("assembly.json", AssemblyOptions::default())] {
        let own = nmnc::brain::read_assembly(&golden(name), &options).unwrap_err();
        let other = read_assembly_apart(program(), &golden(name), &options).unwrap_err();
        assert_eq!((other.kind(), other.to_string()), (own.kind(), own.to_string()));
    }
}

/// The process may be ended by the system, end by itself, or say what is no answer.
#[cfg(unix)]
#[test]
fn whatever_becomes_of_the_process_is_one_error() {
    let cases = [
        ("kill -ABRT $$", "ended by signal: 6"),
        ("kill -SEGV $$", "ended by signal: 11"),
        ("exit 3", "ended by exit status: 3"),
        ("echo '{\"Recordings\":{}}'", "cannot be read"),
        ("yes", "cannot be read"),
    ];
    for (script, part) in cases {
        let mut program = Command::new("sh");
        program.args(["-c", script]);
        let error = read_assembly_apart(program, &golden("assembly_bins.nc"), &AssemblyOptions::default())
            .unwrap_err();
        let line = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Data, "{script}: {line}");
        assert!(line.contains(part) && !line.contains('\n'), "{script}: {line}");
    }
    let missing = Command::new("/nowhere/nmnc");
    let error =
        read_assembly_apart(missing, &golden("assembly_bins.nc"), &AssemblyOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}
