//! Putting the file of a lock in its place: written whole before anybody sees it, and in one step of the file system.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

use super::holder::{Holder, write};
use super::partial;

/// A claim that nobody sees yet.
pub(super) struct Claim {
    file: NamedTempFile,
    /// What it says.
    pub own: Holder,
    /// Whether the operating system keeps other processes of this computer away from it.
    pub vouched: bool,
}

impl Claim {
    /// Writes one in `folder` under a name that says it is being written, and locks it, with `locks`, where the file system can.
    pub fn write(folder: &Path, locks: bool) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        let prefix = partial::prefix(folder);
        builder.prefix(&prefix);
        // Temporary files are private by default; others are to read who it is.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder)?;
        let vouched = match try_lock(file.as_file(), locks) {
            Ok(vouched) => vouched,
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(e)) => return Err(e),
        };
        let own = Holder::new();
        write(file.as_file(), &own)?;
        Ok(Self { file, own, vouched })
    }

    /// The file once more, with a position of its own.
    pub fn reopen(&self) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.file.path())
    }

    /// Gives it the name `path` if nothing has that name; none if something has.
    pub fn place(self, path: &Path) -> io::Result<Option<File>> {
        let Self { file, own, .. } = self;
        match file.persist_noclobber(path) {
            Ok(file) => Ok(Some(file)),
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => {
                // The answer of a server may have been lost, and the question been asked again.
                let is_own = is_at(e.file.as_file(), path)?;
                Ok(if is_own { Some(e.file.keep().map_err(|e| e.error)?.0) } else { None })
            }
            // No second names, nor renames that spare what is there: the name is made first, and says for a moment nothing.
            Err(e) if e.error.kind() != io::ErrorKind::NotFound => place_by_making(path, &own),
            Err(e) => Err(e.error),
        }
    }

    /// Gives it the name `path` in place of what has it.
    pub fn replace(self, path: &Path) -> io::Result<File> {
        self.file.persist(path).map_err(|e| e.error)
    }
}

fn place_by_making(path: &Path, own: &Holder) -> io::Result<Option<File>> {
    let file = match OpenOptions::new().read(true).write(true).create_new(true).open(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        file => file?,
    };
    match try_lock(&file, true) {
        // Somebody saw it before it said anything, and has it.
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(e)) => return Err(e),
        Ok(_) => {}
    }
    if let Err(e) = write(&file, own) {
        let _ = std::fs::remove_file(path);
        return Err(e);
    }
    Ok(Some(file))
}

/// Locks `file` and says whether that means anything: not without `locks`, nor where the file system has none.
pub(super) fn try_lock(file: &File, locks: bool) -> Result<bool, TryLockError> {
    if !locks {
        return Ok(false);
    }
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::Error(e)) if has_no_locks(&e) => Ok(false),
        Err(e) => Err(e),
    }
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
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match File::open(path) {
        Ok(there) => same(file, &there),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

#[cfg(unix)]
pub(super) fn same(one: &File, other: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (one, other) = (one.metadata()?, other.metadata()?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

#[cfg(not(unix))]
pub(super) fn same(_one: &File, _other: &File) -> io::Result<bool> {
    Ok(true)
}
