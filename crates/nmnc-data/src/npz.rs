//! NumPy archives of images and labels.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use zip::ZipArchive;

use super::kind::{Format, ImageShape};
use super::npy::Header;
use super::raw::{RawPixels, RawSet, RawSplit, implied_classes, numbered};
use nmnc_core::error::{Error, Result};
use nmnc_core::guard::{self, Bounded};

/// Whether `path` is a zip file, or a folder with `train.npz`.
pub fn recognizes(path: &Path) -> bool {
    if path.is_dir() {
        return path.join("train.npz").is_file();
    }
    let mut first = [0; 4];
    guard::regular(path).and_then(|(mut file, _)| file.read_exact(&mut first)).is_ok()
        && first == *b"PK\x03\x04"
}

/// Reads `x_train`, `y_train` and, optionally, `x_test`, `y_test` from one file; or `x` and `y` for training alone; or `x` and
/// `y` from `train.npz` and, optionally, `test.npz` of a folder.
///
/// Images are unsigned bytes or floats, `[N, height, width]`, `[N, channels, height, width]` or `[N, height, width, channels]`
/// with one or three channels; floats are kept as they are. `[N, features]` are examples without a geometry, of numbers of any type.
/// Labels are integers, `[N]` or `[N, 1]`.
///
/// # Errors
/// When an array is missing, of another kind, damaged, or the two disagree.
pub(crate) fn load(path: &Path) -> Result<RawSet> {
    let (train, test) = if path.is_dir() {
        let train = read(&path.join("train.npz"), "x", "y")?.ok_or_else(|| missing(path))?;
        let file = path.join("test.npz");
        let test =
            if file.is_file() { Some(read(&file, "x", "y")?.ok_or_else(|| missing(&file))?) } else { None };
        (train, test)
    } else if let Some(train) = read(path, "x_train", "y_train")? {
        (train, read(path, "x_test", "y_test")?)
    } else {
        (read(path, "x", "y")?.ok_or_else(|| missing(path))?, None)
    };
    let classes = numbered(implied_classes(&train.labels, &train.place)?);
    RawSet { format: Format::Npz, classes, train, test }.check()
}

fn missing(path: &Path) -> Error {
    Error::data(path.display(), "holds no images and labels")
        .mend("name the arrays `x_train`, `y_train`, `x_test`, `y_test`, or `x` and `y`")
}

/// The split of two arrays; None when the images are not there.
fn read(path: &Path, images: &str, labels: &str) -> Result<Option<RawSplit>> {
    let Some(x) = Array::read(path, images)? else { return Ok(None) };
    let y = Array::read(path, labels)?
        .ok_or_else(|| Error::data(path.display(), format!("`{images}` without `{labels}`")))?;
    let labels = y.labels()?;
    let place = x.place.clone();
    Ok(Some(RawSplit { place, labels, pixels: x.images()? }))
}

fn open(file: BufReader<File>, path: &Path) -> Result<ZipArchive<BufReader<File>>> {
    ZipArchive::new(file).map_err(|e| guard::damaged(path.display(), e.into()))
}

/// An array as stored.
pub struct Array {
    place: String,
    header: Header,
    bytes: Vec<u8>,
}

impl Array {
    /// Of the elements `bytes` as they are stored.
    pub(crate) fn new(place: String, header: Header, bytes: Vec<u8>) -> Self {
        let bytes = header.in_c_order(bytes);
        Self { place, header: Header { fortran: false, ..header }, bytes }
    }

    /// What its header says, of C order, and its elements as bytes.
    pub fn into_parts(self) -> (Header, Vec<u8>) {
        (self.header, self.bytes)
    }

    /// The array `name` of the archive `path`; None when it is not there.
    ///
    /// # Errors
    /// If the archive or the array cannot be read.
    pub fn read(path: &Path, name: &str) -> Result<Option<Self>> {
        let (file, stored) = guard::open(path)?;
        let place = format!("{}: {name}", path.display());
        let damaged = |e: std::io::Error| guard::damaged(&place, e);
        let mut archive = open(BufReader::new(file), path)?;
        let member = format!("{name}.npy");
        if archive.index_for_name(&member).is_none() {
            return Ok(None);
        }
        let member = archive
            .by_name(&member)
            .map_err(|e| Error::data(&place, format!("cannot be read: {e}")).caused_by(e))?;
        let mut reader = Bounded::expanding(member, stored);
        let (header, _) = Header::read(&mut reader, &place)?;
        let bytes = guard::read_len(&mut reader, header.len).map_err(damaged)?;
        if !guard::at_end(&mut reader).map_err(damaged)? {
            return Err(Error::data(&place, format!("goes on after the {} bytes it announces", header.len)));
        }
        Ok(Some(Self::new(place, header, bytes)))
    }

    /// The elements, each made a number by `value`, which gets its bytes in little-endian order.
    fn elements<T>(&self, value: impl Fn(&[u8]) -> T) -> Vec<T> {
        let mut bytes = [0; 8];
        let size = self.header.size;
        (self.bytes.chunks_exact(size))
            .map(|element| {
                bytes[..size].copy_from_slice(element);
                if self.header.big_endian {
                    bytes[..size].reverse();
                }
                value(&bytes[..size])
            })
            .collect()
    }

    fn labels(self) -> Result<Vec<u32>> {
        let shape = &self.header.shape;
        if !matches!(shape[..], [_] | [_, 1]) {
            return Err(Error::data(&self.place, format!("labels of shape {shape:?} instead of [N]"))
                .mend("store the number of the class, not a one-hot code"));
        }
        let wide = self.integers()?;
        let narrow = |(at, label): (usize, i64)| {
            u32::try_from(label)
                .map_err(|_| Error::data(&self.place, format!("example {at} has the label {label}")))
        };
        wide.into_iter().enumerate().map(narrow).collect()
    }

    /// Names of the arrays of the archive `path`, sorted.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn names(path: &Path) -> Result<Vec<String>> {
        let (file, _) = guard::open(path)?;
        let archive = open(BufReader::new(file), path)?;
        // What has no name that can be read is no array.
        let array =
            |file: zip::result::ZipResult<Cow<str>>| Some(file.ok()?.strip_suffix(".npy")?.to_owned());
        let mut names: Vec<String> = archive.file_names().filter_map(array).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// File and name, for errors.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Shape, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// The elements of an array of integers.
    ///
    /// # Errors
    /// If they are others.
    pub fn integers(&self) -> Result<Vec<i64>> {
        let Header { kind, size, .. } = self.header;
        if !matches!(kind, 'i' | 'u') {
            return Err(Error::data(&self.place, "labels must be integers"));
        }
        Ok(self.elements(|bytes| integer(kind, size, bytes)))
    }

    /// The elements as numbers, all finite.
    ///
    /// # Errors
    /// If one is not finite.
    pub fn numbers(&self) -> Result<Vec<f64>> {
        let values = self.values();
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(Error::data(&self.place, format!("element {at} is not a finite number"))),
            None => Ok(values),
        }
    }

    /// The elements as numbers, finite or not.
    pub fn values(&self) -> Vec<f64> {
        self.bytes.chunks_exact(self.header.size).map(|element| self.header.number(element)).collect()
    }

    /// [`Array::numbers`] in single precision.
    ///
    /// # Errors
    /// As there; if one is beyond its range.
    pub fn floats(&self) -> Result<Vec<f32>> {
        let values: Vec<f32> = self.numbers()?.into_iter().map(|value| value as f32).collect();
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => {
                Err(Error::data(&self.place, format!("element {at} is beyond the range of single precision"))
                    .mend("give the array in a larger unit"))
            }
            None => Ok(values),
        }
    }

    fn images(self) -> Result<RawPixels> {
        let flat = self.header.shape.len() == 2;
        let (shape, last) = match self.header.shape[..] {
            // Each feature is a channel, with a mean and a deviation of its own.
            [_, features] => (ImageShape { channels: features, height: 1, width: 1 }, false),
            [_, height, width] => (ImageShape { channels: 1, height, width }, false),
            [_, channels @ (1 | 3), height, width] => (ImageShape { channels, height, width }, false),
            [_, height, width, channels @ (1 | 3)] => (ImageShape { channels, height, width }, true),
            _ => {
                return Err(Error::data(&self.place, format!("images of shape {:?}", self.header.shape)).mend(
                    "use [N, height, width], [N, channels, height, width] or [N, height, width, channels] with 1 or 3 \
                     channels, or [N, features] for dense networks",
                ));
            }
        };
        if shape.len() == 0 {
            return Err(Error::data(&self.place, format!("images of size {shape}")));
        }
        match (self.header.kind, self.header.size) {
            ('u', 1) => {
                let values = if last { channels_first(&self.bytes, shape) } else { self.bytes };
                Ok(RawPixels::Bytes { shape, values })
            }
            (kind, _) if kind == 'f' || flat => {
                let size = self.header.size;
                let number = |element: &[u8]| self.header.number(element);
                let values: Vec<f32> = self.bytes.chunks_exact(size).map(|e| number(e) as f32).collect();
                if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                    let finite = number(&self.bytes[at * size..]).is_finite();
                    let what =
                        if finite { "beyond the range of single precision" } else { "that is not finite" };
                    let (one, index) = (if flat { "example" } else { "image" }, at / shape.len());
                    return Err(Error::data(&self.place, format!("{one} {index} holds a number {what}")));
                }
                let values = if last { channels_first(&values, shape) } else { values };
                Ok(RawPixels::Floats { shape, values })
            }
            (kind, size) => {
                Err(Error::data(&self.place, format!("images of type {kind}{size}"))
                    .mend("use uint8, or floats"))
            }
        }
    }
}

/// An integer of kind `i` or `u` and `size` bytes, in little-endian order.
fn integer(kind: char, size: usize, bytes: &[u8]) -> i64 {
    let negative = kind == 'i' && bytes[size - 1] & 0x80 != 0;
    let mut value = [if negative { 0xff } else { 0 }; 8];
    value[..size].copy_from_slice(bytes);
    i64::from_le_bytes(value)
}

/// `[N, height, width, channels]` to `[N, channels, height, width]`.
fn channels_first<T: Copy>(values: &[T], shape: ImageShape) -> Vec<T> {
    let mut out = Vec::with_capacity(values.len());
    for image in values.chunks_exact(shape.len()) {
        for channel in 0..shape.channels {
            out.extend(image.iter().skip(channel).step_by(shape.channels));
        }
    }
    out
}
