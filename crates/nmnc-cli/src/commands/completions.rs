//! `nmnc completions`.

use clap::CommandFactory;
use clap_complete::Shell;
use nmnc::Result;

use crate::cli::Cli;
use crate::output::Output;

/// Prints the completion script.
pub fn run(shell: Shell, out: Output) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nmnc", &mut script);
    out.payload(&String::from_utf8_lossy(&script))
}
