//! What rules see of a training step.

use std::cell::Cell;
use std::ops::Range;

use burn::tensor::Tensor;

use crate::manifold::{ManifoldConfig, PcaMethod};
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

    /// Those of the same examples at the places that `part` names when told how many there are.
    ///
    /// # Errors
    /// As [`InputSampler::sample`].
    fn sample_part(&self, count: usize, step: u64, part: &dyn Fn(usize) -> Range<usize>) -> Result<Inputs> {
        let Inputs(all) = self.sample(count, step)?;
        let rows = |input: Tensor<2>| {
            let part = part(input.dims()[0]);
            input.narrow(0, part.start, part.len())
        };
        Ok(Inputs(all.into_iter().map(rows).collect()))
    }
}

impl<F: Fn(usize, u64) -> Result<Inputs>> InputSampler for F {
    fn sample(&self, count: usize, step: u64) -> Result<Inputs> {
        self(count, step)
    }
}

/// The inputs of [`InputSampler::sample`], and which part of them they are: where workers share the step, one part for each.
///
/// # Errors
/// If the data cannot be read; a worker that cannot be reached.
pub(super) fn divided_sample<'a>(
    count: usize,
    step: u64,
    inputs: &dyn InputSampler,
    share: &Share<'a>,
) -> Result<(Inputs, Share<'a>)> {
    let (workers, whole) = (share.workers(), Cell::new(0));
    let divided = !share.is_alone();
    let part = |examples: usize| {
        whole.set(examples);
        let all = 0..examples;
        if divided { workers.part(examples).unwrap_or(all) } else { all }
    };
    let inputs = inputs.sample_part(count, step, &part)?;
    let whole = whole.get();
    // Fewer examples than workers are not divided.
    let share = if divided && whole >= workers.count() {
        Share::of(workers, workers.part(whole)?.len())?
    } else {
        Share::alone(whole)
    };
    Ok((inputs, share))
}

/// The same of examples whose activity manifolds are found in: all of them for each worker unless the method adds up what each makes of
/// its own.
///
/// # Errors
/// As [`divided_sample`].
pub(super) fn manifold_sample<'a>(
    config: &ManifoldConfig,
    count: usize,
    step: u64,
    inputs: &dyn InputSampler,
    share: &Share<'a>,
) -> Result<(Inputs, Share<'a>)> {
    if config.method == PcaMethod::Randomized {
        return divided_sample(count, step, inputs, share);
    }
    let inputs = inputs.sample(count, step)?;
    let whole = inputs.0[0].dims()[0];
    Ok((inputs, Share::alone(whole)))
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
