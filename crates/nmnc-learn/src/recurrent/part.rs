//! Parts of a recurrent network, as configurations name them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters that serve one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Weights of the input and the bias beside it.
    Input,
    /// Weights between units (GRU: and the bias beside them).
    Recurrent,
    /// Weights and bias of the readout.
    Readout,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Input, Self::Recurrent, Self::Readout];

    /// Whether the parameter `name`, as in `recurrent.weight`, belongs to it.
    pub fn holds(self, name: &str) -> bool {
        let own = match self {
            Self::Input => "input.",
            Self::Recurrent => "recurrent.",
            Self::Readout => "readout.",
        };
        name.starts_with(own)
    }
}
