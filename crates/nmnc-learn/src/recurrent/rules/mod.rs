//! Rules of credit assignment over time.

mod backprop;
mod feedback;
mod kind;
mod lagged;
mod mean_jacobian;
mod mirror;
mod noise_correlation;
mod registry;

use burn::tensor::Tensor;

pub use kind::{OverTime, TimeSetup};
pub use mean_jacobian::{LaggedJacobianConfig, LaggedJacobians};
pub use mirror::TemporalMirror;
pub use noise_correlation::{Correlate, OffManifold, TemporalConfig, TemporalNoiseCorrelation};
pub use registry::{TIME_RULES, TimeCreditConfig, time_rule_names};

use super::network::{EligibilityTrace, RecurrentNetwork, SequencePass};
use super::rows::live_rows;
use crate::credit::Choices;
use crate::manifold::Subspace;
use crate::workers::Share;
use nmnc_core::error::Result;
use nmnc_core::seed::{Role, Seed};
use nmnc_core::state::State;

/// What a rule sees of one training step.
pub struct TimeContext<'a> {
    /// The network, before this step's update.
    pub network: &'a RecurrentNetwork,
    /// The forward pass of this step's batch.
    pub pass: &'a SequencePass,
    /// e = dLoss/dy `[T B, outputs]`.
    pub error: &'a Tensor<2>,
    /// Number of steps of each trial, `[B]`.
    pub lengths: &'a [usize],
    /// Training step, from 0.
    pub step: u64,
    /// Seed of the run.
    pub seed: Seed,
    /// Which part of the step's trials the batch is. All parts have the same number T of steps.
    pub share: &'a Share<'a>,
}

impl TimeContext<'_> {
    /// Lengths of the trials of all workers, in order of their numbers.
    ///
    /// # Errors
    /// A worker that cannot be reached.
    pub fn whole_lengths(&self) -> Result<Vec<usize>> {
        let own = self.lengths.iter().map(|&length| length as f64).collect();
        Ok(self.share.numbers(own)?.into_iter().map(|length| length as usize).collect())
    }

    /// States of the trials of all workers, which have the lengths `whole`, over time: all of them `[rows, N]`, or as many as `sampled` says, if
    /// there are so many, drawn by the stream of that number.
    ///
    /// # Errors
    /// A worker that cannot be reached.
    fn states(&self, whole: &[usize], sampled: Option<(usize, usize)>) -> Result<Tensor<2>> {
        let mut rows = live_rows(whole);
        if let Some((samples, stream)) = sampled {
            let mut stream = self.seed.stream(Role::ManifoldSample, stream, self.step);
            rows = stream.sample(rows.len(), samples).into_iter().map(|place| rows[place]).collect();
        }
        self.share.selected(&self.pass.activity(), &rows)
    }
}

/// A rule of credit assignment over time.
///
/// State changes only in [`TimeRule::signals`]; everything that the next call depends on is in [`TimeRule::state`].
pub trait TimeRule: Send {
    /// The error signals `[T B, N]` of all states: the rule's estimate of dLoss/dh_t, or, with a trace, of what of it comes about at
    /// the step itself.
    ///
    /// # Errors
    /// If activity is no longer finite.
    fn signals(&mut self, context: &TimeContext) -> Result<Tensor<2>>;

    /// How signals reach parameters through earlier steps.
    fn trace(&self) -> EligibilityTrace {
        EligibilityTrace::None
    }

    /// The most steps back from an output that the rule looks for its causes.
    fn lags(&self) -> usize {
        0
    }

    /// Perturbed trial-steps so far: a state of one trial at one step, perturbed, counts one.
    fn probes(&self) -> u64 {
        0
    }

    /// The manifold in use, if the rule has one.
    fn manifold(&self) -> Option<&Subspace> {
        None
    }

    /// What the rule has chosen or measured by itself.
    fn choices(&self) -> Choices {
        Choices::default()
    }

    /// Takes the warnings given since the last call.
    fn take_warnings(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Everything the next step depends on.
    fn state(&self) -> State {
        State::default()
    }

    /// Takes back what [`TimeRule::state`] gave.
    ///
    /// # Errors
    /// If something is missing or has the wrong shape.
    fn restore(&mut self, _state: &State) -> Result<()> {
        Ok(())
    }
}
