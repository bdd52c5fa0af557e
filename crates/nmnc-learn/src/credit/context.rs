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
/// If the data cannot be read.
pub(super) fn divided_sample<'a>(
    count: usize,
    step: u64,
    inputs: &dyn InputSampler,
    share: &Share<'a>,
) -> Result<(Inputs, Share<'a>)> {
    // Fewer examples than workers are not divided.
    let part =
        |examples| Share::divided(share.workers(), examples).unwrap_or_else(|_| Share::alone(examples));
    let whole = Cell::new(0);
    let inputs = inputs.sample_part(count, step, &|examples| {
        whole.set(examples);
        part(examples).rows()
    })?;
    Ok((inputs, part(whole.get())))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifold::PcaMethod::{Exact, Randomized};
    use crate::workers::{Contribution, Workers};
    use burn::tensor::Device;
    use nmnc_core::device::{matrix, values};

    struct OneOfThree(usize);

    impl Workers for OneOfThree {
        fn count(&self) -> usize {
            3
        }

        fn number(&self) -> usize {
            self.0
        }

        fn gather(&self, _: Contribution) -> Result<Vec<Contribution>> {
            unreachable!("who has what needs no exchange")
        }
    }

    #[test]
    fn a_sample_is_divided_where_parts_can_be_added_up() {
        // Each example is a number; the sampler has eight.
        let sample = |count: usize, _: u64| -> Result<Inputs> {
            let count = count.min(8);
            Ok(matrix((1..=count).map(|i| i as f32).collect(), [count, 1], &Device::flex()).into())
        };
        let of = |worker: usize, method: PcaMethod, count: usize| {
            let workers = OneOfThree(worker);
            let share = Share::divided(&workers, 3).unwrap();
            let config = ManifoldConfig { method, ..ManifoldConfig::default() };
            let (Inputs(inputs), share) = manifold_sample(&config, count, 0, &sample, &share).unwrap();
            (values::<f32>(&inputs[0]), share.rows(), share.whole())
        };
        let parts = [0, 1, 2].map(|worker| of(worker, Randomized, 100));
        assert_eq!(parts[0], (vec![1.0, 2.0], 0..2, 8));
        assert_eq!(parts[1], (vec![3.0, 4.0, 5.0], 2..5, 8));
        assert_eq!(parts[2], (vec![6.0, 7.0, 8.0], 5..8, 8));
        // All of them where they cannot, or are too few.
        assert_eq!(of(1, Exact, 4), (vec![1.0, 2.0, 3.0, 4.0], 0..4, 4));
        assert_eq!(of(1, Randomized, 2), (vec![1.0, 2.0], 0..2, 2));
    }
}
