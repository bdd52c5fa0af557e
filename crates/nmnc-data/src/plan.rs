//! How the images of both splits come to one shape, and where they are kept.

use std::ops::Range;

use rayon::prelude::*;

use super::augment::Augment;
use super::config::DataConfig;
use super::decode::{self, Fit, Header, Target};
use super::kind::ImageShape;
use super::raw::{Encoded, RawPixels, RawSplit};
use super::resize;
use super::store::Store;
use nmnc_core::error::{Error, Result};

/// How the images of both splits come to one shape.
pub(crate) struct Plan {
    pub(crate) shape: ImageShape,
    /// How encoded images come to it.
    fit: Fit,
    augment: Augment,
    /// Whether encoded images are decoded once and kept.
    keep: bool,
}

impl Plan {
    pub(crate) fn new(train: &RawSplit, evaluation: &RawSplit, config: &DataConfig) -> Result<Self> {
        let natural = match (&train.pixels, &evaluation.pixels) {
            (RawPixels::Encoded(train), RawPixels::Encoded(evaluation)) => {
                common_shape(train, evaluation, config.image_size.is_some())?
            }
            (pixels, _) => pixels.shape().expect("arrays know their shape"),
        };
        let shape = match config.image_size {
            Some(size) => ImageShape { height: size, width: size, ..natural },
            None => natural,
        };
        if natural.is_features() {
            let key = if config.image_size.is_some() { "data.image_size" } else { "data.augment" };
            if config.image_size.is_some() || config.augment != Augment::default() {
                return Err(Error::config(
                    key,
                    format!("is for images, and these are examples of {natural}"),
                )
                .mend("leave it out"));
            }
        }
        if config.augment.crop > shape.height.min(shape.width) {
            return Err(Error::config(
                "data.augment.crop",
                format!("padding of {} is more than images of {shape} have", config.augment.crop),
            ));
        }
        let decoded = (train.labels.len() + evaluation.labels.len()) as u64 * shape.len() as u64;
        let array = !matches!(train.pixels, RawPixels::Encoded(_));
        if array && shape != natural && decoded > config.cache_bytes() {
            return Err(Error::config(
                "data.image_size",
                format!("the images would take {} MiB scaled, more than `data.cache_mib`", decoded >> 20),
            )
            .mend("make it smaller or raise `data.cache_mib`"));
        }
        if array && let Some(key) = config.needs_pictures() {
            return Err(Error::config(key, "is for JPEG and PNG images").mend("leave it out"));
        }
        let floats = matches!(train.pixels, RawPixels::Floats { .. });
        if floats && config.augment.needs_bytes() {
            return Err(Error::config(
                "data.augment",
                "crops of other sizes and changes of color are for images of bytes",
            )
            .mend("leave out `resized_crop` and `jitter`, or store the images as bytes"));
        }
        Ok(Self {
            shape,
            fit: match (config.resize, config.image_size) {
                (Some(short), _) => Fit::Short(short),
                (None, Some(_)) => Fit::Cover,
                (None, None) => Fit::Exact,
            },
            augment: config.augment,
            keep: decoded <= config.cache_bytes(),
        })
    }

    /// The pixels of `split` in the planned shape, with its labels; for training, such that augmentation finds all of each image.
    pub(crate) fn store(&self, split: RawSplit, training: bool) -> Result<(Store, Vec<u32>)> {
        let from = |shape: ImageShape| (shape.height, shape.width);
        let store = match split.pixels {
            RawPixels::Bytes { shape, values } if shape == self.shape => Store::Bytes(values),
            RawPixels::Floats { shape, values } if shape == self.shape => Store::Floats(values),
            RawPixels::Bytes { shape, values } => {
                Store::Bytes(
                    self.resize(&values, from(shape), f32::from, |v| v.round().clamp(0.0, 255.0) as u8),
                )
            }
            RawPixels::Floats { shape, values } => {
                Store::Floats(self.resize(&values, from(shape), |v| v, |v| v))
            }
            RawPixels::Encoded(images) => {
                let target = Target { shape: self.shape, fit: self.fit };
                let parts = training && self.augment.resized_crop.is_some();
                if self.keep && (matches!(self.fit, Fit::Exact) || !parts) {
                    let mut decoded = vec![0; images.entries.len() * self.shape.len()];
                    decoded
                        .par_chunks_exact_mut(self.shape.len())
                        .enumerate()
                        .try_for_each(|(index, out)| decode::decode(&images, index, target, out))?;
                    Store::Bytes(decoded)
                } else {
                    Store::Streamed { images, target }
                }
            }
        };
        Ok((store, split.labels))
    }

    /// Scales and crops every plane of `values`, planes of size `from`.
    fn resize<T: Copy + Default + Send + Sync>(
        &self,
        values: &[T],
        from: (usize, usize),
        widen: impl Fn(T) -> f32 + Sync,
        narrow: impl Fn(f32) -> T + Sync,
    ) -> Vec<T> {
        let to = (self.shape.height, self.shape.width);
        let planes = values.len() / (from.0 * from.1);
        let mut out = vec![T::default(); planes * to.0 * to.1];
        out.par_chunks_exact_mut(to.0 * to.1).zip(values.par_chunks_exact(from.0 * from.1)).for_each(
            |(out, plane)| {
                let plane: Vec<f32> = plane.iter().map(|&value| widen(value)).collect();
                let mut scaled = vec![0.0; out.len()];
                resize::resize_and_crop(&plane, from, &mut scaled, to);
                out.iter_mut().zip(scaled).for_each(|(out, value)| *out = narrow(value));
            },
        );
        out
    }
}

/// Images of which the headers are read before the next ones.
const LOOKED_AT: usize = 4096;

/// The shape of encoded images: one channel if every training image is gray, else three.
///
/// Where images of any size will do, no more headers are read than it takes to find one in color.
fn common_shape(train: &Encoded, evaluation: &Encoded, any_size: bool) -> Result<ImageShape> {
    let first = decode::header(&train.read(0)?, &|| train.place(0))?;
    let mut gray = true;
    for (images, training) in [(train, true), (evaluation, false)] {
        for start in (0..images.entries.len()).step_by(LOOKED_AT) {
            if any_size && !gray {
                break;
            }
            let end = (start + LOOKED_AT).min(images.entries.len());
            for (at, header) in (start..).zip(headers(images, start..end)?) {
                if !header.gray && gray && !training {
                    return Err(Error::data(
                        images.place(at),
                        "is in color but every training image is gray",
                    ));
                }
                gray &= header.gray || !training;
                if !any_size && (header.width, header.height) != (first.width, first.height) {
                    return Err(Error::data(
                        images.place(at),
                        format!(
                            "is {}x{} pixels but {} is {}x{}",
                            header.width,
                            header.height,
                            train.entries.get(0).name,
                            first.width,
                            first.height
                        ),
                    )
                    .mend("set `data.image_size` to scale and crop all images to one size"));
                }
            }
        }
    }
    Ok(ImageShape {
        channels: if gray { 1 } else { 3 },
        height: first.height as usize,
        width: first.width as usize,
    })
}

/// The headers of some images, read in parallel.
pub(crate) fn headers(images: &Encoded, range: Range<usize>) -> Result<Vec<Header>> {
    range.into_par_iter().map(|index| decode::header(&images.read(index)?, &|| images.place(index))).collect()
}
