//! A recording session in a laboratory, simulated from a training: what would tell by which rule a network learns?
//!
//! Conditions are shown over and over. On every trial a stage's activity has the noise by which the rule learns, or, if it needs none, idle noise
//! that nothing is learned from; some units are recorded, with as much private noise besides. Then the rule changes the weights. [`Session`]
//! says what a laboratory could measure of all that: where the noise lies, where learning goes, and whether it went where this session's noise
//! had been followed by a smaller loss. docs/maths.md defines each under "Signs of a rule".

mod gain;
mod measures;
mod simulate;

use serde::{Deserialize, Serialize};

use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Seed;

pub use simulate::session;

/// What is simulated. The same settings and seed give the same bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionSettings {
    /// Stage that is recorded, from 1.
    pub stage: usize,
    /// Number C of conditions, examples of the training data.
    pub conditions: usize,
    /// Numbers R of trials of each condition, from four on; each is a session of its own.
    pub repeats: Vec<usize>,
    /// Units recorded, drawn at random; all where there are no more.
    pub units: usize,
    /// Dimension d of the manifold.
    pub dimension: usize,
    /// Variance of the private noise of units over that of the noise that the rule learns by, both summed over units.
    pub private: f64,
    /// Variance of what a gain common to all units adds over that of the noise that the rule learns by, both summed over units. Nothing is learned
    /// from it, but it has its share in how successful a trial is.
    #[serde(default)]
    pub gain: f64,
    /// Correlation of the gain of a trial with that of the trial before, from 0 on and below 1.
    #[serde(default)]
    pub slow: f64,
    /// Standard deviation over units of how much each follows the gain, normal with a mean of 1.
    #[serde(default, skip_serializing_if = "nought")]
    pub spread: f64,
    /// Whether what a gain may have added to a trial is taken out of its recording, as far as a laboratory can: what lies along the mean of its
    /// condition's other trials.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remove_gain: bool,
    /// Draws conditions, units, gain and the private noise.
    pub seed: Seed,
}

/// What is 0 is left out, so that sessions that were measured before there was such a setting are known as those asked for.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn nought(spread: &f64) -> bool {
    *spread == 0.0
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            stage: 2,
            conditions: 64,
            repeats: vec![4, 8, 16, 32],
            units: 200,
            dimension: 16,
            private: 1.0,
            gain: 0.0,
            slow: 0.0,
            spread: 0.0,
            remove_gain: false,
            seed: Seed(0),
        }
    }
}

impl SessionSettings {
    /// The fewest conditions that will do: the manifold of half of them has a dimension less than it has conditions.
    pub fn least_conditions(&self) -> usize {
        2 * (self.dimension + 1)
    }

    /// Checks ranges.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn check(&self) -> Result<()> {
        let least = [("stage", self.stage, 1), ("units", self.units, 2), ("dimension", self.dimension, 1)];
        if let Some((key, value, least)) = least.into_iter().find(|(_, value, least)| value < least) {
            return Err(
                Error::config(key, format!("{value} is too few")).mend(format!("use at least {least}"))
            );
        }
        let least = self.least_conditions();
        if self.conditions < least {
            return Err(Error::config("conditions", format!("{} is too few", self.conditions))
                .mend(format!("use at least {least}, or a smaller dimension")));
        }
        if self.repeats.is_empty() || self.repeats.iter().any(|repeats| *repeats < 4) {
            return Err(Error::config("repeats", "have to be four or more of each condition"));
        }
        for (key, value) in [("private", self.private), ("gain", self.gain), ("spread", self.spread)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::config(key, format!("{value} is not a number from 0 on")));
            }
        }
        if !(0.0..1.0).contains(&self.slow) {
            return Err(Error::config(
                "slow",
                format!("{} is not a number from 0 on and below 1", self.slow),
            ));
        }
        let of_gain = [
            ("slow", self.slow, "how slowly a gain changes"),
            ("spread", self.spread, "how unlike units follow a gain"),
        ];
        if let Some((key, _, what)) =
            of_gain.into_iter().find(|(_, value, _)| *value > 0.0 && self.gain == 0.0)
        {
            return Err(Error::config(key, format!("is {what}, and there is none"))
                .mend("give the gain a variance, too"));
        }
        Ok(())
    }
}

/// What a laboratory could measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Training steps before the session.
    pub step: u64,
    /// Training steps at which learning ended.
    pub last: u64,
    /// Number n of units of the stage.
    pub units: usize,
    /// How many of them were recorded.
    pub recorded: usize,
    /// By number of trials; with isotropic noise where the rule has none of its own.
    pub points: Vec<SessionPoint>,
    /// The same with idle noise on the leading principal components of the activity; none where the rule has noise of its own.
    pub idle_on_manifold: Option<Vec<SessionPoint>>,
}

/// What so many trials of each condition show. Fractions have what a random subspace has, d over the units recorded, taken away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionPoint {
    /// Number R of trials of each condition.
    pub repeats: usize,
    /// Fraction of the variance over trials on the manifold of condition means, cross-validated.
    pub noise_on_manifold: f64,
    /// Participation ratio of the covariance over trials, over the number of units recorded; none where its error is larger.
    pub noise_dimension: Option<f64>,
    /// Fraction on the manifold, as it was in this session, of the change of condition means from here to the end of training; none where no
    /// change is found.
    pub learning_on_manifold: Option<f64>,
    /// Cosine of the change of a condition's mean by the learning of this session and of the change foretold by the covariance over trials of
    /// activity and success (less loss), of this condition and of others as far as they evoke the same activity; averaged over conditions.
    pub follows_own: f64,
    /// The same with activity and success of another session.
    pub follows_other: f64,
}

impl SessionPoint {
    /// How much more learning follows the noise of its own session.
    pub fn specific(&self) -> f64 {
        self.follows_own - self.follows_other
    }
}
