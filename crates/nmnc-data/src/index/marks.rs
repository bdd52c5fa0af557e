//! By what it is told that a folder or file is as it was.

use std::path::Path;
use std::time::SystemTime;

use nmnc_core::error::{Error, Result};

/// The size of a folder or file and when it changed. A folder changes when files in it come, go or get another name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    /// Its path below the root of what is indexed; empty for the root itself.
    pub(crate) path: String,
    pub(crate) len: u64,
    /// Seconds and nanoseconds since 1970, those before as 0.
    pub(crate) modified: (u64, u32),
}

impl Mark {
    /// The mark of `path` below `root` as it is now.
    ///
    /// # Errors
    /// If there is no such thing, or it cannot be looked at.
    pub(crate) fn of(root: &Path, path: &str) -> Result<Self> {
        let full = root.join(path);
        let about = full.metadata().map_err(|e| Error::io(&full, "read", e))?;
        let changed = about.modified().map_err(|e| Error::io(&full, "read", e))?;
        let since = changed.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let modified = (since.as_secs(), since.subsec_nanos());
        Ok(Self { path: path.to_owned(), len: about.len(), modified })
    }

    /// Whether it is as it was.
    pub(crate) fn holds(&self, root: &Path) -> bool {
        Self::of(root, &self.path).is_ok_and(|now| now == *self)
    }

    /// Whether it last changed before `time`.
    pub(crate) fn is_before(&self, time: SystemTime) -> bool {
        let time = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.modified < (time.as_secs(), time.subsec_nanos())
    }
}
