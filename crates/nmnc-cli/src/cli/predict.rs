//! `nmnc predict`.

use std::path::PathBuf;

use clap::Args;

use super::{SplitName, count, seed};

pub const EXAMPLES: &str = "Examples:
  nmnc predict runs/demo/nmnc-seed0
  nmnc predict runs/demo/nmnc-seed0 --data pictures/ --stage 1,3
  nmnc predict runs/demo/nmnc-seed0 --out activity/ --examples 500

The file gets logits [examples, outputs], predicted, labels and indices [examples], and with --stage the activity of \
stages as stage_1 [examples, units] and so on. Other pictures are scaled to the size of those the network was trained \
on if data.image_size says so, and shifted and scaled as those were; their classes are matched by name.";

/// `nmnc predict`.
#[derive(Debug, Args)]
pub struct Predict {
    /// Run folder, whose latest checkpoint is taken, or folder of a checkpoint in one
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Data to show instead of the run's own: a name or path
    #[arg(long, value_name = "SOURCE")]
    pub data: Option<String>,
    /// Which examples to show
    #[arg(long, value_name = "NAME", default_value = "test")]
    pub split: SplitName,
    /// Examples to show, drawn at random [default: all, in their order]
    #[arg(long, value_name = "N", value_parser = count)]
    pub examples: Option<usize>,
    /// Seed that draws examples
    #[arg(long, value_name = "N", value_parser = seed, default_value = "0")]
    pub seed: u64,
    /// Stages whose activity is written, separated by commas
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = count)]
    pub stage: Vec<usize>,
    /// Device instead of the run's own, such as cpu or cuda
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Archive (.npz), or folder that gets .npy files [default: predictions.npz in the run folder]
    #[arg(long, short, value_name = "PATH")]
    pub out: Option<PathBuf>,
}
