//! One writer at a time for a folder.
//!
//! The lock is a file in the folder, locked as the operating system locks files, that says which process holds it. A process that ends in
//! whatever way gives the operating system's lock back, so what it left is known to be stale on the same computer. Between computers that
//! share a disk such locks may not hold; there the file counts, in which its holder writes a rising number every few seconds: one that does
//! not rise is of a process that is gone. Whoever was taken for gone and was not finds out before it writes again.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::holder::{Holder, beat, introduced, read, shows_life, write};
use crate::error::{Error, ErrorKind, Result};
use crate::process::{Presence, Process};

/// Name of the file in the folder.
pub const LOCK_FILE: &str = ".lock";

/// Times of the protocol.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Between two signs of life.
    beat: Duration,
    /// Without one for so long, a process of another computer counts as gone.
    patience: Duration,
    /// Between writing a claim and reading whether it stands, where the file system has no locks.
    settle: Duration,
    /// Between two attempts of somebody who waits.
    again: Duration,
}

const PACE: Pace = Pace {
    beat: Duration::from_secs(5),
    patience: Duration::from_secs(30),
    settle: Duration::from_millis(500),
    again: Duration::from_millis(500),
};

/// Holds a folder until it is dropped.
#[derive(Debug)]
pub struct FolderLock {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    own: Holder,
    /// The thread that shows that this process is there, and what ends it.
    signs: Option<(Sender<()>, JoinHandle<()>)>,
    /// Folders that were made for it, the deepest first.
    made: Vec<PathBuf>,
}

enum Attempt {
    Taken(FolderLock),
    Held(Option<Holder>),
    /// The file was replaced meanwhile.
    Again,
}

impl FolderLock {
    /// Takes `folder`, which is made if it is not there. Where another process has it, waits until it is free if `wait` says so. `notice`
    /// is told what takes time.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if another process has it; a folder that cannot be made or written.
    pub fn take(folder: &Path, wait: bool, notice: &mut dyn FnMut(&str)) -> Result<Self> {
        Self::take_at(folder, wait, PACE, notice)
    }

    fn take_at(folder: &Path, wait: bool, pace: Pace, notice: &mut dyn FnMut(&str)) -> Result<Self> {
        let (mut told, mut replaced) = (false, 0);
        // Another process may remove what it made just before this one puts something in, so that it has to be made again.
        let mut made = Vec::new();
        loop {
            let holder = match Self::attempt(folder, pace, &mut made, notice)? {
                Attempt::Taken(mut lock) => {
                    lock.made = made;
                    return Ok(lock);
                }
                Attempt::Again if replaced < 1000 => {
                    replaced += 1;
                    continue;
                }
                Attempt::Again => Holder::named(None),
                Attempt::Held(holder) => Holder::named(holder.as_ref()),
            };
            if !wait {
                return Err(Error::new(
                    ErrorKind::Busy,
                    folder.display(),
                    format!("is being written by {holder}"),
                )
                .mend("wait for it to end (--wait does), or name another folder with --out"));
            }
            if !told {
                notice(&format!("waiting for {holder}, which is writing here"));
                told = true;
            }
            std::thread::sleep(pace.again);
        }
    }

    fn attempt(
        folder: &Path,
        pace: Pace,
        made: &mut Vec<PathBuf>,
        notice: &mut dyn FnMut(&str),
    ) -> Result<Attempt> {
        let absent = folder.ancestors().take_while(|path| path.try_exists().is_ok_and(|there| !there));
        made.extend(
            absent.filter(|path| !path.as_os_str().is_empty()).map(Path::to_owned).collect::<Vec<_>>(),
        );
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create folder", e))?;
        let path = folder.join(LOCK_FILE);
        let failed = |e: io::Error| Error::io(&path, "lock", e);
        let file = match OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Attempt::Again),
            Err(e) => return Err(failed(e)),
        };
        // Whether the operating system vouches for all processes of this computer.
        let vouched = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => return Ok(Attempt::Held(introduced(&file))),
            Err(TryLockError::Error(e)) if has_no_locks(&e) => false,
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        };
        if !is_at(&file, &path).map_err(failed)? {
            return Ok(Attempt::Again);
        }
        if let Some(found) = read(&file).map_err(failed)? {
            let presence = found.process.presence();
            let stale = match presence {
                _ if vouched && found.process.shares_kernel(Process::this()) => true,
                Presence::Gone => true,
                Presence::Alive => false,
                Presence::Elsewhere => {
                    notice(&format!(
                        "looking for {} s whether {} is still writing here",
                        pace.patience.as_secs(),
                        Holder::named(Some(&found))
                    ));
                    !shows_life(&path, &found, pace.patience).map_err(failed)?
                }
            };
            if !stale {
                return Ok(Attempt::Held(Some(found)));
            }
        }
        let own = Holder::new();
        if let Err(e) = write(&file, &own) {
            let _ = std::fs::remove_file(&path);
            return Err(failed(e));
        }
        if !vouched {
            std::thread::sleep(pace.settle);
            match read(&file).map_err(failed)? {
                Some(found) if found.is_same(&own) => {}
                other => return Ok(Attempt::Held(other)),
            }
        }
        // With a position of its own in the file.
        let second = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
        let signs = signs_of_life(second, own.clone(), pace.beat).map_err(failed)?;
        let folder = folder.to_owned();
        Ok(Attempt::Taken(Self { folder, path, file, own, signs: Some(signs), made: Vec::new() }))
    }

    /// Gives the folder back, as dropping does, and says if its file cannot be removed.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn release(mut self) -> Result<()> {
        self.give_back()
    }

    fn give_back(&mut self) -> Result<()> {
        let Some((stop, thread)) = self.signs.take() else { return Ok(()) };
        drop(stop);
        let _ = thread.join();
        // Before the lock goes with the file's handle, so that nobody else's file is removed.
        let removed = self
            .check()
            .and_then(|()| std::fs::remove_file(&self.path).map_err(|e| Error::io(&self.path, "remove", e)));
        // Where nothing came of it. Folders with something in them stay.
        let _ = self.made.iter().all(|folder| std::fs::remove_dir(folder).is_ok());
        removed
    }

    /// Removes from `folder` the lock of a process that was killed, if that is sure at once. Others stay, as does what cannot be removed.
    pub fn clear(folder: &Path) {
        let path = folder.join(LOCK_FILE);
        let Ok(file) = OpenOptions::new().read(true).write(true).open(&path) else { return };
        if file.try_lock().is_err() || !is_at(&file, &path).unwrap_or(false) {
            return;
        }
        let here = |found: Holder| found.process.shares_kernel(Process::this());
        if read(&file).is_ok_and(|found| found.is_none_or(here)) {
            let _ = std::fs::remove_file(&path);
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the folder is still there and this process still has it: to be asked before each write.
    ///
    /// # Errors
    /// If it was moved, removed or taken by another process, or cannot be read.
    pub fn check(&self) -> Result<()> {
        let moved = || {
            Error::new(
                ErrorKind::Io,
                self.folder.display(),
                "was moved or removed while it was being written",
            )
            .mend("put it back and go on with --resume")
        };
        let there = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(moved()),
            Err(e) => return Err(Error::io(&self.path, "read", e)),
        };
        if !same(&self.file, &there).map_err(|e| Error::io(&self.path, "read", e))? {
            return Err(moved());
        }
        // On some network disks a file that is locked is read by nobody but its holder.
        let found = read(&there).or_else(|_| read(&self.file));
        match found.map_err(|e| Error::io(&self.path, "read", e))? {
            Some(found) if !found.is_same(&self.own) => {
                let by = Holder::named(Some(&found));
                let problem = format!("was taken over by {by}, which saw no sign of this process");
                Err(Error::new(ErrorKind::Busy, self.folder.display(), problem).mend("leave the run to it"))
            }
            // In the middle of the next sign of life.
            _ => Ok(()),
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        let _ = self.give_back();
    }
}

/// Writes a sign of life at every `pace` until the sender is dropped or somebody else has the file.
fn signs_of_life(file: File, mut own: Holder, pace: Duration) -> io::Result<(Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = channel();
    let thread = std::thread::Builder::new().name("folder lock".into()).spawn(move || {
        for number in 1.. {
            if stopped.recv_timeout(pace) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            if let Ok(Some(found)) = read(&file)
                && !found.is_same(&own)
            {
                return;
            }
            own.beat = beat(number);
            // One that cannot be written is missed; who takes the folder for left is noticed by `check`.
            let _ = write(&file, &own);
        }
    })?;
    Ok((stop, thread))
}

/// Whether a lock failed because the file system has none.
fn has_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    if [libc::ENOLCK, libc::ENOSYS, libc::EOPNOTSUPP].map(Some).contains(&error.raw_os_error()) {
        return true;
    }
    error.kind() == io::ErrorKind::Unsupported
}

/// Whether `file` is what `path` names.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match File::open(path) {
        Ok(there) => same(file, &there),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

#[cfg(unix)]
fn same(one: &File, other: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (one, other) = (one.metadata()?, other.metadata()?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

#[cfg(not(unix))]
fn same(_one: &File, _other: &File) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests;
