//! Real data that is not part of the project; without it these tests say so and pass.

use std::path::PathBuf;
use std::time::Instant;

use sha2::{Digest, Sha256};

use super::*;
use crate::known::{self, hexadecimal};
use crate::{Format, info, order};

/// A folder of the shared data, or None with the reason printed.
fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("NMNC_SHARED_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is absent; set NMNC_SHARED_DATA to the folder of shared data", path.display());
    None
}

#[test]
fn cifar10_as_jpeg_archives() {
    let Some(path) = shared("cifar10-jpeg") else { return };
    let config = DataConfig { standardize: Standardize::Train, ..config(&path) };
    let start = Instant::now();
    let splits = config.open(Seed(0)).unwrap();
    eprintln!("cifar10-jpeg opened and decoded in {:.2} s", start.elapsed().as_secs_f64());
    assert_eq!(
        (splits.format, splits.train.len(), splits.evaluation.len()),
        (Format::ImageFolder, 50_000, 10_000)
    );
    assert_eq!(splits.train.shape().len(), 3072);
    assert_eq!(splits.train.classes()[..3], ["airplane", "automobile", "bird"]);
    for class in 0..10 {
        assert_eq!(splits.train.labels().iter().filter(|&&label| label == class).count(), 5000);
    }
    // The published statistics of CIFAR-10; JPEG changes them little.
    for (found, published) in splits.train.statistics().mean.iter().zip([0.4914, 0.4822, 0.4465]) {
        assert!((found - published).abs() < 0.003, "{found}");
    }
    for (found, published) in splits.train.statistics().sd.iter().zip([0.2470, 0.2435, 0.2616]) {
        assert!((found - published).abs() < 0.006, "{found}");
    }
    let start = Instant::now();
    let mut seen = 0;
    for batch in splits.train.batches(order(50_000, Seed(0), 0), 128, Some((Seed(0), 0))) {
        seen += batch.unwrap().labels.len();
    }
    assert_eq!(seen, 50_000);
    eprintln!("an epoch of batches from memory took {:.2} s", start.elapsed().as_secs_f64());

    let limited = DataConfig { train_limit: Some(1000), test_limit: Some(200), cache_mib: 0, ..config };
    let start = Instant::now();
    let streamed = limited.open(Seed(0)).unwrap();
    eprintln!("the first 1,000 with nothing in memory opened in {:.2} s", start.elapsed().as_secs_f64());
    assert!(streamed.warnings.is_empty(), "{:?}", streamed.warnings);
    assert_eq!(streamed.train.labels(), &splits.train.labels()[..1000]);
}

#[test]
fn tiny_imagenet_is_scaled_and_described() {
    let Some(path) = shared("tiny-imagenet-50") else { return };
    let about = info(path.to_str().unwrap()).unwrap();
    assert_eq!((about.classes, about.splits[0].examples, about.splits[1].examples), (50, 15_000, 2_500));
    let config =
        DataConfig { image_size: Some(32), train_limit: Some(500), test_limit: Some(100), ..config(&path) };
    let splits = config.open(Seed(0)).unwrap();
    assert_eq!((splits.train.shape().channels, splits.train.shape().height), (3, 32));
}

/// Where Debian's package puts Fashion-MNIST, or None with the reason printed.
fn debian() -> Option<PathBuf> {
    let path = PathBuf::from("/usr/share/datasets/fashion-mnist");
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is absent; install dataset-fashion-mnist", path.display());
    None
}

/// Debian stripped names and times from the gzip headers. With them back, the files must have the sums that `fetch` asks for.
#[test]
fn sums_of_fashion_mnist_are_those_of_the_official_files() {
    let Some(folder) = debian() else { return };
    for archive in known::find("fashion-mnist").unwrap().archives {
        let packed = std::fs::read(folder.join(archive.file)).unwrap();
        let time: u32 = if archive.file.starts_with("train") { 1_504_176_606 } else { 1_504_176_627 };
        let mut official = vec![0x1f, 0x8b, 8, 8];
        official.extend(time.to_le_bytes());
        official.extend([0, 3]);
        official.extend(archive.file.trim_end_matches(".gz").bytes());
        official.push(0);
        official.extend(&packed[10..]);
        assert_eq!(official.len() as u64, archive.bytes, "{}", archive.file);
        assert_eq!(hexadecimal(&Sha256::digest(&official)), archive.sha256, "{}", archive.file);
    }
}

/// The whole of Fashion-MNIST where Debian's package put it.
#[test]
fn fashion_mnist_of_debian() {
    let Some(path) = debian() else { return };
    let splits = open(&path).unwrap();
    assert_eq!(
        (splits.train.len(), splits.evaluation.len(), splits.train.classes().len()),
        (60_000, 10_000, 10)
    );
    let limited = DataConfig { train_limit: Some(1000), ..config(&path) }.open(Seed(0)).unwrap();
    assert_eq!(limited.train.labels(), &splits.train.labels()[..1000]);
}
