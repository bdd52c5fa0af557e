//! Times.

use serde::{Deserialize, Serialize};

/// Times of a run, in seconds: what differs between runs that are the same otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Of training.
    pub seconds: f64,
    /// Of training since the last record.
    pub interval_seconds: f64,
    /// Of waiting for data since the last record.
    pub interval_waited: f64,
}
