//! Indices of large sets: kept, checked, made anew.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::*;
use crate::index::{Index, Indexer, Mark, Shelf};
use crate::source::Entry;
use crate::{image_folder, webdataset};

/// Images from which on the shelves of these tests keep an index.
const LEAST: usize = 100;

fn aged(path: &Path) {
    let long_ago = SystemTime::now() - Duration::from_secs(60);
    std::fs::File::open(path).unwrap().set_modified(long_ago).unwrap();
}

/// A split of `classes` folders of `each` files and one folder below each, all of them old enough to be trusted.
fn split(folder: &Path, classes: usize, each: usize) {
    for class in 0..classes {
        let below = folder.join(format!("c{class:02}")).join("deep");
        std::fs::create_dir_all(&below).unwrap();
        for image in 0..each {
            let at = if image % 10 == 0 { &below } else { below.parent().unwrap() };
            std::fs::write(at.join(format!("{image:04}.jpg")), b"").unwrap();
        }
        aged(&below);
        aged(below.parent().unwrap());
    }
    aged(folder);
}

fn names(set: &crate::raw::RawSet) -> Vec<String> {
    let crate::raw::RawPixels::Encoded(images) = &set.train.pixels else { panic!("no encoded images") };
    images.entries.iter().map(|entry| format!("{} {}", entry.name, entry.offset)).collect()
}

fn kept(shelf: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(shelf) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_index_of_a_large_folder_is_kept_until_a_folder_changes() {
    let (data, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let train = data.path().join("train");
    split(&train, 20, 150);
    let load = || {
        let mut shelf = Shelf::at(shelf.path(), LEAST);
        let set = image_folder::load(data.path(), 0, &mut shelf).unwrap();
        assert_eq!(set.train.labels.len(), set.train.pixels.len());
        (names(&set), shelf.notes)
    };
    let (first, notes) = load();
    assert_eq!((first.len(), notes.len(), kept(shelf.path()).len()), (3000, 0, 1));
    assert_eq!(load(), (first.clone(), Vec::new()));
    let stray = train.join("c05/zzz.jpg");
    std::fs::write(&stray, b"").unwrap();
    let (second, _) = load();
    assert_eq!(second.len(), 3001);
    assert_ne!(second, first);
    std::fs::remove_file(&stray).unwrap();
    aged(&train.join("c05"));
    assert_eq!(load().0, first);
    // Damage is told, and mended.
    let path = kept(shelf.path()).remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let (mended, notes) = load();
    assert_eq!(mended, first);
    assert!(notes[0].contains("is damaged and made anew"), "{notes:?}");
    assert_eq!(load(), (first, Vec::new()));
}

#[test]
fn what_is_kept_is_not_made_again() {
    let (data, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    aged(data.path());
    let mut made = 0;
    let mut index = |fits: bool| {
        Shelf::at(shelf.path(), 1).index(
            "folder x",
            data.path(),
            |_| fits,
            || {
                made += 1;
                let mut indexer = Indexer::default();
                indexer.push("cat", Entry { name: "cat/a.jpg", offset: 1, len: 2, part: 0 });
                Ok(Index { marks: vec![Mark::of(data.path(), "")?], ..indexer.finish() })
            },
        )
    };
    let first = index(true).unwrap();
    assert_eq!(index(true).unwrap(), first);
    // What its reader has something against is made anew.
    assert_eq!(index(false).unwrap(), first);
    assert_eq!(made, 2);
}

#[test]
fn small_sets_and_those_that_just_changed_keep_nothing() {
    let (data, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let train = data.path().join("train");
    split(&train, 2, 40);
    let load = || image_folder::load(data.path(), 0, &mut Shelf::at(shelf.path(), LEAST)).unwrap();
    load();
    assert!(kept(shelf.path()).is_empty());
    split(&train, 3, 60);
    std::fs::write(train.join("c00/new.png"), b"").unwrap();
    load();
    assert!(kept(shelf.path()).is_empty());
    aged(&train.join("c00"));
    load();
    assert_eq!(kept(shelf.path()).len(), 1);
}

#[test]
fn a_loop_of_links_is_one_error_with_its_folder() {
    let data = tempfile::tempdir().unwrap();
    split(&data.path().join("train"), 1, 2);
    std::os::unix::fs::symlink("..", data.path().join("train/c00/loop")).unwrap();
    let error = open(data.path()).unwrap_err().to_string();
    assert!(
        error.contains("c00/loop/c00/loop") && error.contains("nested too deep; remove links"),
        "{error}"
    );
}

#[test]
fn an_index_that_cannot_be_kept_is_a_note() {
    let data = tempfile::tempdir().unwrap();
    split(&data.path().join("train"), 2, 60);
    let file = data.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let mut shelf = Shelf::at(&file.join("index"), LEAST);
    image_folder::load(data.path(), 0, &mut shelf).unwrap();
    assert!(
        shelf.notes[0].starts_with("the images are looked through anew each time, because"),
        "{:?}",
        shelf.notes
    );
}

#[test]
fn the_index_of_shards_is_kept_until_one_changes() {
    let (data, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let write = |shard: usize, count: usize| {
        let path = data.path().join(format!("train-{shard}.tar"));
        let sample = |at: usize| {
            let key = format!("{shard}-{at:03}");
            [
                member(&format!("{key}.jpg"), &[7; 100]),
                member(&format!("{key}.cls"), (at % 3).to_string().as_bytes()),
            ]
        };
        std::fs::write(&path, tar(&(0..count).flat_map(sample).collect::<Vec<_>>())).unwrap();
        aged(&path);
    };
    (0..3).for_each(|shard| write(shard, 50));
    let pattern = format!("{}/train-{{0..2}}.tar", data.path().display());
    let load = || {
        let mut shelf = Shelf::at(shelf.path(), LEAST);
        let set = webdataset::load(&pattern, None, 0, &mut shelf).unwrap();
        (names(&set), set.train.labels, shelf.notes)
    };
    let first = load();
    assert_eq!((first.0.len(), &first.1[..5], kept(shelf.path()).len()), (150, &[0, 1, 2, 0, 1][..], 1));
    assert_eq!(load(), first);
    write(1, 49);
    let second = load();
    assert_eq!(second.0.len(), 149);
    assert_eq!(load(), second);
}
