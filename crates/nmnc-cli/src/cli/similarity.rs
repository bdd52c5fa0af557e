//! `nmnc similarity`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{SplitName, at_least_one, count, seed};

pub const EXAMPLES: &str = "Examples:
  nmnc similarity runs/demo/nmnc-seed0 runs/demo/bp-seed0
  nmnc similarity runs/demo/nmnc-seed0/checkpoints/step-0000000000 runs/demo/nmnc-seed0
  nmnc similarity runs/a runs/b --data stimuli/ --against recordings.npy

Every network is shown the same examples; every two are compared stage by stage, a single one with itself. A recording \
has one row for each example of the split, in its order, and one column a unit: a .npy or .csv file, or a .npz file with one \
array or one called `data`. CKA is the linear one by unbiased HSIC, SVCCA the mean canonical correlation of what holds 99 % of the variance.

The folder gets similarity.json (everything), similarity.csv (a row for every two stages) and report.html.";

/// `nmnc similarity`.
#[derive(Debug, Args)]
pub struct Similarity {
    /// Run folders, or folders of checkpoints in one
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,
    /// Recordings to compare with (repeatable), [examples, units] as .npy, .npz or .csv
    #[arg(long, value_name = "FILE")]
    pub against: Vec<PathBuf>,
    /// Data to show instead of the runs' own: a name or path
    #[arg(long, value_name = "SOURCE")]
    pub data: Option<String>,
    /// Which examples to show
    #[arg(long, value_name = "NAME", default_value = "test")]
    pub split: SplitName,
    /// Examples to show, drawn at random; all with --against [default: 1000]
    #[arg(long, value_name = "N", value_parser = count, conflicts_with = "against")]
    pub examples: Option<usize>,
    /// Stages to compare, separated by commas [default: all]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = count)]
    pub stage: Vec<usize>,
    /// Share of the variance that SVCCA keeps
    #[arg(long, value_name = "SHARE", default_value = "0.99")]
    pub variance: f64,
    /// Most memory for matrices of examples by examples of one stage, in MiB
    #[arg(long, value_name = "MIB", value_parser = at_least_one, default_value = "4096")]
    pub max_memory: u64,
    /// Device instead of the run's own, such as cpu or cuda
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Seed that draws examples and permutations
    #[arg(long, value_name = "N", value_parser = seed, default_value = "0")]
    pub seed: u64,
    /// Folder to write
    #[arg(long, short, value_name = "DIR", default_value = "similarity")]
    pub out: PathBuf,
    /// Files to write, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "json,csv,html")]
    pub format: Vec<TableFormat>,
}

/// A format by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TableFormat {
    /// similarity.json
    Json,
    /// similarity.csv
    Csv,
    /// report.html
    Html,
}
