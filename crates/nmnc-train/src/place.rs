//! A run folder that this process has to itself, before it is known whether a run begins there or goes on.

use std::path::Path;
use std::sync::Arc;

use crate::identity::Identity;
use crate::observer::Observer;
use crate::replicas::Processes;
use crate::run_folder::{Found, RunFolder};
use nmnc_core::error::Result;
use nmnc_core::files::{FolderLock, IfTaken};
use nmnc_core::records::{Status, Summary};

/// How to run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Go on from the latest checkpoint of the folder, if there is one. A run that is complete is left as it is.
    pub resume: bool,
    /// Go on with a run that diverged, too, instead of taking that for its end.
    pub retry_diverged: bool,
    /// Go on with what is left of records that were lost or changed since the run wrote them, instead of refusing them.
    pub accept_records: bool,
    /// Go on, too, where the configuration is another one than the run began with, but for nothing that what was learned depends on
    /// ([`Identity::continues`]): longer, or with other records.
    pub extend: bool,
    /// What to do while another process writes the folder.
    pub if_taken: IfTaken,
    /// The command line, for the summary.
    pub command: String,
    /// The processes that host the replicas of the run, of which this is the first; none for this process alone.
    pub processes: Option<Arc<dyn Processes>>,
}

/// A run folder that no other process writes as long as this is there.
#[derive(Debug)]
pub struct Place {
    pub(crate) lock: FolderLock,
    pub(crate) identity: Identity,
    pub(crate) options: RunOptions,
}

impl Place {
    /// Takes the folder `path` for the run of this identity, and makes it if it is not there.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`](nmnc_core::ErrorKind::Busy) if another process has it; a folder that cannot be written.
    pub fn take(
        path: &Path,
        identity: Identity,
        options: &RunOptions,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let lock = FolderLock::take(path, options.if_taken, &mut |text| observer.warning(text))?;
        Ok(Self { lock, identity, options: options.clone() })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.lock.folder()
    }

    /// The summary of the run that is here, if it has ended and is not to go on.
    ///
    /// # Errors
    /// As [`RunFolder::find`].
    pub fn ended(&self) -> Result<Option<Summary>> {
        if !self.options.resume {
            return Ok(None);
        }
        let folder = self.lock.folder();
        let found = match RunFolder::find(folder, &self.identity) {
            // Only its records are not as they were left, which is mended by going on.
            Err(_) if self.options.accept_records && RunFolder::look(folder, &self.identity).is_ok() => {
                return Ok(None);
            }
            Err(_) if self.options.extend && RunFolder::extends(folder, &self.identity)?.is_some() => {
                return Ok(None);
            }
            found => found.map_err(|e| e.or_mend(SAME))?,
        };
        Ok(match found {
            Found::Ended(summary) if summary.status == Status::Complete || !self.options.retry_diverged => {
                Some(*summary)
            }
            _ => None,
        })
    }
}

/// What to do about a run of another configuration in the way.
pub(crate) const SAME: &str = "use the same configuration, or name another folder with --out";
