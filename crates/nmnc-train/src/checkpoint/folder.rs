//! The checkpoints of a run: which there are, which is the latest, which are kept.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::saved::{Checkpoint, folder_name, load};
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::files::{is_there, remove_folder};

/// The step that a checkpoint's folder is named after. Whatever else is called, it is no checkpoint.
fn step_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let step = name.strip_prefix("step-")?.parse().ok()?;
    (name == folder_name(step)).then_some(step)
}

/// The checkpoints in `folder`, oldest first. Copies under other names, such as `step-0000000100-backup`, are none.
///
/// # Errors
/// If the folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(steps(folder)?.into_iter().map(|(_, path)| path).collect())
}

/// [`list`] with the training steps that the folders are named after.
///
/// # Errors
/// If the folder cannot be read.
pub fn steps(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let failed = |e| Error::io(folder, "read", e);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let Some(step) = step_of(&path) else { continue };
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() || (kind.is_symlink() && path.is_dir()) {
            found.push((step, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Removes from `folder` all checkpoints but the latest `keep` of those up to `step` and those of the steps in `kept_for_good`.
///
/// # Errors
/// If the file system refuses.
pub(crate) fn prune(folder: &Path, step: u64, keep: usize, kept_for_good: &[u64]) -> Result<()> {
    // What lies beyond was damaged and passed over; it is replaced when the run comes there, and pushes nothing out until then.
    let mut old: Vec<_> = steps(folder)?.into_iter().filter(|(of, _)| *of <= step).collect();
    old.truncate(old.len().saturating_sub(keep));
    for (_, path) in old.into_iter().filter(|(of, _)| !kept_for_good.contains(of)) {
        remove_folder(&path)?;
    }
    Ok(())
}

/// The latest checkpoint of `folder` that is whole, if the folder is there, and a warning for each damaged one that was passed over. A run
/// may be at work in it.
///
/// # Errors
/// If there are checkpoints but every one is damaged, or one cannot be read.
pub fn latest(folder: &Path, device: &Device) -> Result<(Option<Checkpoint>, Vec<String>)> {
    const ATTEMPTS: usize = 100;
    let mut attempt = 0;
    'again: loop {
        attempt += 1;
        let (mut warnings, mut last_error) = (Vec::new(), None);
        if !is_there(folder)? {
            return Ok((None, warnings));
        }
        for (step, path) in steps(folder)?.into_iter().rev() {
            match load(&path, device) {
                Ok(checkpoint) if checkpoint.step == step => return Ok((Some(checkpoint), warnings)),
                Ok(Checkpoint { step, .. }) => {
                    let problem = format!("is the checkpoint of step {step} under another name");
                    let error = Error::checkpoint(path.display(), problem).mend("remove it");
                    warnings.push(format!("passing over a checkpoint: {error}"));
                    last_error = Some(error);
                }
                // The run at work removed it, and so has a later one.
                Err(_) if attempt < ATTEMPTS && !is_there(&path)? => continue 'again,
                Err(error) if error.kind() == ErrorKind::Io => return Err(error),
                Err(error) => {
                    warnings.push(format!("passing over a damaged checkpoint: {error}"));
                    last_error = Some(error);
                }
            }
        }
        return match last_error {
            Some(error) => Err(error),
            None => Ok((None, warnings)),
        };
    }
}

/// The checkpoint of step `step` in `folder`, on `device`.
///
/// # Errors
/// If it is not there, is damaged or cannot be read.
pub(crate) fn of_step(folder: &Path, step: u64, device: &Device) -> Result<Checkpoint> {
    load(&folder.join(folder_name(step)), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn only_canonical_names_are_checkpoints_and_others_push_none_out() {
        let folder = tempfile::tempdir().unwrap();
        let others = [
            "step-0000000003.old",
            "step-3",
            "step-+000000003",
            "step-00000000003",
            "step-backup1",
            "step-backup2",
            "step-zzz",
            "steps",
        ];
        let real = [1, 2, 3, 4, 10_000_000_000].map(folder_name);
        for name in others.iter().copied().chain(real.iter().map(String::as_str)) {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join(folder_name(5)), "a file").unwrap();
        let expected: Vec<PathBuf> = real.iter().map(|name| folder.path().join(name)).collect();
        assert_eq!(list(folder.path()).unwrap(), expected);
        // One that lies beyond takes nobody's place either.
        prune(folder.path(), 4, 1, &[2]).unwrap();
        let left = ["step-0000000002", "step-0000000004", "step-0000000005", "step-10000000000"];
        let mut expected: Vec<&str> = others.iter().copied().chain(left).collect();
        expected.sort_unstable();
        assert_eq!(names(folder.path()), expected);
    }
}
