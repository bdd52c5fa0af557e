//! What every loader produces: labels and pixels as stored, before anything is selected, scaled or standardized.

use std::sync::Arc;

use super::kind::{Format, ImageShape};
use super::source::{Entries, Source};
use nmnc_core::error::{Error, Result};

/// A source as its loader read it.
pub(crate) struct RawSet {
    pub(crate) format: Format,
    /// Class names, by label.
    pub(crate) classes: Vec<String>,
    pub(crate) train: RawSplit,
    pub(crate) test: Option<RawSplit>,
}

/// One split as its loader read it.
pub(crate) struct RawSplit {
    /// The file or folder, for errors.
    pub(crate) place: String,
    pub(crate) labels: Vec<u32>,
    pub(crate) pixels: RawPixels,
}

/// Images in file order.
pub(crate) enum RawPixels {
    /// `[len, channels, height, width]`.
    Bytes { shape: ImageShape, values: Vec<u8> },
    /// `[len, channels, height, width]`.
    Floats { shape: ImageShape, values: Vec<f32> },
    /// JPEG or PNG.
    Encoded(Encoded),
}

/// Encoded images, read by position.
pub(crate) struct Encoded {
    pub(crate) source: Arc<Source>,
    pub(crate) entries: Entries,
}

impl RawSet {
    /// Checks what no single loader can vouch for: that labels, classes and pixels agree.
    pub(crate) fn check(self) -> Result<Self> {
        for split in std::iter::once(&self.train).chain(&self.test) {
            if split.labels.is_empty() {
                return Err(Error::data(&split.place, "holds no examples"));
            }
            if split.labels.len() != split.pixels.len() {
                return Err(Error::data(
                    &split.place,
                    format!("{} images but {} labels", split.pixels.len(), split.labels.len()),
                ));
            }
            let classes = self.classes.len();
            if let Some(at) = split.labels.iter().position(|&label| label as usize >= classes) {
                return Err(Error::data(
                    &split.place,
                    format!("label {} of example {at} is beyond the {classes} classes", split.labels[at]),
                ));
            }
        }
        if let (Some(train), Some(test)) =
            (self.train.pixels.shape(), self.test.as_ref().and_then(|t| t.pixels.shape()))
            && train != test
        {
            let place = self.test.as_ref().map_or("", |t| &t.place);
            return Err(Error::data(place, format!("images are {test} but the training images {train}")));
        }
        Ok(self)
    }
}

impl RawPixels {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes { shape, values } => values.len() / shape.len(),
            Self::Floats { shape, values } => values.len() / shape.len(),
            Self::Encoded(encoded) => encoded.entries.len(),
        }
    }

    /// The common shape, where it is known without decoding.
    pub(crate) fn shape(&self) -> Option<ImageShape> {
        match self {
            Self::Bytes { shape, .. } | Self::Floats { shape, .. } => Some(*shape),
            Self::Encoded(_) => None,
        }
    }
}

impl RawSplit {
    /// The examples at `indices`, in that order. All of them in file order costs no copy.
    pub(crate) fn select(self, indices: &[usize]) -> Self {
        let whole = indices.len() == self.labels.len() && indices.iter().enumerate().all(|(i, &at)| i == at);
        if whole {
            return self;
        }
        self.copy(indices)
    }

    /// A copy of the examples at `indices`.
    pub(crate) fn copy(&self, indices: &[usize]) -> Self {
        fn rows<T: Copy>(values: &[T], row: usize, indices: &[usize]) -> Vec<T> {
            let mut chosen = Vec::with_capacity(row * indices.len());
            for &index in indices {
                chosen.extend_from_slice(&values[index * row..(index + 1) * row]);
            }
            chosen
        }
        let pixels = match &self.pixels {
            RawPixels::Bytes { shape, values } => {
                RawPixels::Bytes { shape: *shape, values: rows(values, shape.len(), indices) }
            }
            RawPixels::Floats { shape, values } => {
                RawPixels::Floats { shape: *shape, values: rows(values, shape.len(), indices) }
            }
            RawPixels::Encoded(encoded) => RawPixels::Encoded(Encoded {
                source: encoded.source.clone(),
                entries: indices.iter().map(|&i| encoded.entries.get(i)).collect(),
            }),
        };
        Self { place: self.place.clone(), labels: indices.iter().map(|&i| self.labels[i]).collect(), pixels }
    }
}

impl Encoded {
    /// The encoded bytes of image `index`.
    pub(crate) fn read(&self, index: usize) -> Result<std::borrow::Cow<'_, [u8]>> {
        self.source.read(self.entries.get(index))
    }

    /// Image `index`, for errors.
    pub(crate) fn place(&self, index: usize) -> String {
        self.source.place(self.entries.get(index))
    }
}

/// Names "0", "1", ... for sets that come without.
pub(crate) fn numbered(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

/// The number of classes that labels without names imply, refused when a corrupt label makes it absurd.
pub(crate) fn implied_classes(labels: &[u32], place: &str) -> Result<usize> {
    let classes = labels.iter().max().map_or(0, |&most| most as usize + 1);
    if classes > labels.len().max(256) {
        return Err(Error::data(
            place,
            format!("a label of {} among {} examples", classes - 1, labels.len()),
        )
        .mend("number classes from 0 without gaps"));
    }
    Ok(classes)
}
