//! Arrays in IDX, CIFAR and NPZ files, and how sources are told apart.

use super::*;
use crate::known::{Archive, KnownSet};
use crate::open::load_known;
use crate::{Format, ImageShape, info, order};

fn values(splits: &Splits, index: usize) -> Vec<u8> {
    splits.train.batch(&[index]).unwrap().images.iter().map(|v| (v * 255.0).round() as u8).collect()
}

/// Three training and two test images of 2x3 pixels; plain or gzipped.
fn write_idx(folder: &Path, packed: bool) {
    let files = [
        ("train-images-idx3-ubyte", idx(&[3, 2, 3], &(0..18).collect::<Vec<u8>>())),
        ("train-labels-idx1-ubyte", idx(&[3], &[0, 1, 2])),
        ("t10k-images-idx3-ubyte", idx(&[2, 2, 3], &[9; 12])),
        ("t10k-labels-idx1-ubyte", idx(&[2], &[2, 0])),
    ];
    for (name, bytes) in files {
        let (name, bytes) =
            if packed { (format!("{name}.gz"), gzip(&bytes)) } else { (name.to_owned(), bytes) };
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

#[test]
fn idx_files_plain_and_gzipped_give_the_same() {
    for packed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        write_idx(folder.path(), packed);
        let splits = open(folder.path()).unwrap();
        assert_eq!(splits.format, Format::Idx);
        assert_eq!(splits.train.shape(), ImageShape { channels: 1, height: 2, width: 3 });
        assert_eq!(values(&splits, 1), [6, 7, 8, 9, 10, 11]);
        assert_eq!(splits.train.labels(), [0, 1, 2]);
        assert_eq!(splits.evaluation.labels(), [2, 0]);
        assert_eq!(splits.train.classes(), ["0", "1", "2"]);
        std::fs::write(folder.path().join("classes.txt"), "cat\ndog\n\ncow\n").unwrap();
        assert_eq!(open(folder.path()).unwrap().train.classes(), ["cat", "dog", "cow"]);
    }
}

fn cifar_example(labels: &[u8], value: u8) -> Vec<u8> {
    let mut example = labels.to_vec();
    // Each channel its own value.
    (0..3).for_each(|channel| example.extend([value + channel; 1024]));
    example
}

#[test]
fn cifar10_from_folder_and_archive() {
    let folder = tempfile::tempdir().unwrap();
    let mut members = Vec::new();
    let names =
        ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];
    for (at, name) in names.iter().enumerate() {
        let bytes = cifar_example(&[at as u8 + 4], 10 * at as u8);
        members.push(member(&format!("cifar-10-batches-bin/{name}.bin"), &bytes));
        std::fs::write(folder.path().join(format!("{name}.bin")), bytes).unwrap();
    }
    let archive = tempfile::tempdir().unwrap();
    let archive = archive.path().join("cifar.tar.gz");
    std::fs::create_dir_all(archive.parent().unwrap()).unwrap();
    std::fs::write(&archive, gzip(&tar(&members))).unwrap();
    for path in [folder.path(), &archive] {
        let splits = open(path).unwrap();
        assert_eq!((splits.format, splits.train.len(), splits.evaluation.len()), (Format::Cifar, 5, 1));
        assert_eq!(splits.train.classes()[4], "deer");
        assert_eq!(splits.train.labels(), [4, 5, 6, 7, 8]);
        let image = values(&splits, 2);
        assert_eq!((image[0], image[1024], image[2048]), (20, 21, 22));
    }
    std::fs::remove_file(folder.path().join("data_batch_3.bin")).unwrap();
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("data_batch_3.bin: is missing from CIFAR-10"), "{error}");
    std::fs::remove_dir_all(archive.parent().unwrap()).unwrap();
}

#[test]
fn cifar100_uses_fine_labels_and_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let names: String = (0..100).map(|class| format!("class{class}\n")).collect();
    std::fs::write(folder.path().join("fine_label_names.txt"), names).unwrap();
    std::fs::write(folder.path().join("train.bin"), cifar_example(&[3, 99], 0)).unwrap();
    std::fs::write(folder.path().join("test.bin"), cifar_example(&[0, 42], 0)).unwrap();
    let splits = open(folder.path()).unwrap();
    assert_eq!((splits.train.labels(), splits.evaluation.labels()), (&[99][..], &[42][..]));
    assert_eq!(splits.train.classes()[99], "class99");
}

#[test]
fn npz_in_every_layout() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.npz");
    let pixels: Vec<u8> = (0..24).collect();
    let labels: Vec<u8> = [1i64, 0].iter().flat_map(|label| label.to_le_bytes()).collect();
    let big: Vec<u8> = [1i32, 0].iter().flat_map(|label| label.to_be_bytes()).collect();
    let floats: Vec<u8> = (0..24).flat_map(|v| (v as f32 / 255.0).to_le_bytes()).collect();
    let doubles: Vec<u8> = (0..24).flat_map(|v| (f64::from(v) / 255.0).to_be_bytes()).collect();
    let first: Vec<u8> = (0..12).collect();
    let interleaved = [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11];
    let cases = [
        (npy("|u1", "(2, 3, 4)", &pixels), npy("<i8", "(2,)", &labels), (1, 3, 4), &first[..]),
        (npy("|u1", "(2, 3, 2, 2)", &pixels), npy(">i4", "(2, 1)", &big), (3, 2, 2), &first),
        (npy("|u1", "(2, 2, 2, 3)", &pixels), npy("|u1", "(2,)", &[1, 0]), (3, 2, 2), &interleaved),
        (npy("<f4", "(2, 3, 4)", &floats), npy("|i1", "(2,)", &[1, 0]), (1, 3, 4), &first),
        (npy(">f8", "(2, 2, 2, 3)", &doubles), npy("<u2", "(2,)", &[1, 0, 0, 0]), (3, 2, 2), &interleaved),
    ];
    for (at, (x, y, (channels, height, width), expected)) in cases.into_iter().enumerate() {
        let arrays =
            [("x_train", x.clone()), ("y_train", y.clone()), ("x_test", x.clone()), ("y_test", y.clone())];
        std::fs::write(&path, npz(&arrays)).unwrap();
        let splits = open(&path).unwrap_or_else(|e| panic!("case {at}: {e}"));
        assert_eq!(splits.train.shape(), ImageShape { channels, height, width }, "case {at}");
        assert_eq!(splits.train.labels(), [1, 0], "case {at}");
        assert_eq!(values(&splits, 0), expected, "case {at}");
        // A folder of two files holds the same.
        let folder = tempfile::tempdir().unwrap();
        for split in ["train.npz", "test.npz"] {
            std::fs::write(folder.path().join(split), npz(&[("x", x.clone()), ("y", y.clone())])).unwrap();
        }
        assert_eq!(values(&open(folder.path()).unwrap(), 0), expected, "case {at}");
    }
}

#[test]
fn floats_are_kept_and_a_split_that_is_missing_needs_validation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.npz");
    let floats: Vec<u8> = [-3.5f32, 100.0, 0.25, 7.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let arrays = [("x", npy("<f4", "(4, 1, 1)", &floats)), ("y", npy("|u1", "(4,)", &[0, 1, 0, 1]))];
    std::fs::write(&path, npz(&arrays)).unwrap();
    let error = open(&path).unwrap_err().to_string();
    assert!(error.contains("no test split; set `data.validation`"), "{error}");
    let splits = DataConfig { validation: 2, ..config(&path) }.open(Seed(3)).unwrap();
    assert_eq!(splits.evaluation_name, "validation");
    let mut images = splits.train.batch(&[0, 1]).unwrap().images;
    images.extend(splits.evaluation.batch(&[0, 1]).unwrap().images);
    images.sort_by(f32::total_cmp);
    assert_eq!(images, [-3.5, 0.25, 7.0, 100.0]);
    let standardized =
        DataConfig { validation: 2, standardize: Standardize::Train, ..config(&path) }.open(Seed(3)).unwrap();
    let images = standardized.train.batch(&[0, 1]).unwrap().images;
    assert!((images[0] + images[1]).abs() < 1e-6 && (images[0].abs() - 1.0).abs() < 1e-6, "{images:?}");
}

#[test]
fn arrays_are_scaled_to_the_image_size_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let images = vec![77; 3 * 8 * 10];
    std::fs::write(folder.path().join("train-images"), idx(&[3, 8, 10], &images)).unwrap();
    std::fs::write(folder.path().join("train_labels"), idx(&[3], &[0, 1, 1])).unwrap();
    let large = DataConfig { image_size: Some(9000), cache_mib: 64, validation: 1, ..config(folder.path()) };
    let error = large.open(Seed(0)).unwrap_err().to_string();
    assert!(error.starts_with("data.image_size: the images would take 231 MiB"), "{error}");
    let splits =
        DataConfig { image_size: Some(4), validation: 1, ..config(folder.path()) }.open(Seed(0)).unwrap();
    assert_eq!(splits.train.shape(), ImageShape { channels: 1, height: 4, width: 4 });
    assert_eq!(values(&splits, 0), [77; 16]);
}

#[test]
fn limits_below_a_grouped_order_give_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let labels: Vec<u8> = (0..40).map(|at| at / 10).collect();
    std::fs::write(folder.path().join("train-images"), idx(&[40, 1, 1], &[1; 40])).unwrap();
    std::fs::write(folder.path().join("train-labels"), idx(&[40], &labels)).unwrap();
    let limited = DataConfig { train_limit: Some(10), validation: 4, ..config(folder.path()) };
    let splits = limited.open(Seed(0)).unwrap();
    assert_eq!(splits.train.len(), 10);
    assert!(splits.warnings.iter().any(|w| w.contains("grouped by class")), "{:?}", splits.warnings);
    assert_eq!(splits.train.labels(), limited.open(Seed(0)).unwrap().train.labels());
}

#[test]
fn a_constant_channel_is_shifted_not_scaled_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    write_idx(folder.path(), false);
    std::fs::write(folder.path().join("train-images-idx3-ubyte"), idx(&[3, 2, 3], &[5; 18])).unwrap();
    let splits =
        DataConfig { standardize: Standardize::Train, ..config(folder.path()) }.open(Seed(0)).unwrap();
    assert_eq!(splits.warnings.len(), 1);
    assert!(splits.train.batch(&[0]).unwrap().images.iter().all(|v| v.abs() < 1e-6));
}

#[test]
fn unknown_sources_are_told_what_was_meant() {
    let error = |source: &str| {
        DataConfig { source: source.to_owned(), ..DataConfig::default() }
            .open(Seed(0))
            .unwrap_err()
            .to_string()
    };
    assert!(error("cifra10").ends_with("did you mean `cifar10`?"), "{}", error("cifra10"));
    assert!(error("fashionmnist").ends_with("did you mean `fashion-mnist`?"));
    assert!(!error("no/such/folder").contains("did you mean"));
    let folder = tempfile::tempdir().unwrap();
    let empty = error(folder.path().to_str().unwrap());
    assert!(empty.contains("not recognized as a data set; it should hold"), "{empty}");
}

#[test]
fn a_known_set_is_read_from_the_data_folder_or_its_fetching_is_proposed() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("tiny");
    std::fs::create_dir(&folder).unwrap();
    write_idx(&folder, true);
    let names = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];
    let archives = names.map(|name| {
        let file: &'static str = format!("{name}-ubyte.gz").leak();
        Archive { file, base: "", bytes: folder.join(file).metadata().unwrap().len(), sha256: "" }
    });
    let classes: &'static [&'static str] = &["a", "b", "c"];
    let set =
        KnownSet { name: "tiny", about: "", archives: Box::leak(Box::new(archives)), classes: Some(classes) };
    assert_eq!(load_known(&set, data.path()).unwrap().classes, ["a", "b", "c"]);
    std::fs::remove_file(folder.join(archives[3].file)).unwrap();
    let error = load_known(&set, data.path()).map(|_| ()).unwrap_err().to_string();
    assert!(error.ends_with("run `nmnc data fetch tiny`"), "{error}");
}

#[test]
fn info_counts_examples_by_class_and_prints_a_table() {
    let folder = tempfile::tempdir().unwrap();
    write_idx(folder.path(), false);
    let about = info(folder.path().to_str().unwrap()).unwrap();
    assert_eq!((about.format, about.channels, about.classes), (Format::Idx, 1, 3));
    assert_eq!(about.splits[1].classes.iter().map(|class| class.examples).collect::<Vec<_>>(), [1, 0, 1]);
    assert_eq!(about.splits[0].sizes, [((2, 3), 3)]);
    let text = about.to_string();
    assert!(text.contains("train: 3 gray images, 3x2 pixels"), "{text}");
    assert!(text.ends_with("2            1        1"), "{text}");
    assert!(serde_json::to_string(&about).unwrap().contains("\"format\":\"idx\""));
}

#[test]
fn orders_are_permutations_that_differ_by_epoch() {
    let (first, second) = (order(100, Seed(1), 0), order(100, Seed(1), 1));
    assert_ne!(first, second);
    let mut sorted = first;
    sorted.sort_unstable();
    assert_eq!(sorted, (0..100).collect::<Vec<_>>());
}

#[test]
fn the_schema_names_every_choice() {
    let schema = serde_json::to_string(&schemars::schema_for!(DataConfig)).unwrap();
    for part in ["image-folder", "standardize", "\"train\"", "exclusiveMinimum", "additionalProperties"] {
        assert!(schema.contains(part), "{part}: {schema}");
    }
}

#[test]
fn configurations_survive_toml_and_refuse_what_they_do_not_know() {
    let text = "source = 'mnist'\nformat = 'image-folder'\nvalidation = 3\nstandardize = { mean = [0.5], sd = [0.25] }\n\
                [augment]\nflip = true\n";
    let config: DataConfig = toml::from_str(text).unwrap();
    assert_eq!(config.format, Some(Format::ImageFolder));
    assert_eq!(config.standardize, Standardize::Fixed { mean: vec![0.5], sd: vec![0.25] });
    for config in [config, DataConfig::default()] {
        assert_eq!(toml::from_str::<DataConfig>(&toml::to_string(&config).unwrap()).unwrap(), config);
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<DataConfig>(&json).unwrap(), config);
    }
    for (text, part) in [
        ("standardize = 'test'", "\"train\", \"none\" or { mean"),
        ("standardize = { mean = [0.5] }", "sd"),
        ("sources = 'x'", "sources"),
        ("augment = { flop = true }", "flop"),
    ] {
        let error = toml::from_str::<DataConfig>(text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    for (text, place) in [
        ("train_limit = 0", "data.train_limit"),
        ("image_size = 0", "data.image_size"),
        ("image_size = 100000", "data.image_size"),
        ("standardize = { mean = [0], sd = [0] }", "data.standardize"),
        ("standardize = { mean = [0, 1], sd = [1] }", "data.standardize"),
        ("augment = { crop = 29 }", "data.augment.crop"),
        ("resize = 32", "data.resize"),
        ("validation = 6000", "data.validation"),
        ("format = 'idx'", "data.format"),
        ("source = ''", "data.source"),
    ] {
        let config: DataConfig = toml::from_str(text).unwrap();
        let error = config.open(Seed(0)).unwrap_err().to_string();
        assert!(error.starts_with(place), "{text}: {error}");
    }
}
