//! `nmnc data`.

use std::path::PathBuf;

use clap::Subcommand;

use super::count;

/// `nmnc data`.
#[derive(Debug, Subcommand)]
pub enum Data {
    /// List the data sets that can be used by name
    List,
    /// Describe a data set: format, image sizes, classes
    #[command(after_help = "Examples:\n  nmnc data info fashion-mnist-sample\n  nmnc data info pictures/")]
    Info {
        /// Name or path
        source: String,
    },
    /// Download a data set; an interrupted download goes on where it ended
    #[command(after_help = "Examples:\n  nmnc data fetch cifar10\n\n\
        Files go to the folder in NMNC_DATA_DIR, else to the user's cache folder. NMNC_DATA_MIRROR names \
        another server to ask (as URL/NAME/FILE).")]
    Fetch {
        /// Name in `nmnc data list`
        name: String,
    },
    /// Make a data set of fewer dimensions from another
    ///
    /// Every example is projected on the leading principal components of the training examples, around their mean, and keeps its shape. What
    /// the dimension of the data does to manifold and Jacobian is seen by training on such sets.
    #[command(
        after_help = "Examples:\n  nmnc data reduce fashion-mnist-sample --components 32 --out fashion-32.npz\n  \
        nmnc reproduce margin --data fashion-32.npz --networks base"
    )]
    Reduce {
        /// Name or path
        source: String,
        /// Number of principal components that are left
        #[arg(long, value_name = "N", value_parser = count)]
        components: usize,
        /// The archive (.npz)
        #[arg(long, short, value_name = "FILE")]
        out: PathBuf,
        /// Change a setting of the table `data` (repeatable), for example train_limit=10000
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Seed of the choice of examples
        #[arg(long, default_value = "0")]
        seed: u64,
    },
    /// Check the size and SHA-256 of every file of a downloaded data set
    Verify {
        /// Name in `nmnc data list`
        name: String,
    },
}
