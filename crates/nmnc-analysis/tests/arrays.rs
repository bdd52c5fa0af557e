//! Analysis of arrays from files, and the folder an analysis leaves.

use std::fs;
use std::path::{Path, PathBuf};

use nmnc_analysis::analysis::{Analysis, AnalysisSettings, Format, Jacobians, MappedArray, arrays, write};
use nmnc_analysis::dimension::{Matrix, Rows};
use nmnc_core::Seed;
use nmnc_core::seed::Role;
use nmnc_data::npz::Array;

const SAMPLES: usize = 90;
const UNITS: usize = 30;

/// Activity on four latent directions and noise, and a Jacobian `[examples, 3, UNITS]`.
fn numbers() -> (Vec<f64>, Vec<f64>) {
    let normal = |count: usize, index: usize| -> Vec<f64> {
        let mut out = vec![0.0; count];
        Seed(3).stream(Role::Analysis, index, 0).fill_normal(&mut out);
        out.into_iter().map(f64::from).collect()
    };
    let (latent, axes, noise) = (normal(SAMPLES * 4, 40), normal(4 * UNITS, 41), normal(SAMPLES * UNITS, 42));
    let value = |at: usize| {
        let (s, u) = (at / UNITS, at % UNITS);
        2.0 + 0.1 * noise[at] + (0..4).map(|k| latent[s * 4 + k] * axes[k * UNITS + u]).sum::<f64>()
    };
    // Exact in f32, so that every precision holds the same numbers.
    ((0..SAMPLES * UNITS).map(|at| f64::from(value(at) as f32)).collect(), normal(5 * 3 * UNITS, 43))
}

/// A `.npy` file as numpy.save writes it.
fn save(path: &Path, descr: &str, fortran: bool, shape: &[usize], values: &[f64]) {
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    let order = if fortran { "True" } else { "False" };
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({},), }}", shape.join(", "));
    header += &" ".repeat(63 - (10 + header.len()) % 64);
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    for value in values {
        match descr {
            "<f4" => bytes.extend((*value as f32).to_le_bytes()),
            ">f4" => bytes.extend((*value as f32).to_be_bytes()),
            "<f8" => bytes.extend(value.to_le_bytes()),
            _ => bytes.extend((*value as i64).to_le_bytes()),
        }
    }
    fs::write(path, bytes).unwrap();
}

fn settings() -> AnalysisSettings {
    AnalysisSettings {
        curve: 10,
        dimensions: vec![4, 8],
        neighbors: 5,
        centered: false,
        ..AnalysisSettings::default()
    }
}

fn from_files(folder: &Path, descr: &str) -> Analysis {
    let (activity, jacobian) = numbers();
    let (x, j) = (folder.join("x.npy"), folder.join("j.npy"));
    save(&x, descr, false, &[SAMPLES, UNITS], &activity);
    save(&j, descr, false, &[5, 3, UNITS], &jacobian);
    let activity = MappedArray::open(&x).unwrap().activity().unwrap();
    let jacobian = MappedArray::open(&j).unwrap().jacobians().unwrap();
    arrays(&activity, Some(&jacobian), &settings()).unwrap()
}

struct InMemory(Vec<f64>);

impl Jacobians for InMemory {
    fn shape(&self) -> [usize; 3] {
        [5, 3, UNITS]
    }

    fn example(&self, index: usize) -> Vec<f32> {
        self.0[index * 3 * UNITS..(index + 1) * 3 * UNITS].iter().map(|&v| v as f32).collect()
    }
}

#[test]
fn files_of_every_precision_and_byte_order_say_what_memory_says() {
    let folder = tempfile::tempdir().unwrap();
    let (activity, jacobian) = numbers();
    let expected = arrays(&Matrix::new(activity, UNITS), Some(&InMemory(jacobian)), &settings()).unwrap();
    for descr in ["<f8", "<f4", ">f4"] {
        let found = from_files(folder.path(), descr);
        assert_eq!(found, expected, "{descr}");
    }
    let stage = &expected.stages[0];
    let a = stage.alignment.as_ref().unwrap();
    assert_eq!((a.examples, a.outputs, stage.units, stage.dimensions.samples), (5, 3, UNITS, SAMPLES));
    // Four latent directions carry nearly everything; a random Jacobian has d/n of its energy there.
    assert_eq!(stage.dimensions.components[2], Some(4));
    assert!((a.captured.per_example[3] - 4.0 / 30.0).abs() < 0.1 && a.variation > 3.0, "{a:?}");
}

#[test]
fn one_jacobian_for_all_samples_and_none_at_all_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let (activity, jacobian) = numbers();
    let path = folder.path().join("j.npy");
    save(&path, "<f8", false, &[3, UNITS], &jacobian[..3 * UNITS]);
    let jacobian = MappedArray::open(&path).unwrap().jacobians().unwrap();
    let rows = Matrix::new(activity, UNITS);
    let found = arrays(&rows, Some(&jacobian), &settings()).unwrap();
    let a = found.stages[0].alignment.clone().unwrap();
    assert!((a.variation - 1.0).abs() < 1e-6);
    for (mean, single) in a.captured.mean_jacobian.iter().zip(&a.captured.per_example) {
        assert!((mean - single).abs() < 1e-5);
    }
    let alone = arrays(&rows, None, &settings()).unwrap();
    assert_eq!((alone.stages[0].alignment.is_none(), alone.warnings.len()), (true, 0));
    assert_eq!(alone.stages[0].dimensions, found.stages[0].dimensions);
}

#[test]
fn limits_on_memory_and_points_are_said() {
    let (activity, jacobian) = numbers();
    let limited = AnalysisSettings { memory: 12 * 30 * 50, points: 60, ..settings() };
    let found = arrays(&Matrix::new(activity, UNITS), Some(&InMemory(jacobian)), &limited).unwrap();
    assert_eq!(
        found.warnings,
        [
            "neighbors were found among 60 of the 90 samples, drawn at random",
            "the shuffled control uses 50 of the 90 samples, as many as fit into 0 MiB",
        ]
    );
}

#[test]
fn wrong_files_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let message = |path: &PathBuf, what: fn(MappedArray) -> nmnc_core::Result<()>| {
        let error = MappedArray::open(path).and_then(what).unwrap_err().to_string();
        error.replace(&folder.path().display().to_string(), "tmp")
    };
    let activity = |array: MappedArray| array.activity().map(|_| ());
    let jacobian = |array: MappedArray| array.jacobians().map(|_| ());
    let numpy = "give a .npy, .npz or .csv file, as numpy.save, numpy.savez and numpy.savetxt write them";
    assert_eq!(message(&path("none.npy"), activity), format!("tmp/none.npy: no such file; {numpy}"));
    assert_eq!(
        message(&folder.path().to_owned(), activity),
        format!("tmp: is a folder, not a regular file; {numpy}")
    );
    fs::write(path("text.npy"), "not an array at all").unwrap();
    assert_eq!(message(&path("text.npy"), activity), format!("tmp/text.npy: is no NumPy array; {numpy}"));
    save(&path("c.npy"), "<c8", false, &[2, 3], &[0.0; 6]);
    assert_eq!(
        message(&path("c.npy"), activity),
        "tmp/c.npy: header: elements of type `<c8` instead of numbers; save it as floats: numpy.save(path, numpy.asarray(array, \
         dtype=float))"
    );
    save(&path("short.npy"), "<f8", false, &[2, 3], &[0.0; 5]);
    assert_eq!(
        message(&path("short.npy"), activity),
        "tmp/short.npy: has 168 bytes, its header announces 176; save it again"
    );
    save(&path("flat.npy"), "<f8", false, &[6], &[0.0; 6]);
    assert_eq!(
        message(&path("flat.npy"), activity),
        "tmp/flat.npy: activity of shape [6] instead of [samples, units]; reshape it to two dimensions"
    );
    assert_eq!(
        message(&path("flat.npy"), jacobian),
        "tmp/flat.npy: a Jacobian of shape [6] instead of [outputs, units] or [samples, outputs, units]; one row for each output, \
         one column a unit"
    );
    save(&path("j.npy"), "<f8", false, &[2, 3], &[0.0; 6]);
    let other = MappedArray::open(&path("j.npy")).unwrap().jacobians().unwrap();
    let rows = Matrix::new(numbers().0, UNITS);
    assert_eq!(
        arrays(&rows, Some(&other), &settings())
            .unwrap_err()
            .to_string()
            .replace(&folder.path().display().to_string(), "tmp"),
        "tmp/j.npy: has 3 columns, the activity 30 units; give dy/dx for the same units, in the same order"
    );
    let mut broken = numbers().1;
    broken[2 * 3 * UNITS + UNITS + 7] = f64::INFINITY;
    assert_eq!(
        arrays(&rows, Some(&InMemory(broken)), &settings()).unwrap_err().to_string(),
        "jacobian: example 2, output 1, unit 7 is not finite; leave out such examples, or units from both arrays"
    );
}

#[test]
fn reading_a_file_by_parts_gives_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let values: Vec<f64> = (0..12).map(f64::from).collect();
    save(&path, "<f8", false, &[3, 4], &values);
    let rows = MappedArray::open(&path).unwrap().activity().unwrap();
    let mut out = [0.0; 2];
    rows.row(2, 1..3, &mut out);
    assert_eq!((rows.samples(), rows.units(), out), (3, 4, [9.0, 10.0]));
}

#[test]
fn the_folder_is_whole_replaces_an_older_one_and_spares_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let found = from_files(folder.path(), "<f8");
    let out = folder.path().join("deep/analysis");
    write(&out, &found, &Format::ALL, "nmnc analyze <x>").unwrap();
    let read: Analysis = serde_json::from_slice(&fs::read(out.join("analysis.json")).unwrap()).unwrap();
    assert_eq!(read, found);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("nmnc analyze &lt;x&gt;") && page.ends_with("</html>\n"));
    assert!(!page.contains("NaN") && !page.contains("inf\""), "not finite");
    let a = found.stages[0].alignment.as_ref().unwrap();
    let stored = Array::read(&out.join("arrays.npz"), "stage1.alpha_mean_jacobian").unwrap().unwrap();
    assert_eq!(stored.numbers().unwrap(), a.captured.mean_jacobian);
    for (file, rows) in
        [("stages.csv", 1), ("spectrum.csv", 30), ("captured.csv", 10), ("angles.csv", 6), ("probes.csv", 0)]
    {
        let text = fs::read_to_string(out.join(file)).unwrap();
        let cells = text.lines().next().unwrap().split(',').count();
        assert_eq!(text.lines().count(), rows + 1, "{file}");
        assert!(text.lines().all(|line| line.split(',').count() == cells), "{file}");
    }
    // Fewer files the second time: nothing of the first stays.
    write(&out, &found, &[Format::Json], "").unwrap();
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
    assert_eq!(fs::read_dir(out.parent().unwrap()).unwrap().count(), 1);
    fs::write(out.join("notes.txt"), "mine").unwrap();
    let error = write(&out, &found, &Format::ALL, "").unwrap_err().to_string();
    assert!(
        error.ends_with("holds `notes.txt`, which is no part of an analysis; name another folder with --out"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(out.join("notes.txt")).unwrap(), "mine");
}

/// Activity and Jacobians from 1e-140 to 1e140: the same dimensions, the same alignment, variances and singular values to scale.
#[test]
fn files_of_numbers_of_any_size_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (activity, jacobian) = numbers();
    let found = |power: i32| {
        let scaled = |values: &[f64]| values.iter().map(|v| v * 2f64.powi(power)).collect::<Vec<_>>();
        let (x, j) = (folder.path().join("x.npy"), folder.path().join("j.npy"));
        save(&x, "<f8", false, &[SAMPLES, UNITS], &scaled(&activity));
        save(&j, "<f8", false, &[5, 3, UNITS], &scaled(&jacobian));
        let (x, j) = (
            MappedArray::open(&x).unwrap().activity().unwrap(),
            MappedArray::open(&j).unwrap().jacobians().unwrap(),
        );
        let mut found = arrays(&x, Some(&j), &settings()).unwrap();
        let (one, square) = (2f64.powi(-power), 4f64.powi(-power));
        for stage in &mut found.stages {
            stage.dimensions.total_variance *= square;
            stage.variances.iter_mut().for_each(|v| *v *= square);
            let alignment = stage.alignment.as_mut().unwrap();
            alignment.singular_values.iter_mut().for_each(|v| *v *= one);
        }
        found
    };
    let whole = found(0);
    for power in [-465, -140, 140, 465] {
        let scaled = found(power);
        assert_eq!(scaled.stages[0].dimensions, whole.stages[0].dimensions, "{power}");
        assert_eq!(scaled.stages[0].alignment, whole.stages[0].alignment, "{power}");
        assert_eq!(scaled, whole, "{power}");
    }
}
