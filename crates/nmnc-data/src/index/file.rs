//! An index as bytes: a first line, the SHA-256 of all that follows, what is indexed, and lists with their lengths before them.
//! Numbers are little-endian.

use sha2::{Digest, Sha256};

use super::{Index, Mark};
use crate::known::hexadecimal;
use crate::source::Entry;
use nmnc_core::guard;

const FIRST_LINE: &[u8] = b"nmnc index 2\n";
const SUM: usize = 32;

/// Bytes of an image beside its name: offset, length, part, label, and the length of the name.
const ROW: usize = 8 + 4 * 4;

/// What a file of the index of `what` is called: its first word and what no other index has.
pub(super) fn name(what: &str) -> String {
    let word: String = what.chars().take_while(char::is_ascii_alphanumeric).collect();
    format!("{word}-{}.index", &hexadecimal(&Sha256::digest(what))[..32])
}

/// The file.
pub(super) fn encode(what: &str, index: &Index) -> Vec<u8> {
    let Index { classes, labels, entries, others, marks } = index;
    let mut out = Vec::with_capacity(1024 + entries.len() * (ROW + 32));
    let text = |out: &mut Vec<u8>, text: &str| {
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    };
    let count = |out: &mut Vec<u8>, count: usize| out.extend((count as u64).to_le_bytes());
    out.extend(FIRST_LINE);
    out.extend([0; SUM]);
    text(&mut out, what);
    count(&mut out, marks.len());
    for mark in marks {
        text(&mut out, &mark.path);
        out.extend(mark.len.to_le_bytes());
        out.extend(mark.modified.0.to_le_bytes());
        out.extend(mark.modified.1.to_le_bytes());
    }
    count(&mut out, classes.len());
    classes.iter().for_each(|class| text(&mut out, class));
    count(&mut out, others.len());
    for (ending, files) in others {
        text(&mut out, ending);
        out.extend(files.to_le_bytes());
    }
    count(&mut out, entries.len());
    for (entry, label) in entries.iter().zip(labels) {
        text(&mut out, entry.name);
        out.extend(entry.offset.to_le_bytes());
        out.extend(entry.len.to_le_bytes());
        out.extend(entry.part.to_le_bytes());
        out.extend(label.to_le_bytes());
    }
    let content = FIRST_LINE.len() + SUM;
    let sum = Sha256::digest(&out[content..]);
    out[FIRST_LINE.len()..content].copy_from_slice(&sum);
    out
}

/// What [`encode`] made of the index of `what`; none if it is of something else or not as it was written.
pub(super) fn decode(bytes: &[u8], what: &str) -> Option<Index> {
    let (sum, content) = bytes.strip_prefix(FIRST_LINE)?.split_at_checked(SUM)?;
    if Sha256::digest(content).as_slice() != sum {
        return None;
    }
    // What follows was written so, but by whom is not known: every length is looked at.
    let mut left = Left(content);
    if left.text()? != what {
        return None;
    }
    let mut index = Index::default();
    for _ in 0..left.count(4 + 8 + 8 + 4)? {
        let path = left.text()?.to_owned();
        let (len, seconds, nanoseconds) = (left.long()?, left.long()?, left.word()?);
        index.marks.push(Mark { path, len, modified: (seconds, nanoseconds) });
    }
    for _ in 0..left.count(4)? {
        index.classes.push(left.text()?.to_owned());
    }
    for _ in 0..left.count(4 + 8)? {
        index.others.push((left.text()?.to_owned(), left.long()?));
    }
    let images = left.count(ROW)?;
    index.labels.reserve_exact(images);
    for _ in 0..images {
        let name = left.text()?;
        let entry = Entry { name, offset: left.long()?, len: left.word()?, part: left.word()? };
        let label = left.word()?;
        if u64::from(entry.len) > guard::IMAGE_FILE || label as usize >= index.classes.len() {
            return None;
        }
        index.entries.push(entry);
        index.labels.push(label);
    }
    left.0.is_empty().then_some(index)
}

/// What is left to read.
struct Left<'a>(&'a [u8]);

impl<'a> Left<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(len)?;
        self.0 = left;
        Some(taken)
    }

    fn word(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn long(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let len = self.word()?;
        std::str::from_utf8(self.take(len as usize)?).ok()
    }

    /// A number of things of at least `each` bytes, if as many can be there.
    fn count(&mut self, each: usize) -> Option<usize> {
        let count = usize::try_from(self.long()?).ok()?;
        (count <= self.0.len() / each).then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::Indexer;

    fn sample() -> Index {
        let mut indexer = Indexer::default();
        for (at, (class, name)) in
            [("cat", "cat/ä.jpg"), ("dog", "dog/b.png"), ("cat", "")].iter().enumerate()
        {
            indexer.push(class, Entry { name, offset: 7 << (20 * at), len: 9 + at as u32, part: at as u32 });
        }
        let mut index = indexer.finish();
        index.marks.push(Mark { path: "cat".into(), len: 4096, modified: (1_700_000_000, 5) });
        index
    }

    #[test]
    fn it_comes_back_as_it_was_and_only_for_what_it_is_of() {
        let bytes = encode("folder /a", &sample());
        assert_eq!(decode(&bytes, "folder /a"), Some(sample()));
        assert_eq!(decode(&bytes, "folder /b"), None);
        assert!(name("folder /a").starts_with("folder-") && name("folder /a") != name("folder /b"));
    }

    proptest! {
        /// Whether or not the sum vouches for it.
        #[test]
        fn damage_is_noticed_and_lies_cost_nothing(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let bytes = encode("folder /a", &sample());
            let mut damaged = bytes.clone();
            for (at, value) in changes {
                let at = at.index(damaged.len());
                damaged[at] = value;
            }
            if let Some(cut) = cut {
                damaged.truncate(cut.index(bytes.len()));
            }
            prop_assert_eq!(decode(&damaged, "folder /a").is_some(), damaged == bytes);
            let content = FIRST_LINE.len() + SUM;
            if damaged.len() > content {
                let sum = Sha256::digest(&damaged[content..]);
                damaged[..FIRST_LINE.len()].copy_from_slice(FIRST_LINE);
                damaged[FIRST_LINE.len()..content].copy_from_slice(&sum);
                if let Some(index) = decode(&damaged, "folder /a") {
                    prop_assert_eq!(index.labels.len(), index.entries.len());
                }
            }
        }
    }
}
