//! Weights.

use std::path::Path;

use crate::Bundle;
use nmnc_core::Result;
use nmnc_train::SharedWeights;

/// A file of weights, which come back from what is written of them.
pub(super) fn shared(files: &Bundle<'_>, folder: &Path) -> Result<()> {
    let Some((first, _)) = files.files().first() else { return Ok(()) };
    let weights = SharedWeights::read(&folder.join(first.split('/').next().expect("a first part")))?;
    for file in ["again.pth", "again.safetensors"] {
        let path = folder.join(file);
        weights.write(&path)?;
        let again = SharedWeights::read(&path).expect("what was written is a file of weights");
        assert!(again.arrays.keys().eq(weights.arrays.keys()), "other names come back");
    }
    Ok(())
}
