//! Arguments of `nmnc config check` and `nmnc config explain`.

use std::path::PathBuf;

use clap::Args;

use super::Overrides;

pub const CHECK_EXAMPLES: &str = "Examples:
  nmnc config check cifar10.toml
  nmnc config check cifar10.toml --set credit.rule=vnc --resolved
  nmnc config check for-the-cluster.toml --settings

What a run would refuse is refused here, with the same exit code. The time is that of `nmnc plan`.";

pub const EXPLAIN_EXAMPLES: &str = "Examples:
  nmnc config explain train.batch
  nmnc config explain credit.nmnc
  nmnc config explain lr
  nmnc config explain --tasks recurrent";

/// `nmnc config check`.
#[derive(Debug, Args)]
pub struct CheckConfig {
    /// Configuration file (TOML)
    pub config: PathBuf,
    /// What to change.
    #[command(flatten)]
    pub overrides: Overrides,
    /// Print the configuration with every preset and default spelled out; opens neither data nor device
    #[arg(long)]
    pub resolved: bool,
    /// Check the settings alone, for a run on another machine; opens neither data nor device
    #[arg(long)]
    pub settings: bool,
}

/// `nmnc config explain`.
#[derive(Debug, Args)]
pub struct ExplainSetting {
    /// A setting (`train.batch`), a table of them (`credit.nmnc`), or the last part of a name; all if left out
    pub key: Option<String>,
    /// Of configurations of recurrent networks on tasks
    #[arg(long)]
    pub tasks: bool,
    /// Print Markdown, both kinds of configurations: the page docs/settings.md
    #[arg(long, hide = true, conflicts_with_all = ["key", "tasks"])]
    pub markdown: bool,
}
