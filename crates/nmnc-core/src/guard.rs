//! What reading a file may take: memory and work are counted in bytes before they are spent, here and nowhere else.
//!
//! A file may lie about its sizes, expand without end, or be no file at all. Whatever reads one opens it by [`open`] or
//! [`regular`], has compressed content from a [`Bounded`] reader, and allocates what has arrived, or what a budget below allows,
//! never what a header claims. No limit depends on the clock or on the machine, so that a file is read everywhere or nowhere.
//!
//! | budget | of |
//! |---|---|
//! | 64 MiB and 100 times the size as stored | what compressed content may expand to |
//! | [`IMAGE_MEMORY`] | decoding one image, on each thread |
//! | [`IMAGE_FILE`] | one encoded image |
//! | [`IMAGE_SIDE`] | either side of an image, in pixels |
//! | [`LISTED`] | files and folders below a folder of images |
//! | [`HEADER`], [`DIMENSIONS`] | the header of an array |
//! | [`NAME`] | a name in an archive |
//! | [`SHARDS`] | archives that make one set of images |
//! | [`INDEX`] | a kept index of images |
//! | [`TEXT`] | a configuration, a description, a table, a list of names |
//! | [`TABLE`] | a table of numbers |
//! | [`RECORDS`] | the records of a run |
//! | [`TENSORS`] | a file of tensors |
//! | [`RECORDINGS`] | numbers of an assembly of recordings that are kept |

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Result};

/// Bytes that decoding one image may take, pixels and all that is made of them.
pub const IMAGE_MEMORY: u64 = 256 << 20;

/// Bytes of one encoded image.
pub const IMAGE_FILE: u64 = 64 << 20;

/// Pixels along a side of an image.
pub const IMAGE_SIDE: u32 = 16_384;

/// Files and folders below one folder of images. Links between folders can make many of few.
pub const LISTED: usize = 1 << 25;

/// Bytes of the header of an array.
pub const HEADER: usize = 16 << 10;

/// Dimensions of an array: as many as NumPy has.
pub const DIMENSIONS: usize = 64;

/// Bytes of a name or an extended header in an archive.
pub const NAME: u64 = 64 << 10;

/// Archives that make one set of images.
pub const SHARDS: usize = 1 << 16;

/// Bytes of a kept index of images.
pub const INDEX: u64 = 4 << 30;

/// Bytes of a text that is read whole.
pub const TEXT: u64 = 16 << 20;

/// Bytes of a table of numbers that is read whole.
pub const TABLE: u64 = 256 << 20;

/// Bytes of the records of a run.
pub const RECORDS: u64 = 1 << 30;

/// Bytes of a file of tensors.
pub const TENSORS: u64 = 64 << 30;

/// Numbers of an assembly of recordings that are kept: 8 GiB.
pub const RECORDINGS: u64 = 1 << 30;

/// Expansion that is always granted to compressed content.
const SLACK: u64 = 64 << 20;

/// Expansion granted beyond that, as a multiple of the compressed size. Images and labels compress by a factor of one to ten;
/// deflate can reach a thousand.
const RATIO: u64 = 100;

/// The most bytes that content stored in `stored` bytes may expand to.
pub fn expanded(stored: u64) -> u64 {
    SLACK.saturating_add(stored.saturating_mul(RATIO))
}

/// A reader that fails instead of yielding more than a limit: the defense against decompression bombs.
pub struct Bounded<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Bounded<R> {
    /// For the decompressed stream `inner` of a file of `compressed` bytes.
    pub fn expanding(inner: R, compressed: u64) -> Self {
        Self::new(inner, expanded(compressed))
    }

    /// At most `limit` bytes.
    pub fn new(inner: R, limit: u64) -> Self {
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
///
/// # Errors
/// If the reader fails or ends early.
pub fn read_len(reader: &mut impl Read, len: u64) -> io::Result<Vec<u8>> {
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
///
/// # Errors
/// If the reader fails or ends early.
pub fn read_array<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::new(error.kind(), "ends inside its header"),
        _ => error,
    })?;
    Ok(bytes)
}

/// Whether anything is left to read. Reaching the end of a gzip stream also checks its checksum.
///
/// # Errors
/// If the reader fails.
pub fn at_end(reader: &mut impl Read) -> io::Result<bool> {
    Ok(reader.read(&mut [0])? == 0)
}

/// Opens a regular file and gives its length. What is no file is told without being opened: opening a pipe would wait for whoever
/// writes into it, and opening a device may set it in motion.
///
/// # Errors
/// If there is no such file, it is of another kind, or the system refuses.
pub fn regular(path: &Path) -> io::Result<(File, u64)> {
    check_kind(&path.metadata()?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    // Should a pipe have taken the file's place meanwhile.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path)?;
    let about = file.metadata()?;
    check_kind(&about)?;
    Ok((file, about.len()))
}

fn check_kind(about: &std::fs::Metadata) -> io::Result<()> {
    let kind = about.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let what = match kind {
        kind if kind.is_dir() => "a folder",
        #[cfg(unix)]
        kind if std::os::unix::fs::FileTypeExt::is_fifo(&kind) => "a pipe",
        #[cfg(unix)]
        kind if std::os::unix::fs::FileTypeExt::is_socket(&kind) => "a socket",
        _ => "a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("is {what}, not a regular file")))
}

/// [`regular`], for data.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) for what is no regular file, else [`ErrorKind::Io`](crate::ErrorKind::Io).
pub fn open(path: &Path) -> Result<(File, u64)> {
    regular(path).map_err(|e| refused(path, e))
}

/// A regular file whole, if it has at most `most` bytes.
///
/// # Errors
/// As of [`regular`], and if it is larger or does not have the length that the system tells.
pub fn whole(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (file, len) = regular(path)?;
    let large = |len: u64| {
        io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("has {len} bytes, more than the {most} that are read"),
        )
    };
    if len > most {
        return Err(large(len));
    }
    // It may grow meanwhile.
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(len).map_err(io::Error::other)?)?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(large(bytes.len() as u64)) } else { Ok(bytes) }
}

/// A text whole, if it has at most [`TEXT`] bytes.
///
/// # Errors
/// As of [`whole`], and [`io::ErrorKind::InvalidData`] if it is not UTF-8.
pub fn text(path: &Path) -> io::Result<String> {
    String::from_utf8(whole(path, TEXT)?).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

/// The error of opening `path`, or of reading all of it.
pub fn refused(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::FileTooLarge => {
            Error::data(path.display(), &error).caused_by(error)
        }
        _ => Error::io(path, "open", error),
    }
}

/// An error met while reading the content of `place`: damage is a data error, anything else the system's.
pub fn damaged(place: impl std::fmt::Display, error: io::Error) -> Error {
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

    #[test]
    fn a_file_is_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, [7; 10]).unwrap();
        assert_eq!(whole(&path, 10).unwrap(), [7; 10]);
        assert_eq!(whole(&path, 9).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    /// Were one of them opened, this test would wait for ever.
    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_told_without_being_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let pipe = std::ffi::CString::new(at("pipe").into_os_string().into_encoded_bytes()).unwrap();
        // SAFETY: the path is a string that ends with a zero byte.
        assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::os::unix::fs::symlink(at("pipe"), at("link")).unwrap();
        let cases = [
            (folder.path().to_owned(), "a folder"),
            (at("pipe"), "a pipe"),
            (at("link"), "a pipe"),
            (at("socket"), "a socket"),
            ("/dev/zero".into(), "a device"),
        ];
        for (path, what) in cases {
            let error = open(&path).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Data);
            assert_eq!(error.to_string(), format!("{}: is {what}, not a regular file", path.display()));
        }
    }
}
