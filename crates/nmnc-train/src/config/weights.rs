//! `[weights]`, of runs of any kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use nmnc_core::error::{Error, Result};

/// `[weights]`: what training starts from in the place of random weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WeightsConfig {
    /// A file of weights (safetensors, or PyTorch's `.pth` of a state dictionary), or a run, whose latest checkpoint is taken. Names and
    /// shapes must be those of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Take what fits by name and shape and leave the rest of the network at its random initial weights; the run says which is which.
    /// Otherwise all must fit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Layers that keep their random initial weights, by name or the beginning of it up to a dot: `["fc"]` for other classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
}

impl WeightsConfig {
    /// Whether training starts from random weights.
    pub fn are_random(&self) -> bool {
        *self == Self::default()
    }

    /// That there is something to make exceptions of.
    pub(crate) fn check(&self) -> Result<()> {
        if self.from.is_none() && self.partial {
            return Err(Error::config("weights.partial", "has no meaning without weights.from")
                .mend("name the file of weights, or remove it"));
        }
        if self.from.is_none() && !self.except.is_empty() {
            return Err(Error::config("weights.except", "has no meaning without weights.from")
                .mend("name the file of weights, or remove the exceptions"));
        }
        Ok(())
    }
}
