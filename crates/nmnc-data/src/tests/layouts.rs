//! Sets as people have them: folders and archives of classes without splits, files of other kinds, tables, labels from 1.

use super::*;
use crate::{Format, ImageShape, info};

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Three images of each of two classes.
fn images() -> Vec<(String, Vec<u8>)> {
    let one = |at: u8| (format!("{}/{at}.png", ["cat", "dog"][usize::from(at % 2)]), png(4, 4, [at, 0, 0]));
    (0..6).map(one).collect()
}

/// Labels and reds of all images, by red.
fn seen(splits: &Splits) -> Vec<(u8, u32)> {
    let mut all = Vec::new();
    for data in [&splits.train, &splits.evaluation] {
        let order: Vec<usize> = (0..data.len()).collect();
        let batch = data.batch(&order).unwrap();
        let reds = batch.images.chunks_exact(48).map(|image| (image[0] * 255.0).round() as u8);
        all.extend(reds.zip(data.labels().iter().copied()));
    }
    all.sort_unstable();
    all
}

#[test]
fn classes_without_splits_are_for_training_however_they_are_packed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, bytes) in images() {
        write(&at("plain").join(&name), &bytes);
        write(&at("nested/pets").join(&name), &bytes);
    }
    let archive = |prefix: &str| -> Vec<u8> {
        tar(&images()
            .iter()
            .map(|(name, bytes)| member(&format!("{prefix}{name}"), bytes))
            .collect::<Vec<_>>())
    };
    write(&at("flat.tar"), &archive(""));
    write(&at("flat.tar.gz"), &gzip(&archive("./")));
    write(&at("packed.tar"), &archive("pets/"));
    write(&at("deep.tar"), &archive("home/me/train/"));
    write(&at("beside/train.tar"), &archive("pets/"));
    for set in ["plain", "nested", "flat.tar", "flat.tar.gz", "packed.tar", "deep.tar", "beside"] {
        let error = open(&at(set)).unwrap_err().to_string();
        assert!(error.contains("has no test split; set `data.validation`"), "{set}: {error}");
        let splits = DataConfig { validation: 2, ..config(&at(set)) }.open(Seed(0)).unwrap();
        assert_eq!(
            (splits.format, splits.train.classes()),
            (Format::ImageFolder, &["cat".into(), "dog".into()][..])
        );
        assert_eq!(seen(&splits), [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0), (5, 1)], "{set}");
        assert_eq!(splits.warnings, [""; 0], "{set}");
        // Where they are only shown, all are of either split.
        let shown = DataConfig { validation: 2, ..config(&at(set)) }.open_shown(Seed(0)).unwrap();
        assert_eq!((shown.train.len(), shown.train.labels()), (6, shown.evaluation.labels()), "{set}");
    }
    // An archive whose name says one split holds another one too.
    let both = [member("train/cat/1.png", &png(4, 4, [0; 3])), member("test/cat/1.png", &png(4, 4, [0; 3]))];
    write(&at("two/train.tar"), &tar(&both));
    let error = open(&at("two")).unwrap_err().to_string();
    assert!(
        error.contains("train.tar: holds `test` beside what its name says; give this archive itself"),
        "{error}"
    );
}

#[test]
fn files_that_are_passed_over_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let others = ["cat/a.bmp", "cat/b.webp", "dog/c.WEBP", "dog/d.tif", "dog/e"];
    let mut members = vec![member("README.txt", b"about")];
    for split in ["train", "test"] {
        for (name, bytes) in images() {
            write(&folder.path().join("set").join(split).join(&name), &bytes);
            members.push(member(&format!("{split}/{name}"), &bytes));
        }
    }
    for name in others {
        write(&folder.path().join("set/train").join(name), b"something");
        members.push(member(&format!("train/{name}"), b"something"));
    }
    write(&folder.path().join("set/train/cat/.hidden"), b"");
    write(&folder.path().join("set/README.txt"), b"about");
    write(&folder.path().join("set.tar"), &tar(&members));
    for set in ["set", "set.tar"] {
        let path = folder.path().join(set);
        let warnings = open(&path).unwrap().warnings;
        let expected = "JPEG and PNG images are read, and other files passed over: 1 .bmp, 1 .tif, 2 .webp, 1 without an ending";
        assert!(warnings.len() == 1 && warnings[0].ends_with(expected), "{set}: {warnings:?}");
        assert!(info(path.to_str().unwrap()).unwrap().to_string().contains("1 .bmp"));
    }
    write(&folder.path().join("set/train/cow/x.webp"), b"something");
    let error = open(&folder.path().join("set")).unwrap_err().to_string();
    assert!(
        error.contains("cow: a class folder without JPEG or PNG images; it holds 1 .webp: convert"),
        "{error}"
    );
}

#[test]
fn tables_of_features_are_examples_without_a_geometry() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.npz");
    // Three features of six examples; the last is the same in all.
    let values: Vec<f64> = (0..18).map(|at| [(at * at) as f64, -0.5 * at as f64, 7.0][at % 3]).collect();
    let doubles: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let wide = [values.clone(), values.clone()].concat();
    let wholes: Vec<u8> = wide.iter().flat_map(|v| (*v as i64).to_le_bytes()).collect();
    let labels = npy("|u1", "(6,)", &[0, 1, 0, 1, 0, 1]);
    for (shape, features, x, numbers) in [
        ("(6, 3)", 3, npy("<f8", "(6, 3)", &doubles), values.clone()),
        ("(6, 6)", 6, npy("<i8", "(6, 6)", &wholes), wide.iter().map(|v| (*v as i64) as f64).collect()),
    ] {
        let arrays =
            [("x_train", x.clone()), ("y_train", labels.clone()), ("x_test", x), ("y_test", labels.clone())];
        std::fs::write(&path, npz(&arrays)).unwrap();
        let plain = open(&path).unwrap();
        assert_eq!(plain.train.shape(), ImageShape { channels: features, height: 1, width: 1 }, "{shape}");
        let order: Vec<usize> = (0..6).collect();
        let found = plain.train.batch(&order).unwrap().images;
        assert_eq!(found, numbers.iter().map(|&v| v as f32).collect::<Vec<_>>(), "{shape}");
        // Each feature by its own mean and deviation.
        let standardized =
            DataConfig { standardize: Standardize::Train, ..config(&path) }.open(Seed(0)).unwrap();
        let found = standardized.train.batch(&order).unwrap().images;
        let column = |feature: usize| numbers.iter().skip(feature).step_by(features).copied();
        for feature in 0..features {
            let mean = column(feature).sum::<f64>() / 6.0;
            let sd = (column(feature).map(|v| (v - mean).powi(2)).sum::<f64>() / 6.0).sqrt();
            for (row, value) in column(feature).enumerate() {
                let expected = if sd > 0.0 { (value - mean) / sd } else { 0.0 };
                assert!(
                    (f64::from(found[row * features + feature]) - expected).abs() < 1e-6,
                    "{shape} {feature}"
                );
            }
        }
        assert_eq!(standardized.warnings.len(), 1, "{:?}", standardized.warnings);
    }
    assert!(info(path.to_str().unwrap()).unwrap().to_string().contains("train: 6 examples of 6 features"));
    for (text, place) in
        [("image_size = 4", "data.image_size"), ("augment = { flip = true }", "data.augment")]
    {
        let mut config: DataConfig = toml::from_str(text).unwrap();
        config.source = path.to_str().unwrap().to_owned();
        let error = config.open(Seed(0)).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{place}: is for images, and these are examples of 6 features; leave it out")
        );
    }
    let gap = npy("<f4", "(2, 6)", &[[0, 0, 0xc0, 0x7f]; 12].concat());
    std::fs::write(&path, npz(&[("x", gap), ("y", npy("|u1", "(2,)", &[0, 1]))])).unwrap();
    let error = open(&path).unwrap_err().to_string();
    assert!(error.ends_with("x: example 0 holds a number that is not finite"), "{error}");
    let huge: Vec<u8> = [1e300f64; 12].iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(&path, npz(&[("x", npy("<f8", "(2, 6)", &huge)), ("y", npy("|u1", "(2,)", &[0, 1]))]))
        .unwrap();
    let error = open(&path).unwrap_err().to_string();
    assert!(error.ends_with("x: example 0 holds a number beyond the range of single precision"), "{error}");
}

#[test]
fn labels_that_leave_classes_empty_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.npz");
    let warnings = |labels: &[u8]| {
        let count = labels.len();
        let x = npy("|u1", &format!("({count}, 1, 1)"), &vec![3; count]);
        let y = npy("|u1", &format!("({count},)"), labels);
        let arrays = [("x_train", x.clone()), ("y_train", y.clone()), ("x_test", x), ("y_test", y)];
        std::fs::write(&path, npz(&arrays)).unwrap();
        open(&path).unwrap().warnings
    };
    // As EMNIST numbers letters.
    let letters: Vec<u8> = (1..=26).collect();
    assert_eq!(
        warnings(&letters),
        [
            "labels run from 1 to 26: no example is of class 0, whose output is there all the same; subtract 1 from all labels"
        ]
    );
    assert!(warnings(&[1, 2, 4])[0].starts_with("labels run from 1 to 4: no example is of class 0"));
    assert_eq!(warnings(&[0, 1, 2, 1]), [""; 0]);
    assert_eq!(warnings(&[2, 3]), ["2 of 4 classes have no training example, the first of them `0`"]);
    assert_eq!(warnings(&[0, 3, 1]), ["1 of 4 classes have no training example, the first of them `2`"]);
    assert_eq!(
        warnings(&[2, 2]),
        ["all training examples are of one class, which leaves nothing to tell apart"]
    );
}
