//! Images in one folder per class, on disk or in tar archives.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::archive::{Archive, Walk};
use super::index::{Index, Indexer, Mark, Shelf};
use super::kind::Format;
use super::layout::{Layout, TEST, TRAIN, layout};
use super::raw::{Encoded, RawPixels, RawSet, RawSplit};
use super::source::{Entries, Entry, Source, Store};
use super::spool::Spool;
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;

/// What to do with images of other kinds.
const CONVERT: &str = "convert them to PNG, as `magick mogrify -format png *` does";

/// How deep below its class an image may lie.
const MAX_DEPTH: usize = 8;

/// Whether `path` is a folder with a training split in it, or a tar archive.
pub(crate) fn recognizes(path: &Path) -> bool {
    if path.is_dir() {
        return locate(path, TRAIN).is_some();
    }
    Archive::open(path).is_ok_and(Archive::looks_like_tar)
}

/// Whether `path` is a folder of class folders with images, not parted in splits.
pub(crate) fn recognizes_classes(path: &Path) -> bool {
    let has_image = |folder: &Path| {
        std::fs::read_dir(folder).is_ok_and(|entries| {
            let names =
                entries.take(guard::LISTED).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            names.into_iter().any(|name| is_image(&name))
        })
    };
    class_root(path).is_ok_and(|root| {
        let left = AtomicUsize::new(guard::LISTED);
        let children = children(&root, &left).unwrap_or_default();
        children.into_iter().any(|(name, is_folder)| is_folder && has_image(&root.join(name)))
    })
}

/// Where the class folders lie: `path`, or below folders that are all that it holds.
fn class_root(path: &Path) -> Result<PathBuf> {
    let mut root = path.to_owned();
    for _ in 0..MAX_DEPTH {
        let left = AtomicUsize::new(guard::LISTED);
        let inside = |folder: &Path| children(folder, &left);
        let [(only, true)] = &inside(&root)?[..] else { break };
        let next = root.join(only);
        // A folder that holds files is a class.
        if inside(&next)?.iter().any(|(_, is_folder)| !is_folder) {
            break;
        }
        root = next;
    }
    Ok(root)
}

/// Reads a folder that has `train` and `test`, `val` or `validation`, each a folder or a `.tar`, `.tar.gz` or `.tgz` of
/// `class/image` paths; one archive with all of them inside; or a folder or an archive of `class/image` paths alone, whose images are
/// all for training. Of several in a folder the first named is used, and a folder before an archive. What a [`layout`] passes over in
/// an archive is passed over.
///
/// Labels number the training classes in byte order. JPEG and PNG files count; files of other names in the folders of classes are
/// passed over, which a note says. Images have three channels unless every training image is gray.
///
/// # Errors
/// When there is no training split, an image lies outside any class, a class has no images, a test class is unknown, or an
/// archive is damaged or hostile.
pub(crate) fn load(path: &Path, cache: u64, shelf: &mut Shelf) -> Result<RawSet> {
    let (train, test) = if path.is_dir() {
        match locate(path, TRAIN) {
            Some(train) => {
                let test = locate(path, TEST);
                let test = test.map(|test| list(&test, TEST, cache, shelf)).transpose()?;
                (list(&train, TRAIN, cache, shelf)?, test)
            }
            None => (list(&class_root(path)?, TRAIN, cache, shelf)?, None),
        }
    } else {
        list_both(path, cache)?
    };
    for listing in std::iter::once(&train).chain(&test) {
        shelf.notes.extend(listing.passed_over());
    }
    let mut classes: Vec<String> = train.index.classes.clone();
    classes.sort_unstable();
    let train = train.split(&classes)?;
    let test = test.map(|test| test.split(&classes)).transpose()?;
    RawSet { format: Format::ImageFolder, classes, train, test }.check()
}

fn no_train(path: &Path) -> Error {
    Error::data(path.display(), "no training images")
        .mend("put them in `train/<class>/<image>` or in `train.tar.gz` with `<class>/<image>` inside")
}

/// The first of `names` that is a folder or an archive in `folder`.
fn locate(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().find_map(|name| {
        let directory = folder.join(name);
        let archives = ["tar", "tar.gz", "tgz"].map(|ending| folder.join(format!("{name}.{ending}")));
        if directory.is_dir() { Some(directory) } else { archives.into_iter().find(|path| path.is_file()) }
    })
}

/// The images of one split.
struct Listing {
    place: String,
    index: Index,
    source: Arc<Source>,
}

impl Listing {
    /// What files are passed over, in a sentence.
    fn passed_over(&self) -> Option<String> {
        let others = &self.index.others;
        let all: u64 = others.iter().map(|(_, count)| count).sum();
        let kinds: Vec<String> = others.iter().map(|(ending, count)| format!("{count} {ending}")).collect();
        (all > 0).then(|| {
            format!(
                "{}: JPEG and PNG images are read, and other files passed over: {}",
                self.place,
                kinds.join(", ")
            )
        })
    }

    /// The split, labelled by the position of each class in `classes`, which are sorted.
    fn split(self, classes: &[String]) -> Result<RawSplit> {
        let Index { classes: names, labels, entries, .. } = self.index;
        let renumbered: Vec<u32> = (names.iter())
            .map(|class| {
                classes.binary_search(class).map(|at| at as u32).map_err(|_| {
                    Error::data(&self.place, format!("class `{class}` is not among the training classes"))
                })
            })
            .collect::<Result<_>>()?;
        Ok(RawSplit {
            labels: labels.iter().map(|&label| renumbered[label as usize]).collect(),
            pixels: RawPixels::Encoded(Encoded { source: self.source, entries }),
            place: self.place,
        })
    }
}

fn list(path: &Path, split: &[&str], cache: u64, shelf: &mut Shelf) -> Result<Listing> {
    let place = path.display().to_string();
    if path.is_dir() {
        let name = std::path::absolute(path).map_err(|e| Error::io(path, "find", e))?;
        let index =
            shelf.index(&format!("folder {}", name.display()), path, stays_inside, || index_folder(path))?;
        let source = Source { name: place.clone(), store: Store::Folder(path.to_owned()), parts: Vec::new() };
        return Ok(Listing { place, index, source: source.into() });
    }
    let Packed { images, others, source } = read_archive(path, cache)?;
    let Layout { train, test, named } = layout(&images, &place)?;
    let (index, other) = match (split == TRAIN, named, test) {
        (true, _, None) | (false, false, None) => (train, None),
        (true, _, Some((_, name))) => (train, Some(name)),
        (false, _, Some((test, _))) => (test, (!train.labels.is_empty()).then_some("train")),
        (false, true, None) => (Index::default(), Some("train")),
    };
    if let Some(other) = other {
        return Err(Error::data(place, format!("holds `{other}` beside what its name says"))
            .mend("give this archive itself as the source, or keep one split in each"));
    }
    Ok(Listing { place, index: Index { others, ..index }, source: source.into() })
}

/// Whether all names of an index of a folder lead to below it.
fn stays_inside(index: &Index) -> bool {
    let inside = |name: &str| Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    index.entries.iter().all(|entry| inside(entry.name))
}

/// Lists an archive that holds both splits, or images for training alone.
fn list_both(path: &Path, cache: u64) -> Result<(Listing, Option<Listing>)> {
    let place = path.display().to_string();
    let Packed { images, others, source } = read_archive(path, cache)?;
    let Layout { train, test, .. } = layout(&images, &place)?;
    if train.labels.is_empty() {
        return Err(no_train(path));
    }
    let source = Arc::new(source);
    let train = Listing { place: place.clone(), index: Index { others, ..train }, source: source.clone() };
    Ok((train, test.map(|(index, _)| Listing { place, index, source })))
}

/// Looks through `folder/<class>/**/<image>`, sorted, several classes at a time.
fn index_folder(folder: &Path) -> Result<Index> {
    let left = AtomicUsize::new(guard::LISTED);
    let mut marks = vec![Mark::of(folder, "")?];
    let mut classes: Vec<String> = Vec::new();
    for (name, is_folder) in children(folder, &left)? {
        if is_folder {
            classes.push(name);
        } else if is_image(&name) {
            return Err(Error::data(folder.join(name).display(), "an image outside any class folder"));
        }
    }
    let found: Vec<Found> = (classes.par_iter())
        .map(|class| {
            let mut found = Found::default();
            list_images(folder, class, 0, &left, &mut found)?;
            if found.names.is_empty() {
                let place = folder.join(class);
                let none = Error::data(place.display(), "a class folder without JPEG or PNG images");
                return Err(match found.others.first_key_value() {
                    Some((ending, count)) => none.mend(format!("it holds {count} {ending}: {CONVERT}")),
                    None => none,
                });
            }
            Ok(found)
        })
        .collect::<Result<_>>()?;
    let mut indexer = Indexer::default();
    let mut others = BTreeMap::new();
    for (class, Found { names, marks: below, others: own }) in classes.iter().zip(found) {
        own.into_iter().for_each(|(ending, count)| *others.entry(ending).or_default() += count);
        names.iter().for_each(|name| indexer.push(class, Entry { name, offset: 0, len: 0, part: 0 }));
        marks.extend(below);
    }
    let index = Index { marks, others: others.into_iter().collect(), ..indexer.finish() };
    if index.labels.is_empty() {
        return Err(Error::data(folder.display(), "no class folders")
            .mend("put images in `<class>/<image>` below it"));
    }
    Ok(index)
}

/// What lies below the folder of a class.
#[derive(Default)]
struct Found {
    names: Vec<String>,
    marks: Vec<Mark>,
    /// Other files, by the endings of their names.
    others: BTreeMap<String, u64>,
}

/// Appends the images below the folder that is `prefix` below that of the split, `root`.
fn list_images(root: &Path, prefix: &str, depth: usize, left: &AtomicUsize, found: &mut Found) -> Result<()> {
    let folder = root.join(prefix);
    if depth > MAX_DEPTH {
        return Err(Error::data(folder.display(), "folders nested too deep")
            .mend("remove links between folders, or nest them less"));
    }
    // Before it is listed, so that what changes meanwhile is told.
    found.marks.push(Mark::of(root, prefix)?);
    for (file_name, is_folder) in children(&folder, left)? {
        let name = format!("{prefix}/{file_name}");
        if is_folder {
            list_images(root, &name, depth + 1, left, found)?;
        } else if is_image(&file_name) {
            found.names.push(name);
        } else {
            *found.others.entry(ending(&file_name)).or_default() += 1;
        }
    }
    Ok(())
}

/// The names in `folder`, hidden ones aside, and whether each is a folder; sorted, since systems differ in their order. `left` is how
/// much may still be listed.
fn children(folder: &Path, left: &AtomicUsize) -> Result<Vec<(String, bool)>> {
    let mut names = Vec::new();
    let reading = |e| Error::io(folder, "read", e);
    for entry in std::fs::read_dir(folder).map_err(reading)? {
        if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            return Err(Error::data(folder.display(), format!("more than {} files in all", guard::LISTED))
                .mend("links between folders count each time: remove them"));
        }
        let entry = entry.map_err(reading)?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        let Ok(name) = name.into_string() else {
            return Err(Error::data(entry.path().display(), "a name that is not UTF-8"));
        };
        // What a folder lists tells kinds without asking for each, links aside.
        let kind = entry.file_type().map_err(reading)?;
        let is_folder = if kind.is_symlink() { entry.path().is_dir() } else { kind.is_dir() };
        names.push((name, is_folder));
    }
    names.sort_unstable();
    Ok(names)
}

/// Whether a file of this name counts as an image. macOS leaves `._name` files behind, which are none.
pub(crate) fn is_image(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    !name.starts_with('.') && matches!(ending.as_deref(), Some("jpg" | "jpeg" | "png"))
}

/// What an archive holds: images, other files in its folders by the endings of their names, and where the images can be read.
struct Packed {
    images: Entries,
    others: Vec<(String, u64)>,
    source: Source,
}

/// How files of a name like this are called together: by the ending, if it has a short one.
fn ending(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((_, ending)) if (1..=8).contains(&ending.len()) => format!(".{}", ending.to_ascii_lowercase()),
        _ => "without an ending".to_owned(),
    }
}

/// Lists the images of an archive, and other files that lie in folders of it by the endings of their names.
///
/// A plain tar is read by position later on. A compressed one is kept in memory up to `cache` bytes of images and beyond that
/// spooled to a temporary file that has no name, so nothing stays behind.
fn read_archive(path: &Path, cache: u64) -> Result<Packed> {
    let archive = Archive::open(path)?;
    let plain = archive.is_plain();
    let mut images = Entries::default();
    let mut others: BTreeMap<String, u64> = BTreeMap::new();
    let mut spool = Spool::new(cache);
    archive.walk(|member, content| {
        if member.components().iter().any(|c| c.starts_with('.')) {
            return Ok(Walk::On);
        }
        if !is_image(member.file_name()) {
            if member.path.contains('/') {
                *others.entry(ending(member.file_name())).or_default() += 1;
            }
            return Ok(Walk::On);
        }
        let place = || format!("{}: {}", path.display(), member.path);
        if member.size > guard::IMAGE_FILE {
            return Err(Error::data(place(), format!("claims {} bytes, too many for an image", member.size)));
        }
        let offset = if plain {
            member.offset
        } else {
            let mut content = content;
            let bytes = guard::read_len(&mut content, member.size).map_err(|e| guard::damaged(place(), e))?;
            spool.push(&bytes)?
        };
        images.push(Entry { name: &member.path, offset, len: member.size as u32, part: 0 });
        Ok(Walk::On)
    })?;
    let store = if plain { Store::File(guard::open(path)?.0) } else { spool.store()? };
    let source = Source { name: path.display().to_string(), store, parts: Vec::new() };
    Ok(Packed { images, others: others.into_iter().collect(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each link to the folder itself multiplies what is found at the next depth.
    #[cfg(unix)]
    #[test]
    fn links_between_folders_list_no_more_than_the_budget() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            std::os::unix::fs::symlink(folder.path(), folder.path().join(name)).unwrap();
        }
        let left = AtomicUsize::new(20);
        let error = list_images(folder.path(), ".", 0, &left, &mut Found::default()).unwrap_err().to_string();
        assert!(error.contains("files in all; links between folders count each time"), "{error}");
    }
}
