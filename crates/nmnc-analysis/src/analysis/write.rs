//! The folder of an analysis.

use std::path::Path;

use super::page::page;
use super::result::{Analysis, StageAnalysis};
use super::tables::files as tables;
use nmnc_core::error::{Error, Result};
use nmnc_core::files::replace_folder;
use nmnc_data::NpzWriter;

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
                    tables(analysis).into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())),
                );
            }
            Format::Npz => {
                let bytes = npz(analysis).map_err(|e| Error::io(folder, "write", e))?;
                files.push(("arrays.npz".to_owned(), bytes));
            }
            Format::Html => files.push(("report.html".to_owned(), page(analysis, command).into_bytes())),
        }
    }
    replace_folder(folder, &files, FolderKind::Analysis.files(), "an analysis")
}

/// What a folder is for: nothing else may be in one that is to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FolderKind {
    Analysis,
    OverTraining,
    Similarity,
}

impl FolderKind {
    pub(super) fn files(self) -> &'static [&'static str] {
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

/// Arrays by name: `stage1.variances` and so on.
fn npz(analysis: &Analysis) -> std::io::Result<Vec<u8>> {
    let mut writer = NpzWriter::new();
    for (name, values) in analysis.stages.iter().flat_map(named) {
        writer.put(&name, &[values.len()], values)?;
    }
    writer.finish()
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
