//! Arrays in the forms that people have them in: files by NumPy, SciPy and h5py (`scripts/golden/arrays.py`), whose numbers numpy tells.

use std::fs;
use std::path::Path;

use nmnc_analysis::analysis::{MappedArray, Seen, SimilaritySettings};
use nmnc_analysis::dimension::Rows;
use nmnc_core::ErrorKind;
use nmnc_data::npz::Array;
use nmnc_testing::golden_path;
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(&fs::read_to_string(golden_path("arrays.json")).unwrap()).unwrap()
}

/// Writes the file of a case, and gives its path.
fn write(folder: &Path, case: &Value) -> std::path::PathBuf {
    let digits = case["file"].as_str().unwrap().as_bytes().chunks(2);
    let bytes: Vec<u8> =
        digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
    let path = folder.join(case["name"].as_str().unwrap());
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn every_type_order_and_container_gives_numpys_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let golden = golden();
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 15 * 2 + 2 + 6);
    for case in cases {
        let path = write(folder.path(), case);
        let shape: Vec<usize> =
            case["shape"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect();
        let values: Vec<f64> =
            case["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        let whole = Array::open(&path, None, &["data"]).unwrap();
        assert_eq!((whole.shape(), whole.values()), (&shape[..], values.clone()), "{}", case["name"]);
        let mapped = MappedArray::find(&path, None, &["data"]).unwrap();
        assert_eq!((mapped.shape(), mapped.values()), (&shape[..], values.clone()), "{}", case["name"]);
        if let [_, rows, columns] = shape[..] {
            let jacobians = mapped.jacobians().unwrap();
            let second: Vec<f32> = values[rows * columns..].iter().map(|&v| v as f32).collect();
            assert_eq!(
                nmnc_analysis::analysis::Jacobians::example(&jacobians, 1),
                second,
                "{}",
                case["name"]
            );
        } else {
            let rows = mapped.activity().unwrap();
            let mut part = [0.0; 2];
            rows.row(1, 1..3, &mut part);
            assert_eq!(part, values[5..7], "{}", case["name"]);
            let seen = Seen::file(&path, &SimilaritySettings::default());
            assert_eq!(
                seen.map(|s| s.examples()).ok(),
                values.iter().all(|v| v.is_finite()).then_some(3),
                "{}",
                case["name"]
            );
        }
    }
    let path = folder.path().join("archive.npz");
    let error = Array::open(&path, None, &[]).map(|_| ()).unwrap_err().to_string();
    assert!(error.ends_with("archive.npz: holds 2 arrays; name one with `array`: data, other"), "{error}");
    assert_eq!(Array::open(&path, Some("other"), &[]).unwrap().shape(), [2, 3, 4]);
    let error = Array::open(&path, Some("othre"), &[]).map(|_| ()).unwrap_err().to_string();
    assert!(error.ends_with("archive.npz: no array `othre`; did you mean `other`?"), "{error}");
}

#[test]
fn files_of_other_kinds_are_told_with_the_way_to_convert_them() {
    let folder = tempfile::tempdir().unwrap();
    let golden = golden();
    for case in golden["foreign"].as_array().unwrap() {
        let path = write(folder.path(), case);
        let name = case["name"].as_str().unwrap();
        let (what, recipe) = match name {
            "x.mat" => ("is a MATLAB file", "scipy.io.loadmat(path)"),
            "x73.mat" => ("is a MATLAB file of version 7.3", "h5py.File(path)[\"NAME\"][()].T"),
            "x.h5" => ("is an HDF5 file", "h5py.File(path)[\"NAME\"][()]"),
            "x.nwb" => ("is an NWB file", "pynwb.NWBHDF5IO(path)"),
            "x.pkl" => ("is a pickle, which is not read", "pickle.load"),
            _ => ("is a netCDF file", "xarray.open_dataset(path)"),
        };
        let error = MappedArray::open(&path).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        let line = error.to_string();
        assert!(line.contains(&format!("{name}: {what}; ")) && line.contains(recipe), "{line}");
        // As a set of examples with labels.
        let source = path.display().to_string();
        let error = nmnc_data::info(&source).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("numpy.savez(path, x_train="), "{error}");
    }
}
