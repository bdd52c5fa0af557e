//! Learning-rate schedules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use nmnc_core::ranges::{self, Range};

/// `[train.schedule]`: a factor on the learning rate. Times are in epochs and may be fractions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleConfig {
    /// Shape after the warm-up.
    pub shape: ScheduleShape,
    /// Epochs over which the factor rises linearly to 1.
    #[schemars(transform = Range::closed(0.0, ranges::EPOCHS.ends()[1]).stated())]
    pub warmup: f64,
    /// Factor at the first step, from which the warm-up rises to 1 at the first step after it; left out, the warm-up rises as from 0, and
    /// has reached 1 at its last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::WEIGHT.stated())]
    pub warmup_from: Option<f64>,
    /// Shape "step": epochs between drops, counted from the end of the warm-up.
    #[schemars(transform = Range::above_zero(ranges::EPOCHS.ends()[1]).stated())]
    pub period: f64,
    /// Shape "step": the factor of each drop.
    #[schemars(transform = ranges::WEIGHT.stated())]
    pub gamma: f64,
}

/// What the factor does after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleShape {
    /// Stays at 1.
    Constant,
    /// Multiplied by gamma every period.
    Step,
    /// Half a cosine from 1 to 0 over the rest of the training.
    Cosine,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self { shape: ScheduleShape::Constant, warmup: 0.0, warmup_from: None, period: 30.0, gamma: 0.1 }
    }
}

/// A schedule in training steps.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    shape: ScheduleShape,
    warmup: u64,
    warmup_from: Option<f64>,
    period: u64,
    gamma: f64,
    total: u64,
}

impl ScheduleConfig {
    /// The schedule for a training of `total` steps.
    pub fn in_steps(&self, steps_per_epoch: u64, total: u64) -> Schedule {
        let steps = |epochs: f64| (epochs * steps_per_epoch as f64).round() as u64;
        Schedule {
            shape: self.shape,
            warmup: steps(self.warmup),
            warmup_from: self.warmup_from,
            period: steps(self.period).max(1),
            gamma: self.gamma,
            total,
        }
    }
}

impl Schedule {
    /// The factor 1 at every step.
    pub fn constant() -> Self {
        ScheduleConfig::default().in_steps(1, 1)
    }

    /// The factor at training step `step`, from 0.
    pub fn factor(&self, step: u64) -> f64 {
        if step < self.warmup {
            let whole = self.warmup as f64;
            return match self.warmup_from {
                Some(from) => from + (1.0 - from) * step as f64 / whole,
                None => (step + 1) as f64 / whole,
            };
        }
        let after = step - self.warmup;
        match self.shape {
            ScheduleShape::Constant => 1.0,
            ScheduleShape::Step => self.gamma.powi(i32::try_from(after / self.period).unwrap_or(i32::MAX)),
            ScheduleShape::Cosine => {
                let span = self.total.saturating_sub(self.warmup).max(1) as f64;
                0.5 * (1.0 + (std::f64::consts::PI * after as f64 / span).cos())
            }
        }
    }
}
