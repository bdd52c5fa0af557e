//! What a credit rule is.

use burn::tensor::Tensor;

use super::context::StepContext;
use super::local::LocalRule;
use crate::manifold::Subspace;
use nmnc_core::error::Result;
use nmnc_core::seed::Seed;
use nmnc_core::state::State;

/// What a rule has chosen or measured of a stage by itself, for the records.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Choices {
    /// Dimension of the noise, where it is not that of the whole manifold: the participation ratio of its variances where they differ.
    pub dimension: Option<usize>,
    /// Squared error of the responses that the feedback predicted at its last update, over their square.
    pub feedback_error: Option<f64>,
    /// Perturbed examples a training step.
    pub probe_rate: Option<f64>,
    /// Share of the probes, or of their energy, that lies on the manifold.
    pub manifold_share: Option<f64>,
}

/// A rule of credit assignment.
///
/// State changes only in [`CreditRule::signals`]; everything that the next call depends on is in [`CreditRule::state`], so
/// that a resumed run continues bit by bit.
pub trait CreditRule: Send {
    /// One error signal per stage, `[batch, n_l]`: the rule's estimate of dLoss/dx_l.
    ///
    /// # Errors
    /// If data cannot be read or activity is no longer finite.
    fn signals(&mut self, context: &StepContext) -> Result<Vec<Tensor<2>>>;

    /// The rule as one that needs a single stage's activity at a time, if it is: then a step need not keep the whole forward
    /// pass. Its settings must say so too ([`RuleConfig::LOCAL`](crate::registry::RuleConfig::LOCAL)).
    fn local(&mut self) -> Option<&mut dyn LocalRule> {
        None
    }

    /// Whether the signals are the exact error, so that gradients can be taken on its way down ([`Network::backpropagated`](crate::net::Network::backpropagated)), to the
    /// same bits and without asking for them.
    fn is_exact(&self) -> bool {
        false
    }

    /// Perturbed examples so far, summed over stages: every perturbed forward pass of one example counts one.
    fn probes(&self) -> u64 {
        0
    }

    /// The manifold in use at a stage (from 0), if the rule has one.
    fn manifold(&self, _stage: usize) -> Option<&Subspace> {
        None
    }

    /// The noise `[rows, n]` that `activity` `[rows, n]` of a stage (from 0) has from the rule in step `step` of the training with `seed`, as
    /// its state now is: after the step was made with this activity, that of the first perturbed pass; with another step or activity, such
    /// noise. None where the rule adds none.
    ///
    /// # Errors
    /// Activity that is not finite.
    fn noise(
        &self,
        _stage: usize,
        _activity: &Tensor<2>,
        (_seed, _step): (Seed, u64),
    ) -> Result<Option<Tensor<2>>> {
        Ok(None)
    }

    /// What the rule has chosen or measured of a stage (from 0) by itself.
    fn choices(&self, _stage: usize) -> Choices {
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

    /// Takes back what [`CreditRule::state`] gave.
    ///
    /// # Errors
    /// If something is missing or has the wrong shape.
    fn restore(&mut self, _state: &State) -> Result<()> {
        Ok(())
    }
}
