//! IDX files, the format of MNIST: a magic number, big-endian dimensions, unsigned bytes.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::kind::{Format, ImageShape};
use super::raw::{RawPixels, RawSet, RawSplit, implied_classes, numbered};
use nmnc_core::error::{Error, Result};
use nmnc_core::guard::{self, Bounded};

/// First bytes of a gzip stream.
pub(crate) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The dimensions and elements of one IDX file.
struct Array {
    dimensions: Vec<u64>,
    elements: Vec<u8>,
}

/// Names that the files of a folder may begin with, by split: MNIST's own and the plain ones.
const TRAIN: &[&str] = &["train"];
const TEST: &[&str] = &["t10k", "test"];

/// Whether `folder` holds training images in IDX.
pub(crate) fn recognizes(folder: &Path) -> bool {
    matches!(find(folder, TRAIN, "images"), Ok(Some(_)))
}

/// Reads a folder with `train-images*`, `train-labels*` and, optionally, `t10k-` or `test-images*` and `-labels*`, each gzipped
/// or not. Where a file is there in both forms, the plain one is read. Class names are `names`, or the lines of `classes.txt`,
/// or numbers.
///
/// # Errors
/// When a file is missing, not IDX, truncated, too long, or labels and images disagree.
pub(crate) fn load(folder: &Path, names: Option<&[&str]>) -> Result<RawSet> {
    let train = split(folder, TRAIN)?.ok_or_else(|| {
        Error::data(folder.display(), "no file `train-images*` in IDX format")
            .mend("name the files as MNIST does, train-images-idx3-ubyte.gz and so on")
    })?;
    let test = split(folder, TEST)?;
    let classes = match names {
        Some(names) => names.iter().map(|&name| name.to_owned()).collect(),
        None => match class_names(&folder.join("classes.txt"))? {
            Some(names) => names,
            None => numbered(implied_classes(&train.labels, &train.place)?),
        },
    };
    RawSet { format: Format::Idx, classes, train, test }.check()
}

/// Reads one split of which images and labels are already open, as (name, reader, stored length).
pub(crate) fn read_split(
    place: &str,
    images: (&str, impl Read, u64),
    labels: (&str, impl Read, u64),
) -> Result<RawSplit> {
    let array = parse(images.0, images.1, images.2)?;
    let shape = match array.dimensions[..] {
        [_, height, width] => (1, height, width),
        [_, channels, height, width] => (channels, height, width),
        _ => {
            return Err(Error::data(images.0, format!("{} dimensions instead of 3", array.dimensions.len()))
                .mend("store images as [count, height, width]"));
        }
    };
    // Below usize::MAX because the product of all dimensions has arrived in memory.
    let shape = ImageShape { channels: shape.0 as usize, height: shape.1 as usize, width: shape.2 as usize };
    if shape.len() == 0 {
        return Err(Error::data(images.0, format!("images of size {shape}")));
    }
    if shape.channels != 1 && shape.channels != 3 {
        return Err(Error::data(images.0, format!("{} channels instead of 1 or 3", shape.channels)));
    }
    let label_array = parse(labels.0, labels.1, labels.2)?;
    if label_array.dimensions.len() != 1 {
        return Err(Error::data(labels.0, "labels must have one dimension")
            .mend("is it the file of images under the name of the labels?"));
    }
    if array.dimensions[0] != label_array.dimensions[0] {
        return Err(Error::data(
            labels.0,
            format!("{} labels for {} images", label_array.dimensions[0], array.dimensions[0]),
        ));
    }
    Ok(RawSplit {
        place: place.to_owned(),
        labels: label_array.elements.into_iter().map(u32::from).collect(),
        pixels: RawPixels::Bytes { shape, values: array.elements },
    })
}

/// One split of a folder, None when it has no images of that name.
fn split(folder: &Path, prefixes: &[&str]) -> Result<Option<RawSplit>> {
    let Some(images) = find(folder, prefixes, "images")? else { return Ok(None) };
    let labels = find(folder, prefixes, "labels")?.ok_or_else(|| {
        Error::data(folder.display(), format!("no file `{}-labels*` beside the images", prefixes[0]))
    })?;
    let (image_file, image_len) = guard::open(&images)?;
    let (label_file, label_len) = guard::open(&labels)?;
    let place = images.display().to_string();
    read_split(
        &place,
        (&place, image_file, image_len),
        (&labels.display().to_string(), label_file, label_len),
    )
    .map(Some)
}

/// The file of `folder` whose name is one of `prefixes`, then `images` or `labels`; a plain one before a gzipped one.
fn find(folder: &Path, prefixes: &[&str], what: &str) -> Result<Option<PathBuf>> {
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder, "read", e))? {
        let path = entry.map_err(|e| Error::io(folder, "read", e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase().replace('_', "-");
        // Folders (`train-images/`) and unfinished downloads are other things of the same name.
        if prefixes.iter().any(|prefix| name.starts_with(&format!("{prefix}-{what}")))
            && !name.ends_with(".part")
            && path.is_file()
        {
            found.push(path);
        }
    }
    found.sort_by_key(|path| (path.extension().is_some_and(|e| e == "gz"), path.clone()));
    Ok(found.into_iter().next())
}

/// Class names, one a line, when the file exists.
pub(crate) fn class_names(path: &Path) -> Result<Option<Vec<String>>> {
    if !path.is_file() {
        return Ok(None);
    }
    let text = guard::text(path).map_err(|e| match e.kind() {
        io::ErrorKind::InvalidData => Error::data(path.display(), "is not UTF-8 text").caused_by(e),
        _ => guard::refused(path, e),
    })?;
    Ok(Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()))
}

/// Reads an IDX file of unsigned bytes, gunzipping it if need be. `stored` is its length as stored.
fn parse(place: &str, reader: impl Read, stored: u64) -> Result<Array> {
    let damaged = |e| guard::damaged(place, e);
    let mut reader = BufReader::new(reader);
    let first: [u8; 2] = guard::read_array(&mut reader).map_err(damaged)?;
    let mut all = first.chain(reader);
    if first == GZIP {
        body(place, &mut Bounded::expanding(MultiGzDecoder::new(all), stored), None)
    } else {
        body(place, &mut all, Some(stored))
    }
}

/// Reads header and elements. `available` is the length of the whole, where known.
fn body(place: &str, reader: &mut impl Read, available: Option<u64>) -> Result<Array> {
    let damaged = |e| guard::damaged(place, e);
    let magic: [u8; 4] = guard::read_array(reader).map_err(damaged)?;
    let [0, 0, kind, rank] = magic else {
        return Err(Error::data(
            place,
            format!("begins with {magic:02x?}, not with the magic number of IDX"),
        ));
    };
    if kind != 8 {
        return Err(Error::data(
            place,
            format!("elements of IDX type {kind:#04x} instead of unsigned bytes"),
        ));
    }
    if rank == 0 || rank > 4 {
        return Err(Error::data(place, format!("{rank} dimensions")));
    }
    let mut dimensions = Vec::new();
    for _ in 0..rank {
        let dimension: [u8; 4] = guard::read_array(reader).map_err(damaged)?;
        dimensions.push(u64::from(u32::from_be_bytes(dimension)));
    }
    let absurd = || Error::data(place, format!("claims the absurd dimensions {dimensions:?}"));
    let len = dimensions.iter().try_fold(1u64, |product, &d| product.checked_mul(d)).ok_or_else(absurd)?;
    if let Some(available) = available {
        let expected = len.saturating_add(4 + 4 * u64::from(rank));
        if expected != available {
            return Err(Error::data(
                place,
                format!("dimensions {dimensions:?} need {expected} bytes, the file has {available}"),
            )
            .mend("the file is truncated or damaged: get it again"));
        }
    }
    let elements = guard::read_len(reader, len).map_err(damaged)?;
    if !guard::at_end(reader).map_err(damaged)? {
        return Err(Error::data(place, format!("goes on after the {len} elements it announces")));
    }
    Ok(Array { dimensions, elements })
}
