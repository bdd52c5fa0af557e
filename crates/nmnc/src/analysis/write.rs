//! The folder of an analysis.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;

use npyz::WriterBuilder;
use npyz::npz::NpzWriter;

use super::page::page;
use super::result::{Analysis, StageAnalysis};
use super::tables::csv;
use crate::error::{Error, ErrorKind, Result};
use crate::files::{PARTIAL, sync_folder};

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `analysis.json`: everything.
    Json,
    /// One CSV file a table.
    Csv,
    /// `arrays.npz`: curves and spectra, f64.
    Npz,
    /// `report.html`.
    Html,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Json, Self::Csv, Self::Npz, Self::Html];
}

/// Writes `analysis` to `folder` in the given formats, whole or not at all: an analysis that was there is replaced when the new one
/// is complete. `command` is the command line that made it.
///
/// # Errors
/// If the file system refuses, or `folder` holds something else.
pub fn write(folder: &Path, analysis: &Analysis, formats: &[Format], command: &str) -> Result<()> {
    let mut files = Vec::new();
    for format in formats {
        match format {
            Format::Json => {
                let text = serde_json::to_string_pretty(analysis).expect("numbers are representable in JSON");
                files.push(("analysis.json".to_owned(), (text + "\n").into_bytes()));
            }
            Format::Csv => {
                files.extend(
                    csv(analysis).into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())),
                );
            }
            Format::Npz => {
                let bytes = npz(analysis).map_err(|e| Error::io(folder, "write", e))?;
                files.push(("arrays.npz".to_owned(), bytes));
            }
            Format::Html => files.push(("report.html".to_owned(), page(analysis, command).into_bytes())),
        }
    }
    replace(folder, &files, FolderKind::Analysis)
}

/// What a folder is for: nothing else may be in one that is to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FolderKind {
    Analysis,
    OverTraining,
    Similarity,
}

impl FolderKind {
    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Analysis => &[
                "analysis.json",
                "stages.csv",
                "spectrum.csv",
                "captured.csv",
                "angles.csv",
                "probes.csv",
                "arrays.npz",
                "report.html",
            ],
            Self::Similarity => &["similarity.json", "similarity.csv", "report.html"],
            Self::OverTraining => &["training.json", "training.csv", "weights.csv", "report.html"],
        }
    }
}

/// Replaces `folder` by one with the given files, when they are all written.
pub(super) fn replace(folder: &Path, files: &[(String, Vec<u8>)], kind: FolderKind) -> Result<()> {
    let io = |e: std::io::Error| Error::io(folder, "write", e);
    check(folder, kind)?;
    let parent = folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|e| Error::io(parent, "create folder", e))?;
    let partial = tempfile::Builder::new().prefix(PARTIAL).tempdir_in(parent).map_err(io)?;
    for (name, bytes) in files {
        put(&partial.path().join(name), bytes)?;
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

/// Whether `folder` is free or holds what is to be replaced.
///
/// # Errors
/// If it holds something else.
fn check(folder: &Path, kind: FolderKind) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io(folder, "read folder", e)),
    };
    for entry in entries {
        let name = entry.map_err(|e| Error::io(folder, "read folder", e))?.file_name();
        if !kind.files().iter().any(|file| name == **file) {
            let what = if kind == FolderKind::Similarity { "a comparison" } else { "an analysis" };
            let problem = format!("holds `{}`, which is no part of {what}", name.to_string_lossy());
            return Err(
                Error::new(ErrorKind::Io, folder.display(), problem).mend("name another folder with --out")
            );
        }
    }
    Ok(())
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|e| Error::io(path, "write", e))
}

/// Arrays by name: `stage1.variances` and so on.
fn npz(analysis: &Analysis) -> std::io::Result<Vec<u8>> {
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    for (name, values) in analysis.stages.iter().flat_map(named) {
        let mut array = writer
            .array(&name, npyz::zip::write::FileOptions::default())?
            .default_dtype()
            .shape(&[values.len() as u64])
            .begin_nd()?;
        array.extend(values.iter().copied())?;
        array.finish()?;
    }
    Ok(writer.zip_writer().finish()?.into_inner())
}

fn named(stage: &StageAnalysis) -> Vec<(String, &[f64])> {
    let name = |what: &str| format!("stage{}.{what}", stage.stage);
    let mut out = vec![(name("variances"), stage.variances.as_slice())];
    let Some(a) = &stage.alignment else { return out };
    out.push((name("singular_values"), &a.singular_values));
    for (prefix, captured) in
        [("alpha", Some(&a.captured)), ("untrained", a.untrained.as_ref()), ("shuffled", a.shuffled.as_ref())]
    {
        let Some(captured) = captured else { continue };
        out.push((name(&format!("{prefix}_mean_jacobian")), &captured.mean_jacobian));
        out.push((name(&format!("{prefix}_per_example")), &captured.per_example));
        out.push((name(&format!("{prefix}_per_example_sd")), &captured.per_example_sd));
        out.push((name(&format!("{prefix}_pooled")), &captured.pooled));
    }
    out.push((name("random_mean"), &a.random.mean));
    out.push((name("random_sd"), &a.random.sd));
    for angles in &a.angles {
        out.push((name(&format!("angles_d{}", angles.dimension)), &angles.degrees));
    }
    out
}
