//! Direct feedback by the exact mean lagged Jacobians: what noise correlation over time would learn if probes cost nothing.
//!
//! delta_t = sum over k of J_k^T e_{t+k}, where J_k is the mean of dy_{t+k}/dh_t over trials and steps t, differentiated and not estimated,
//! every few steps. A reference like backpropagation through time, and no model of anything. With `parts` each part of a trial's time has
//! means of its own: what feedback gains that knows where in the trial it is. With `dimension` the means are projected to that many
//! principal components of the states, the limit of noise there.

use burn::tensor::{Tensor, TensorData};
use nmnc_kernels::matmul;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kind::{OverTime, TimeSetup};
use super::lagged::later_errors;
use super::{TimeContext, TimeRule};
use crate::manifold::{self, Dimension, PcaMethod};
use crate::needs::{Sizes, Values, product};
use crate::recurrent::RecurrentNetwork;
use crate::recurrent::jacobian::output_jacobians;
use crate::registry::{Preset, RuleConfig};
use crate::work::{Job, SequencePart, Work, sequence_job};
use crate::workers::Contribution;
use nmnc_core::error::Result;
use nmnc_core::ranges;
use nmnc_core::seed::Role;
use nmnc_core::state::State;

/// Registry entry.
pub(super) const MEAN_JACOBIAN: Preset<LaggedJacobianConfig> = Preset {
    name: "mean-jacobian",
    summary: "the exact mean Jacobian of each lag: the reference for all that correlates with the output",
    settings: || LaggedJacobianConfig { lags: 20, interval: 10, parts: 1, dimension: None },
};

/// Settings of direct feedback by mean lagged Jacobians.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LaggedJacobianConfig {
    /// Lags K: steps over which the change of the output is followed.
    #[schemars(transform = ranges::COUNT_OR_NONE.stated())]
    pub lags: usize,
    /// Training steps between two estimates, each from the trials of its step's batch, which are looked at from one random step each.
    #[schemars(transform = ranges::INTERVAL.stated())]
    pub interval: u64,
    /// Parts of equal length that a trial's time is divided into, each with feedback of its own: 1 has the same at all times.
    #[schemars(transform = ranges::COUNT.stated())]
    pub parts: usize,
    /// Leading principal components of the batch's states that the feedback is projected to; none when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::UNITS.stated())]
    pub dimension: Option<usize>,
}

impl RuleConfig<OverTime> for LaggedJacobianConfig {
    fn resolve(self) -> Result<Self> {
        ranges::check(&self)?;
        Ok(self)
    }

    /// The feedback, and while it is found all errors carried back for one output.
    fn needs(&self, sizes: &Sizes) -> Vec<Values> {
        let lags = (self.lags as u128).min(sizes.steps.saturating_sub(1)).saturating_add(1);
        let units = sizes.stages[0].units;
        let cells = product([(self.parts as u128).min(sizes.steps), lags]);
        let held = product([cells, sizes.outputs, units]);
        let back = product([sizes.rows(), sizes.outputs.saturating_add(units)]);
        let errors = product([sizes.rows(), lags, sizes.outputs, 2]);
        vec![Values {
            held,
            passing: back.saturating_add(product([cells, sizes.rows()])).max(errors.saturating_add(held)),
        }]
    }

    fn work(&self, network: &RecurrentNetwork, [rows, steps]: [usize; 2]) -> Vec<Work> {
        let (units, outputs) = (network.units(), network.outputs());
        let lags = self.lags.min(steps - 1) + 1;
        let often = outputs as f64 / self.interval as f64;
        let mut step = vec![
            Job::pass(2 * rows * steps * outputs * lags),
            Job::product(rows * steps, outputs * lags, units),
            sequence_job(network, SequencePart::Backpropagate, rows, steps).times(often),
            Job::product(self.parts.min(steps) * lags, rows * steps, units).times(often),
        ];
        if let Some(dimension) = self.dimension {
            let both = 2.0 / self.interval as f64;
            step.push(Job::product(self.parts.min(steps) * lags * outputs, units, dimension).times(both));
        }
        vec![Work { step, ..Work::default() }]
    }

    fn build(self, setup: &TimeSetup) -> Box<dyn TimeRule> {
        Box::new(LaggedJacobians::new(self, setup))
    }
}

/// The mean Jacobian of each lag and part of a trial.
pub struct LaggedJacobians {
    config: LaggedJacobianConfig,
    /// One under the other, by part, lag and output; of as many parts and lags as the step before had room for.
    feedback: Tensor<2>,
    /// Parts and lags of it.
    shape: [usize; 2],
}

impl LaggedJacobians {
    /// A rule that has seen no network yet. `config` must be resolved.
    pub fn new(config: LaggedJacobianConfig, setup: &TimeSetup) -> Self {
        let (outputs, units) = (setup.network.outputs(), setup.network.units());
        Self { config, feedback: Tensor::zeros([outputs, units], setup.device), shape: [1, 1] }
    }

    /// The mean Jacobian `[outputs, N]` of a lag k, in a part of the trial.
    pub fn feedback(&self, part: usize, lag: usize) -> Tensor<2> {
        let [parts, lags] = self.shape;
        let outputs = self.feedback.dims()[0] / (parts * lags);
        self.feedback.clone().narrow(0, (part * lags + lag) * outputs, outputs)
    }

    /// Differentiates the outputs of each trial at a step of its own, chosen at random, by all its states before, and averages.
    fn find(&mut self, context: &TimeContext) -> Result<()> {
        let TimeContext { network, pass, share, .. } = *context;
        let (batch, steps) = (pass.sequence.batch, pass.sequence.steps);
        let [parts, lags] = [self.config.parts.min(steps), self.config.lags.min(steps - 1) + 1];
        let whole = context.whole_lengths()?;
        let mut stream = context.seed.stream(Role::ProbeTime, 0, context.step);
        let ends: Vec<usize> = whole.iter().map(|&length| stream.below(length)).collect();
        let ends = &ends[share.rows()];
        // Which states count for which mean, and how many do.
        let cells = parts * lags;
        let (mut chosen, mut counts) = (vec![0.0_f32; cells * steps * batch], vec![0.0; cells]);
        for (trial, &end) in ends.iter().enumerate() {
            for lag in 0..lags.min(end + 1) {
                let time = end - lag;
                let cell = time * parts / steps * lags + lag;
                chosen[cell * steps * batch + time * batch + trial] = 1.0;
                counts[cell] += 1.0;
            }
        }
        let (outputs, rows, units) = (network.outputs(), steps * batch, network.units());
        let on = |numbers: Vec<f32>, shape: [usize; 2]| -> Tensor<2> {
            Tensor::from_data(TensorData::new(numbers, shape), (&pass.output.device(), pass.output.dtype()))
        };
        let chosen = on(chosen, [cells, rows]);
        let of_output =
            |output: usize| matmul(chosen.clone(), output_jacobians(network, pass, ends, output, false));
        // By cell, and within a cell by output.
        let sums = Tensor::cat((0..outputs).map(of_output).collect(), 1).reshape([cells * outputs, units]);
        let (sums, counts) = if share.is_alone() {
            (sums, counts)
        } else {
            let mut all = share.workers().sum(Contribution::new(counts, [&sums]))?;
            let counts = std::mem::take(&mut all.numbers);
            (all.tensors(&sums.device()).next().expect("one matrix was given"), counts)
        };
        let scales = counts.iter().flat_map(|&count: &f64| vec![1.0 / count.max(1.0) as f32; outputs]);
        self.feedback = sums * on(scales.collect(), [cells * outputs, 1]);
        self.shape = [parts, lags];
        if let Some(dimension) = self.config.dimension {
            let states = context.states(&whole, None)?;
            let mut stream = context.seed.stream(Role::RangeFinder, 0, context.step);
            let fit = manifold::fit(states, Dimension::Count(dimension), PcaMethod::Randomized, &mut stream);
            let subspace = fit.map_err(|e| e.within("states"))?.subspace;
            self.feedback = match subspace {
                Some(subspace) => subspace.embed(subspace.coordinates(self.feedback.clone())),
                None => self.feedback.zeros_like(),
            };
        }
        Ok(())
    }
}

impl TimeRule for LaggedJacobians {
    fn lags(&self) -> usize {
        self.config.lags
    }

    fn signals(&mut self, context: &TimeContext) -> Result<Tensor<2>> {
        if context.step.is_multiple_of(self.config.interval) {
            self.find(context)?;
        }
        let (batch, steps) = (context.pass.sequence.batch, context.pass.sequence.steps);
        let [parts, known] = self.shape;
        let lags = known.min(steps);
        let errors = later_errors(context.error, batch, lags - 1);
        // Steps of a part follow each other, so that its rows do.
        let first = |part: usize| (part * steps).div_ceil(parts).min(steps);
        let of_part = |part: usize| {
            let (start, end) = (first(part), first(part + 1));
            (end > start).then(|| {
                let own = errors.clone().narrow(0, start * batch, (end - start) * batch);
                let outputs = context.network.outputs();
                let feedback = self.feedback.clone().narrow(0, part * known * outputs, lags * outputs);
                matmul(own, feedback)
            })
        };
        Ok(Tensor::cat((0..parts).filter_map(of_part).collect(), 0))
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.tensors.insert("feedback".into(), self.feedback.clone());
        let [parts, lags] = self.shape.map(|size| size as u64);
        state.counters.insert("parts".into(), parts);
        state.counters.insert("lags".into(), lags);
        state
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        let shape = [state.counter("parts")? as usize, state.counter("lags")? as usize];
        let [parts, lags] = self.shape;
        let [rows, units] = self.feedback.dims();
        let rows = (rows / (parts * lags)).saturating_mul(shape[0]).saturating_mul(shape[1]);
        self.feedback = state.shaped("feedback", [rows, units])?;
        self.shape = shape;
        Ok(())
    }
}
