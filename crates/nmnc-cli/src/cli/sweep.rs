//! Arguments of `nmnc sweep`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Overrides, Part};

pub const EXAMPLES: &str = "Examples:
  nmnc sweep rates.toml
  nmnc sweep rates.toml --task $SLURM_ARRAY_TASK_ID
  nmnc sweep rates.toml --list | parallel -j 4
  nmnc sweep status rates.toml

A sweep is a base configuration, a grid of settings, random draws and seeds; docs/cluster.md describes the file and has \
scripts for clusters. Any number of processes may work on one folder, on one computer or on many that share a disk: each run \
is made by one of them. Runs that are there already are kept, interrupted ones go on. When all have ended the folder gets \
report.html and records.csv.";

/// `nmnc sweep`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Sweep {
    /// What to do instead of making runs.
    #[command(subcommand)]
    pub command: Option<SweepCommand>,
    /// Description of the sweep (TOML)
    #[arg(value_name = "SWEEP", required = true)]
    pub sweep: Option<PathBuf>,
    /// Where the runs are, and what to change.
    #[command(flatten)]
    pub place: SweepPlace,
    /// Which runs to make.
    #[command(flatten)]
    pub part: Part,
}

/// Where the runs are, and what to change in all of them.
#[derive(Debug, Args)]
pub struct SweepPlace {
    /// Folder for the runs and the report [default: runs/SWEEP]
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to change.
    #[command(flatten)]
    pub overrides: Overrides,
}

/// What there is to do beside making runs.
#[derive(Debug, Subcommand)]
pub enum SweepCommand {
    /// Say of each run whether it has ended, and who is making it
    Status {
        /// Description of the sweep (TOML)
        #[arg(value_name = "SWEEP")]
        sweep: PathBuf,
        /// Where the runs are, and what was changed.
        #[command(flatten)]
        place: SweepPlace,
    },
}
