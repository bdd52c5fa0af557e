//! Trials of one's own, from a NumPy archive.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::archive::import;
use super::batch::TrialBatch;
use super::trial::{Targets, Trial};
use super::{Channels, STEP, Task, TrialId, TrialSet};
use crate::npz::Array;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::{Role, Seed, Stream};

/// Settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Recorded {
    /// The archive: `inputs` `[T, B, n_in]`, `targets` `[T, B]` or `[T, B, n_out]`, and optionally `mask`, `response` and more.
    pub path: PathBuf,
    /// Milliseconds a step.
    #[schemars(transform = nmnc_core::ranges::MILLISECONDS.stated())]
    pub dt: f64,
    /// Fraction of the trials to evaluate on, a seeded choice.
    #[schemars(transform = nmnc_core::ranges::FRACTION.stated())]
    pub held_out: f64,
}

impl Default for Recorded {
    fn default() -> Self {
        Self { path: PathBuf::new(), dt: STEP, held_out: 0.2 }
    }
}

impl Recorded {
    pub(super) fn resolve(self) -> Result<Self> {
        if self.path.as_os_str().is_empty() {
            return Err(Error::config("path", "is missing").mend("name a .npz file"));
        }
        Ok(self)
    }

    /// Whether targets are values; an archive that cannot be read is told when it is opened.
    pub(super) fn holds_values(&self) -> bool {
        Array::read(&self.path, "targets")
            .is_ok_and(|array| array.is_some_and(|array| array.shape().len() == 3))
    }

    pub(super) fn open(&self, seed: Seed) -> Result<Archive> {
        let trials = import(&self.path)?;
        let size = trials.size();
        if size < 2 {
            return Err(Error::data(
                self.path.display(),
                "holds a single trial, none of which can be held out",
            ));
        }
        let mut order = seed.stream(Role::Subset, 1, 0).permutation(size);
        let held = ((size as f64 * self.held_out).round() as usize).clamp(1, size - 1);
        let training = order.split_off(held);
        Ok(Archive { trials, dt: self.dt, training, evaluation: order })
    }
}

/// Recorded trials, divided.
#[derive(Debug)]
pub(super) struct Archive {
    trials: TrialBatch,
    dt: f64,
    training: Vec<usize>,
    evaluation: Vec<usize>,
}

impl Task for Archive {
    fn channels(&self) -> Channels {
        let named = |what: &str, count: usize| (1..=count).map(|i| format!("{what}{i}")).collect();
        Channels {
            inputs: named("input", self.trials.inputs),
            outputs: named("output", self.trials.outputs),
            fixation: matches!(self.trials.info[0].answer, super::Answer::Choice { .. }),
        }
    }

    fn dt(&self) -> f64 {
        self.dt
    }

    fn conditions(&self) -> Vec<String> {
        let most = self.trials.info.iter().map(|info| info.condition).max().unwrap_or(0);
        (0..=most).map(|i| format!("condition {i}")).collect()
    }

    fn strength(&self) -> Option<String> {
        self.trials.info[0].strength.map(|_| "strength".to_owned())
    }

    fn evaluation_size(&self) -> Option<usize> {
        Some(self.evaluation.len())
    }

    fn warnings(&self) -> Vec<String> {
        let [steps, size] = [self.trials.steps, self.trials.size()];
        let odd = steps > size;
        let told = || {
            format!(
                "the archive is read as {size} trials of {steps} steps; if it holds {steps} trials of {size} steps, store its arrays as \
                 [T, B, ..], steps first"
            )
        };
        odd.then(told).into_iter().collect()
    }

    /// Training trials are drawn with replacement; evaluation trials come in turn.
    fn longest(&self) -> Option<usize> {
        Some(self.trials.steps)
    }

    fn trial(&self, id: TrialId, stream: &mut Stream) -> Result<Trial> {
        let index = match id.split {
            TrialSet::Training => self.training[stream.below(self.training.len())],
            TrialSet::Evaluation => self.evaluation[(id.number % self.evaluation.len() as u64) as usize],
        };
        let TrialBatch { inputs, outputs, values, targets, mask, info, .. } = &self.trials;
        let (size, info) = (self.trials.size(), &info[index]);
        let rows = || (0..info.steps).map(|step| step * size + index);
        Ok(Trial {
            steps: info.steps,
            inputs: rows().flat_map(|row| values[row * inputs..][..*inputs].iter().copied()).collect(),
            targets: match targets {
                Targets::Labels(labels) => Targets::Labels(rows().map(|row| labels[row]).collect()),
                Targets::Values(values) => Targets::Values(
                    rows().flat_map(|row| values[row * outputs..][..*outputs].iter().copied()).collect(),
                ),
            },
            mask: rows().map(|row| mask[row]).collect(),
            response: info.response.clone(),
            answer: info.answer.clone(),
            condition: info.condition,
            strength: info.strength,
        })
    }
}
