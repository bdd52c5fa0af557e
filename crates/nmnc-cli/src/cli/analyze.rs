//! `nmnc analyze`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use nmnc::manifold::Dimension;

use super::{at_least_one, count, count_or_none, seed};

pub const EXAMPLES: &str = "Examples:
  nmnc analyze runs/demo/nmnc-seed0
  nmnc analyze runs/demo/bp-seed0/checkpoints/step-0000000564 --stage 1,3 --examples 2000
  nmnc analyze runs/demo/nmnc-seed0 --over-training
  nmnc analyze --activity x.npy --jacobian j.npy
  nmnc analyze --trials trials.npy --dim 10
  nmnc analyze --trials trials.npy --remove-gain

Of a run, the latest checkpoint is analyzed, against the same network before training as a control. Arrays are \
.npy files of numbers of any type, arrays in .npz files, or tables (.csv): activity [samples, n], Jacobian [outputs, n] or \
[samples, outputs, n]. Files of .npy are read by blocks and may be larger than memory; principal axes take about 8 n (CURVE + 10) bytes.

Trials [conditions, repeats, n] show whether variability over repeats lies on the manifold of the condition means, and \
which credit such noise would assign. Trials of NaN are missing; four of each condition must be there. \
A gain that all units have in common lies on that manifold, whatever else the noise does: --remove-gain takes it out first.

The folder gets analysis.json (everything), CSV tables, arrays.npz and report.html.";

/// `nmnc analyze`.
#[derive(Debug, Args)]
pub struct Analyze {
    /// Run folder, or folder of a checkpoint in one
    #[arg(value_name = "RUN", required_unless_present_any = ["activity", "trials"], conflicts_with_all = ["activity", "trials"])]
    pub run: Option<PathBuf>,
    /// Recorded activity (.npy, .npz or .csv), [samples, n]
    #[arg(long, value_name = "FILE")]
    pub activity: Option<PathBuf>,
    /// Jacobian of outputs with respect to the recorded units (.npy, .npz or .csv), [outputs, n] or [samples, outputs, n]
    #[arg(long, value_name = "FILE", requires = "activity", conflicts_with_all = ["run", "trials"])]
    pub jacobian: Option<PathBuf>,
    /// Recorded trials (.npy or .npz), [conditions, repeats, n]
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "activity", "stage", "examples", "jacobians", "over_training", "data", "split", "dimensions", "points", "neighbors", "probes",
    ])]
    pub trials: Option<PathBuf>,
    /// Name of the array in a .npz file of activity or trials [default: its only one, or `data`]
    #[arg(long, value_name = "NAME", conflicts_with = "run")]
    pub array: Option<String>,
    /// Signal components of trials that make the manifold: a number, or a fraction of the signal variance
    #[arg(long, value_name = "D", conflicts_with_all = ["run", "activity"], value_parser = dimension, default_value = "0.9")]
    pub dim: Dimension,
    /// Take out of each trial the gain that all units have in common: what lies along the mean of its condition's other trials
    #[arg(long, conflicts_with_all = ["run", "activity"])]
    pub remove_gain: bool,
    /// Stages to analyze, separated by commas [default: all]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = count, conflicts_with = "activity")]
    pub stage: Vec<usize>,
    /// Examples whose activity is measured
    #[arg(long, value_name = "N", value_parser = count, conflicts_with = "activity", default_value = "1000")]
    pub examples: usize,
    /// Examples among them whose Jacobian is measured
    #[arg(long, value_name = "N", value_parser = count, conflicts_with = "activity", default_value = "250")]
    pub jacobians: usize,
    /// Analyze every kept checkpoint (checkpoint.history), not only the latest
    #[arg(long, conflicts_with_all = ["activity", "data", "format", "probes"])]
    pub over_training: bool,
    /// Data to show instead of the run's own: a name or path
    #[arg(long, value_name = "SOURCE", conflicts_with = "activity")]
    pub data: Option<String>,
    /// Which examples to show
    #[arg(long, value_name = "NAME", default_value = "train", conflicts_with = "activity")]
    pub split: SplitName,
    /// Device instead of the run's own, such as cpu or cuda
    #[arg(long, value_name = "NAME", conflicts_with_all = ["activity", "trials"])]
    pub device: Option<String>,
    /// Dimensions d of tables and angles, separated by commas
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = count, default_value = "16,32,64,128")]
    pub dimensions: Vec<usize>,
    /// Largest dimension of the curves
    #[arg(long, value_name = "N", value_parser = count, default_value = "256")]
    pub curve: usize,
    /// The most points among which neighbors are found
    #[arg(long, value_name = "N", value_parser = count, default_value = "10000")]
    pub points: usize,
    /// Neighbors of the maximum-likelihood dimension
    #[arg(long, value_name = "K", value_parser = count, default_value = "20")]
    pub neighbors: usize,
    /// The most probes of an estimate by noise; 0 for none
    #[arg(long, value_name = "K", value_parser = count_or_none, default_value = "512", conflicts_with = "activity")]
    pub probes: usize,
    /// Remove the mean over outputs from a recorded Jacobian (of a network, its loss decides)
    #[arg(long, requires = "jacobian")]
    pub center_outputs: bool,
    /// Most memory for trials, or for the shuffled control of activity, in MiB
    #[arg(long, value_name = "MIB", value_parser = at_least_one, default_value = "2048", conflicts_with = "run")]
    pub max_memory: u64,
    /// Seed of everything the analysis draws
    #[arg(long, value_name = "N", value_parser = seed, default_value = "0")]
    pub seed: u64,
    /// Folder to write [default: RUN/analysis/STEP or RUN/analysis/training, or the recording's name with -analysis]
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Files to write, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "json,csv,npz,html")]
    pub format: Vec<FormatName>,
}

fn dimension(text: &str) -> Result<Dimension, String> {
    if let Ok(number) = count(text) {
        return Ok(Dimension::Count(number));
    }
    match text.parse() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(Dimension::Variance(share)),
        _ => Err("neither a whole number from 1 on nor a fraction between 0 and 1".to_owned()),
    }
}

/// A split by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SplitName {
    /// Training examples, not augmented
    Train,
    /// Evaluation examples
    Test,
}

/// A format by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FormatName {
    /// analysis.json
    Json,
    /// CSV tables
    Csv,
    /// arrays.npz
    Npz,
    /// report.html
    Html,
}
