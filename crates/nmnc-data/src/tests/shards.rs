//! Shards of WebDataset.

use super::hostile::expect;
use super::*;
use crate::{Batch, Format, info};
use nmnc_core::error::ErrorKind;

fn sample(key: &str, class: &str, value: u8) -> Vec<Vec<u8>> {
    vec![
        member(&format!("{key}.cls"), class.as_bytes()),
        member(&format!("{key}.json"), b"{\"what\": 1}"),
        member(&format!("{key}.png"), &png(3, 2, [value; 3])),
    ]
}

fn write(path: &Path, samples: &[Vec<Vec<u8>>]) {
    let bytes = tar(&samples.concat());
    let packed = path.extension().is_some_and(|ending| ending == "gz");
    std::fs::write(path, if packed { gzip(&bytes) } else { bytes }).unwrap();
}

/// Shards 08 to 11 of four images each and one of validation; (their endings).
fn set(folder: &Path, endings: [&str; 4]) {
    for (shard, ending) in (8..12).zip(endings) {
        let samples: Vec<_> = (0..4)
            .map(|at| {
                sample(&format!("n/{shard:02}_{at}"), &format!(" {}\n", at % 3), 10 * (shard as u8 - 8) + at)
            })
            .collect();
        write(&folder.join(format!("train-{shard:02}.{ending}")), &samples);
    }
    write(&folder.join("val-00.tar"), &[sample("v", "2", 99)]);
}

fn images(splits: &Splits) -> (Vec<f32>, Vec<u32>) {
    let all = (0..splits.train.len()).collect();
    let batches: Vec<Batch> = splits.train.batches(all, 3, None).map(|batch| batch.unwrap()).collect();
    let red = batches.iter().flat_map(|batch| batch.images.iter().step_by(18).map(|v| (v * 255.0).round()));
    (red.collect(), batches.iter().flat_map(|batch| batch.labels.clone()).collect())
}

#[test]
fn a_folder_and_a_pattern_of_shards_give_the_same_images() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    let mixed = folder.path().join("mixed");
    for (set_folder, endings) in [(&plain, ["tar"; 4]), (&mixed, ["tar", "tar.gz", "tar", "tar.gz"])] {
        std::fs::create_dir(set_folder).unwrap();
        set(set_folder, endings);
    }
    let expected: Vec<f32> = (0..4).flat_map(|s| (0..4).map(move |at| (10 * s + at) as f32)).collect();
    let labels = [0, 1, 2, 0].repeat(4);
    let pattern = DataConfig {
        test_source: Some(plain.join("val-{00..00}.tar").display().to_string()),
        ..config(&plain.join("train-{08..11}.tar"))
    };
    for cache_mib in [0, 64] {
        for one in [config(&plain), config(&mixed), pattern.clone()] {
            let splits = DataConfig { cache_mib, workers: Some(2), ..one }.open(Seed(0)).unwrap();
            assert_eq!((splits.format, splits.train.classes().len()), (Format::Webdataset, 3));
            assert_eq!(images(&splits), (expected.clone(), labels.clone()));
            assert_eq!(splits.evaluation.labels(), [2]);
        }
    }
    // One shard alone is no folder of classes, but says so when asked for.
    let one =
        DataConfig { format: Some(Format::Webdataset), validation: 1, ..config(&plain.join("train-08.tar")) };
    assert_eq!(one.open(Seed(0)).unwrap().train.len(), 3);
    let limited = DataConfig { train_limit: Some(5), ..pattern.clone() }.open(Seed(0)).unwrap();
    assert_eq!(limited.train.len(), 5);
    let error = DataConfig { test_source: None, ..pattern.clone() }.open(Seed(0)).unwrap_err().to_string();
    assert!(error.contains("has no test split; name its shards in `data.test_source`"), "{error}");
    let about = info(&pattern.source).unwrap();
    assert_eq!((about.format, about.splits[0].examples, about.classes), (Format::Webdataset, 16, 3));
    assert!(about.bytes > 16 * 512);
}

#[test]
fn what_is_wrong_with_a_shard_is_one_line_with_its_name() {
    let good = || sample("a", "0", 1);
    let lone = |ending: &str, content: &[u8]| vec![member(&format!("b.{ending}"), content)];
    let image = png(3, 2, [1; 3]);
    let cases: Vec<(&str, Vec<Vec<u8>>, &str)> = vec![
        ("no class", [good(), lone("png", &image)].concat(), "shard-0.tar: b: an image without a class"),
        ("no image", [good(), lone("cls", b"1")].concat(), "shard-0.tar: b: a class without an image"),
        ("other image", [good(), lone("cls", b"1"), lone("webp", b"x")].concat(), "a class without an image"),
        ("word", lone("cls", b"cat"), "shard-0.tar: b.cls: is no number of a class"),
        ("sign", lone("cls", b"-1"), "is no number of a class"),
        ("long", lone("cls", &[b'1'; 33]), "is no number of a class"),
        ("large", lone("cls", b"99999999999"), "is no number of a class"),
        ("absurd", [good(), sample("b", "70000", 1)].concat(), "number classes from 0 without gaps"),
        (
            "twice",
            [lone("cls", b"1"), lone("jpg", &image), lone("png", &image)].concat(),
            "a second image of the same",
        ),
        ("classes", [lone("cls", b"1"), lone("cls", b"1")].concat(), "a second class of the same"),
        ("nothing", vec![member("readme.txt", b"hello")], "holds no images with classes"),
        ("link", vec![entry("a.png", 0, tar::EntryType::Symlink, &[])], "kind Symlink"),
        ("parent", vec![member("../a.png", &image)], "a path with `..`"),
        ("claim", vec![entry("a.png", 1 << 50, tar::EntryType::Regular, &image)], "too many for an image"),
    ];
    for (what, members, part) in cases {
        let folder = tempfile::tempdir().unwrap();
        for name in ["shard-0.tar", "shard-0.tar.gz"] {
            let path = folder.path().join(name);
            write(&path, std::slice::from_ref(&members));
            let config = DataConfig { format: Some(Format::Webdataset), validation: 1, ..config(&path) };
            let part = part.replace("shard-0.tar", name);
            expect(what, &config.open(Seed(0)).map(|_| ()).expect_err(what), &part);
        }
    }
}

#[test]
fn missing_and_truncated_shards_and_images_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let pattern = |range: &str| DataConfig {
        validation: 1,
        ..config(&folder.path().join(format!("t-{{{range}}}.tar")))
    };
    for shard in 0..3 {
        write(&folder.path().join(format!("t-{shard}.tar")), &[sample("a", "0", 1), sample("b", "0", 1)]);
    }
    let missing = pattern("0..3").open(Seed(0)).unwrap_err();
    assert!(missing.kind() == ErrorKind::Io && missing.to_string().contains("t-3.tar"), "{missing}");
    // After it was opened.
    let streamed = DataConfig { cache_mib: 0, ..pattern("0..2") }.open(Seed(0)).unwrap();
    let shard = folder.path().join("t-1.tar");
    let bytes = std::fs::read(&shard).unwrap();
    std::fs::write(&shard, &bytes[..bytes.len() - 512]).unwrap();
    let all = (0..streamed.train.len()).collect::<Vec<_>>();
    expect("changed", &streamed.train.batch(&all).unwrap_err(), "t-1.tar: changed its size while in use");
    std::fs::write(&shard, &bytes[..700]).unwrap();
    expect("cut", &pattern("0..2").open(Seed(0)).unwrap_err(), "t-1.tar");
    let mut damaged = bytes.clone();
    damaged[512 * 2 + 5] ^= 1;
    std::fs::write(&shard, &damaged).unwrap();
    expect(
        "damaged",
        &pattern("0..2").open(Seed(0)).unwrap_err(),
        "t-1.tar: damaged tar header at byte 1024",
    );
    let cut = png(3, 2, [1; 3]);
    let sample = [member("c.cls", b"0"), member("c.png", &cut[..cut.len() - 20])];
    write(&shard, &[sample.to_vec()]);
    expect("image", &pattern("0..2").open(Seed(0)).unwrap_err(), "t-1.tar: c.png");
}
