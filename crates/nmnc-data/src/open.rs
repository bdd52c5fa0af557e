//! From a configuration to two data sets.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::augment::Augment;
use super::config::DataConfig;
use super::dataset::{Dataset, Splits};
use super::index::Shelf;
use super::kind::Format;
use super::known::KnownSet;
use super::plan::Plan;
use super::raw::RawSet;
use super::standardize::statistics;
use super::{array_file, cifar, embedded, idx, image_folder, known, npz, select, webdataset};
use nmnc_core::doing;
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
        self.open_splits(seed, false)
    }

    /// [`DataConfig::open`] for examples that are only shown to networks: of a set that has no test split all are training examples, and
    /// are the ones to evaluate on, too.
    ///
    /// # Errors
    /// As there.
    pub fn open_shown(&self, seed: Seed) -> Result<Splits> {
        self.open_splits(seed, true)
    }

    fn open_splits(&self, seed: Seed, shown: bool) -> Result<Splits> {
        self.check()?;
        let _reading = doing::now(|| format!("reading {}", self.source));
        let mut shelf = Shelf::of_user();
        let set =
            load(&self.source, self.test_source.as_deref(), self.format, self.cache_bytes(), &mut shelf)?;
        let mut warnings = shelf.notes;
        warnings.extend(of_labels(&set));
        let RawSet { format, classes, train, test } = set;
        // Nothing is held out where nothing is trained.
        let lone = shown && test.is_none();
        let validation = if lone { 0 } else { self.validation };
        let chosen = select::training(
            &train.labels,
            classes.len(),
            self.train_limit,
            validation,
            seed,
            &mut warnings,
        )?;
        let (evaluation, evaluation_name) = if lone {
            (train.copy(&(0..train.labels.len()).collect::<Vec<_>>()), "training")
        } else if self.validation > 0 {
            (train.copy(&chosen.validation), "validation")
        } else {
            let Some(test) = test else {
                let mend = match format {
                    Format::Webdataset => {
                        "name its shards in `data.test_source`, or set `data.validation` to hold out some of these"
                    }
                    _ => "set `data.validation` to hold out some of the training examples",
                };
                return Err(Error::data(&train.place, "has no test split").mend(mend));
            };
            let indices = select::test(&test.labels, classes.len(), self.test_limit, seed, &mut warnings);
            (test.select(&indices), "test")
        };
        let train = train.select(&chosen.train);

        let plan = Plan::new(&train, &evaluation, self)?;
        let (train, train_labels) = plan.store(train, true)?;
        let (evaluation, evaluation_labels) = plan.store(evaluation, false)?;
        let statistics = statistics(&self.standardize, &train, plan.shape, seed, &mut warnings)?;
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

/// Reads `source`, a name, a path or a pattern of shards, as `format` or as what it is recognized to be; `test` names other shards to
/// evaluate on.
pub(crate) fn load(
    source: &str,
    test: Option<&str>,
    format: Option<Format>,
    cache: u64,
    shelf: &mut Shelf,
) -> Result<RawSet> {
    let of_shards = |set: RawSet| match test {
        None => Ok(set),
        Some(_) => {
            Err(Error::config("data.test_source", format!("is for shards, and this set is `{}`", set.format))
                .mend("put both splits into one folder or archive"))
        }
    };
    if source == embedded::NAME || format == Some(Format::Embedded) {
        if source != embedded::NAME || format.is_some_and(|format| format != Format::Embedded) {
            return Err(Error::config("data.format", "`embedded` goes with one source only")
                .mend(format!("set `data.source` to `{}` or leave `data.format` out", embedded::NAME)));
        }
        return of_shards(embedded::load()?);
    }
    if let Some(set) = known::find(source) {
        return of_shards(load_known(set, &known::data_dir()?)?);
    }
    let path = Path::new(source);
    if webdataset::is_pattern(source) && !path.exists() {
        return webdataset::load(source, test, cache, shelf);
    }
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
    of_shards(match format {
        Format::Webdataset => return webdataset::load(source, test, cache, shelf),
        Format::Embedded => embedded::load()?,
        Format::Idx => idx::load(path, None)?,
        Format::Cifar => cifar::load(path)?,
        Format::ImageFolder => image_folder::load(path, cache, shelf)?,
        Format::Npz => npz::load(path)?,
    })
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

/// What the user should know of the labels: classes without examples to train on, or one of all examples.
pub(crate) fn of_labels(set: &RawSet) -> Option<String> {
    let mut counts = vec![0usize; set.classes.len()];
    set.train.labels.iter().for_each(|&label| counts[label as usize] += 1);
    let empty: Vec<usize> = (0..counts.len()).filter(|&class| counts[class] == 0).collect();
    let numbered = set.classes.iter().enumerate().all(|(at, name)| *name == at.to_string());
    match (counts.len() - empty.len(), &empty[..]) {
        (1, _) => {
            Some("all training examples are of one class, which leaves nothing to tell apart".to_owned())
        }
        (_, []) => None,
        (_, [0, others @ ..]) if numbered && others.first() != Some(&1) => Some(format!(
            "labels run from 1 to {}: no example is of class 0, whose output is there all the same; subtract 1 from all labels",
            counts.len() - 1
        )),
        (_, [first, ..]) => Some(format!(
            "{} of {} classes have no training example, the first of them `{}`",
            empty.len(),
            counts.len(),
            set.classes[*first]
        )),
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
    } else if webdataset::recognizes(path) {
        Ok(Format::Webdataset)
    } else if folder && idx::recognizes(path) {
        Ok(Format::Idx)
    } else if folder && image_folder::recognizes_classes(path) {
        Ok(Format::ImageFolder)
    } else if folder {
        Err(Error::data(path.display(), "is not recognized as a data set").mend(
            "it should hold `train/` or `train.tar.gz` with one folder per class, such folders alone, shards as \
             `train-000.tar`, `train.npz`, IDX files named as in MNIST, or the binary files of CIFAR",
        ))
    } else if let Some(what) = foreign(path) {
        Err(Error::data(path.display(), what).mend(
            "save its arrays by numpy.savez(path, x_train=..., y_train=..., x_test=..., y_test=...), images or [N, features] and \
             the numbers of classes",
        ))
    } else {
        Err(Error::data(path.display(), "is neither .npz nor .tar nor .tar.gz")
            .mend("for IDX or CIFAR files, give the folder that holds them"))
    }
}

/// What the file at `path` is if it is of a well-known kind that is not read as a set.
fn foreign(path: &Path) -> Option<&'static str> {
    let mut first = [0; 8];
    let (mut file, _) = guard::regular(path).ok()?;
    file.read_exact(&mut first).ok()?;
    let ending = path.extension().map_or_else(String::new, |e| e.to_string_lossy().to_ascii_lowercase());
    match first {
        [0x1f, 0x8b, ..] => None,
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some("is one array, where a set has examples and labels"),
        _ => array_file::foreign(&first, &ending).map(|(what, _)| what),
    }
}
