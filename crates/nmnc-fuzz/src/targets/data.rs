//! Data sets.

use std::path::Path;

use crate::Bundle;
use nmnc_core::{Result, Seed};
use nmnc_data::{DataConfig, info, tasks};

/// Images of any format: what the first file is, or lies in.
pub(super) fn images(files: &Bundle<'_>, folder: &Path) -> Result<()> {
    let Some((first, _)) = files.files().first() else { return Ok(()) };
    let source = folder.join(first.split('/').next().expect("a first part")).display().to_string();
    let config =
        DataConfig { source: source.clone(), workers: Some(0), cache_mib: 64, ..DataConfig::default() };
    let open = |config: DataConfig| -> Result<()> {
        let splits = config.open(Seed(0))?;
        for set in [&splits.train, &splits.evaluation] {
            // Decoding may still find damage.
            set.batch(&(0..set.len().min(16)).collect::<Vec<_>>())?;
        }
        Ok(())
    };
    // Pictures of several sizes are one set only if they are scaled.
    let as_they_are = open(DataConfig { cache_mib: 0, ..config.clone() });
    open(DataConfig { image_size: Some(6), ..config }).or(as_they_are)?;
    info(&source)?;
    Ok(())
}

/// `trials.npz`.
pub(super) fn trials(_: &Bundle<'_>, folder: &Path) -> Result<()> {
    let batch = tasks::import(&folder.join("trials.npz"))?;
    tasks::export(&folder.join("again.npz"), &batch)?;
    tasks::import(&folder.join("again.npz")).expect("what was written is an archive of trials");
    Ok(())
}
