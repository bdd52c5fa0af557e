//! What lies where in a set of encoded images: found once, kept for sets that take long to look through, and looked through again when
//! what they lie in has changed.

mod file;
mod marks;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::known;
use super::source::{Entries, Entry};
pub(crate) use marks::Mark;
use nmnc_core::error::Result;
use nmnc_core::{files, guard};

/// Images from which on an index is kept: fewer are looked through in less time than it takes to notice.
const KEPT_FROM: usize = 10_000;

/// What changed so shortly before it was looked at may change again without its time of change telling: file systems count in up to two
/// seconds.
const SETTLED: Duration = Duration::from_secs(2);

/// Encoded images and their classes, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Index {
    /// Names of classes, in the order in which they appear.
    pub(crate) classes: Vec<String>,
    /// Of each image, the position of its class among them.
    pub(crate) labels: Vec<u32>,
    pub(crate) entries: Entries,
    /// How many files that are no images lie beside them, by the endings of their names.
    pub(crate) others: Vec<(String, u64)>,
    /// What must be as it was for all this to hold.
    pub(crate) marks: Vec<Mark>,
}

/// An index in the making.
#[derive(Default)]
pub(crate) struct Indexer {
    numbers: HashMap<String, u32>,
    index: Index,
}

impl Indexer {
    pub(crate) fn push(&mut self, class: &str, entry: Entry<'_>) {
        let number = match self.numbers.get(class) {
            Some(&number) => number,
            None => {
                let number = self.index.classes.len() as u32;
                self.index.classes.push(class.to_owned());
                self.numbers.insert(class.to_owned(), number);
                number
            }
        };
        self.index.labels.push(number);
        self.index.entries.push(entry);
    }

    pub(crate) fn finish(self) -> Index {
        self.index
    }
}

/// Where indices are kept.
pub(crate) struct Shelf {
    /// None keeps nothing.
    folder: Option<PathBuf>,
    least: usize,
    /// What the user should know, one sentence each.
    pub(crate) notes: Vec<String>,
}

impl Shelf {
    /// The folder `index` in the data folder, for large sets. Without a data folder none are kept.
    pub(crate) fn of_user() -> Self {
        let folder = known::data_dir().ok().map(|data| data.join("index"));
        Self { folder, least: KEPT_FROM, notes: Vec::new() }
    }

    /// A shelf of its own for sets of `least` images and more.
    #[cfg(test)]
    pub(crate) fn at(folder: &Path, least: usize) -> Self {
        Self { folder: Some(folder.to_owned()), least, notes: Vec::new() }
    }

    /// The kept index of what `name` says, if its marks hold and `fits` has nothing against it, else the one that `make` makes, which is
    /// kept. `name` begins with a word for file names, `root` is where the paths of marks begin.
    ///
    /// # Errors
    /// Those of `make`. An index that cannot be read or kept is made anew each time, and a note says so.
    pub(crate) fn index(
        &mut self,
        name: &str,
        root: &Path,
        fits: impl FnOnce(&Index) -> bool,
        make: impl FnOnce() -> Result<Index>,
    ) -> Result<Index> {
        let path = self.folder.as_ref().map(|folder| folder.join(file::name(name)));
        if let Some(path) = &path
            && let Some(kept) = self.kept(path, name)
            && kept.marks.iter().all(|mark| mark.holds(root))
            && fits(&kept)
        {
            return Ok(kept);
        }
        let started = SystemTime::now();
        let index = make()?;
        let settled = started.checked_sub(SETTLED).unwrap_or(SystemTime::UNIX_EPOCH);
        if let Some(path) = path
            && index.labels.len() >= self.least
            && index.marks.iter().all(|mark| mark.is_before(settled))
        {
            self.keep(&path, name, &index);
        }
        Ok(index)
    }

    /// What is kept at `path`, if it is there and undamaged.
    fn kept(&mut self, path: &Path, name: &str) -> Option<Index> {
        if !files::is_there(path).unwrap_or(false) {
            return None;
        }
        let read = guard::whole(path, guard::INDEX).ok().and_then(|bytes| file::decode(&bytes, name));
        if read.is_none() {
            self.notes.push(format!("the index {} is damaged and made anew", path.display()));
        }
        read
    }

    fn keep(&mut self, path: &Path, name: &str, index: &Index) {
        let folder = path.parent().expect("a file lies in a folder");
        let kept = std::fs::create_dir_all(folder)
            .map_err(|e| nmnc_core::Error::io(folder, "make", e))
            .and_then(|()| files::write_atomically(path, &file::encode(name, index)));
        if let Err(error) = kept {
            self.notes.push(format!("the images are looked through anew each time, because {error}"));
        }
    }
}
