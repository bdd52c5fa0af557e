//! The adding problem: the sum of two marked numbers of a long sequence (Hochreiter and Schmidhuber 1997, in the form of Le, Jaitly
//! and Hinton 2015).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::delay_match::names;
use super::trial::{Answer, Targets, Trial};
use super::{Channels, STEP, Task, TrialId};
use nmnc_core::error::Result;
use nmnc_core::seed::Stream;

/// Settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adding {
    /// Steps of the sequence.
    #[schemars(transform = super::LENGTH.stated())]
    pub length: usize,
    /// An answer counts when it is off by at most this much. Always answering 1 has the mean squared error 1/6.
    #[schemars(transform = nmnc_core::ranges::FACTOR.stated())]
    pub tolerance: f64,
}

impl Default for Adding {
    fn default() -> Self {
        Self { length: 50, tolerance: 0.04 }
    }
}

impl Adding {
    pub(super) fn resolve(self) -> Result<Self> {
        Ok(self)
    }
}

impl Task for Adding {
    fn channels(&self) -> Channels {
        Channels { inputs: names(["number", "marker"]), outputs: names(["sum"]), fixation: false }
    }

    fn dt(&self) -> f64 {
        STEP
    }

    fn conditions(&self) -> Vec<String> {
        (0..4).map(|i| format!("sum {} to {}", f64::from(i) / 2.0, f64::from(i + 1) / 2.0)).collect()
    }

    fn longest(&self) -> Option<usize> {
        Some(self.length)
    }

    fn trial(&self, _id: TrialId, stream: &mut Stream) -> Result<Trial> {
        let mut inputs: Vec<f32> = (0..self.length).flat_map(|_| [stream.uniform() as f32, 0.0]).collect();
        // One marker in each half.
        let half = self.length / 2;
        let marked = [stream.below(half), half + stream.below(self.length - half)];
        for at in marked {
            inputs[2 * at + 1] = 1.0;
        }
        let sum: f32 = marked.iter().map(|at| inputs[2 * at]).sum();
        let mut mask = vec![0.0; self.length];
        mask[self.length - 1] = 1.0;
        Ok(Trial {
            steps: self.length,
            inputs,
            targets: Targets::Values(vec![sum; self.length]),
            mask,
            response: self.length - 1..self.length,
            answer: Answer::Value { tolerance: self.tolerance },
            condition: ((sum * 2.0) as usize).min(3),
            strength: None,
        })
    }

    fn ideal_accuracy(&self) -> Option<f64> {
        Some(1.0)
    }
}
