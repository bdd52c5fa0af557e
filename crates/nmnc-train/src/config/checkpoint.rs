//! `[checkpoint]`, of runs of any kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use nmnc_core::ranges::{self, Range};

/// `[checkpoint]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointConfig {
    /// Training steps between checkpoints; 0 keeps one at the end of each epoch. The end of a run is always kept.
    #[schemars(transform = ranges::INTERVAL_OR_NEVER.stated())]
    pub interval: u64,
    /// How many of the latest to keep.
    #[schemars(transform = ranges::COUNT.stated())]
    pub keep: usize,
    /// How many to write and keep for good besides, at steps spaced geometrically from the first to the last: what
    /// `nmnc analyze --over-training` looks at. 0 for none.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(transform = Range::closed(0.0, 1000.0).stated())]
    pub history: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl CheckpointConfig {
    /// The training steps, rising, whose checkpoints are kept for good in a training of `total` steps.
    pub fn milestones(&self, total: u64) -> Vec<u64> {
        let gaps = self.history.saturating_sub(1).max(1) as f64;
        let step = |i: u64| ((total as f64).powf(i as f64 / gaps).round() as u64).clamp(1, total);
        let mut steps: Vec<u64> = (0..self.history).map(step).collect();
        if self.history == 1 {
            steps = vec![total];
        }
        steps.dedup();
        steps
    }
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self { interval: 0, keep: 2, history: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_checkpoints_are_spaced_geometrically_and_end_with_the_last_step() {
        let steps = |history, total| CheckpointConfig { history, ..Default::default() }.milestones(total);
        assert_eq!(steps(4, 1000), [1, 10, 100, 1000]);
        assert_eq!(steps(6, 8), [1, 2, 3, 5, 8]);
        assert_eq!(steps(1, 50), [50]);
        assert_eq!(steps(3, 1), [1]);
        assert!(steps(0, 50).is_empty());
    }
}
