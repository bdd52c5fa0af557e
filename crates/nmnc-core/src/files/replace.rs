//! Putting one folder in the place of another.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use tempfile::TempDir;

use super::partial::{aside, clean, leaving, partial_folder, remove};
use super::{parent, sync_folder};
use crate::error::{Error, ErrorKind, Result};

/// Replaces `folder` by one with the given files, when they are all written. What is in the way must be nothing but `known` files:
/// those of `what`, "an analysis".
///
/// # Errors
/// If the file system refuses, or `folder` holds something else; it is then as it was.
pub fn replace_folder(folder: &Path, files: &[(String, Vec<u8>)], known: &[&str], what: &str) -> Result<()> {
    let parent = parent(folder);
    clean(parent);
    check_folder(folder, known, what)?;
    fs::create_dir_all(parent).map_err(|e| Error::io(parent, "create folder", e))?;
    let partial = partial_folder(parent)?;
    for (name, bytes) in files {
        let path = partial.path().join(name);
        let write = || {
            let mut file = File::create(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|e| Error::io(&folder.join(name), "write", e))?;
    }
    replace_by(partial, folder)
}

/// Whether `folder` is free or holds nothing but `known` files.
///
/// # Errors
/// If it holds something else.
pub fn check_folder(folder: &Path, known: &[&str], what: &str) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
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

/// Gives the finished folder `partial` the name `folder`, and removes what had that name. There is no moment without a folder of that
/// name where the file system can exchange two names; elsewhere what had it is set aside until then, and gets it back from the next
/// process that writes there if this one is killed in between.
///
/// # Errors
/// If the file system refuses. Either folder then has the name.
pub fn replace_by(partial: TempDir, folder: &Path) -> Result<()> {
    let failed = |e: io::Error| Error::io(folder, "write", e);
    sync_folder(partial.path())?;
    match exchange(partial.path(), folder) {
        Ok(()) => {
            sync_folder(parent(folder))?;
            // What had the name is under the temporary one now.
            remove(&partial.keep()).map_err(failed)
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            fs::rename(partial.path(), folder).map_err(failed)?;
            let _ = partial.keep();
            sync_folder(parent(folder))
        }
        Err(e) if cannot_exchange(&e) => move_over(partial, folder),
        Err(e) => Err(failed(e)),
    }
}

/// Removes a folder. It first loses its name, so that no crash leaves half of it under that name.
///
/// # Errors
/// If the file system refuses.
pub fn remove_folder(folder: &Path) -> Result<()> {
    let failed = |e: io::Error| Error::io(folder, "remove", e);
    let gone = leaving(folder);
    if gone.try_exists().map_err(failed)? {
        remove(&gone).map_err(failed)?;
    }
    fs::rename(folder, &gone).map_err(failed)?;
    remove(&gone).map_err(failed)
}

/// [`replace_by`] with one rename after the other.
fn move_over(partial: TempDir, folder: &Path) -> Result<()> {
    let failed = |e: io::Error| Error::io(folder, "write", e);
    let aside = aside(folder);
    if aside.try_exists().map_err(failed)? {
        remove(&aside).map_err(failed)?;
    }
    match fs::rename(folder, &aside) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(failed(e)),
    }
    if let Err(e) = fs::rename(partial.path(), folder) {
        if aside.try_exists().unwrap_or(true)
            && let Err(back) = fs::rename(&aside, folder)
        {
            let problem = format!("cannot write: {e}; nor put back what was there: {back}");
            return Err(Error::new(ErrorKind::Io, folder.display(), problem)
                .mend(format!("rename {}", aside.display())));
        }
        return Err(failed(e));
    }
    let _ = partial.keep();
    sync_folder(parent(folder))?;
    if aside.try_exists().map_err(failed)? { remove(&aside).map_err(failed) } else { Ok(()) }
}

/// Exchanges the names of two folders in one step.
#[cfg(target_os = "linux")]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    let text = |path: &Path| std::ffi::CString::new(path.as_os_str().as_bytes());
    let (one, other) = (text(one)?, text(other)?);
    const EXCHANGE: libc::c_uint = 2;
    // SAFETY: both are strings that end with 0 and outlive the call. The call is made by its number because not every C library has it.
    let done = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            one.as_ptr(),
            libc::AT_FDCWD,
            other.as_ptr(),
            EXCHANGE,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(not(target_os = "linux"))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether an exchange failed because this system or file system has none.
fn cannot_exchange(error: &io::Error) -> bool {
    #[cfg(unix)]
    if [libc::EINVAL, libc::ENOSYS, libc::EPERM].map(Some).contains(&error.raw_os_error()) {
        return true;
    }
    error.kind() == io::ErrorKind::Unsupported
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(parent: &Path, name: &str) -> TempDir {
        let partial = partial_folder(parent).unwrap();
        fs::write(partial.path().join(name), name).unwrap();
        partial
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// By exchange, and step by step.
    #[test]
    fn a_folder_takes_the_place_of_another_and_nothing_is_left_beside_it() {
        for replace in [replace_by, move_over] {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join("analysis");
            for name in ["first", "second"] {
                replace(made(root.path(), name), &folder).unwrap();
                assert_eq!(
                    (names(&folder), names(root.path())),
                    (vec![name.to_owned()], vec!["analysis".to_owned()])
                );
            }
        }
    }

    #[test]
    fn a_second_rename_that_fails_leaves_what_was_there() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("analysis");
        move_over(made(root.path(), "first"), &folder).unwrap();
        let second = made(root.path(), "second");
        // The rename of a folder that is gone fails as one that the file system refuses.
        fs::remove_dir_all(second.path()).unwrap();
        let error = move_over(second, &folder).unwrap_err().to_string();
        assert!(error.contains("cannot write: No such file"), "{error}");
        assert_eq!(
            (names(&folder), names(root.path())),
            (vec!["first".to_owned()], vec!["analysis".to_owned()])
        );
    }

    #[test]
    fn what_is_no_part_of_an_analysis_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("analysis");
        let file = |text: &str| vec![("a".to_owned(), text.as_bytes().to_vec())];
        replace_folder(&folder, &file("one"), &["a"], "an analysis").unwrap();
        replace_folder(&folder, &file("two"), &["a"], "an analysis").unwrap();
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"two");
        fs::write(folder.join("mine"), "").unwrap();
        let error = replace_folder(&folder, &file("three"), &["a"], "an analysis").unwrap_err().to_string();
        assert!(error.contains("holds `mine`, which is no part of an analysis"), "{error}");
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"two");
        assert_eq!(names(root.path()), ["analysis"]);
    }
}
