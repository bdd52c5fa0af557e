//! Local rules: those that need no other stage's activity, so that a step need not keep any.

use burn::tensor::Tensor;

use super::context::{LocalContext, StepContext};
use nmnc_core::error::Result;

/// A rule whose signal for a stage follows from that stage's activity and the output alone.
///
/// A step calls [`LocalRule::begin`] once and then [`LocalRule::signal`] for every stage, first to last unless
/// [`LocalRule::in_any_order`].
pub trait LocalRule {
    /// What comes before the stages of a step.
    ///
    /// # Errors
    /// If data cannot be read or activity is no longer finite.
    fn begin(&mut self, context: &LocalContext) -> Result<()>;

    /// Whether the stages of the step that has begun may come in any order: nothing is learned in it from what the rule is shown. Where workers
    /// share the step, gradients can be given away in the order that suits the exchange.
    fn in_any_order(&self, _step: u64) -> bool {
        false
    }

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
