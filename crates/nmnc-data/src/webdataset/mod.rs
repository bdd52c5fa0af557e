//! Shards as WebDataset writes them: tar archives in which `key.jpg` and `key.cls` lie side by side.

mod names;
mod shard;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::archive::Archive;
use super::index::{Index, Mark, Shelf};
use super::kind::Format;
use super::raw::{Encoded, RawPixels, RawSet, RawSplit, implied_classes, numbered};
use super::source::{Source, Store};
use super::spool::Spool;
pub(crate) use names::is_pattern;
use nmnc_core::error::{Error, Result};

/// Names of the training split.
const TRAIN: &[&str] = &["train", "training"];
/// Names of the test split, the preferred ones first.
const TEST: &[&str] = &["test", "val", "validation", "valid"];

/// Whether `path` is a folder with shards of a training split.
pub(crate) fn recognizes(path: &Path) -> bool {
    path.is_dir() && shards_of(path, TRAIN).is_ok_and(|shards| !shards.is_empty())
}

/// Reads `source`: a folder with `train-000.tar` and so on, and `test-`, `val-` or `validation-` beside them; a pattern with braces; or
/// one archive. Shards to evaluate on may be named apart, by `test`.
///
/// An example is an image, `key.jpg`, `key.jpeg` or `key.png`, and its class as a number in digits, `key.cls`, one after the other; other
/// members are passed over. Plain shards are read by position later on; of compressed ones, what fits `cache` bytes is kept in memory and
/// all beyond it is spooled to a temporary file without a name.
///
/// # Errors
/// When there are no shards, an image has no class or a class no image, or a shard is damaged or hostile.
pub(crate) fn load(source: &str, test: Option<&str>, cache: u64, shelf: &mut Shelf) -> Result<RawSet> {
    let (train, beside) = if !is_pattern(source) && Path::new(source).is_dir() {
        let folder = Path::new(source);
        let train = shards_of(folder, TRAIN)?;
        if train.is_empty() {
            return Err(Error::data(source, "no shards of a training split")
                .mend("name them `train-000.tar` and so on"));
        }
        let beside = TEST
            .iter()
            .map(|name| shards_of(folder, &[name]))
            .find(|s| s.as_ref().map_or(true, |s| !s.is_empty()));
        (train, beside.transpose()?)
    } else {
        (shards(source, TRAIN)?, None)
    };
    let test = test.map(|source| shards(source, TEST)).transpose()?.or(beside);
    let train = split(&train, source, cache, shelf)?;
    let test = test.map(|shards| split(&shards, source, cache, shelf)).transpose()?;
    let classes = numbered(implied_classes(&train.labels, &train.place)?);
    RawSet { format: Format::Webdataset, classes, train, test }.check()
}

/// The shards that a pattern, a folder or a file stands for.
fn shards(source: &str, names: &[&str]) -> Result<Vec<PathBuf>> {
    if !is_pattern(source) && Path::new(source).is_dir() {
        let found = shards_of(Path::new(source), names)?;
        let missing = || Error::data(source, format!("no shards called `{}-000.tar` and so on", names[0]));
        return if found.is_empty() { Err(missing()) } else { Ok(found) };
    }
    Ok(names::expand(source)?.into_iter().map(PathBuf::from).collect())
}

/// Bytes of the shards that a pattern stands for.
pub(crate) fn bytes(pattern: &str) -> Result<u64> {
    names::expand(pattern)?.iter().try_fold(0u64, |sum, shard| {
        let path = Path::new(shard);
        Ok(sum.saturating_add(path.metadata().map_err(|e| Error::io(path, "read", e))?.len()))
    })
}

/// The shards in `folder` of the split of one of these names, sorted.
fn shards_of(folder: &Path, split: &[&str]) -> Result<Vec<PathBuf>> {
    let reading = |e| Error::io(folder, "read", e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(reading)? {
        let name = entry.map_err(reading)?.file_name();
        if let Some(name) = name.to_str()
            && names::split_of(name).is_some_and(|of| split.contains(&of))
        {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

/// Looks through the shards, several at a time.
fn split(shards: &[PathBuf], source: &str, cache: u64, shelf: &mut Shelf) -> Result<RawSplit> {
    let place = match shards {
        [one] => one.display().to_string(),
        _ => source.to_owned(),
    };
    let plain = shards.iter().map(|path| Ok(Archive::open(path)?.is_plain())).collect::<Result<Vec<_>>>()?;
    let (index, store) = if plain.iter().all(|&plain| plain) {
        let paths = shards.iter().map(|path| absolute(path)).collect::<Result<Vec<_>>>()?;
        let name = format!("shards {}", paths.join("\n"));
        let fits = |index: &Index| {
            let parts = index.marks.len() == shards.len();
            parts && index.entries.iter().all(|entry| (entry.part as usize) < shards.len())
        };
        let index = shelf.index(&name, Path::new(""), fits, || plain_index(shards, &paths))?;
        let lens = index.marks.iter().map(|mark| mark.len).collect();
        (index, Store::Shards(lens))
    } else {
        let mut spool = Spool::new(cache);
        let mut samples = Vec::new();
        for path in shards {
            samples.push(shard::read(path, Some(&mut spool))?);
        }
        (shard::index(samples), spool.store()?)
    };
    let Index { classes, labels, entries, .. } = index;
    let numbers: Vec<u32> = (classes.iter()).map(|class| class.parse().unwrap_or(u32::MAX)).collect();
    let labels: Vec<u32> = labels.iter().map(|&label| numbers[label as usize]).collect();
    if labels.is_empty() {
        return Err(Error::data(place, "holds no images with classes")
            .mend("an example is `key.jpg` (or `.jpeg`, `.png`) and, beside it, `key.cls` with the number of its class"));
    }
    let source = Source { name: place.clone(), store, parts: shards.to_vec() };
    Ok(RawSplit { place, labels, pixels: RawPixels::Encoded(Encoded { source: source.into(), entries }) })
}

fn absolute(path: &Path) -> Result<String> {
    let absolute = std::path::absolute(path).map_err(|e| Error::io(path, "find", e))?;
    absolute
        .into_os_string()
        .into_string()
        .map_err(|_| Error::data(path.display(), "a name that is not UTF-8"))
}

/// The index of shards that are read by position, whose marks are theirs in order.
fn plain_index(shards: &[PathBuf], names: &[String]) -> Result<Index> {
    let marks = names.iter().map(|name| Mark::of(Path::new(""), name)).collect::<Result<_>>()?;
    let samples = shards.par_iter().map(|path| shard::read(path, None)).collect::<Result<Vec<_>>>()?;
    Ok(Index { marks, ..shard::index(samples) })
}
