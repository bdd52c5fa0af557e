//! Encoded images in a folder, in memory or inside a file, read by position from any thread.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use nmnc_core::error::{Error, Result};
use nmnc_core::guard;

/// Where one encoded image lies.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    /// Path inside the archive, shard or folder.
    pub(crate) name: &'a str,
    pub(crate) offset: u64,
    pub(crate) len: u32,
    /// Which shard, where there are several.
    pub(crate) part: u32,
}

/// Where many encoded images lie: some 50 bytes of each in two allocations, so that millions of them stay small.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Entries {
    names: String,
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    /// Where its name ends in the names of all.
    name_end: usize,
    offset: u64,
    len: u32,
    part: u32,
}

impl Entries {
    pub(crate) fn push(&mut self, entry: Entry<'_>) {
        let Entry { name, offset, len, part } = entry;
        self.names.push_str(name);
        self.places.push(Place { name_end: self.names.len(), offset, len, part });
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn get(&self, index: usize) -> Entry<'_> {
        let Place { name_end, offset, len, part } = self.places[index];
        let start = index.checked_sub(1).map_or(0, |before| self.places[before].name_end);
        Entry { name: &self.names[start..name_end], offset, len, part }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }
}

impl<'a> FromIterator<Entry<'a>> for Entries {
    fn from_iter<I: IntoIterator<Item = Entry<'a>>>(entries: I) -> Self {
        let mut all = Self::default();
        entries.into_iter().for_each(|entry| all.push(entry));
        all
    }
}

/// Where encoded images lie.
pub(crate) struct Source {
    /// The archive or folder, for errors.
    pub(crate) name: String,
    pub(crate) store: Store,
    /// Where there are several shards, their paths.
    pub(crate) parts: Vec<PathBuf>,
}

/// The kinds of places.
pub(crate) enum Store {
    /// Files under this folder.
    Folder(PathBuf),
    /// Concatenated in memory.
    Memory(Vec<u8>),
    /// Inside a file: a plain tar, or the spool of compressed ones.
    File(File),
    /// Inside the shards, which had these lengths when they were indexed.
    Shards(Vec<u64>),
}

impl Source {
    /// The encoded bytes of `entry`.
    ///
    /// # Errors
    /// When the file vanished, changed or cannot be read.
    pub(crate) fn read(&self, entry: Entry<'_>) -> Result<Cow<'_, [u8]>> {
        match &self.store {
            Store::Folder(folder) => {
                let path = folder.join(entry.name);
                let (mut file, len) = guard::open(&path)?;
                if len > guard::IMAGE_FILE {
                    return Err(Error::data(
                        path.display(),
                        format!("is {len} bytes, too many for an image"),
                    ));
                }
                let bytes = guard::read_len(&mut file, len).map_err(|e| Error::io(&path, "read", e))?;
                Ok(Cow::Owned(bytes))
            }
            Store::Memory(bytes) => {
                let start = entry.offset as usize;
                Ok(Cow::Borrowed(&bytes[start..start + entry.len as usize]))
            }
            Store::File(file) => self.part_of(file, entry),
            // Opened anew each time: a thousand shards are more than a process may hold open, and decoding takes a hundred times as long.
            Store::Shards(lens) => {
                let path = &self.parts[entry.part as usize];
                let (file, len) = guard::open(path)?;
                if len != lens[entry.part as usize] {
                    return Err(Error::data(path.display(), "changed its size while in use"));
                }
                self.part_of(&file, entry)
            }
        }
    }

    /// The bytes of `entry` of `file`. Lengths were checked against the budget when the archive was indexed.
    fn part_of(&self, file: &File, entry: Entry<'_>) -> Result<Cow<'_, [u8]>> {
        let mut bytes = vec![0; entry.len as usize];
        read_exact_at(file, &mut bytes, entry.offset).map_err(|e| guard::damaged(self.place(entry), e))?;
        Ok(Cow::Owned(bytes))
    }

    /// The place of `entry`, for errors.
    pub(crate) fn place(&self, entry: Entry<'_>) -> String {
        match (&self.store, self.parts.get(entry.part as usize)) {
            (Store::Folder(folder), _) => folder.join(entry.name).display().to_string(),
            (_, Some(shard)) => format!("{}: {}", shard.display(), entry.name),
            _ => format!("{}: {}", self.name, entry.name),
        }
    }
}

/// Fills `buffer` from `offset` without moving a cursor that threads would share.
#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

/// Fills `buffer` from `offset`; the cursor that Windows moves is used by nothing else.
#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[read..];
        offset += read as u64;
    }
    Ok(())
}
