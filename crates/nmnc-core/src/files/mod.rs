//! Writing files and folders so that a reader or a crash never sees half of one, and so that one process at a time writes a folder.

mod claim;
mod held;
mod holder;
mod lock;
mod partial;
mod replace;

use std::fs::{self, File};
use std::io::{ErrorKind as IoKind, Write};
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::guard;

pub use lock::{FolderLock, IfTaken, LOCK_FILE, Writer};
pub use partial::{PARTIAL, clean, clean_own, partial_folder};
pub use replace::{check_folder, remove_folder, replace_by, replace_folder};

/// Writes `bytes` to a temporary file beside `path`, syncs it and renames it over `path`.
///
/// # Errors
/// If the file system refuses; `path` is then as it was before.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = parent(path);
    let failed = |e: std::io::Error| Error::io(path, "write", e);
    clean(folder);
    let mut file =
        tempfile::Builder::new().prefix(&partial::prefix(folder)).tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    // Temporary files are private by default; results are meant to be shared.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    sync_folder(folder)
}

/// Makes renames within `folder` durable.
///
/// # Errors
/// If the file system refuses.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| Error::io(folder, "sync", e))
}

/// Gives back the folders that this process has ([`FolderLock`]) and removes what it has half-written: for a program that is about to end
/// while threads of it are at work, and does so at once.
pub fn leave() {
    partial::clean_everywhere();
    held::give_back();
}

/// Whether there is something at `path`.
///
/// # Errors
/// If that cannot be found out, which is no reason to take it for absent.
pub fn is_there(path: &Path) -> Result<bool> {
    path.try_exists().map_err(|e| Error::io(path, "look for", e))
}

/// The content of a file of a run, if it is there.
///
/// # Errors
/// [`ErrorKind::Checkpoint`] for what is no file or larger than [`RECORDS`](guard::RECORDS); anything else if it cannot be read.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match guard::whole(path, guard::RECORDS) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == IoKind::NotFound => Ok(None),
        Err(e) if matches!(e.kind(), IoKind::InvalidInput | IoKind::FileTooLarge) => {
            Err(Error::new(ErrorKind::Checkpoint, path.display(), &e).caused_by(e))
        }
        Err(e) => Err(Error::io(path, "read", e)),
    }
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// If the file cannot be read.
pub fn sha256(path: &Path) -> Result<String> {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    guard::regular(path)
        .and_then(|(mut file, _)| std::io::copy(&mut file, &mut hasher))
        .map_err(|e| Error::io(path, "read", e))?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The folder that `path` stands in.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write_atomically(&path, b"first").unwrap();
        write_atomically(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(
            sha256(&path).unwrap(),
            "16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4"
        );
    }

    #[test]
    fn a_missing_folder_is_one_clear_line() {
        let error = write_atomically(Path::new("/nonexistent/x"), b"").unwrap_err().to_string();
        assert!(error.starts_with("/nonexistent/x: cannot write: "), "{error}");
    }
}
