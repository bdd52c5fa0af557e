//! Encoded images in folders and archives.

use super::*;
use crate::{Batch, Format, ImageShape};

/// Seven images of 4x5 pixels of classes `cat` and `dog`; (path below the split, PNG).
fn images() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("dog/b.png", png(5, 4, [1, 2, 3])),
        ("cat/a.PNG", png(5, 4, [4, 5, 6])),
        ("dog/a.png", png(5, 4, [7, 8, 9])),
        ("cat/deep/z.png", png(5, 4, [10, 11, 12])),
    ]
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn whole(splits: &Splits) -> Vec<Batch> {
    let all = |data: &crate::Dataset| {
        data.batches((0..data.len()).collect(), 3, None).map(|batch| batch.unwrap()).collect::<Vec<_>>()
    };
    [all(&splits.train), all(&splits.evaluation)].concat()
}

#[test]
fn archives_of_every_kind_give_the_same_images_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let members = |prefix: &str| -> Vec<Vec<u8>> {
        let mut members = vec![
            entry(&format!("{prefix}dog/"), 0, tar::EntryType::Directory, &[]),
            member(&format!("{prefix}README.txt"), b"not an image"),
            member(&format!("{prefix}dog/._b.png"), b"what macOS leaves"),
        ];
        members.extend(images().iter().map(|(name, bytes)| member(&format!("{prefix}{name}"), bytes)));
        members
    };
    for (set, name, packed) in
        [("plain", "train.tar", false), ("packed", "train.tar.gz", true), ("short", "train.tgz", true)]
    {
        let bytes = tar(&members(if set == "short" { "./train/" } else { "" }));
        write(&at(set).join(name), &if packed { gzip(&bytes) } else { bytes });
        write(&at(set).join("val.tar"), &tar(&[member("cat/x.png", &png(5, 4, [9, 9, 9]))]));
    }
    let test = [member("set/val/cat/x.png", &png(5, 4, [9, 9, 9]))];
    let both = tar(&[members("set/train/"), test.to_vec()].concat());
    write(&at("single.tar"), &both);
    write(&at("single.tar.gz"), &gzip(&both));

    let first = open(&at("plain")).unwrap();
    assert_eq!(first.format, Format::ImageFolder);
    assert_eq!(first.train.shape(), ImageShape { channels: 3, height: 4, width: 5 });
    assert_eq!(first.train.classes(), ["cat", "dog"]);
    assert_eq!(first.train.labels(), [1, 0, 1, 0]);
    let red: Vec<f32> = whole(&first).iter().flat_map(|b| b.images.iter().step_by(60).copied()).collect();
    assert_eq!(red, [1.0, 4.0, 7.0, 10.0, 9.0].map(|v: f32| v / 255.0));
    for set in ["packed", "short", "single.tar", "single.tar.gz"] {
        assert_eq!(whole(&open(&at(set)).unwrap()), whole(&first), "{set}");
        // Nothing fits a cache of no bytes: the archive is spooled and images are decoded for every batch.
        for workers in [0, 3] {
            let config = DataConfig { cache_mib: 0, workers: Some(workers), ..config(&at(set)) };
            let streamed = config.open(Seed(1)).unwrap();
            assert_eq!(whole(&streamed), whole(&first), "{set}");
            let standardize = |cache_mib| {
                DataConfig { cache_mib, standardize: Standardize::Train, ..config.clone() }
                    .open(Seed(1))
                    .unwrap()
            };
            assert_eq!(whole(&standardize(0)), whole(&standardize(1)), "{set}");
        }
    }
}

#[test]
fn a_folder_is_sorted_by_class_and_name() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in images() {
        write(&folder.path().join("train").join(name), &bytes);
        write(&folder.path().join("test").join(name), &bytes);
    }
    write(&folder.path().join("train/.hidden/x.png"), b"");
    write(&folder.path().join("train/dog/notes.txt"), b"");
    let splits = open(folder.path()).unwrap();
    assert_eq!(splits.train.labels(), [0, 0, 1, 1]);
    let red: Vec<f32> =
        splits.train.batch(&[0, 1, 2, 3]).unwrap().images.iter().step_by(60).copied().collect();
    assert_eq!(red, [4.0, 10.0, 7.0, 1.0].map(|v: f32| v / 255.0));
    assert_eq!(splits.evaluation_name, "test");

    write(&folder.path().join("test/cow/x.png"), &png(5, 4, [0; 3]));
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("class `cow` is not among the training classes"), "{error}");
    std::fs::remove_dir_all(folder.path().join("test")).unwrap();
    write(&folder.path().join("train/stray.png"), &png(5, 4, [0; 3]));
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("stray.png: an image outside any class"), "{error}");
    std::fs::remove_file(folder.path().join("train/stray.png")).unwrap();
    std::fs::create_dir(folder.path().join("train/empty")).unwrap();
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("empty: a class folder without"), "{error}");
}

/// Writes a set of one archive with these training images and one test image.
fn set(folder: &Path, train: &[Vec<u8>], test: &[u8]) -> std::path::PathBuf {
    let mut members: Vec<Vec<u8>> =
        train.iter().enumerate().map(|(at, bytes)| member(&format!("train/c/{at}.png"), bytes)).collect();
    members.push(member("test/c/0.png", test));
    let path = folder.join("set.tar");
    std::fs::write(&path, tar(&members)).unwrap();
    path
}

#[test]
fn images_are_gray_only_if_all_are() {
    let folder = tempfile::tempdir().unwrap();
    let mixed = set(folder.path(), &[gray(2, 2, 50), png(2, 2, [1, 2, 3])], &gray(2, 2, 7));
    let splits = open(&mixed).unwrap();
    assert_eq!(splits.train.shape().channels, 3);
    assert_eq!(splits.train.batch(&[0]).unwrap().images, [50.0 / 255.0; 12]);
    let all = set(folder.path(), &[gray(2, 2, 50), gray(2, 2, 51)], &gray(2, 2, 7));
    assert_eq!(open(&all).unwrap().train.shape(), ImageShape { channels: 1, height: 2, width: 2 });
    let color = set(folder.path(), &[gray(2, 2, 50)], &png(2, 2, [1, 2, 3]));
    let error = open(&color).unwrap_err().to_string();
    assert!(error.contains("test/c/0.png: is in color"), "{error}");
}

#[test]
fn the_image_of_another_size_is_named_and_image_size_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = set(folder.path(), &[png(6, 4, [9; 3]), png(5, 9, [9; 3])], &png(3, 3, [9; 3]));
    let error = open(&path).unwrap_err().to_string();
    assert!(
        error.contains("train/c/1.png: is 5x9 pixels but train/c/0.png is 6x4; set `data.image_size`"),
        "{error}"
    );
    for cache_mib in [0, 1] {
        let config = DataConfig { image_size: Some(4), cache_mib, ..config(&path) };
        let splits = config.open(Seed(0)).unwrap();
        assert_eq!(splits.train.shape(), ImageShape { channels: 3, height: 4, width: 4 });
        let images = splits.train.batch(&[0, 1]).unwrap().images;
        assert!(images.iter().all(|&v| v == 9.0 / 255.0), "{images:?}");
    }
}

#[test]
fn jpeg_in_color_and_gray_is_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let color = image::RgbImage::from_pixel(16, 16, image::Rgb([200, 100, 50]));
    let members = [
        member("train/c/a.jpg", &encode(color.clone().into(), image::ImageFormat::Jpeg)),
        member(
            "train/c/b.jpeg",
            &encode(image::GrayImage::from_pixel(16, 16, image::Luma([80])).into(), image::ImageFormat::Jpeg),
        ),
        member("test/c/a.JPG", &encode(color.into(), image::ImageFormat::Jpeg)),
    ];
    let path = folder.path().join("set.tar");
    std::fs::write(&path, tar(&members)).unwrap();
    let splits = open(&path).unwrap();
    let images = splits.train.batch(&[0, 1]).unwrap().images;
    for (channel, expected) in [200.0f32, 100.0, 50.0, 80.0, 80.0, 80.0].iter().enumerate() {
        let value = images[channel * 256] * 255.0;
        assert!((value - expected).abs() < 4.0, "channel {channel}: {value}");
    }
}

#[test]
fn long_names_of_both_kinds_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let class = "c".repeat(120);
    let path = format!("train/{class}/a.png");
    let mut gnu = entry(
        "././@LongLink",
        path.len() as u64 + 1,
        tar::EntryType::GNULongName,
        format!("{path}\0").as_bytes(),
    );
    gnu.extend(member("cut", &png(2, 2, [0; 3])));
    let test = format!("path=test/{class}/a.png\n");
    let len = test.len() + 4;
    let mut pax = entry("pax", len as u64, tar::EntryType::XHeader, format!("{len} {test}").as_bytes());
    pax.extend(member("cut", &png(2, 2, [0; 3])));
    let archive = folder.path().join("set.tar");
    std::fs::write(&archive, tar(&[gnu, pax])).unwrap();
    let splits = open(&archive).unwrap();
    assert_eq!(splits.train.classes(), [class]);
}
