//! Writing files so that a reader or a crash never sees half of one.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// How the names of things half-written begin.
pub const PARTIAL: &str = ".partial-";

/// Writes `bytes` to a temporary file beside `path`, syncs it and renames it over `path`.
///
/// # Errors
/// If the file system refuses; `path` is then as it was before.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |e: std::io::Error| Error::io(path, "write", e);
    let mut file = tempfile::Builder::new().prefix(PARTIAL).tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    // Temporary files are private by default; results are meant to be shared.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).map_err(failed)?;
    }
    file.persist(path).map_err(|e| failed(e.error))?;
    sync_folder(folder)
}

/// Removes from `folder` what a process that was killed in the middle of writing left there.
///
/// # Errors
/// If the file system refuses.
pub fn remove_partial(folder: &Path) -> Result<()> {
    let failed = |e: std::io::Error| Error::io(folder, "clean up", e);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.map_err(failed)?;
        }
    }
    Ok(())
}

/// Makes renames within `folder` durable.
///
/// # Errors
/// If the file system refuses.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| Error::io(folder, "sync", e))
}

/// Replaces `folder` by one with the given files, when they are all written. What is in the way must be nothing but `known` files:
/// those of `what`, "an analysis".
///
/// # Errors
/// If the file system refuses, or `folder` holds something else.
pub fn replace_folder(folder: &Path, files: &[(String, Vec<u8>)], known: &[&str], what: &str) -> Result<()> {
    let io = |e: std::io::Error| Error::io(folder, "write", e);
    check_folder(folder, known, what)?;
    let parent = folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|e| Error::io(parent, "create folder", e))?;
    let partial = tempfile::Builder::new().prefix(PARTIAL).tempdir_in(parent).map_err(io)?;
    for (name, bytes) in files {
        let path = partial.path().join(name);
        let write = || {
            let mut file = File::create(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|e| Error::io(&path, "write", e))?;
    }
    // Temporary folders are private by default; results are meant to be shared.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(partial.path(), fs::Permissions::from_mode(0o755)).map_err(io)?;
    }
    sync_folder(partial.path())?;
    let old = tempfile::Builder::new().prefix(PARTIAL).tempdir_in(parent).map_err(io)?;
    if folder.exists() {
        fs::rename(folder, old.path().join("old")).map_err(io)?;
    }
    fs::rename(partial.keep(), folder).map_err(io)?;
    sync_folder(parent)
}

/// Whether `folder` is free or holds nothing but `known` files.
///
/// # Errors
/// If it holds something else.
pub fn check_folder(folder: &Path, known: &[&str], what: &str) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io(folder, "read folder", e)),
    };
    for entry in entries {
        let name = entry.map_err(|e| Error::io(folder, "read folder", e))?.file_name();
        if !known.iter().any(|file| name == **file) {
            let problem = format!("holds `{}`, which is no part of {what}", name.to_string_lossy());
            return Err(
                Error::new(ErrorKind::Io, folder.display(), problem).mend("name another folder with --out")
            );
        }
    }
    Ok(())
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// If the file cannot be read.
pub fn sha256(path: &Path) -> Result<String> {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    crate::guard::regular(path)
        .and_then(|(mut file, _)| std::io::copy(&mut file, &mut hasher))
        .map_err(|e| Error::io(path, "read", e))?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
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
