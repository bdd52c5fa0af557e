//! What rules see of a training step.

use burn::tensor::Tensor;

use crate::net::{ForwardPass, Inputs, Network, Replay};
use crate::workers::Share;
use nmnc_core::error::Result;
use nmnc_core::seed::Seed;

/// Draws training inputs for a rule that has to look at activity beyond the current batch.
pub trait InputSampler {
    /// `count` distinct training examples (fewer if there are fewer), a matrix of `count` rows for each input of the network, fixed by
    /// seed and training step.
    ///
    /// # Errors
    /// If the data cannot be read.
    fn sample(&self, count: usize, step: u64) -> Result<Inputs>;
}

impl<F: Fn(usize, u64) -> Result<Inputs>> InputSampler for F {
    fn sample(&self, count: usize, step: u64) -> Result<Inputs> {
        self(count, step)
    }
}

/// What a rule sees of one training step.
pub struct StepContext<'a> {
    /// The network, before this step's update.
    pub network: &'a Network,
    /// The forward pass of this step's batch.
    pub pass: &'a ForwardPass,
    /// e = dLoss/dy `[batch, outputs]`.
    pub error: &'a Tensor<2>,
    /// Training step, from 0.
    pub step: u64,
    /// Seed of the run.
    pub seed: Seed,
    /// More training inputs.
    pub inputs: &'a dyn InputSampler,
    /// Which part of the step's examples the batch is. What is learned from the whole is learned from all of them.
    pub share: &'a Share<'a>,
}

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
    /// As [`StepContext::share`].
    pub share: &'a Share<'a>,
    /// Perturbed passes of the batch: what the rule learns of the other stages, it learns from the output of these.
    pub replay: Replay<'a>,
}

impl<'a> From<&StepContext<'a>> for LocalContext<'a> {
    fn from(context: &StepContext<'a>) -> Self {
        let &StepContext { network, pass, error, step, seed, inputs, share } = context;
        let replay = Replay::new(network, pass);
        Self { network, output: &pass.output, error, step, seed, inputs, share, replay }
    }
}
