//! The states of a recurrent network over trials: dimension over trial time, lagged Jacobians against the manifold, state space.

mod figures;
mod measure;
mod write;

use serde::{Deserialize, Serialize};

pub use figures::{portrait_cell, portrait_legend};
pub use measure::states;
pub use write::{states_table, write_states};

use nmnc_core::error::{Error, Result};
use nmnc_data::tasks::TrialBatch;

/// How states are analyzed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatesSettings {
    /// Evaluation trials that the network is shown.
    pub trials: usize,
    /// Dimension d of the manifold that lagged Jacobians are compared with.
    pub dimension: usize,
    /// Most steps k back from the output.
    pub lags: usize,
}

impl Default for StatesSettings {
    fn default() -> Self {
        Self { trials: 300, dimension: 16, lags: 20 }
    }
}

impl StatesSettings {
    /// # Errors
    /// Too few trials to have a dimension; a manifold of none.
    pub fn check(&self) -> Result<()> {
        if self.trials < 25 {
            return Err(Error::config("trials", format!("{} trials are too few", self.trials))
                .mend("neighbors and spectra need 25 at least"));
        }
        if self.dimension == 0 {
            return Err(Error::config("dimension", "must be at least 1"));
        }
        Ok(())
    }
}

/// States over trials at one time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateMoment {
    /// Milliseconds from the start of the response period.
    pub ms: f64,
    /// Trials that were under way.
    pub trials: usize,
    /// Variance over trials, summed over units.
    pub variance: f64,
    /// Participation ratio of the covariance over trials, corrected for their number; none without variance.
    pub participation: Option<f64>,
    /// Components that explain 90 % of that variance.
    pub components: Option<usize>,
}

/// The Jacobian dy_t/dh_{t-k} at the last step t of trials.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LagAlpha {
    /// Steps k.
    pub lag: usize,
    /// The same in milliseconds.
    pub ms: f64,
    /// Captured energy alpha = ||J U||^2 / ||J||^2 over trials, U the leading principal components of states; none where J = 0.
    pub alpha: Option<f64>,
    /// The same for the network before training, on its own manifold.
    pub untrained: Option<f64>,
    /// Share of this lag in the energy of all lags measured.
    pub share: f64,
}

/// The mean states of one condition in the plane, or space, of leading principal components.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConditionCurve {
    /// Name of the condition.
    pub condition: String,
    /// Trials averaged.
    pub trials: usize,
    /// Milliseconds from the start of the response period.
    pub ms: Vec<f64>,
    /// Coordinates along the first three components, from the mean over all states.
    pub points: Vec<[f64; 3]>,
}

/// How trials of one condition were answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConditionAccuracy {
    /// Name of the condition.
    pub condition: String,
    /// Trials of it.
    pub trials: usize,
    /// Fraction answered rightly in the response period.
    pub accuracy: f64,
    /// Fraction without an answer.
    pub misses: f64,
    /// Fraction with an answer before the response period.
    pub fixation_breaks: f64,
    /// Of answers that are values: root mean square of their deviations from the targets.
    pub answer_error: Option<f64>,
}

/// What the network was shown and did, step by step: what `arrays.npz` holds.
#[derive(Clone, Debug, PartialEq)]
pub struct StateArrays {
    /// The trials.
    pub trials: TrialBatch,
    /// States `[T, B, N]`, those after the end of a trial among them.
    pub states: Vec<f32>,
    /// Outputs of the network `[T, B, n_out]`.
    pub output: Vec<f32>,
    /// What each trial is worth: 1 for a right answer, 0 for a wrong one, `[B]`.
    pub correct: Vec<f64>,
    /// Leading principal components of states, orthonormal, `[d, N]`.
    pub components: Vec<f32>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateAnalysis {
    /// The run, in one line.
    pub subject: String,
    /// Name of the task.
    pub task: String,
    /// Training steps done.
    pub step: u64,
    /// Number N of units.
    pub units: usize,
    /// Trials shown.
    pub trials: usize,
    /// Dimension d of the manifold.
    pub dimension: usize,
    /// Fraction of the variance of states along each of the first three components.
    pub explained: [f64; 3],
    /// Captured energy over all lags together: trained, untrained.
    pub pooled: [Option<f64>; 2],
    /// Over trial time.
    pub over_time: Vec<StateMoment>,
    /// By lag.
    pub lags: Vec<LagAlpha>,
    /// At most eight conditions, evenly spaced among the task's.
    pub curves: Vec<ConditionCurve>,
    /// Accuracy by condition.
    #[serde(default)]
    pub conditions: Vec<ConditionAccuracy>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl StateAnalysis {
    /// Captured energy of a random subspace, d / N.
    pub fn chance(&self) -> f64 {
        self.dimension as f64 / self.units as f64
    }
}
