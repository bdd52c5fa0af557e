//! One writer at a time for a folder.
//!
//! The lock is a file in the folder, locked as the operating system locks files, that says which process holds it. A process that ends in
//! whatever way gives the operating system's lock back, so what it left is known to be stale on the same computer. Between computers that
//! share a disk such locks may not hold; there the file counts, in which its holder writes a rising number every few seconds: one that does
//! not rise is of a process that is gone. Whoever was taken for gone and was not finds out before it writes again.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

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

/// What the file says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Holder {
    process: Process,
    /// Tells the locks of one process from each other.
    lock: u64,
    /// Signs of life so far, of a fixed number of digits so that writing the next never changes the file's length.
    beat: String,
}

impl Holder {
    fn new() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { process: Process::this().clone(), lock: since.as_nanos() as u64, beat: beat(0) }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.process == other.process && self.lock == other.lock
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("words and numbers are representable in JSON") + "\n"
    }

    fn named(holder: Option<&Self>) -> String {
        match holder {
            Some(Self { process, .. }) => format!("process {} on {}", process.pid, process.host),
            None => "another process".to_owned(),
        }
    }
}

fn beat(number: u64) -> String {
    format!("{number:012}")
}

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
        let signs =
            signs_of_life(file.try_clone().map_err(failed)?, own.clone(), pace.beat).map_err(failed)?;
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
        match read(&there).map_err(|e| Error::io(&self.path, "read", e))? {
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

/// What the file says, given the time it takes its holder to write that.
fn introduced(file: &File) -> Option<Holder> {
    (0..50).find_map(|attempt| {
        if attempt > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        read(file).ok().flatten()
    })
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

/// Whether the file at `path` changes within `patience`.
fn shows_life(path: &Path, found: &Holder, patience: Duration) -> io::Result<bool> {
    let begun = std::time::Instant::now();
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

/// What the file says; none if it says nothing that can be understood, which a process killed in the middle of writing it leaves.
fn read(mut file: &File) -> io::Result<Option<Holder>> {
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    // It may be anything that has this name.
    file.take(1 << 16).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes).ok())
}

fn write(mut file: &File, own: &Holder) -> io::Result<()> {
    let text = own.text();
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
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
mod tests {
    use super::*;

    const QUICK: Pace = Pace {
        beat: Duration::from_millis(20),
        patience: Duration::from_millis(1500),
        settle: Duration::from_millis(1),
        again: Duration::from_millis(5),
    };

    fn take(folder: &Path, wait: bool) -> Result<FolderLock> {
        FolderLock::take_at(folder, wait, QUICK, &mut |_| {})
    }

    /// A process that is none of this computer.
    fn stranger() -> Holder {
        let mut text: serde_json::Value = serde_json::from_str(&Holder::new().text()).unwrap();
        text["process"]["host"] = "elsewhere".into();
        text["process"]["boot"] = "another".into();
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn one_at_a_time_has_a_folder_and_the_next_is_told_who() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("run");
        let first = take(&folder, false).unwrap();
        let error = take(&folder, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        let this = Process::this();
        let expected = format!("is being written by process {} on {}; wait", this.pid, this.host);
        assert!(error.to_string().contains(&expected), "{error}");
        first.check().unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| take(&folder, true).unwrap());
            std::thread::sleep(Duration::from_millis(30));
            drop(first);
            waiting.join().unwrap().check().unwrap();
        });
        assert!(!folder.exists(), "what was made for nothing is left behind");
        std::fs::create_dir(&folder).unwrap();
        drop(take(&folder, false).unwrap());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "the lock is left behind");
    }

    #[test]
    fn what_a_killed_process_left_is_nobodys() {
        let root = tempfile::tempdir().unwrap();
        for left in ["", "{\"process\":", "no lock at all", &Holder::new().text()] {
            std::fs::write(root.path().join(LOCK_FILE), left).unwrap();
            take(root.path(), false).unwrap_or_else(|e| panic!("{left}: {e}")).release().unwrap();
            std::fs::write(root.path().join(LOCK_FILE), left).unwrap();
            FolderLock::clear(root.path());
            assert!(!root.path().join(LOCK_FILE).exists(), "{left}");
        }
        let held = take(root.path(), false).unwrap();
        FolderLock::clear(root.path());
        held.check().unwrap();
        drop(held);
        std::fs::write(root.path().join(LOCK_FILE), stranger().text()).unwrap();
        FolderLock::clear(root.path());
        assert!(root.path().join(LOCK_FILE).exists(), "of another computer");
    }

    #[test]
    fn a_process_of_another_computer_has_a_folder_as_long_as_it_shows_life() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(LOCK_FILE);
        let mut told = Vec::new();
        std::fs::write(&path, stranger().text()).unwrap();
        let lock =
            FolderLock::take_at(root.path(), false, QUICK, &mut |text| told.push(text.to_owned())).unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("on elsewhere is still writing here"), "{told:?}");
        drop(lock);
        std::fs::write(&path, stranger().text()).unwrap();
        std::thread::scope(|scope| {
            let (stop, stopped) = channel::<()>();
            scope.spawn(|| {
                let stopped = stopped;
                for number in 1.. {
                    if stopped.recv_timeout(QUICK.beat) != Err(RecvTimeoutError::Timeout) {
                        return;
                    }
                    std::fs::write(&path, Holder { beat: beat(number), ..stranger() }.text()).unwrap();
                }
            });
            let error = take(root.path(), false).unwrap_err();
            drop(stop);
            assert_eq!(error.kind(), ErrorKind::Busy);
        });
    }

    #[test]
    fn who_was_taken_for_gone_finds_out_before_it_writes() {
        let root = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(root.path(), false, &mut |_| {}).unwrap();
        let other = stranger();
        std::fs::write(root.path().join(LOCK_FILE), other.text()).unwrap();
        let error = lock.check().unwrap_err().to_string();
        assert!(error.contains("was taken over by process") && error.contains("elsewhere"), "{error}");
        drop(lock);
        // The other's file stays.
        assert_eq!(std::fs::read_to_string(root.path().join(LOCK_FILE)).unwrap(), other.text());
    }

    #[test]
    fn a_folder_that_is_moved_or_removed_is_noticed_and_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("run");
        let lock = take(&folder, false).unwrap();
        std::fs::rename(&folder, root.path().join("moved")).unwrap();
        let moved = lock.check().unwrap_err();
        assert_eq!(moved.kind(), ErrorKind::Io);
        assert!(
            moved.to_string().contains("run: was moved or removed while it was being written; put it back"),
            "{moved}"
        );
        // Another takes the name.
        let other = take(&folder, false).unwrap();
        assert!(lock.check().is_err());
        drop(lock);
        other.check().unwrap();
    }

    #[test]
    fn signs_of_life_are_written_and_change_no_length() {
        let root = tempfile::tempdir().unwrap();
        let lock = take(root.path(), false).unwrap();
        let path = root.path().join(LOCK_FILE);
        let first = std::fs::read(&path).unwrap();
        let begun = std::time::Instant::now();
        while std::fs::read(&path).unwrap() == first {
            assert!(begun.elapsed().as_secs() < 20, "no sign of life");
        }
        assert_eq!(std::fs::read(&path).unwrap().len(), first.len());
        lock.check().unwrap();
    }
}
