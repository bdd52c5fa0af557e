//! What is unpacked of compressed archives, to be read in any order.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};

use super::source::Store;
use nmnc_core::error::{Error, Result};

/// Bytes in memory up to a limit, in a nameless temporary file beyond it.
pub(crate) struct Spool {
    memory: Vec<u8>,
    file: Option<BufWriter<File>>,
    len: u64,
    most: u64,
}

impl Spool {
    /// At most `most` bytes are held in memory.
    pub(crate) fn new(most: u64) -> Self {
        Self { memory: Vec::new(), file: None, len: 0, most }
    }

    /// Appends `bytes` and gives where they begin.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<u64> {
        let failed = |e| Error::io(&std::env::temp_dir(), "spool a compressed archive to", e);
        let offset = self.len;
        self.len += bytes.len() as u64;
        if self.file.is_none() && self.len > self.most {
            let mut file = BufWriter::new(tempfile::tempfile().map_err(failed)?);
            file.write_all(&std::mem::take(&mut self.memory)).map_err(failed)?;
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write_all(bytes).map_err(failed)?,
            None => self.memory.extend_from_slice(bytes),
        }
        Ok(offset)
    }

    /// What was appended, to be read by position.
    pub(crate) fn store(self) -> Result<Store> {
        let failed = |e| Error::io(&std::env::temp_dir(), "spool a compressed archive to", e);
        let Some(file) = self.file else { return Ok(Store::Memory(self.memory)) };
        let mut file = file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.rewind().map_err(failed)?;
        Ok(Store::File(file))
    }
}
