//! The binary versions of CIFAR-10 and CIFAR-100.

use std::collections::HashMap;
use std::path::Path;

use super::archive::{Archive, Walk};
use super::kind::{Format, ImageShape};
use super::raw::{RawPixels, RawSet, RawSplit, numbered};
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;

const SHAPE: ImageShape = ImageShape { channels: 3, height: 32, width: 32 };

/// The most bytes of one file: ten times the largest official one (CIFAR-100's training file of 153.7 MB).
const MAX_FILE: u64 = 1_537_000_000;

const CIFAR10_CLASSES: &[&str] =
    &["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// How one version lies in files.
struct Version {
    name: &'static str,
    train: &'static [&'static str],
    test: &'static str,
    names: &'static str,
    classes: usize,
    /// Bytes before the pixels of an example; the last one is the label used (CIFAR-100 has the coarse label first).
    labels: usize,
}

const VERSIONS: [Version; 2] = [
    Version {
        name: "CIFAR-10",
        train: &[
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
        ],
        test: "test_batch.bin",
        names: "batches.meta.txt",
        classes: 10,
        labels: 1,
    },
    Version {
        name: "CIFAR-100",
        train: &["train.bin"],
        test: "test.bin",
        names: "fine_label_names.txt",
        classes: 100,
        labels: 2,
    },
];

/// Official archives hold fewer members than this; larger ones need not be read to their end to be told apart.
const PROBED: usize = 32;

/// Whether `path` is a folder or archive of one of the versions.
pub(crate) fn recognizes(path: &Path) -> bool {
    let known = |name: &str| VERSIONS.iter().any(|version| version.train[0] == name);
    if path.is_dir() {
        return VERSIONS.iter().any(|version| path.join(version.train[0]).is_file());
    }
    let mut found = false;
    let mut seen = 0;
    let walked = Archive::open(path).and_then(|archive| {
        archive.walk(|member, _| {
            found |= known(member.file_name());
            seen += 1;
            Ok(if found || seen == PROBED { Walk::Stop } else { Walk::On })
        })
    });
    // Damage before the kind has shown itself is for the loader of the other kind to report.
    walked.is_ok() && found
}

/// Reads a folder or the official archive. CIFAR-100 gives the fine labels.
///
/// # Errors
/// When a file is missing or not a whole number of examples, or a label is out of range.
pub(crate) fn load(path: &Path) -> Result<RawSet> {
    let place = path.display().to_string();
    let mut files = if path.is_dir() { read_folder(path)? } else { read_archive(path)? };
    let version = VERSIONS.iter().find(|version| files.contains_key(version.train[0])).ok_or_else(|| {
        Error::data(&place, "holds neither data_batch_1.bin (CIFAR-10) nor train.bin (CIFAR-100)")
    })?;
    let classes = match files.remove(version.names) {
        Some(text) => String::from_utf8_lossy(&text)
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
        None if version.classes == 10 => CIFAR10_CLASSES.iter().map(|&name| name.to_owned()).collect(),
        None => numbered(version.classes),
    };
    if classes.len() != version.classes {
        return Err(Error::data(
            format!("{place}: {}", version.names),
            format!("{} class names instead of {}", classes.len(), version.classes),
        ));
    }
    let mut split = |names: &[&str]| -> Result<RawSplit> {
        let mut labels = Vec::new();
        let mut values = Vec::new();
        for &name in names {
            let place = format!("{place}: {name}");
            let bytes = files
                .remove(name)
                .ok_or_else(|| Error::data(&place, format!("is missing from {}", version.name)))?;
            append(version, &bytes, &place, &mut labels, &mut values)?;
        }
        Ok(RawSplit { place: place.clone(), labels, pixels: RawPixels::Bytes { shape: SHAPE, values } })
    };
    let train = split(version.train)?;
    let test = Some(split(&[version.test])?);
    RawSet { format: Format::Cifar, classes, train, test }.check()
}

/// Splits the examples of one file into labels and pixels.
fn append(
    version: &Version,
    bytes: &[u8],
    place: &str,
    labels: &mut Vec<u32>,
    values: &mut Vec<u8>,
) -> Result<()> {
    let size = version.labels + SHAPE.len();
    if bytes.is_empty() || !bytes.len().is_multiple_of(size) {
        return Err(Error::data(
            place,
            format!("{} bytes are not a whole number of examples of {size} bytes", bytes.len()),
        )
        .mend("the file is truncated or not of this version of CIFAR"));
    }
    values.reserve(bytes.len() / size * SHAPE.len());
    for (at, example) in bytes.chunks_exact(size).enumerate() {
        let label = example[version.labels - 1];
        if usize::from(label) >= version.classes {
            return Err(Error::data(
                place,
                format!("label {label} of example {at} is beyond the {} classes", version.classes),
            ));
        }
        labels.push(u32::from(label));
        values.extend_from_slice(&example[version.labels..]);
    }
    Ok(())
}

/// Whether any version has a file of this name.
fn wanted(name: &str) -> bool {
    VERSIONS.iter().any(|v| v.train.contains(&name) || v.test == name || v.names == name)
}

fn read_folder(folder: &Path) -> Result<HashMap<String, Vec<u8>>> {
    let mut files = HashMap::new();
    for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder, "read", e))? {
        let path = entry.map_err(|e| Error::io(folder, "read", e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if wanted(&name) && path.is_file() {
            let bytes = guard::whole(&path, MAX_FILE).map_err(|e| guard::refused(&path, e))?;
            files.insert(name, bytes);
        }
    }
    Ok(files)
}

fn read_archive(path: &Path) -> Result<HashMap<String, Vec<u8>>> {
    let place = path.display();
    let mut files = HashMap::new();
    Archive::open(path)?.walk(|member, content| {
        let name = member.file_name();
        if wanted(name) {
            let place = format!("{place}: {}", member.path);
            if member.size > MAX_FILE {
                return Err(Error::data(place, format!("claims the absurd size of {} bytes", member.size)));
            }
            let mut content = content;
            let bytes = guard::read_len(&mut content, member.size).map_err(|e| guard::damaged(&place, e))?;
            if files.insert(name.to_owned(), bytes).is_some() {
                return Err(Error::data(place, "is there twice"));
            }
        }
        Ok(Walk::On)
    })?;
    Ok(files)
}
