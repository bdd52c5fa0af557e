//! The sample of Fashion-MNIST that is part of the library: 6,000 training and 1,000 test images, class-balanced.

use super::idx;
use super::kind::Format;
use super::known;
use super::raw::RawSet;
use nmnc_core::error::Result;

/// Its name as a source.
pub(crate) const NAME: &str = "fashion-mnist-sample";

const TRAIN_IMAGES: &[u8] = include_bytes!("sample/train-images-idx3-ubyte.gz");
const TRAIN_LABELS: &[u8] = include_bytes!("sample/train-labels-idx1-ubyte.gz");
const TEST_IMAGES: &[u8] = include_bytes!("sample/t10k-images-idx3-ubyte.gz");
const TEST_LABELS: &[u8] = include_bytes!("sample/t10k-labels-idx1-ubyte.gz");

/// Compressed size in bytes.
pub(crate) fn bytes() -> u64 {
    [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS].iter().map(|file| file.len() as u64).sum()
}

/// Decompresses the sample.
pub(crate) fn load() -> Result<RawSet> {
    let split = |name: &str, images: &'static [u8], labels: &'static [u8]| {
        let place = format!("{NAME} ({name})");
        idx::read_split(&place, (&place, images, images.len() as u64), (&place, labels, labels.len() as u64))
    };
    RawSet {
        format: Format::Embedded,
        classes: known::FASHION_CLASSES.iter().map(|&name| name.to_owned()).collect(),
        train: split("train", TRAIN_IMAGES, TRAIN_LABELS)?,
        test: Some(split("test", TEST_IMAGES, TEST_LABELS)?),
    }
    .check()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::hexadecimal;
    use sha2::{Digest, Sha256};

    /// The sample may only change together with scripts/make_sample.py and every number that documentation quotes.
    #[test]
    fn the_sample_is_the_one_that_the_script_made() {
        let digest = |file: &[u8]| hexadecimal(&Sha256::digest(file));
        let expected = [
            (TRAIN_IMAGES, "74df153e1d736137c085533200d77928ad1330a766dbfab0bc33ffdf137c8b83"),
            (TRAIN_LABELS, "2f79ac363aa5db62f0fa8e5c6d76afd2f96e347af63b899a85be6c3f255bc024"),
            (TEST_IMAGES, "04516f9d284037ea6cce7310aafaed77e8f8c1547f1127ef4aa754c46f47f8f5"),
            (TEST_LABELS, "540f63e62544edb8406d1292429a47e6cdb42e4fa2eaa233f072b34e1f6bc46c"),
        ];
        for (file, sum) in expected {
            assert_eq!(digest(file), sum);
        }
        assert!(bytes() < 4 << 20);
    }

    #[test]
    fn the_sample_is_class_balanced() {
        let set = load().unwrap();
        for (split, per_class) in [(&set.train, 600), (set.test.as_ref().unwrap(), 100)] {
            for class in 0..10 {
                assert_eq!(split.labels.iter().filter(|&&label| label == class).count(), per_class);
            }
        }
    }
}
