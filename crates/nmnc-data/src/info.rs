//! Describing a source without training on it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::config::DataConfig;
use super::index::Shelf;
use super::kind::{Format, ImageShape};
use super::raw::{RawPixels, RawSplit};
use super::{embedded, known, open, plan, webdataset};
use nmnc_core::error::{Error, Result};
use nmnc_core::{guard, printable};

/// Characters shown of the name of a class.
const LONGEST_NAME: usize = 60;

/// What a source holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataInfo {
    /// The name or path given.
    pub source: String,
    /// How it is stored.
    pub format: Format,
    /// Bytes as stored.
    pub bytes: u64,
    /// Channels of every image.
    pub channels: usize,
    /// Number of classes.
    pub classes: usize,
    /// The splits, the training split first.
    pub splits: Vec<SplitInfo>,
    /// What the user should know, a sentence each.
    pub notes: Vec<String>,
}

/// What a split holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SplitInfo {
    /// `train` or `test`.
    pub name: &'static str,
    /// Number of examples.
    pub examples: usize,
    /// How many images there are of each size, as ((height, width), count), by size.
    pub sizes: Vec<((usize, usize), usize)>,
    /// How many examples each class has, by label.
    pub classes: Vec<ClassCount>,
}

/// How many examples a class has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// Name of the class.
    pub name: String,
    /// Number of examples.
    pub examples: usize,
}

/// A set that can be used by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KnownSetInfo {
    /// Its name as a source.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Bytes to download, or held by the library.
    pub bytes: u64,
    /// Whether it can be used now: every file is there with its full size (contents are not checked).
    pub present: bool,
}

/// Describes `source`, a name or a path. Every image header is read; no image is decoded.
///
/// # Errors
/// Those of [`DataConfig::open`] that concern the source; images of several sizes are no error here.
pub fn info(source: &str) -> Result<DataInfo> {
    let mut shelf = Shelf::of_user();
    let set = open::load(source, None, None, DataConfig::default().cache_bytes(), &mut shelf)?;
    let mut notes = shelf.notes;
    notes.extend(open::of_labels(&set));
    let (channels, train) = describe("train", &set.train, &set.classes)?;
    let mut splits = vec![train];
    if let Some(test) = &set.test {
        splits.push(describe("test", test, &set.classes)?.1);
    }
    Ok(DataInfo {
        source: source.to_owned(),
        format: set.format,
        bytes: stored(source)?,
        channels,
        classes: set.classes.len(),
        splits,
        notes,
    })
}

/// Every set that can be used by name, and whether it is there.
///
/// # Errors
/// When there is no data folder.
pub fn known_sets() -> Result<Vec<KnownSetInfo>> {
    let data = known::data_dir()?;
    let sample = KnownSetInfo {
        name: embedded::NAME,
        about: "600 + 100 images of each class of Fashion-MNIST, part of nmnc",
        bytes: embedded::bytes(),
        present: true,
    };
    let fetched = known::KNOWN.iter().map(|set| KnownSetInfo {
        name: set.name,
        about: set.about,
        bytes: set.bytes(),
        present: set.present(&data),
    });
    Ok(std::iter::once(sample).chain(fetched).collect())
}

/// The number of channels and the description of a split.
fn describe(name: &'static str, split: &RawSplit, classes: &[String]) -> Result<(usize, SplitInfo)> {
    let mut counts = vec![0; classes.len()];
    split.labels.iter().for_each(|&label| counts[label as usize] += 1);
    let mut sizes = BTreeMap::new();
    let channels = match &split.pixels {
        RawPixels::Bytes { shape, .. } | RawPixels::Floats { shape, .. } => {
            sizes.insert((shape.height, shape.width), split.labels.len());
            shape.channels
        }
        RawPixels::Encoded(images) => {
            let headers = plan::headers(images, 0..images.entries.len())?;
            for header in &headers {
                *sizes.entry((header.height as usize, header.width as usize)).or_default() += 1;
            }
            if headers.iter().all(|header| header.gray) { 1 } else { 3 }
        }
    };
    let classes = classes.iter().zip(counts);
    let split = SplitInfo {
        name,
        examples: split.labels.len(),
        sizes: sizes.into_iter().collect(),
        classes: classes.map(|(name, examples)| ClassCount { name: name.clone(), examples }).collect(),
    };
    Ok((channels, split))
}

/// Bytes of a source as stored.
fn stored(source: &str) -> Result<u64> {
    if source == embedded::NAME {
        return Ok(embedded::bytes());
    }
    match known::find(source) {
        Some(set) => Ok(set.bytes()),
        None if webdataset::is_pattern(source) && !Path::new(source).exists() => webdataset::bytes(source),
        None => bytes_below(Path::new(source), 0, &mut { guard::LISTED }),
    }
}

/// Bytes of a file or of all files of a folder.
fn bytes_below(path: &Path, depth: usize, left: &mut usize) -> Result<u64> {
    let reading = |e| Error::io(path, "read", e);
    let about = path.metadata().map_err(reading)?;
    if !about.is_dir() {
        return Ok(about.len());
    }
    // A loader has accepted the folder; only a cycle of links could be deeper, or have more.
    if depth > 32 {
        return Err(Error::data(path.display(), "folders nested too deep"));
    }
    let mut sum = 0u64;
    for entry in std::fs::read_dir(path).map_err(reading)? {
        *left = left.checked_sub(1).ok_or_else(|| {
            Error::data(path.display(), format!("more than {} files in all", guard::LISTED))
        })?;
        sum = sum.saturating_add(bytes_below(&entry.map_err(reading)?.path(), depth + 1, left)?);
    }
    Ok(sum)
}

impl fmt::Display for DataInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.channels == 1 { "gray" } else { "color" };
        let features = ImageShape { channels: self.channels, height: 1, width: 1 };
        let name = |text: &str| printable::line(text, LONGEST_NAME);
        writeln!(
            f,
            "{}: {}, {:.1} MB, {} classes",
            printable::line(&self.source, printable::LONGEST),
            self.format,
            self.bytes as f64 / 1e6,
            self.classes
        )?;
        for split in &self.splits {
            let size = |(height, width): (usize, usize)| format!("{width}x{height}");
            let sizes = match split.sizes[..] {
                [(one, _)] => size(one),
                [(first, _), .., (last, _)] => {
                    format!("{} sizes from {} to {}", split.sizes.len(), size(first), size(last))
                }
                [] => "no".to_owned(),
            };
            if features.is_features() && matches!(split.sizes[..], [((1, 1), _)]) {
                writeln!(f, "{}: {} examples of {features}", split.name, split.examples)?;
            } else {
                writeln!(f, "{}: {} {kind} images, {sizes} pixels", split.name, split.examples)?;
            }
        }
        for note in &self.notes {
            writeln!(f, "note: {}", printable::line(note, printable::LONGEST))?;
        }
        let width =
            self.splits[0].classes.iter().map(|class| name(&class.name).chars().count()).max().unwrap_or(0);
        let width = width.max("class".len());
        write!(f, "{:width$}", "class")?;
        for split in &self.splits {
            write!(f, " {:>8}", split.name)?;
        }
        for (label, class) in self.splits[0].classes.iter().enumerate() {
            write!(f, "\n{:width$}", name(&class.name))?;
            for split in &self.splits {
                write!(f, " {:>8}", split.classes[label].examples)?;
            }
        }
        Ok(())
    }
}
