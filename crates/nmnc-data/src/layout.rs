//! Which parts of the paths of images in an archive name their split and class.

use super::index::{Index, Indexer};
use super::source::Entries;
use nmnc_core::error::{Error, Result};

/// Names of the training split.
pub(crate) const TRAIN: &[&str] = &["train", "training"];
/// Names of the test split, the preferred ones first.
pub(crate) const TEST: &[&str] = &["test", "testing", "val", "valid", "validation"];

/// How to name members.
const MEND: &str = "name the members `<class>/<image>`, or `train/<class>/<image>` and `test/<class>/<image>` where one archive holds \
                    all splits; read shards of WebDataset with `data.format = \"webdataset\"`";

/// The images of an archive by split, and how many files of other kinds lie beside those of each.
pub(crate) struct Layout {
    /// The training split, or all images where the archive tells of no splits.
    pub(crate) train: Index,
    /// The test split, and its name.
    pub(crate) test: Option<(Index, &'static str)>,
    /// Whether the archive tells of splits.
    pub(crate) named: bool,
}

/// Parts `images` of the archive `place`. Folders that all images share are passed over. Then comes the split, if one has the name of
/// any, and the class; below its class an image may lie as deep as it likes.
///
/// # Errors
/// If an image lies outside any class or, where splits are named, outside any split; if there are several test splits.
pub(crate) fn layout(images: &Entries, place: &str) -> Result<Layout> {
    let outside =
        |name: &str| Error::data(format!("{place}: {name}"), "an image outside any class folder").mend(MEND);
    let folders = |name: &str| name.matches('/').count();
    let Some(shared) = shared(images) else {
        return Ok(Layout { train: Index::default(), test: None, named: false });
    };
    let split_at = |name: &str, at: usize| {
        // A class and a file must follow.
        let part = name.split('/').nth(at).filter(|_| folders(name) >= at + 2)?;
        split(part)
    };
    let depth = (0..=shared).find(|&at| images.iter().any(|image| split_at(image.name, at).is_some()));
    let Some(at) = depth else {
        // A folder that all images share is a class if they lie right in it.
        let shallow = images.iter().min_by_key(|image| folders(image.name)).map_or("", |image| image.name);
        let Some(deepest) = folders(shallow).checked_sub(1) else { return Err(outside(shallow)) };
        let mut train = Indexer::default();
        for image in images.iter() {
            train.push(image.name.split('/').nth(shared.min(deepest)).unwrap_or_default(), image);
        }
        let train = train.finish();
        // Splits without classes.
        if train.classes.iter().all(|class| split(class).is_some()) {
            return Err(outside(shallow));
        }
        return Ok(Layout { train, test: None, named: false });
    };
    let (mut train, mut test) = (Indexer::default(), Indexer::default());
    let mut test_name = None;
    for image in images.iter() {
        let Some((is_test, name)) = split_at(image.name, at) else { return Err(outside(image.name)) };
        let class = image.name.split('/').nth(at + 1).unwrap_or_default();
        if is_test {
            if *test_name.get_or_insert(name) != name {
                return Err(Error::data(place, "holds more than one of `test`, `val` and `validation`")
                    .mend("keep one of them"));
            }
            test.push(class, image);
        } else {
            train.push(class, image);
        }
    }
    Ok(Layout { train: train.finish(), test: test_name.map(|name| (test.finish(), name)), named: true })
}

/// Whether a folder has the name of a test split, and that name; none for the name of no split.
fn split(name: &str) -> Option<(bool, &'static str)> {
    let find = |names: &[&'static str]| names.iter().find(|own| **own == name).copied();
    find(TRAIN).map(|name| (false, name)).or_else(|| find(TEST).map(|name| (true, name)))
}

/// How many leading folders all images share; none of no images.
fn shared(images: &Entries) -> Option<usize> {
    let mut all = images.iter().map(|image| image.name);
    let first: Vec<&str> = all.next()?.split('/').collect();
    let mut shared = first.len() - 1;
    for name in all {
        let mut parts: Vec<&str> = name.split('/').take(shared + 1).collect();
        if parts.len() <= shared {
            parts.pop();
        }
        shared = parts.iter().zip(&first[..shared]).take_while(|(a, b)| a == b).count();
    }
    Some(shared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Entry;

    /// Class of each image in order of the training split, then of the test split.
    fn classes(names: &[&str]) -> std::result::Result<(Vec<String>, Option<Vec<String>>), String> {
        let images: Entries = names.iter().map(|name| Entry { name, offset: 0, len: 0, part: 0 }).collect();
        let of = |index: &Index| {
            index.labels.iter().map(|&label| index.classes[label as usize].clone()).collect::<Vec<_>>()
        };
        let found = layout(&images, "x.tar").map_err(|e| e.to_string())?;
        Ok((of(&found.train), found.test.as_ref().map(|(test, _)| of(test))))
    }

    #[test]
    fn classes_are_where_they_are_meant_to_be() {
        type Expected = (&'static [&'static str], Option<&'static [&'static str]>);
        let cases: [(&[&str], Expected); 11] = [
            (&["cat/1.png", "dog/1.png"], (&["cat", "dog"], None)),
            (&["cat/1.png", "cat/2.png"], (&["cat", "cat"], None)),
            (&["pets/cat/1.png", "pets/dog/1.png"], (&["cat", "dog"], None)),
            (&["pets/cat/1.png", "pets/cat/2.png"], (&["cat", "cat"], None)),
            (&["a/b/cat/1.png", "a/b/dog/deep/1.png"], (&["cat", "dog"], None)),
            (&["train/cat/1.png", "test/cat/1.png"], (&["cat"], Some(&["cat"]))),
            (&["a/b/train/cat/1.png", "a/b/val/dog/x/1.png"], (&["cat"], Some(&["dog"]))),
            (&["training/cat/1.png", "testing/cat/1.png"], (&["cat"], Some(&["cat"]))),
            // Vehicles.
            (&["bus/1.png", "train/1.png"], (&["bus", "train"], None)),
            (&["train/bus/1.png", "train/train/1.png"], (&["bus", "train"], None)),
            (&[], (&[], None)),
        ];
        for (names, (train, test)) in cases {
            let found = classes(names).unwrap();
            assert_eq!(found.0, train, "{names:?}");
            assert_eq!(
                found.1.as_deref(),
                test.map(|t| t.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()).as_deref(),
                "{names:?}"
            );
        }
    }

    #[test]
    fn images_outside_are_named() {
        for (names, at) in [
            (&["cat/1.png", "2.png"][..], "x.tar: 2.png: an image outside any class folder"),
            (
                &["train/cat/1.png", "extra/cat/2.png"],
                "x.tar: extra/cat/2.png: an image outside any class folder",
            ),
            (&["train/cat/1.png", "test/2.png"], "x.tar: test/2.png: an image outside any class folder"),
            (&["train/1.png", "test/2.png"], "x.tar: train/1.png: an image outside any class folder"),
            (&["train/a/1.png", "test/a/1.png", "val/a/1.png"], "x.tar: holds more than one of `test`"),
        ] {
            let error = classes(names).unwrap_err();
            assert!(error.starts_with(at), "{error}");
        }
    }
}
