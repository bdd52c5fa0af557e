//! Names of what is half-written, which say whose it is, and cleaning up after processes that were killed.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::process::{Presence, Process};

/// How the names of things half-written begin.
pub const PARTIAL: &str = ".partial-";
/// How the name of something begins that is set aside for its successor, where two names cannot be exchanged at once.
const ASIDE: &str = ".replaced-";
/// How long what a process of another computer is writing may stay untouched before it counts as left behind.
const ELSEWHERE: Duration = Duration::from_secs(24 * 60 * 60);

/// Folders that this process has written in under such names.
static OWN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// How the names of things in `folder` begin that this process is writing.
pub(super) fn prefix(folder: &Path) -> String {
    own(PARTIAL, folder)
}

/// Where `path` is set aside.
pub(super) fn aside(path: &Path) -> PathBuf {
    renamed(path, own(ASIDE, super::parent(path)))
}

/// What `path` is called while it is being removed.
pub(super) fn leaving(path: &Path) -> PathBuf {
    renamed(path, own(PARTIAL, super::parent(path)))
}

fn own(kind: &str, folder: &Path) -> String {
    if let Ok(folder) = std::path::absolute(folder) {
        OWN.lock().unwrap_or_else(PoisonError::into_inner).insert(folder);
    }
    format!("{kind}{}-", Process::this().label())
}

fn renamed(path: &Path, prefix: String) -> PathBuf {
    let mut name = OsString::from(prefix);
    name.push(path.file_name().unwrap_or_default());
    path.with_file_name(name)
}

/// A new folder in `folder` under a name that says it is being written. It is removed when dropped, unless it is given its own name
/// by [`replace_by`](super::replace_by).
///
/// # Errors
/// If the file system refuses.
pub fn partial_folder(folder: &Path) -> Result<tempfile::TempDir> {
    let io = |e: io::Error| Error::io(folder, "write", e);
    let partial = tempfile::Builder::new().prefix(&prefix(folder)).tempdir_in(folder).map_err(io)?;
    // Temporary folders are private by default; results are meant to be shared.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(partial.path(), fs::Permissions::from_mode(0o755)).map_err(io)?;
    }
    Ok(partial)
}

/// Removes from `folder` what killed processes left there half-written, and gives back its name to what they had set aside. What a
/// process is writing stays; so does, for a day, what one of another computer was writing. What cannot be removed stays too.
pub fn clean(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if let Some(left) = Left::of(&entry.file_name())
            && left.is_abandoned(&entry)
        {
            let _ = left.undo(&entry.path());
        }
    }
}

/// The same of everything half-written in `folder`, for the only process that may write there.
///
/// # Errors
/// If the file system refuses.
pub fn clean_own(folder: &Path) -> Result<()> {
    let failed = |e: io::Error| Error::io(folder, "clean up", e);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Some(left) = Left::of(&entry.file_name()) {
            left.undo(&entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

/// The same of everything that this process has half-written, wherever that is.
pub(super) fn clean_everywhere() {
    let folders = OWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    clean_behind(&folders);
}

fn clean_behind(folders: &BTreeSet<PathBuf>) {
    let label = format!("{}-", Process::this().label());
    let is_own = |name: &str| {
        [PARTIAL, ASIDE]
            .iter()
            .any(|kind| name.strip_prefix(kind).is_some_and(|rest| rest.starts_with(&label)))
    };
    // Another thread may put something into a folder while it is being removed.
    for _ in 0..10 {
        let mut failed = false;
        for entry in folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(is_own)
                && let Some(left) = Left::of(&name)
            {
                failed |= left.undo(&entry.path()).is_err();
            }
        }
        if !failed {
            break;
        }
    }
}

/// What was left in the middle of writing.
struct Left {
    /// What is known of the process; none of names that do not say.
    owner: Option<Presence>,
    /// The name that was taken from it, if it is not half-written but set aside.
    name: Option<OsString>,
}

impl Left {
    fn of(name: &OsStr) -> Option<Self> {
        let bytes = name.as_encoded_bytes();
        let (is_aside, rest) =
            match (bytes.strip_prefix(PARTIAL.as_bytes()), bytes.strip_prefix(ASIDE.as_bytes())) {
                (Some(rest), _) => (false, rest),
                (None, Some(rest)) => (true, rest),
                (None, None) => return None,
            };
        // The label is ASCII; what follows it may be no text.
        let label = rest
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'-')
            .nth(2)
            .map_or(rest.len(), |(at, _)| at);
        let owner =
            std::str::from_utf8(&rest[..label]).ok().and_then(Process::of_label).map(|(known, _)| known);
        let name =
            (is_aside && owner.is_some() && label + 1 < rest.len()).then(|| of_bytes(&rest[label + 1..]));
        // What is called like something set aside and is none belongs to somebody else.
        (!is_aside || name.is_some()).then_some(Self { owner, name })
    }

    fn is_abandoned(&self, entry: &fs::DirEntry) -> bool {
        match self.owner {
            Some(Presence::Alive) => false,
            Some(Presence::Gone) => true,
            Some(Presence::Elsewhere) => {
                let touched = entry.metadata().and_then(|found| found.modified());
                touched.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > ELSEWHERE))
            }
            // Nobody of this house names files so.
            None => false,
        }
    }

    fn undo(&self, path: &Path) -> io::Result<()> {
        if let Some(name) = &self.name {
            let own = path.with_file_name(name);
            if !own.try_exists()? {
                return fs::rename(path, own);
            }
        }
        remove(path)
    }
}

/// Removes a file or folder.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let done =
        if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match done {
        // Somebody else who cleans up was faster.
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(unix)]
fn of_bytes(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(bytes).to_owned()
}

#[cfg(not(unix))]
fn of_bytes(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The label of a process that has ended.
    fn ended() -> String {
        let this = Process::this().label();
        let (node, _) = this.split_once('-').unwrap();
        // No system numbers processes so high.
        format!("{node}-4000000000-1")
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_the_killed_left_goes_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let own = partial_folder(folder.path()).unwrap();
        let dead = folder.path().join(format!("{PARTIAL}{}-abc", ended()));
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("x"), "x").unwrap();
        fs::write(folder.path().join(format!("{PARTIAL}{}-file", ended())), "x").unwrap();
        let elsewhere = format!("{PARTIAL}0123456789ab-1-1-x");
        for name in [elsewhere.as_str(), ".partial-mine", ".replaced-mine", "file"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        clean(folder.path());
        let own_name = own.path().file_name().unwrap().to_str().unwrap().to_owned();
        let mut expected =
            vec![elsewhere.clone(), ".partial-mine".into(), ".replaced-mine".into(), "file".into(), own_name];
        expected.sort();
        assert_eq!(names(folder.path()), expected);
        // A day later.
        let old = std::time::SystemTime::now() - 2 * ELSEWHERE;
        fs::File::options()
            .write(true)
            .open(folder.path().join(&elsewhere))
            .unwrap()
            .set_modified(old)
            .unwrap();
        clean(folder.path());
        expected.retain(|name| *name != elsewhere);
        assert_eq!(names(folder.path()), expected);
        clean_own(folder.path()).unwrap();
        assert_eq!(names(folder.path()), [".replaced-mine", "file"]);
    }

    #[test]
    fn a_process_that_leaves_takes_along_what_it_has_half_written_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let set_aside = aside(&root.path().join("an-analysis"));
        fs::create_dir(&set_aside).unwrap();
        fs::write(root.path().join(format!("{}x", prefix(root.path()))), "x").unwrap();
        for name in [".partial-0123456789ab-1-1-x", ".partial-mine", "whole"] {
            fs::write(root.path().join(name), "x").unwrap();
        }
        assert_eq!(names(root.path()).len(), 5);
        let noted = OWN.lock().unwrap().clone();
        assert!(noted.contains(root.path()), "{noted:?}");
        // Other tests of this process are writing elsewhere.
        clean_behind(&BTreeSet::from([root.path().to_owned()]));
        assert_eq!(
            names(root.path()),
            [".partial-0123456789ab-1-1-x", ".partial-mine", "an-analysis", "whole"]
        );
    }

    #[test]
    fn what_was_set_aside_gets_its_name_back_unless_its_successor_has_it() {
        let folder = tempfile::tempdir().unwrap();
        for taken in [false, true] {
            let aside = folder.path().join(format!("{ASIDE}{}-an-analysis", ended()));
            fs::create_dir(&aside).unwrap();
            fs::write(aside.join("old"), "x").unwrap();
            let own = folder.path().join("an-analysis");
            if taken {
                fs::rename(own.join("old"), own.join("new")).unwrap();
            }
            clean(folder.path());
            assert_eq!(names(folder.path()), ["an-analysis"]);
            assert_eq!(names(&own), [if taken { "new" } else { "old" }]);
        }
    }
}
