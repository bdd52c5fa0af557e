//! The locks that this process has, for a program that ends while others of its threads are at work.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::holder::{Holder, read};

/// One lock.
#[derive(Debug)]
pub(super) struct Held {
    /// Its file.
    pub path: PathBuf,
    /// What the file says.
    pub own: Holder,
    /// Folders that were made for it, the deepest first.
    pub made: Vec<PathBuf>,
}

static HELD: Mutex<BTreeMap<u64, Held>> = Mutex::new(BTreeMap::new());

/// Notes a lock until it is forgotten by the number given.
pub(super) fn note(held: Held) -> u64 {
    let mut all = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let number = all.last_key_value().map_or(0, |(last, _)| last + 1);
    all.insert(number, held);
    number
}

/// Forgets a lock that was given back.
pub(super) fn forget(number: u64) {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
}

/// Removes the files of all locks that are still this process's, and the folders made for them in which nothing came of it.
pub(super) fn give_back() {
    let all = std::mem::take(&mut *HELD.lock().unwrap_or_else(PoisonError::into_inner));
    for Held { path, own, made } in all.into_values() {
        let is_own = File::open(&path)
            .and_then(|file| read(&file))
            .is_ok_and(|found| found.is_some_and(|found| found.is_same(&own)));
        if is_own {
            let _ = fs::remove_file(&path);
            let _ = made.iter().all(|folder| fs::remove_dir(folder).is_ok());
        }
    }
}
