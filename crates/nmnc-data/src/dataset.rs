//! A split ready for use, and the batches it gives.

use std::fmt;
use std::sync::Arc;

use super::augment::{Augment, View};
use super::decode;
use super::kind::{Format, ImageShape};
use super::picture::{Cut, Picture};
use super::place::{Layout, place};
use super::resample::resample;
use super::standardize::Statistics;
use super::store::Store;
use super::team;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::{Role, Seed};

/// What [`DataConfig::open`](super::DataConfig::open) gives.
#[derive(Clone, Debug)]
pub struct Splits {
    /// Examples to train on.
    pub train: Dataset,
    /// Examples to evaluate on.
    pub evaluation: Dataset,
    /// Which examples these are: `test` or `validation`.
    pub evaluation_name: &'static str,
    /// How the source is stored.
    pub format: Format,
    /// What the user should know about the choices made, one sentence each.
    pub warnings: Vec<String>,
}

/// Some examples: images of one shape with labels. Cloning shares the data.
#[derive(Clone)]
pub struct Dataset {
    pub(crate) inner: Arc<Inner>,
}

/// The parts of a data set.
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) shape: ImageShape,
    pub(crate) labels: Vec<u32>,
    pub(crate) classes: Arc<[String]>,
    pub(crate) statistics: Statistics,
    /// The standardized value of each byte, per channel.
    pub(crate) table: Vec<[f32; 256]>,
    pub(crate) augment: Augment,
    pub(crate) workers: Option<usize>,
}

/// Some examples of a data set, standardized.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// `[len, channels * height * width]`, row-major; each image is `[channels, height, width]`.
    pub images: Vec<f32>,
    /// Label of each image, `[len]`.
    pub labels: Vec<u32>,
    /// Index of each image in its data set, `[len]`.
    pub indices: Vec<usize>,
}

impl Dataset {
    pub(crate) fn new(
        store: Store,
        shape: ImageShape,
        labels: Vec<u32>,
        classes: Arc<[String]>,
        statistics: Statistics,
        augment: Augment,
        workers: Option<usize>,
    ) -> Self {
        let table = (statistics.mean.iter().zip(&statistics.sd))
            .map(|(mean, sd)| std::array::from_fn(|byte| ((byte as f64 / 255.0 - mean) / sd) as f32))
            .collect();
        Self { inner: Arc::new(Inner { store, shape, labels, classes, statistics, table, augment, workers }) }
    }

    /// Number of examples; at least one.
    #[expect(clippy::len_without_is_empty, reason = "no data set is empty")]
    pub fn len(&self) -> usize {
        self.inner.labels.len()
    }

    /// Shape of every image.
    pub fn shape(&self) -> ImageShape {
        self.inner.shape
    }

    /// Class names, by label.
    pub fn classes(&self) -> &[String] {
        &self.inner.classes
    }

    /// Label of each example.
    pub fn labels(&self) -> &[u32] {
        &self.inner.labels
    }

    /// What was subtracted from and divided the values of each channel.
    pub fn statistics(&self) -> &Statistics {
        &self.inner.statistics
    }

    /// The examples at `indices`, standardized and not augmented, on the calling thread.
    ///
    /// # Errors
    /// When an index is out of range, or an image that is not held in memory cannot be read or decoded.
    pub fn batch(&self, indices: &[usize]) -> Result<Batch> {
        self.assemble(indices, None, 1)
    }

    /// Threads to decode with.
    pub(crate) fn workers(&self) -> usize {
        self.inner.workers.unwrap_or_else(|| match self.inner.store {
            Store::Streamed { .. } => std::thread::available_parallelism().map_or(1, usize::from),
            _ => 1,
        })
    }

    /// The examples at `indices`, made by up to `threads` threads.
    pub(crate) fn assemble(
        &self,
        indices: &[usize],
        augmentation: Option<(Seed, u64)>,
        threads: usize,
    ) -> Result<Batch> {
        if let Some(index) = indices.iter().find(|&&index| index >= self.len()) {
            return Err(Error::config(
                "index",
                format!("example {index} of a data set of {} examples", self.len()),
            ));
        }
        let mut images = vec![0.0; indices.len() * self.inner.shape.len()];
        let each = indices.iter().zip(images.chunks_exact_mut(self.inner.shape.len()));
        if threads > 1 {
            team::for_each(each, threads, |(&index, out)| self.write(index, augmentation, out))?;
        } else {
            each.into_iter().try_for_each(|(&index, out)| self.write(index, augmentation, out))?;
        }
        let labels = indices.iter().map(|&index| self.inner.labels[index]).collect();
        Ok(Batch { images, labels, indices: indices.to_vec() })
    }

    /// What is done in an epoch to example `index`, of which the whole has `size` rows and columns.
    fn view(&self, augmentation: Option<(Seed, u64)>, index: usize, size: [usize; 2]) -> View {
        augmentation.map_or(View::default(), |(seed, epoch)| {
            self.inner.augment.draw(&mut seed.stream(Role::Augmentation, index, epoch), size)
        })
    }

    /// Standardizes image `index`, augmented or not, into `out`, `[channels, height, width]`.
    fn write(&self, index: usize, augmentation: Option<(Seed, u64)>, out: &mut [f32]) -> Result<()> {
        let Inner { store, shape, statistics, table, .. } = &*self.inner;
        let len = shape.len();
        let size = [shape.height, shape.width];
        let standardized = |channel: usize| move |value: u8| table[channel][usize::from(value)];
        match store {
            Store::Bytes(values) => {
                let values = &values[index * len..(index + 1) * len];
                let view = self.view(augmentation, index, size);
                if view.cut.is_none() && view.tints.is_empty() {
                    place(values, Layout::planes(*shape), &view, out, standardized);
                } else {
                    let image = Picture::of_planes(values, [shape.channels, shape.height, shape.width]);
                    let image = change(image, &view, size);
                    place(&image.pixels, Layout::pixels(*shape), &view, out, standardized);
                }
            }
            Store::Streamed { images, target } => {
                let image = decode::picture(images, index, shape.channels)?;
                let view = self.view(augmentation, index, [image.height, image.width]);
                let image = match view.cut {
                    Some(_) => image,
                    None => target.fit(image, &|| images.place(index))?,
                };
                let image = change(image, &view, size);
                place(&image.pixels, Layout::pixels(*shape), &view, out, standardized);
            }
            Store::Floats(values) => {
                let values = &values[index * len..(index + 1) * len];
                let view = self.view(augmentation, index, size);
                place(values, Layout::planes(*shape), &view, out, |channel| {
                    let (mean, sd) = (statistics.mean[channel], statistics.sd[channel]);
                    move |value: f32| ((f64::from(value) - mean) / sd) as f32
                });
            }
        }
        Ok(())
    }
}

/// The part of the image that the view cuts out, scaled to `size`, and what it does to colors.
fn change(image: Picture, view: &View, size: [usize; 2]) -> Picture {
    let mut image = match view.cut {
        Some(cut) => resample(&image, cut, size, Cut::whole(size)),
        None => image,
    };
    view.tints.iter().for_each(|tint| tint.apply(&mut image));
    image
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("len", &self.len())
            .field("shape", &self.inner.shape)
            .field("classes", &self.inner.classes.len())
            .finish_non_exhaustive()
    }
}
