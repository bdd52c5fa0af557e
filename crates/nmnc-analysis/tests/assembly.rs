//! Assemblies of recordings: as xarray reads them, and damaged or of another kind.
#![cfg(feature = "brainio")]

use std::fs;
use std::path::Path;

use nmnc_analysis::brain::{AssemblyOptions, Recordings, read_assembly};
use nmnc_core::{ErrorKind, Seed};
use nmnc_testing::golden_path;
use serde_json::Value;

fn expected() -> Value {
    serde_json::from_slice(&fs::read(golden_path("assembly.json")).unwrap()).unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

/// Rows of numbers, NaN where null.
fn numbers(value: &Value) -> Vec<f64> {
    let rows = value.as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
    rows.map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

fn assert_same(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < 1e-12 || (f.is_nan() && e.is_nan()), "{what}: {f} {e}");
    }
}

fn window() -> AssemblyOptions {
    AssemblyOptions { window: Some((70.0, 170.0)), ..AssemblyOptions::default() }
}

#[test]
fn assemblies_are_read_as_xarray_reads_them() {
    let golden = expected();
    let mut read = 0;
    for name in ["assembly_bins.nc", "assembly_plain.nc", "assembly_classic.nc"] {
        for (part, options) in [("window", window()), ("all", AssemblyOptions::default())] {
            let Some(expected) = golden[name].get(part) else { continue };
            let found = read_assembly(&golden_path(name), &options).unwrap();
            assert_eq!(found.stimuli, texts(&expected["stimuli"]), "{name}");
            assert_eq!(found.units, texts(&expected["units"]), "{name}");
            assert_eq!(found.region, texts(&expected["region"]), "{name}");
            let of = expected["stimulus_of"].as_array().unwrap();
            let of: Vec<usize> = of.iter().map(|v| v.as_u64().unwrap() as usize).collect();
            assert_eq!(found.stimulus_of, of, "{name}");
            match texts(&expected["subject"]) {
                none if none.is_empty() => assert!(found.subject.iter().all(String::is_empty), "{name}"),
                subjects => assert_eq!(found.subject, subjects, "{name}"),
            }
            assert_same(name, &found.presentations, &numbers(&expected["presentations"]));
            assert_same(name, &found.means().unwrap(), &numbers(&expected["means"]));
            read += 1;
        }
    }
    assert_eq!(read, 4);
    let missing = read_assembly(&golden_path("assembly_bins.nc"), &window()).unwrap();
    assert_eq!(missing.presentations.iter().filter(|v| v.is_nan()).count(), 1);
}

#[test]
fn units_are_chosen_by_region_and_subject_and_presentations_halved() {
    let all = read_assembly(&golden_path("assembly_classic.nc"), &window()).unwrap();
    let it = all.of_region("IT").unwrap();
    assert_eq!(it.units, ["Chabo_L_1", "Chabo_L_2", "Chabo_L_4"]);
    for (row, all) in it.presentations.chunks(3).zip(all.presentations.chunks(5)) {
        assert_eq!(row, [all[1], all[2], all[4]]);
    }
    assert_eq!(it.of_subject("Tito").unwrap().units, ["Chabo_L_2", "Chabo_L_4"]);
    assert_eq!(all.of_region("It").unwrap_err().to_string(), "region: no unit of `It`; did you mean `IT`?");
    assert_eq!(all.repetitions(), [3, 3, 3, 2]);
    let [first, second] = all.halves(Seed(1), 0).unwrap();
    let means = all.means().unwrap();
    for unit in 0..5 {
        // Both presentations of the last stimulus are in a half each.
        let at = 3 * 5 + unit;
        assert!((0.5 * (first[at] + second[at]) - means[at]).abs() < 1e-12 && first[at] != second[at]);
    }
    assert_ne!(all.halves(Seed(1), 1).unwrap()[0], first);
    assert_eq!(all.reliability(5, Seed(1)).unwrap().len(), 5);
    let plain = read_assembly(&golden_path("assembly_plain.nc"), &AssemblyOptions::default()).unwrap();
    assert_eq!(
        plain.of_subject("Tito").unwrap_err().to_string(),
        "subject: no unit of `Tito`; the recordings do not say of which subject their units are"
    );
}

fn message(path: &Path, options: &AssemblyOptions) -> String {
    read_assembly(path, options).unwrap_err().to_string().replace(&path.display().to_string(), "FILE")
}

#[test]
fn what_is_no_assembly_is_told_in_one_line() {
    let bins = golden_path("assembly_bins.nc");
    let with = |change: fn(&mut AssemblyOptions)| {
        let mut options = AssemblyOptions::default();
        change(&mut options);
        message(&bins, &options)
    };
    assert_eq!(
        with(|o| o.window = Some((75.0, 100.0))),
        "FILE: no time bin lies within 75 to 100; its bins lie from 30 to 220"
    );
    assert_eq!(
        with(|o| o.stimulus = Some("object".into())),
        "FILE: no coordinate `object` along presentation; name the coordinate that tells stimuli apart; there are: \
         stimulus_id, repetition, object_name"
    );
    assert_eq!(
        with(|o| o.variable = Some("lab.Exampel2026.public".into())),
        "FILE: has no variable `lab.Exampel2026.public`; did you mean `lab.Example2026.public`?"
    );
    assert_eq!(
        with(|o| o.variable = Some("region".into())),
        "FILE: `region` has the dimensions neuroid; they must be presentation, neuroid and, optionally, time_bin"
    );
    assert_eq!(
        message(&golden_path("assembly_plain.nc"), &window()),
        "FILE: has no dimension time_bin to take a window of; read it without a window"
    );
    assert_eq!(
        message(&golden_path("assembly.json"), &AssemblyOptions::default()),
        "FILE: is no netCDF file; save it by xarray.Dataset.to_netcdf with the engine netcdf4"
    );
    assert_eq!(
        message(Path::new("/nowhere/x.nc"), &AssemblyOptions::default()),
        "FILE: no such file; give a netCDF file, as xarray or BrainIO write it"
    );
}

/// Every truncation and many overwritten bytes: an error of one line or recordings that hold together, never a panic.
#[test]
fn damaged_assemblies_are_told_and_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.nc");
    let try_bytes = |bytes: &[u8], what: &str| -> Option<Recordings> {
        fs::write(&path, bytes).unwrap();
        match std::panic::catch_unwind(|| read_assembly(&path, &AssemblyOptions::default())) {
            Ok(Ok(found)) => {
                found.check().unwrap();
                Some(found)
            }
            Ok(Err(error)) => {
                assert!(!error.to_string().contains('\n'), "{what}: {error}");
                assert!(matches!(error.kind(), ErrorKind::Data | ErrorKind::Io), "{what}: {error}");
                None
            }
            Err(_) => panic!("{what} panicked"),
        }
    };
    for name in ["assembly_bins.nc", "assembly_plain.nc", "assembly_classic.nc"] {
        let whole = fs::read(golden_path(name)).unwrap();
        assert!(try_bytes(&whole, name).is_some());
        for length in (0..whole.len()).step_by(97) {
            assert!(
                try_bytes(&whole[..length], &format!("{name} cut to {length}")).is_none()
                    || length > whole.len() / 2,
                "{name} cut to {length} was read"
            );
        }
        for at in (0..whole.len()).step_by(37) {
            for value in [0x00, 0xff, whole[at] ^ 0x10] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                try_bytes(&bytes, &format!("{name} with byte {at} as {value}"));
            }
        }
    }
}
