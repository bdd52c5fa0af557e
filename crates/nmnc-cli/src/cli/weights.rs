//! `nmnc weights`.

use std::path::PathBuf;

use clap::Subcommand;

const EXAMPLES: &str = "Examples:
  nmnc weights export runs/imagenet/nmnc-seed0 resnet18.pth
  nmnc weights export resnet18.pth resnet18.safetensors

Names and shapes are those of torchvision for `resnet18` and the like, so that `model.load_state_dict` takes them. \
Training starts from such a file with --set weights.from=resnet18.pth.";

/// `nmnc weights`.
#[derive(Debug, Subcommand)]
pub enum Weights {
    /// List names and shapes
    #[command(
        after_help = "Examples:\n  nmnc weights list runs/demo/nmnc-seed0\n  nmnc weights list resnet18.pth"
    )]
    List {
        /// Run folder, checkpoint, or file of weights (.safetensors, .pth)
        #[arg(value_name = "SOURCE")]
        source: PathBuf,
    },
    /// Write the weights of a run, a checkpoint or another file for other tools
    #[command(after_help = EXAMPLES)]
    Export {
        /// Run folder, whose latest checkpoint is taken, checkpoint, or file of weights
        #[arg(value_name = "SOURCE")]
        source: PathBuf,
        /// The file; its extension says the format: .safetensors or .pth
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}
