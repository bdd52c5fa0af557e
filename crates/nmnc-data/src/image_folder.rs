//! Images in one folder per class, on disk or in tar archives.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::archive::{Archive, Member, Walk};
use super::index::{Index, Indexer, Mark, Shelf};
use super::kind::Format;
use super::raw::{Encoded, RawPixels, RawSet, RawSplit};
use super::source::{Entry, Source, Store};
use super::spool::Spool;
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;

/// Names of the training split.
const TRAIN: &[&str] = &["train"];
/// Names of the test split, the preferred ones first.
const TEST: &[&str] = &["test", "val", "validation"];

/// How deep below its class an image may lie.
const MAX_DEPTH: usize = 8;

/// Whether `path` is a folder with a training split in it, or a tar archive.
pub(crate) fn recognizes(path: &Path) -> bool {
    if path.is_dir() {
        return locate(path, TRAIN).is_some();
    }
    Archive::open(path).is_ok_and(Archive::looks_like_tar)
}

/// Reads a folder that has `train` and `test`, `val` or `validation`, each a folder or a `.tar`, `.tar.gz` or `.tgz` of
/// `class/image` paths; or one archive with all of them inside. Of several in a folder the first named is
/// used, and a folder before an archive.
///
/// Labels number the training classes in byte order. JPEG and PNG files count, files of other names are passed over. Images
/// have three channels unless every training image is gray.
///
/// # Errors
/// When there is no training split, an image lies outside any class, a class has no images, a test class is unknown, or an
/// archive is damaged or hostile.
pub(crate) fn load(path: &Path, cache: u64, shelf: &mut Shelf) -> Result<RawSet> {
    let (train, test) = if path.is_dir() {
        let train = locate(path, TRAIN).ok_or_else(|| no_train(path))?;
        let test = locate(path, TEST);
        (list(&train, TRAIN, cache, shelf)?, test.map(|test| list(&test, TEST, cache, shelf)).transpose()?)
    } else {
        list_both(path, cache)?
    };
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
    let ([index, _], source) = read_archive(path, cache, |member| {
        let components = member.components();
        let inner = match components[..] {
            // Packed together with the folder of the split.
            [first, _, _, ..] if split.contains(&first) => &components[1..],
            _ => &components[..],
        };
        let [class, _, ..] = inner else { return Err(outside(path, member)) };
        Ok(Some((0, (*class).to_owned())))
    })?;
    Ok(Listing { place, index, source: source.into() })
}

/// Whether all names of an index of a folder lead to below it.
fn stays_inside(index: &Index) -> bool {
    let inside = |name: &str| Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    index.entries.iter().all(|entry| inside(entry.name))
}

/// Lists an archive that holds both splits.
fn list_both(path: &Path, cache: u64) -> Result<(Listing, Option<Listing>)> {
    let mut test_name: Option<&str> = None;
    let mut tests: [bool; 3] = [false; 3];
    let (splits, source) = read_archive(path, cache, |member| {
        let components = member.components();
        // At the top, or inside the one folder that the archive was packed as.
        let split_at = (0..components.len().min(2))
            .find(|&at| TRAIN.contains(&components[at]) || TEST.contains(&components[at]));
        let Some(at) = split_at else { return Err(outside(path, member)) };
        let [split, class, _, ..] = components[at..] else { return Err(outside(path, member)) };
        if TRAIN.contains(&split) {
            return Ok(Some((0, class.to_owned())));
        }
        let rank = TEST.iter().position(|&name| name == split).unwrap_or_default();
        tests[rank] = true;
        if tests.iter().filter(|&&seen| seen).count() > 1 {
            return Err(Error::data(path.display(), "holds more than one of `test`, `val` and `validation`")
                .mend("keep one of them"));
        }
        test_name = Some(TEST[rank]);
        Ok(Some((1, class.to_owned())))
    })?;
    let source = Arc::new(source);
    let place = path.display().to_string();
    let [train, test] = splits.map(|index| Listing { place: place.clone(), index, source: source.clone() });
    if train.index.labels.is_empty() {
        return Err(no_train(path));
    }
    Ok((train, test_name.map(|_| test)))
}

fn outside(path: &Path, member: &Member) -> Error {
    Error::data(format!("{}: {}", path.display(), member.path), "an image outside any class folder").mend(
        "name the members `<class>/<image>`, or `train/<class>/<image>` where one archive holds all splits; read shards of \
         WebDataset with `data.format = \"webdataset\"`",
    )
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
                return Err(Error::data(
                    folder.join(class).display(),
                    "a class folder without JPEG or PNG images",
                ));
            }
            Ok(found)
        })
        .collect::<Result<_>>()?;
    let mut indexer = Indexer::default();
    for (class, Found { names, marks: below }) in classes.iter().zip(found) {
        names.iter().for_each(|name| indexer.push(class, Entry { name, offset: 0, len: 0, part: 0 }));
        marks.extend(below);
    }
    let index = Index { marks, ..indexer.finish() };
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

/// Lists the images of an archive by what `classify` makes of each: the split (0 or 1) and the class.
///
/// A plain tar is read by position later on. A compressed one is kept in memory up to `cache` bytes of images and beyond that
/// spooled to a temporary file that has no name, so nothing stays behind.
fn read_archive(
    path: &Path,
    cache: u64,
    mut classify: impl FnMut(&Member) -> Result<Option<(usize, String)>>,
) -> Result<([Index; 2], Source)> {
    let archive = Archive::open(path)?;
    let plain = archive.is_plain();
    let mut splits: [Indexer; 2] = Default::default();
    let mut spool = Spool::new(cache);
    archive.walk(|member, content| {
        if !is_image(member.file_name()) || member.components().iter().any(|c| c.starts_with('.')) {
            return Ok(Walk::On);
        }
        let place = || format!("{}: {}", path.display(), member.path);
        if member.size > guard::IMAGE_FILE {
            return Err(Error::data(place(), format!("claims {} bytes, too many for an image", member.size)));
        }
        let Some((split, class)) = classify(member)? else { return Ok(Walk::On) };
        let offset = if plain {
            member.offset
        } else {
            let mut content = content;
            let bytes = guard::read_len(&mut content, member.size).map_err(|e| guard::damaged(place(), e))?;
            spool.push(&bytes)?
        };
        splits[split].push(&class, Entry { name: &member.path, offset, len: member.size as u32, part: 0 });
        Ok(Walk::On)
    })?;
    let store = if plain { Store::File(guard::open(path)?.0) } else { spool.store()? };
    let source = Source { name: path.display().to_string(), store, parts: Vec::new() };
    Ok((splits.map(Indexer::finish), source))
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
