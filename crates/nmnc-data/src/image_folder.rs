//! Images in one folder per class, on disk or in tar archives.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::{Archive, Member, Walk};
use super::kind::Format;
use super::raw::{Encoded, RawPixels, RawSet, RawSplit};
use super::source::Entry;
use super::source::{Source, Store};
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
pub(crate) fn load(path: &Path, cache: u64) -> Result<RawSet> {
    let (train, test) = if path.is_dir() {
        let train = locate(path, TRAIN).ok_or_else(|| no_train(path))?;
        let test = locate(path, TEST);
        (list(&train, TRAIN, cache)?, test.map(|test| list(&test, TEST, cache)).transpose()?)
    } else {
        list_both(path, cache)?
    };
    let mut classes: Vec<String> = train.classes.clone();
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

/// The images of one split, with class names numbered in the order of their appearance.
struct Listing {
    place: String,
    classes: Vec<String>,
    numbers: HashMap<String, u32>,
    labels: Vec<u32>,
    entries: Vec<Entry>,
    source: Option<Arc<Source>>,
}

impl Listing {
    fn new(place: String) -> Self {
        Self {
            place,
            classes: Vec::new(),
            numbers: HashMap::new(),
            labels: Vec::new(),
            entries: Vec::new(),
            source: None,
        }
    }

    fn push(&mut self, class: &str, entry: Entry) {
        let number = match self.numbers.get(class) {
            Some(&number) => number,
            None => {
                let number = self.classes.len() as u32;
                self.classes.push(class.to_owned());
                self.numbers.insert(class.to_owned(), number);
                number
            }
        };
        self.labels.push(number);
        self.entries.push(entry);
    }

    /// The split, labelled by the position of each class in `classes`, which are sorted.
    fn split(self, classes: &[String]) -> Result<RawSplit> {
        let renumbered: Vec<u32> = (self.classes.iter())
            .map(|class| {
                classes.binary_search(class).map(|at| at as u32).map_err(|_| {
                    Error::data(&self.place, format!("class `{class}` is not among the training classes"))
                })
            })
            .collect::<Result<_>>()?;
        Ok(RawSplit {
            labels: self.labels.iter().map(|&label| renumbered[label as usize]).collect(),
            pixels: RawPixels::Encoded(Encoded {
                source: self.source.expect("every listing has a source"),
                entries: self.entries,
            }),
            place: self.place,
        })
    }
}

fn list(path: &Path, split: &[&str], cache: u64) -> Result<Listing> {
    let mut listing = Listing::new(path.display().to_string());
    if path.is_dir() {
        list_folder(path, &mut listing)?;
        return Ok(listing);
    }
    let source = read_archive(path, cache, |member| {
        let components = member.components();
        let inner = match components[..] {
            // Packed together with the folder of the split.
            [first, _, _, ..] if split.contains(&first) => &components[1..],
            _ => &components[..],
        };
        let [class, _, ..] = inner else { return Err(outside(path, member)) };
        Ok(Some((0, (*class).to_owned())))
    })?;
    let ([images, _], source) = source;
    images.into_iter().for_each(|(class, entry)| listing.push(&class, entry));
    listing.source = Some(Arc::new(source));
    Ok(listing)
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
    let [train, test] = splits.map(|images| {
        let mut listing = Listing::new(path.display().to_string());
        images.into_iter().for_each(|(class, entry)| listing.push(&class, entry));
        listing.source = Some(source.clone());
        listing
    });
    if train.entries.is_empty() {
        return Err(no_train(path));
    }
    Ok((train, test_name.map(|_| test)))
}

fn outside(path: &Path, member: &Member) -> Error {
    Error::data(format!("{}: {}", path.display(), member.path), "an image outside any class folder").mend(
        "name the members `<class>/<image>`, or `train/<class>/<image>` where one archive holds all splits",
    )
}

/// Lists `folder/<class>/**/<image>`, sorted.
fn list_folder(folder: &Path, listing: &mut Listing) -> Result<()> {
    let mut classes: Vec<String> = Vec::new();
    let mut left = guard::LISTED;
    for path in children(folder, &mut left)? {
        let name = utf8_name(&path)?;
        if path.is_dir() {
            classes.push(name);
        } else if is_image(&name) {
            return Err(Error::data(path.display(), "an image outside any class folder"));
        }
    }
    for class in classes {
        let mut names = Vec::new();
        list_images(&folder.join(&class), &class, 0, &mut left, &mut names)?;
        if names.is_empty() {
            return Err(Error::data(
                folder.join(&class).display(),
                "a class folder without JPEG or PNG images",
            ));
        }
        for name in names {
            listing.push(&class, Entry { name: name.into(), offset: 0, len: 0 });
        }
    }
    if listing.entries.is_empty() {
        return Err(Error::data(folder.display(), "no class folders")
            .mend("put images in `<class>/<image>` below it"));
    }
    let name = folder.display().to_string();
    listing.source = Some(Arc::new(Source { name, store: Store::Folder(folder.to_owned()) }));
    Ok(())
}

/// Appends the images below `folder`, which is `prefix` below the folder of the split.
fn list_images(
    folder: &Path,
    prefix: &str,
    depth: usize,
    left: &mut usize,
    names: &mut Vec<String>,
) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::data(folder.display(), "folders nested too deep"));
    }
    for path in children(folder, left)? {
        let file_name = utf8_name(&path)?;
        let name = format!("{prefix}/{file_name}");
        if path.is_dir() {
            list_images(&path, &name, depth + 1, left, names)?;
        } else if is_image(&file_name) {
            names.push(name);
        }
    }
    Ok(())
}

/// What `folder` holds, hidden files aside, sorted: the order that systems list folders in differs. `left` is how much may still
/// be listed.
fn children(folder: &Path, left: &mut usize) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder, "read", e))? {
        *left = left.checked_sub(1).ok_or_else(|| {
            Error::data(folder.display(), format!("more than {} files in all", guard::LISTED))
                .mend("links between folders count each time: remove them")
        })?;
        let path = entry.map_err(|e| Error::io(folder, "read", e))?.path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

fn utf8_name(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| Error::data(path.display(), "a name that is not UTF-8"))
}

/// Whether a file of this name counts as an image. macOS leaves `._name` files behind, which are none.
fn is_image(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    !name.starts_with('.') && matches!(ending.as_deref(), Some("jpg" | "jpeg" | "png"))
}

/// Two lists of (class, image).
type Splits = [Vec<(String, Entry)>; 2];

/// Lists the images of an archive by what `classify` makes of each: the split (0 or 1) and the class.
///
/// A plain tar is read by position later on. A compressed one is kept in memory up to `cache` bytes of images and beyond that
/// spooled to a temporary file that has no name, so nothing stays behind.
fn read_archive(
    path: &Path,
    cache: u64,
    mut classify: impl FnMut(&Member) -> Result<Option<(usize, String)>>,
) -> Result<(Splits, Source)> {
    let archive = Archive::open(path)?;
    let plain = archive.is_plain();
    let mut splits = Splits::default();
    let mut spool = Spool { memory: Vec::new(), file: None, len: 0, cache };
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
        let entry = Entry { name: member.path.as_str().into(), offset, len: member.size as u32 };
        splits[split].push((class, entry));
        Ok(Walk::On)
    })?;
    let store = if plain { Store::File(guard::open(path)?.0) } else { spool.store()? };
    Ok((splits, Source { name: path.display().to_string(), store }))
}

/// Bytes in memory up to a limit, in a nameless temporary file beyond it.
struct Spool {
    memory: Vec<u8>,
    file: Option<std::io::BufWriter<File>>,
    len: u64,
    cache: u64,
}

impl Spool {
    /// Appends `bytes` and gives where they begin.
    fn push(&mut self, bytes: &[u8]) -> Result<u64> {
        let failed = |e| Error::io(&std::env::temp_dir(), "spool a compressed archive to", e);
        let offset = self.len;
        self.len += bytes.len() as u64;
        if self.file.is_none() && self.len > self.cache {
            let mut file = std::io::BufWriter::new(tempfile::tempfile().map_err(failed)?);
            file.write_all(&std::mem::take(&mut self.memory)).map_err(failed)?;
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write_all(bytes).map_err(failed)?,
            None => self.memory.extend_from_slice(bytes),
        }
        Ok(offset)
    }

    fn store(self) -> Result<Store> {
        let failed = |e| Error::io(&std::env::temp_dir(), "spool a compressed archive to", e);
        let Some(file) = self.file else { return Ok(Store::Memory(self.memory)) };
        let mut file = file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.rewind().map_err(failed)?;
        Ok(Store::File(file))
    }
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
        let mut left = 20;
        let error = list_images(folder.path(), "x", 0, &mut left, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("files in all; links between folders count each time"), "{error}");
    }
}
