//! `nmnc cite`.

use std::path::PathBuf;

use clap::Args;

pub(super) const EXAMPLES: &str = "Examples:
  nmnc cite runs/demo
  nmnc cite runs/cifar10-nmnc-seed0 --bibtex > references.bib

Beside each reference stand the settings that it is cited for. A run that was analyzed cites the methods of the analysis too.";

/// `nmnc cite`.
#[derive(Debug, Args)]
pub struct Cite {
    /// Run folders, or folders that contain run folders
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Print entries for BibTeX
    #[arg(long)]
    pub bibtex: bool,
}
