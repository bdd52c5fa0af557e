//! The command line of `nmnc brain`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{count, seed};

pub(super) const EXAMPLES: &str = "Examples:
  nmnc brain runs/cifar10 --benchmark configs/primate92.toml --root path/to/primate92
  nmnc brain runs/cifar10 --benchmark configs/primate92.toml --root path/to/primate92 --power 0.02
  nmnc brain runs/a/nmnc-seed0 runs/a/vnc-seed0 --benchmark path/to/my-benchmark --distance crossnobis --comparison whitened-cosine

Every network is shown the stimuli as it was shown its own images: scaled, cropped to the center, standardized. It is scored at the \
stage most similar over one half of the stimuli, over the other half, and at every stage over all. Networks of one rule are averaged; \
differences of rules have intervals over seeds and over stimuli. Controls are the same networks before training, pixels, and the models \
of the benchmark. docs/brain.md tells how to write a benchmark.

The folder gets brain.json (everything), networks.csv, contrasts.csv, rdms.npz and report.html, with --power power.csv.";

fn difference(text: &str) -> Result<f64, String> {
    let size = text.parse::<f64>().ok().filter(|size| *size > 0.0 && *size <= 2.0);
    size.ok_or_else(|| "not a difference of similarities, above 0 and at most 2".to_owned())
}

/// `nmnc brain`.
#[derive(Debug, Args)]
pub struct Brain {
    /// Run folders, checkpoints in one, or folders that contain run folders
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The benchmark and how to compare.
    #[command(flatten)]
    pub comparison: BrainComparison,
    /// Folder to write [default: brain-NAME in the folder given, or here if there are several]
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Device instead of the runs' own, such as cpu or cuda
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
}

/// A benchmark, and how networks are compared with it.
#[derive(Debug, Args)]
pub struct BrainComparison {
    /// A benchmark: its folder, or its description (TOML)
    #[arg(long, value_name = "PATH")]
    pub benchmark: PathBuf,
    /// Folder that the benchmark's files are in [default: where its description is]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Dissimilarity of two patterns
    #[arg(long, value_name = "NAME", default_value = "correlation")]
    pub distance: DistanceName,
    /// Similarity of two matrices
    #[arg(long, value_name = "NAME", default_value = "spearman")]
    pub comparison: ComparisonName,
    /// How recorded responses are predicted, where the benchmark has any
    #[arg(long, value_name = "NAME", default_value = "pls")]
    pub regression: RegressionChoice,
    /// Most features of a regression: more are projected to as many at random
    #[arg(long, value_name = "N", value_parser = count, default_value = "1000")]
    pub components: usize,
    /// What is drawn anew for intervals
    #[arg(long, value_name = "NAME", default_value = "stimuli")]
    pub resample: ResampleName,
    /// Draws for intervals; no probability below 2 / N can be found
    #[arg(long, value_name = "N", value_parser = count, default_value = "5000")]
    pub draws: usize,
    /// Seed of the draws, and of the halves of the stimuli where the benchmark has none
    #[arg(long, value_name = "N", value_parser = seed, default_value = "0")]
    pub draw_seed: u64,
    /// Tell, too, how many seeds and stimuli a difference of this size takes [0.02 if no number follows]
    #[arg(long, value_name = "SIZE", num_args = 0..=1, default_missing_value = "0.02", value_parser = difference)]
    pub power: Option<f64>,
}

/// A regression by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RegressionChoice {
    /// Partial least squares, 25 components
    Pls,
    /// Ridge regression, its penalty by nested cross-validation
    Ridge,
    /// Dissimilarities only
    None,
}

/// A distance by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DistanceName {
    /// 1 - Pearson's r
    Correlation,
    /// Squared Euclidean over the number of units
    Euclidean,
    /// 1 - cosine
    Cosine,
    /// Squared Euclidean, cross-validated over repetitions
    Crossnobis,
}

/// A comparison by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ComparisonName {
    /// Spearman's rank correlation
    Spearman,
    /// Kendall's tau-a
    KendallTauA,
    /// Pearson's r
    Pearson,
    /// Cosine
    Cosine,
    /// Cosine, whitened
    WhitenedCosine,
    /// Pearson's r, whitened
    WhitenedPearson,
}

/// What is drawn anew, by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ResampleName {
    /// Stimuli
    Stimuli,
    /// Subjects, of targets that have several
    Subjects,
    /// Both at once
    Both,
}
