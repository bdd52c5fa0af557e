//! One shard: which of its members make an example.

use std::io::Read;
use std::path::Path;

use crate::archive::{Archive, Member, Walk};
use crate::index::{Index, Indexer};
use crate::source::{Entries, Entry};
use crate::spool::Spool;
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;

/// Bytes of the number of a class, blanks included.
const LONGEST_CLASS: u64 = 32;

/// The examples of a shard.
#[derive(Default)]
pub(super) struct Samples {
    images: Entries,
    classes: Vec<u32>,
}

/// What is known of the example in hand.
#[derive(Default)]
struct Sample {
    key: String,
    /// Path, offset and length of its image.
    image: Option<(String, u64, u32)>,
    class: Option<u32>,
}

/// Looks through the shard at `path`. Images of a compressed one go to `spool`; without one the shard must be plain.
///
/// # Errors
/// As of [`Archive::walk`]; an image without a class, a class without an image, two of either.
pub(super) fn read(path: &Path, spool: Option<&mut Spool>) -> Result<Samples> {
    let place = path.display().to_string();
    let archive = Archive::open(path)?;
    let mut spool = spool;
    let mut all = Samples::default();
    let mut sample = Sample::default();
    archive.walk(|member, content| {
        let Some((key, extension)) = key_of(member) else { return Ok(Walk::On) };
        if key != sample.key {
            all.add(
                std::mem::replace(&mut sample, Sample { key: key.to_owned(), ..Sample::default() }),
                &place,
            )?;
        }
        let at = || format!("{place}: {}", member.path);
        match extension.to_ascii_lowercase().as_str() {
            "jpg" | "jpeg" | "png" => {
                let offset = offset_of(member, content, spool.as_deref_mut(), &at)?;
                if sample.image.replace((member.path.clone(), offset, member.size as u32)).is_some() {
                    return Err(Error::data(at(), "a second image of the same example"));
                }
            }
            "cls" if sample.class.is_some() => {
                return Err(Error::data(at(), "a second class of the same example"));
            }
            "cls" => sample.class = Some(class_of(member, content, &at)?),
            _ => {}
        }
        Ok(Walk::On)
    })?;
    all.add(sample, &place)?;
    Ok(all)
}

/// Shard after shard as one index, whose classes are called by their numbers.
pub(super) fn index(shards: Vec<Samples>) -> Index {
    let mut indexer = Indexer::default();
    for (part, shard) in shards.iter().enumerate() {
        for (entry, class) in shard.images.iter().zip(&shard.classes) {
            indexer.push(&class.to_string(), Entry { part: part as u32, ..entry });
        }
    }
    indexer.finish()
}

impl Samples {
    fn add(&mut self, sample: Sample, place: &str) -> Result<()> {
        let Sample { key, image, class } = sample;
        let half = |what: &str| {
            Err(Error::data(format!("{place}: {key}"), what)
                .mend("write `key.cls`, the number of its class, beside each image `key.jpg`, `key.jpeg` or `key.png`"))
        };
        match (image, class) {
            (Some((name, offset, len)), Some(class)) => {
                self.images.push(Entry { name: &name, offset, len, part: 0 });
                self.classes.push(class);
                Ok(())
            }
            (Some(_), None) => half("an image without a class"),
            (None, Some(_)) => half("a class without an image"),
            (None, None) => Ok(()),
        }
    }
}

/// The path of a member up to the first dot of its file name, which examples share, and what follows the dot.
fn key_of(member: &Member) -> Option<(&str, &str)> {
    let file = member.file_name();
    let dot = file.find('.').filter(|&dot| dot > 0)?;
    let start = member.path.len() - file.len();
    Some((&member.path[..start + dot], &file[dot + 1..]))
}

/// Where the bytes of an image begin: in the shard, or in the spool that they go to.
fn offset_of(
    member: &Member,
    mut content: &mut dyn Read,
    spool: Option<&mut Spool>,
    at: &dyn Fn() -> String,
) -> Result<u64> {
    if member.size > guard::IMAGE_FILE {
        return Err(Error::data(at(), format!("claims {} bytes, too many for an image", member.size)));
    }
    let Some(spool) = spool else { return Ok(member.offset) };
    let bytes = guard::read_len(&mut content, member.size).map_err(|e| guard::damaged(at(), e))?;
    spool.push(&bytes)
}

fn class_of(member: &Member, mut content: &mut dyn Read, at: &dyn Fn() -> String) -> Result<u32> {
    let refuse = || Error::data(at(), "is no number of a class").mend("write it in digits, from 0");
    if member.size > LONGEST_CLASS {
        return Err(refuse());
    }
    let bytes = guard::read_len(&mut content, member.size).map_err(|e| guard::damaged(at(), e))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| refuse())?.trim();
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse());
    }
    text.parse().map_err(|_| refuse())
}
