//! `[logging]`, of runs of any kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[logging]`: what a run writes for other tools.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoggingConfig {
    /// Write the records as an event file of TensorBoard too, in the run folder.
    pub tensorboard: bool,
}

impl LoggingConfig {
    /// Whether nothing is written beside what every run writes.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}
