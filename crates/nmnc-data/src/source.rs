//! Encoded images in a folder, in memory or inside a file, read by position from any thread.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use nmnc_core::error::{Error, Result};
use nmnc_core::guard;

/// Where one encoded image lies.
#[derive(Clone)]
pub(crate) struct Entry {
    /// Path inside the archive or folder.
    pub(crate) name: Box<str>,
    pub(crate) offset: u64,
    pub(crate) len: u32,
}

/// Where encoded images lie.
pub(crate) struct Source {
    /// The archive or folder, for errors.
    pub(crate) name: String,
    pub(crate) store: Store,
}

/// The kinds of places.
pub(crate) enum Store {
    /// Files under this folder.
    Folder(PathBuf),
    /// Concatenated in memory.
    Memory(Vec<u8>),
    /// Inside a file: a plain tar, or the spool of a compressed one.
    File(File),
}

impl Source {
    /// The encoded bytes of `entry`.
    ///
    /// # Errors
    /// When the file vanished, changed or cannot be read.
    pub(crate) fn read(&self, entry: &Entry) -> Result<Cow<'_, [u8]>> {
        match &self.store {
            Store::Folder(folder) => {
                let path = folder.join(&*entry.name);
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
            Store::File(file) => {
                // Lengths were checked against the budget when the archive was indexed.
                let mut bytes = vec![0; entry.len as usize];
                read_exact_at(file, &mut bytes, entry.offset)
                    .map_err(|e| guard::damaged(self.place(entry), e))?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// The place of `entry`, for errors.
    pub(crate) fn place(&self, entry: &Entry) -> String {
        match &self.store {
            Store::Folder(folder) => folder.join(&*entry.name).display().to_string(),
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
