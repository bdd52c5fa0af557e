//! Walking tar archives, gzipped or not, without extracting anything.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use tar::{EntryType, Header, PaxExtensions};

use super::idx::GZIP;
use nmnc_core::error::{Error, Result};
use nmnc_core::guard::{self, Bounded};

const BLOCK: u64 = 512;

/// A regular file of an archive.
pub(crate) struct Member {
    /// Its path, cleaned: relative, without `.` and `..`.
    pub(crate) path: String,
    /// Where its content begins in the (uncompressed) archive.
    pub(crate) offset: u64,
    /// Bytes of content, as its header claims.
    pub(crate) size: u64,
}

impl Member {
    /// The components of the path.
    pub(crate) fn components(&self) -> Vec<&str> {
        self.path.split('/').collect()
    }

    /// The last component.
    pub(crate) fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// An open archive.
pub(crate) struct Archive {
    place: String,
    input: Input,
    position: u64,
}

enum Input {
    /// Skips by seeking; the length tells a truncated archive.
    Plain(BufReader<File>, u64),
    /// Skips by reading.
    Packed(Box<Bounded<MultiGzDecoder<BufReader<File>>>>),
}

/// Whether a walk goes on.
#[derive(PartialEq, Eq)]
pub(crate) enum Walk {
    On,
    Stop,
}

impl Archive {
    /// Opens a `.tar` or `.tar.gz`, told apart by content.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (mut file, len) = guard::open(path)?;
        let mut first = [0; 2];
        let packed = len >= 2 && file.read_exact(&mut first).is_ok() && first == GZIP;
        file.rewind().map_err(|e| Error::io(path, "read", e))?;
        // Of a plain archive headers alone may be read, which lie far apart.
        let reader = BufReader::with_capacity(if packed { 1 << 16 } else { 1 << 12 }, file);
        let input = if packed {
            Input::Packed(Box::new(Bounded::expanding(MultiGzDecoder::new(reader), len)))
        } else {
            Input::Plain(reader, len)
        };
        Ok(Self { place: path.display().to_string(), input, position: 0 })
    }

    /// Whether contents can later be read from the file by position.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.input, Input::Plain(..))
    }

    /// Whether it begins like a tar archive.
    pub(crate) fn looks_like_tar(mut self) -> bool {
        let mut block = [0; BLOCK as usize];
        self.read_exact(&mut block).is_ok() && (block.iter().all(|&b| b == 0) || checksum_holds(&block))
    }

    /// Calls `visit` with every regular file and its content, in order.
    ///
    /// # Errors
    /// For damage, truncation, and anything that data sets have no use for but attacks do: links, devices, sparse files,
    /// absolute paths, paths with `..`.
    pub(crate) fn walk(
        mut self,
        mut visit: impl FnMut(&Member, &mut dyn Read) -> Result<Walk>,
    ) -> Result<()> {
        let place = self.place.clone();
        let damaged = |e: io::Error| guard::damaged(&place, e);
        let mut long_name: Option<Vec<u8>> = None;
        let mut long_size: Option<u64> = None;
        loop {
            let mut block = [0; BLOCK as usize];
            self.read_exact(&mut block).map_err(|e| match e.kind() {
                io::ErrorKind::UnexpectedEof => {
                    Error::data(&place, "ends without the end mark of a tar archive")
                        .mend("the file is truncated or no tar archive: get it again")
                }
                _ => damaged(e),
            })?;
            if block.iter().all(|&byte| byte == 0) {
                return self.finish().map_err(damaged);
            }
            if !checksum_holds(&block) {
                return Err(Error::data(
                    &place,
                    format!("damaged tar header at byte {}", self.position - BLOCK),
                ));
            }
            let header = Header::from_byte_slice(&block);
            let claimed = header.entry_size().map_err(damaged)?;
            match header.entry_type() {
                EntryType::GNULongName => {
                    let mut name = self.extended(claimed)?;
                    name.truncate(name.iter().position(|&byte| byte == 0).unwrap_or(name.len()));
                    long_name = Some(name);
                }
                EntryType::XHeader => {
                    let records = self.extended(claimed)?;
                    for record in PaxExtensions::new(&records) {
                        let record = record.map_err(damaged)?;
                        match record.key_bytes() {
                            b"path" => long_name = Some(record.value_bytes().to_vec()),
                            b"size" => {
                                let size = record.value().ok().and_then(|text| text.parse().ok());
                                long_size =
                                    Some(size.ok_or_else(|| {
                                        Error::data(&place, "a pax header with a bad size")
                                    })?);
                            }
                            _ => {}
                        }
                    }
                }
                kind => {
                    let name = long_name.take().unwrap_or_else(|| header.path_bytes().into_owned());
                    let size = long_size.take().unwrap_or(claimed);
                    match kind {
                        EntryType::Regular | EntryType::Continuous => {
                            let member = Member { path: clean(&name, &place)?, offset: self.position, size };
                            let mut content = (&mut self).take(size);
                            let walk = visit(&member, &mut content)?;
                            let left = content.limit();
                            if walk == Walk::Stop {
                                return Ok(());
                            }
                            self.skip_padded(size, left)
                                .map_err(|e| guard::damaged(format!("{place}: {}", member.path), e))?;
                        }
                        EntryType::Directory | EntryType::XGlobalHeader | EntryType::GNULongLink => {
                            self.skip_padded(size, size).map_err(damaged)?;
                        }
                        other => {
                            return Err(Error::data(
                                format!("{place}: {}", String::from_utf8_lossy(&name)),
                                format!("an entry of kind {other:?}; only files and folders are read"),
                            ));
                        }
                    }
                }
            }
        }
    }

    /// Reads the content of an entry that describes the next one.
    fn extended(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > guard::NAME {
            return Err(Error::data(&self.place, format!("an extended header of {size} bytes")));
        }
        let place = self.place.clone();
        let bytes = guard::read_len(self, size).map_err(|e| guard::damaged(&place, e))?;
        self.skip_padded(size, 0).map_err(|e| guard::damaged(&place, e))?;
        Ok(bytes)
    }

    /// Skips the `left` bytes of a content of `size` that were not read, and the padding to a whole block.
    fn skip_padded(&mut self, size: u64, left: u64) -> io::Result<()> {
        let padding = size.wrapping_neg() % BLOCK;
        let count = left.checked_add(padding).ok_or(io::ErrorKind::InvalidData)?;
        let early = |missing: u64| {
            io::Error::new(io::ErrorKind::UnexpectedEof, format!("the archive ends {missing} bytes early"))
        };
        match &mut self.input {
            Input::Plain(reader, len) => {
                let end = self.position.saturating_add(count);
                if end > *len {
                    return Err(early(end - *len));
                }
                reader.seek_relative(i64::try_from(count).map_err(io::Error::other)?)?;
                self.position = end;
            }
            Input::Packed(reader) => {
                let skipped = io::copy(&mut reader.take(count), &mut io::sink())?;
                if skipped < count {
                    return Err(early(count - skipped));
                }
                self.position += count;
            }
        }
        Ok(())
    }

    /// Reads a gzip stream to its end, which checks its checksum.
    fn finish(&mut self) -> io::Result<()> {
        if let Input::Packed(reader) = &mut self.input {
            io::copy(reader, &mut io::sink())?;
        }
        Ok(())
    }
}

impl Read for Archive {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.input {
            Input::Plain(reader, _) => reader.read(buffer)?,
            Input::Packed(reader) => reader.read(buffer)?,
        };
        self.position += read as u64;
        Ok(read)
    }
}

/// Whether the checksum of a header block is right: the sum of its bytes, those of the checksum counted as spaces.
fn checksum_holds(block: &[u8; BLOCK as usize]) -> bool {
    let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
    let expected = sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..]);
    Header::from_byte_slice(block).cksum().is_ok_and(|sum| sum == expected)
}

/// The path of a member without empty and `.` components.
fn clean(name: &[u8], place: &str) -> Result<String> {
    let refuse = |why: &str| {
        Err(Error::data(format!("{place}: {}", String::from_utf8_lossy(name)), why)
            .mend("pack the archive from inside the folder of the data set"))
    };
    let Ok(text) = std::str::from_utf8(name) else { return refuse("a name that is not UTF-8") };
    let drive = matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    if text.starts_with(['/', '\\']) || drive {
        return refuse("an absolute path");
    }
    if text.contains('\0') {
        return refuse("a name with a zero byte");
    }
    if text.split(['/', '\\']).any(|component| component == "..") {
        return refuse("a path with `..`");
    }
    let components: Vec<&str> = text.split('/').filter(|c| !c.is_empty() && *c != ".").collect();
    if components.is_empty() {
        return refuse("an empty name");
    }
    Ok(components.join("/"))
}
