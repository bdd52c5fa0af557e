//! What the file of a lock says, and how it is read and written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::process::Process;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub process: Process,
    /// Tells the locks of one process from each other.
    pub lock: u64,
    /// Signs of life so far, of a fixed number of digits so that writing the next never changes the file's length.
    pub beat: String,
}

impl Holder {
    pub fn new() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { process: Process::this().clone(), lock: since.as_nanos() as u64, beat: beat(0) }
    }

    pub fn is_same(&self, other: &Self) -> bool {
        self.process == other.process && self.lock == other.lock
    }

    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("words and numbers are representable in JSON") + "\n"
    }

    pub fn named(holder: Option<&Self>) -> String {
        match holder {
            Some(Self { process, .. }) => format!("process {} on {}", process.pid, process.host),
            None => "another process".to_owned(),
        }
    }
}

pub(super) fn beat(number: u64) -> String {
    format!("{number:012}")
}

/// What the file says, given the time it takes its holder to write that.
pub(super) fn introduced(file: &File) -> Option<Holder> {
    (0..50).find_map(|attempt| {
        if attempt > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        read(file).ok().flatten()
    })
}

/// Whether the file at `path` changes within `patience`.
pub(super) fn shows_life(path: &Path, found: &Holder, patience: Duration) -> io::Result<bool> {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        std::thread::sleep(patience / 60);
        // Opened anew, which is when disks on the network look for changes.
        match File::open(path) {
            Ok(file) if read(&file)?.as_ref() == Some(found) => {}
            Ok(_) => return Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(e) => return Err(e),
        }
    }
    Ok(false)
}

/// How long the file at `path` has said the same to this process, which looks at it again and again: a time between visits, so that no
/// clock of another computer counts.
pub(super) fn silent_for(path: &Path, found: &Holder) -> Duration {
    static SEEN: Mutex<BTreeMap<PathBuf, (Holder, Instant)>> = Mutex::new(BTreeMap::new());
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    match seen.get(path) {
        Some((before, since)) if before == found => since.elapsed(),
        _ => {
            seen.insert(path.to_owned(), (found.clone(), Instant::now()));
            Duration::ZERO
        }
    }
}

/// What the file says; none if it says nothing that can be understood, which a process killed in the middle of writing it leaves.
pub(super) fn read(mut file: &File) -> io::Result<Option<Holder>> {
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    // It may be anything that has this name.
    file.take(1 << 16).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes).ok())
}

pub(super) fn write(mut file: &File, own: &Holder) -> io::Result<()> {
    let text = own.text();
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    // For other computers: what is written to a disk on the network may stay here for half a minute.
    file.sync_data()
}
