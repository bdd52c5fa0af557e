//! What stands in for the reader of assemblies where it was left out.

use std::path::Path;

use super::recordings::{AssemblyOptions, Recordings};
use nmnc_core::error::{Error, Result};

/// Reads no assembly: netCDF was left out of this program.
///
/// # Errors
/// Always.
pub fn read_assembly(path: &Path, _: &AssemblyOptions) -> Result<Recordings> {
    Err(Error::data(path.display(), "assemblies cannot be read by this program")
        .mend("build it with the feature `brainio`"))
}
