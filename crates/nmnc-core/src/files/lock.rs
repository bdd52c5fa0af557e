//! One writer at a time for a folder.
//!
//! The lock is a file in the folder, locked as the operating system locks files, that says which process holds it. A process that ends in
//! whatever way gives the operating system's lock back, so what it left is known to be stale on the same computer. Between computers that
//! share a disk such locks may not hold; there the file counts. It gets its name whole, where nothing has it, in one step of the file
//! system, and its holder writes a rising number into it every few seconds: one that does not rise, by the clock of who looks, is of a
//! process that is gone, and is replaced in one step. Whoever was taken for gone and was not finds out before it writes again.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::claim::{Claim, is_at, same, try_lock};
use super::held::{self, Held};
use super::holder::{Holder, beat, introduced, read, shows_life, silent_for, write};
use crate::error::{Error, ErrorKind, Result};
use crate::process::{Presence, Process};

/// Name of the file in the folder.
pub const LOCK_FILE: &str = ".lock";

/// What to do about a folder that another process has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfTaken {
    /// Leave. Whether a process of another computer is gone is looked at for as long as it may be silent.
    #[default]
    Leave,
    /// Leave at once, for somebody who comes back: a process of another computer is gone if it was silent for too long between visits.
    ComeBack,
    /// Wait until it is free.
    Wait,
}

/// A process that writes a folder, as its lock says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Its number.
    pub pid: u32,
    /// Its computer.
    pub host: String,
    /// Since its last sign of life, of which it gives one every five seconds, by the clocks of this computer and of the disk.
    pub silent: Duration,
}

/// Times of the protocol.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Between two signs of life.
    beat: Duration,
    /// Without one for so long, a process of another computer counts as gone.
    patience: Duration,
    /// Between putting a claim where the operating system vouches for nobody and reading whether it stands.
    settle: Duration,
    /// Between two attempts of somebody who waits.
    again: Duration,
    /// Whether the file system's locks are to be used, if it has any.
    locks: bool,
}

const PACE: Pace = Pace {
    beat: Duration::from_secs(5),
    patience: Duration::from_secs(30),
    settle: Duration::from_millis(500),
    again: Duration::from_millis(500),
    locks: true,
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
    /// Its number among those of this process.
    noted: u64,
}

enum Attempt {
    Taken(FolderLock),
    Held(Option<Holder>),
    /// The file was replaced meanwhile.
    Again,
}

/// What a lock is that is there already.
enum There {
    /// Somebody's.
    Held(Option<Holder>),
    /// Nobody's any more, what it said, and whether the operating system vouches for that.
    Left(Option<Holder>, bool),
    /// Another one by now.
    Again,
}

impl FolderLock {
    /// Takes `folder`, which is made if it is not there. `notice` is told what takes time.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if another process has it and `if_taken` does not say to wait; a folder that cannot be made or written.
    pub fn take(folder: &Path, if_taken: IfTaken, notice: &mut dyn FnMut(&str)) -> Result<Self> {
        Self::take_at(folder, if_taken, PACE, notice)
    }

    fn take_at(folder: &Path, if_taken: IfTaken, pace: Pace, notice: &mut dyn FnMut(&str)) -> Result<Self> {
        let (mut told, mut replaced) = (false, 0);
        // Another process may remove what it made just before this one puts something in, so that it has to be made again.
        let mut made = Vec::new();
        loop {
            let holder = match Self::attempt(folder, if_taken, pace, &mut made, notice)? {
                Attempt::Taken(mut lock) => {
                    let (path, own) = (lock.path.clone(), lock.own.clone());
                    lock.noted = held::note(Held { path, own, made: made.clone() });
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
            if if_taken != IfTaken::Wait {
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
        if_taken: IfTaken,
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
        let gone = |e: &io::Error| e.kind() == io::ErrorKind::NotFound;
        // Kept open: its lock keeps others of this computer away from what is about to be replaced.
        let left = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => match Self::look(&file, &path, if_taken, pace, notice).map_err(failed)? {
                There::Held(holder) => return Ok(Attempt::Held(holder)),
                There::Again => return Ok(Attempt::Again),
                There::Left(found, vouched) => Some((file, found, vouched)),
            },
            Err(e) if gone(&e) => None,
            Err(e) => return Err(failed(e)),
        };
        let claim = match Claim::write(folder, pace.locks) {
            Err(e) if gone(&e) => return Ok(Attempt::Again),
            claim => claim.map_err(failed)?,
        };
        let (own, mut vouched) = (claim.own.clone(), claim.vouched);
        let signs = claim.reopen().map_err(failed)?;
        let file = match &left {
            None => match claim.place(&path) {
                Err(e) if gone(&e) => return Ok(Attempt::Again),
                placed => match placed.map_err(failed)? {
                    Some(file) => file,
                    None => return Ok(Attempt::Again),
                },
            },
            Some((file, found, by_system)) => {
                if !is_at(file, &path).map_err(failed)? || read(file).map_err(failed)? != *found {
                    return Ok(Attempt::Again);
                }
                vouched &= by_system;
                claim.replace(&path).map_err(failed)?
            }
        };
        drop(left);
        if !vouched {
            std::thread::sleep(pace.settle);
            if !is_at(&file, &path).map_err(failed)? {
                return Ok(Attempt::Again);
            }
        }
        let signs = signs_of_life(signs, own.clone(), pace.beat).map_err(failed)?;
        let folder = folder.to_owned();
        Ok(Attempt::Taken(Self { folder, path, file, own, signs: Some(signs), made: Vec::new(), noted: 0 }))
    }

    /// Whose the lock is that was found at `path`, and holds it if it is nobody's.
    fn look(
        file: &File,
        path: &Path,
        if_taken: IfTaken,
        pace: Pace,
        notice: &mut dyn FnMut(&str),
    ) -> io::Result<There> {
        // Whether the operating system vouches for all processes of this computer.
        let vouched = match try_lock(file, pace.locks) {
            Ok(vouched) => vouched,
            Err(TryLockError::WouldBlock) => return Ok(There::Held(introduced(file))),
            Err(TryLockError::Error(e)) => return Err(e),
        };
        if !is_at(file, path)? {
            return Ok(There::Again);
        }
        let Some(found) = (if vouched { read(file)? } else { introduced(file) }) else {
            return Ok(There::Left(None, vouched));
        };
        let presence = found.process.presence();
        if vouched && found.process.shares_kernel(Process::this()) {
            return Ok(There::Left(Some(found), true));
        }
        let stale = match presence {
            Presence::Gone => true,
            Presence::Alive => false,
            Presence::Elsewhere if if_taken == IfTaken::ComeBack => silent_for(path, &found) >= pace.patience,
            Presence::Elsewhere => {
                notice(&format!(
                    "looking for {} s whether {} is still writing here",
                    pace.patience.as_secs(),
                    Holder::named(Some(&found))
                ));
                !shows_life(path, &found, pace.patience)?
            }
        };
        Ok(if stale { There::Left(Some(found), false) } else { There::Held(Some(found)) })
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
        held::forget(self.noted);
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

    /// Who is writing `folder`, for people: changes nothing, and takes the word of the lock's file. None where nobody is, or whoever was is
    /// known to be gone.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn holder(folder: &Path) -> Result<Option<Writer>> {
        let path = folder.join(LOCK_FILE);
        let failed = |e: io::Error| Error::io(&path, "read", e);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        let Some(found) = introduced(&file) else { return Ok(None) };
        let presence = found.process.presence();
        let touched = file.metadata().and_then(|found| found.modified()).map_err(failed)?;
        let silent = touched.elapsed().unwrap_or_default();
        let Process { pid, host, .. } = found.process;
        Ok((presence != Presence::Gone).then_some(Writer { pid, host, silent }))
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
        let is_own = same(&self.file, &there).map_err(|e| Error::io(&self.path, "read", e))?;
        // On some network disks a file that is locked is read by nobody but its holder.
        let found = read(&there).or_else(|_| if is_own { read(&self.file) } else { Ok(None) });
        match found.map_err(|e| Error::io(&self.path, "read", e))? {
            Some(found) if !found.is_same(&self.own) => {
                let by = Holder::named(Some(&found));
                let problem = format!("was taken over by {by}, which saw no sign of this process");
                Err(Error::new(ErrorKind::Busy, self.folder.display(), problem).mend("leave the run to it"))
            }
            _ if !is_own => Err(moved()),
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

#[cfg(test)]
mod tests;
