//! What is known of the examples that a network was trained on, without them.

use nmnc_data::Statistics;
use serde::{Deserialize, Serialize};

/// What whoever shows a network other examples has to know of those it was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainedOn {
    /// How they were shifted and scaled.
    #[serde(flatten)]
    pub statistics: Statistics,
    /// Names of the classes, in the order of the network's outputs.
    pub classes: Vec<String>,
}
