//! `nmnc read-assembly`, which `nmnc brain` starts: files of netCDF are read by a process of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use nmnc::brain::{self, AssemblyOptions, Recordings};
use nmnc::{Error, Result};

/// The command's name.
pub const NAME: &str = "read-assembly";

/// Reads an assembly and prints it for the process that asked.
pub fn run(path: &Path, options: &str) -> Result<()> {
    let failed = |e| Error::io(Path::new("standard output"), "write", e);
    brain::answer_assembly(path, options, std::io::stdout().lock()).map_err(failed)
}

/// Has an assembly read by this program in a process of its own.
pub fn read(path: &Path, options: &AssemblyOptions) -> Result<Recordings> {
    let program: PathBuf =
        std::env::current_exe().map_err(|e| Error::io(path, "find the program to read", e))?;
    let mut command = Command::new(program);
    command.arg(NAME);
    brain::read_assembly_apart(command, path, options)
}
