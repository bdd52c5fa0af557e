//! From a configuration to two data sets.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::config::{Augment, DataConfig};
use super::dataset::{Dataset, Splits};
use super::decode::{self, Header, Target};
use super::kind::{Format, ImageShape};
use super::known::KnownSet;
use super::raw::{Encoded, RawPixels, RawSet, RawSplit};
use super::resize;
use super::standardize::statistics;
use super::store::Store;
use super::{cifar, embedded, idx, image_folder, known, npz, select};
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;
use nmnc_core::seed::Seed;

impl DataConfig {
    /// Opens the source, picks the examples and works out the standardization.
    ///
    /// Images that fit in `cache_mib` are decoded now; arrays (IDX, CIFAR, NPZ) are always held in memory.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](nmnc_core::ErrorKind::Config) for contradictory settings; [`ErrorKind::Data`](nmnc_core::ErrorKind::Data)
    /// for a source that is absent, unrecognized, damaged, mislabelled or hostile.
    pub fn open(&self, seed: Seed) -> Result<Splits> {
        self.check()?;
        let set = load(&self.source, self.format, self.cache_bytes())?;
        let RawSet { format, classes, train, test } = set;
        let mut warnings = Vec::new();
        let chosen = select::training(
            &train.labels,
            classes.len(),
            self.train_limit,
            self.validation,
            seed,
            &mut warnings,
        )?;
        let (evaluation, evaluation_name) = if self.validation > 0 {
            (train.copy(&chosen.validation), "validation")
        } else {
            let Some(test) = test else {
                return Err(Error::data(&train.place, "has no test split")
                    .mend("set `data.validation` to hold out some of the training examples"));
            };
            let indices = select::test(&test.labels, classes.len(), self.test_limit, seed, &mut warnings);
            (test.select(&indices), "test")
        };
        let train = train.select(&chosen.train);

        let plan = Plan::new(&train, &evaluation, self)?;
        let (train, train_labels) = plan.store(train)?;
        let (evaluation, evaluation_labels) = plan.store(evaluation)?;
        let statistics = statistics(&self.standardize, &train, plan.shape, &mut warnings)?;
        let classes: Arc<[String]> = classes.into();
        let dataset = |store, labels, augment| {
            let (classes, statistics) = (classes.clone(), statistics.clone());
            Dataset::new(store, plan.shape, labels, classes, statistics, augment, self.workers)
        };
        Ok(Splits {
            train: dataset(train, train_labels, self.augment),
            evaluation: dataset(evaluation, evaluation_labels, Augment::default()),
            evaluation_name,
            format,
            warnings,
        })
    }
}

/// Reads `source`, a name or a path, as `format` or as what it is recognized to be.
pub(crate) fn load(source: &str, format: Option<Format>, cache: u64) -> Result<RawSet> {
    if source == embedded::NAME || format == Some(Format::Embedded) {
        if source != embedded::NAME || format.is_some_and(|format| format != Format::Embedded) {
            return Err(Error::config("data.format", "`embedded` goes with one source only")
                .mend(format!("set `data.source` to `{}` or leave `data.format` out", embedded::NAME)));
        }
        return embedded::load();
    }
    if let Some(set) = known::find(source) {
        return load_known(set, &known::data_dir()?);
    }
    let path = Path::new(source);
    if !path.exists() {
        let error =
            Error::data("data.source", format!("`{source}` is neither a file or folder nor a known set"));
        let names = std::iter::once(embedded::NAME).chain(known::KNOWN.iter().map(|set| set.name));
        // Something with a separator was meant as a path.
        return Err(if source.contains(['/', '\\']) { error } else { error.suggest(source, names) });
    }
    if !path.is_dir() {
        // What is no file is told as such, whatever it would be recognized as.
        guard::open(path)?;
    }
    let format = match format {
        Some(format) => format,
        None => detect(path)?,
    };
    match format {
        Format::Embedded => embedded::load(),
        Format::Idx => idx::load(path, None),
        Format::Cifar => cifar::load(path),
        Format::ImageFolder => image_folder::load(path, cache),
        Format::Npz => npz::load(path),
    }
}

/// Reads the well-known `set` from the data folder `data`.
pub(crate) fn load_known(set: &KnownSet, data: &Path) -> Result<RawSet> {
    let folder = set.folder(data);
    if !set.present(data) {
        return Err(Error::data("data.source", format!("`{}` is not in {}", set.name, folder.display()))
            .mend(format!("run `nmnc data fetch {}`", set.name)));
    }
    match set.archives {
        [archive] => cifar::load(&folder.join(archive.file)),
        _ => idx::load(&folder, set.classes),
    }
}

/// What `path` holds, by content rather than by name where it is a file.
pub(crate) fn detect(path: &Path) -> Result<Format> {
    let folder = path.is_dir();
    // Archives of images may hold anything but the files of CIFAR, so they come after it.
    if npz::recognizes(path) {
        Ok(Format::Npz)
    } else if cifar::recognizes(path) {
        Ok(Format::Cifar)
    } else if image_folder::recognizes(path) {
        Ok(Format::ImageFolder)
    } else if folder && idx::recognizes(path) {
        Ok(Format::Idx)
    } else if folder {
        Err(Error::data(path.display(), "is not recognized as a data set").mend(
            "it should hold `train/` or `train.tar.gz` with one folder per class, `train.npz`, IDX files named as in \
             MNIST, or the binary files of CIFAR",
        ))
    } else {
        Err(Error::data(path.display(), "is neither .npz nor .tar nor .tar.gz")
            .mend("for IDX or CIFAR files, give the folder that holds them"))
    }
}

/// How the images of both splits come to one shape.
struct Plan {
    shape: ImageShape,
    scale: bool,
    /// Whether encoded images are decoded once and kept.
    keep: bool,
}

impl Plan {
    fn new(train: &RawSplit, evaluation: &RawSplit, config: &DataConfig) -> Result<Self> {
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
        Ok(Self {
            shape,
            scale: shape != natural || config.image_size.is_some(),
            keep: decoded <= config.cache_bytes(),
        })
    }

    /// The pixels of `split` in the planned shape, with its labels.
    fn store(&self, split: RawSplit) -> Result<(Store, Vec<u32>)> {
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
                let target = Target { shape: self.shape, scale: self.scale };
                if self.keep {
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

/// The shape of encoded images: one channel if every training image is gray, else three.
fn common_shape(train: &Encoded, evaluation: &Encoded, any_size: bool) -> Result<ImageShape> {
    let train_headers = headers(train)?;
    let evaluation_headers = headers(evaluation)?;
    let gray = train_headers.iter().all(|header| header.gray);
    if let (true, Some(at)) = (gray, evaluation_headers.iter().position(|header| !header.gray)) {
        return Err(Error::data(evaluation.place(at), "is in color but every training image is gray"));
    }
    let first = train_headers[0];
    if !any_size {
        let all = (train_headers.iter().map(|h| (train, h)).enumerate())
            .chain(evaluation_headers.iter().map(|h| (evaluation, h)).enumerate());
        for (at, (images, header)) in all {
            if (header.width, header.height) != (first.width, first.height) {
                return Err(Error::data(
                    images.place(at),
                    format!(
                        "is {}x{} pixels but {} is {}x{}",
                        header.width, header.height, train.entries[0].name, first.width, first.height
                    ),
                )
                .mend("set `data.image_size` to scale and crop all images to one size"));
            }
        }
    }
    Ok(ImageShape {
        channels: if gray { 1 } else { 3 },
        height: first.height as usize,
        width: first.width as usize,
    })
}

/// The header of every image, read in parallel.
pub(crate) fn headers(images: &Encoded) -> Result<Vec<Header>> {
    (0..images.entries.len())
        .into_par_iter()
        .map(|index| decode::header(&images.read(index)?, &|| images.place(index)))
        .collect()
}
