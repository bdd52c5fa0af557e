//! Local rules: those that need no other stage's activity, so that a step need not keep any.

use burn::tensor::Tensor;

use super::rule::{InputSampler, StepContext};
use crate::net::{Network, Replay};
use nmnc_core::error::Result;
use nmnc_core::seed::Seed;

/// What a local rule sees of one training step: everything but the stages' activities, of which it is shown one at a time.
pub struct LocalContext<'a> {
    /// The network, before this step's update.
    pub network: &'a Network,
    /// Output of this step's batch, `[batch, outputs]`.
    pub output: &'a Tensor<2>,
    /// e = dLoss/dy `[batch, outputs]`.
    pub error: &'a Tensor<2>,
    /// Training step, from 0.
    pub step: u64,
    /// Seed of the run.
    pub seed: Seed,
    /// More training inputs.
    pub inputs: &'a dyn InputSampler,
    /// Perturbed passes of the batch: what the rule learns of the other stages, it learns from the output of these.
    pub replay: Replay<'a>,
}

impl<'a> From<&StepContext<'a>> for LocalContext<'a> {
    fn from(context: &StepContext<'a>) -> Self {
        let &StepContext { network, pass, error, step, seed, inputs } = context;
        let replay = Replay::new(network, pass);
        Self { network, output: &pass.output, error, step, seed, inputs, replay }
    }
}

/// A rule whose signal for a stage follows from that stage's activity and the output alone.
///
/// A step calls [`LocalRule::begin`] once and then [`LocalRule::signal`] for every stage, first to last.
pub trait LocalRule {
    /// What comes before the stages of a step.
    ///
    /// # Errors
    /// If data cannot be read or activity is no longer finite.
    fn begin(&mut self, context: &LocalContext) -> Result<()>;

    /// The error signal `[batch, n_l]` of `stage` (from 0), whose activity is `[batch, n_l]`.
    ///
    /// # Errors
    /// If activity is no longer finite.
    fn signal(&mut self, stage: usize, activity: &Tensor<2>, context: &LocalContext) -> Result<Tensor<2>>;
}

/// [`CreditRule::signals`](super::CreditRule::signals) of a local rule.
///
/// # Errors
/// As the rule's own functions.
pub fn local_signals(rule: &mut dyn LocalRule, context: &StepContext) -> Result<Vec<Tensor<2>>> {
    let local = LocalContext::from(context);
    rule.begin(&local)?;
    let activities = context.pass.activities().enumerate();
    activities.map(|(stage, activity)| rule.signal(stage, activity, &local)).collect()
}
