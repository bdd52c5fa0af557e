//! Reading files that may lie about their size.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use nmnc_core::error::{Error, Result};

/// Expansion that is always granted to compressed input.
const SLACK: u64 = 64 << 20;

/// Expansion granted beyond that, as a multiple of the compressed size. Images and labels compress by a factor of one to ten;
/// deflate can reach a thousand.
const RATIO: u64 = 100;

/// A reader that fails instead of yielding more than a limit: the defense against decompression bombs.
pub(crate) struct Bounded<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Bounded<R> {
    /// For the decompressed stream `inner` of a file of `compressed` bytes.
    pub(crate) fn expanding(inner: R, compressed: u64) -> Self {
        Self::new(inner, SLACK.saturating_add(compressed.saturating_mul(RATIO)))
    }

    /// At most `limit` bytes.
    pub(crate) fn new(inner: R, limit: u64) -> Self {
        Self { inner, left: limit, limit }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !buffer.is_empty() {
            return match self.inner.read(&mut buffer[..1])? {
                0 => Ok(0),
                _ => Err(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!(
                        "expands to more than {} bytes, which looks like a decompression bomb",
                        self.limit
                    ),
                )),
            };
        }
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Exactly `len` bytes. Memory grows with what arrives, not with `len`.
pub(crate) fn read_len(reader: &mut impl Read, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(len.min(1 << 20) as usize);
    reader.take(len).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < len {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("ends {} bytes early", len - bytes.len() as u64),
        ));
    }
    Ok(bytes)
}

/// Exactly `N` bytes.
pub(crate) fn read_array<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::new(error.kind(), "ends inside its header"),
        _ => error,
    })?;
    Ok(bytes)
}

/// Whether anything is left to read. Reaching the end of a gzip stream also checks its checksum.
pub(crate) fn at_end(reader: &mut impl Read) -> io::Result<bool> {
    Ok(reader.read(&mut [0])? == 0)
}

/// Opens a regular file and gives its length.
pub(crate) fn open(path: &Path) -> Result<(File, u64)> {
    let file = File::open(path).map_err(|e| Error::io(path, "open", e))?;
    let about = file.metadata().map_err(|e| Error::io(path, "read", e))?;
    if !about.is_file() {
        return Err(Error::data(path.display(), "is not a regular file"));
    }
    Ok((file, about.len()))
}

/// An error met while reading the content of `place`: damage is a data error, anything else the system's.
pub(crate) fn damaged(place: impl std::fmt::Display, error: io::Error) -> Error {
    let mend = match error.kind() {
        io::ErrorKind::FileTooLarge => "if it is genuine, store it uncompressed",
        _ => "the file is truncated or damaged: get it again",
    };
    Error::data(place, format!("cannot be read: {error}")).mend(mend).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_reader_yields_its_limit_and_fails_beyond() {
        let mut all = Vec::new();
        Bounded::new(&[1u8; 10][..], 10).read_to_end(&mut all).unwrap();
        assert_eq!(all.len(), 10);
        let error = Bounded::new(&[1u8; 11][..], 10).read_to_end(&mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("bomb"), "{error}");
    }

    #[test]
    fn a_claimed_length_costs_no_memory_before_the_bytes_arrive() {
        let error = read_len(&mut &[0u8; 4][..], u64::MAX).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
