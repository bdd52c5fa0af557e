//! Noise correlation in time: perturb a state h_t, observe the change of the outputs y_t .. y_{t+K}, correlate.
//!
//! The settings are those of noise correlation in layered networks (`credit`), estimators, probes and manifolds the same code. Two are
//! added: how many lags K the change of the output is followed over, and how signals reach parameters through earlier steps.
//!
//! With learned feedback, each trial is perturbed at one step of its own, chosen at random, and the outputs of that step and the K
//! after it give estimates of the lagged Jacobians dy_{t+k}/dh_t, which average into feedback weights B_k; then
//! delta_t = sum over k of B_k^T e_{t+k}. Without memory, every state of a trial is perturbed at once, independently, and
//! delta_t = (e . dy summed over t .. t+K) xi_t / sigma^2.

use burn::tensor::{Tensor, TensorData};
use nmnc_kernels::matmul;
use serde::{Deserialize, Serialize};

use super::registry::{TimeRuleEntry, table};
use super::{TimeContext, TimeRule, TimeSetup};
use crate::credit::{self, Injection, Memory, NoiseCorrelationConfig, Normalize, learned, rescale};
use crate::estimator::{Estimator, Noise, Responses};
use crate::manifold::{Dimensions, FollowedManifold, RefreshFrom, Subspace};
use crate::recurrent::{SequencePass, Trace, live_rows, selected};
use nmnc_core::config_text::deserialize;
use nmnc_core::device::values;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Role;
use nmnc_core::state::State;

/// A registry entry: the preset of the same name in layered networks, over time.
pub(super) struct TemporalPreset {
    name: &'static str,
    summary: &'static str,
}

pub(super) const VNC: TemporalPreset = TemporalPreset {
    name: "vnc",
    summary: "vanilla noise correlation: isotropic noise, learned feedback of each lag",
};

pub(super) const NMNC: TemporalPreset = TemporalPreset {
    name: "nmnc",
    summary: "neural manifold noise correlation: noise on the manifold of states, learned feedback of each lag",
};

pub(super) const NODE_PERTURBATION: TemporalPreset = TemporalPreset {
    name: "node-perturbation",
    summary: "node perturbation: every state perturbed, isotropic noise, no memory",
};

pub(super) const MANIFOLD_NODE_PERTURBATION: TemporalPreset = TemporalPreset {
    name: "manifold-node-perturbation",
    summary: "node perturbation with noise on the manifold of states, no memory",
};

/// What is added to the settings of noise correlation.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct InTime {
    /// Lags K: steps over which the change of the output is followed.
    lags: usize,
    /// How signals reach parameters through earlier steps; other than none only with lags = 0.
    trace: Trace,
}

const IN_TIME: [&str; 2] = ["lags", "trace"];

impl TemporalPreset {
    fn parse(&self, overrides: &toml::Table) -> Result<(InTime, NoiseCorrelationConfig)> {
        let mut own = table(&InTime { lags: 20, trace: Trace::None });
        let mut rest = toml::Table::new();
        for (key, value) in overrides {
            let to = if IN_TIME.contains(&key.as_str()) { &mut own } else { &mut rest };
            to.insert(key.clone(), value.clone());
        }
        let in_time: InTime = deserialize(own)?;
        if in_time.trace != Trace::None && in_time.lags > 0 {
            return Err(Error::config("trace", "would count what lags have counted")
                .mend("set lags = 0, or trace = \"none\""));
        }
        let rules = credit::REGISTRY;
        let entry =
            rules.iter().find(|entry| entry.name() == self.name).expect("a rule of layered networks too");
        let config: NoiseCorrelationConfig = deserialize(entry.resolve(&rest)?)?;
        if config.estimator == Estimator::RecursiveLeastSquares {
            return Err(Error::config("estimator", "every lag would need a covariance of its own")
                .mend("set estimator = \"average\" or \"least-squares\""));
        }
        if config.injection != Injection::default() {
            return Err(Error::config("injection", "has no meaning over time, where there is one state")
                .mend("remove it"));
        }
        if let Some(Dimensions::Each(_)) = config.manifold.as_ref().map(|manifold| &manifold.dimension) {
            return Err(Error::config("manifold.dimension", "there is one state, and so one dimension")
                .mend("use a single number"));
        }
        Ok((in_time, config))
    }
}

impl TimeRuleEntry for TemporalPreset {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn resolve(&self, overrides: &toml::Table) -> Result<toml::Table> {
        let (in_time, config) = self.parse(overrides)?;
        let mut settings = table(&in_time);
        settings.extend(table(&config));
        Ok(settings)
    }

    fn build(&self, overrides: &toml::Table, setup: &TimeSetup) -> Result<Box<dyn TimeRule>> {
        let (in_time, config) = self.parse(overrides)?;
        Ok(Box::new(TemporalNoiseCorrelation::new(config, in_time.lags, in_time.trace, setup)))
    }
}

/// Noise correlation over time.
pub struct TemporalNoiseCorrelation {
    config: NoiseCorrelationConfig,
    lags: usize,
    trace: Trace,
    /// Feedback weights B_k `[outputs, N]` of each lag; empty without memory.
    feedback: Vec<Tensor<2>>,
    manifold: Option<FollowedManifold>,
    probes: u64,
    warnings: Vec<String>,
}

impl TemporalNoiseCorrelation {
    /// A rule that knows nothing yet. `config` must be resolved.
    pub fn new(config: NoiseCorrelationConfig, lags: usize, trace: Trace, setup: &TimeSetup) -> Self {
        let shape = [setup.network.outputs(), setup.network.units()];
        let feedback = match config.memory {
            Memory::Feedback => (0..=lags).map(|_| Tensor::zeros(shape, setup.device)).collect(),
            Memory::None => Vec::new(),
        };
        let manifold = config.manifold.as_ref().map(|manifold| FollowedManifold::new(manifold, 0));
        Self { config, lags, trace, feedback, manifold, probes: 0, warnings: Vec::new() }
    }

    /// Feedback weights B_k `[outputs, N]` of each lag k from 0; none without memory.
    pub fn feedback(&self) -> &[Tensor<2>] {
        &self.feedback
    }

    /// Refreshes the manifold from states over trials and time.
    fn refresh(&mut self, context: &TimeContext) -> Result<()> {
        let due = self.config.manifold.as_ref().and_then(|manifold| manifold.due(context.step));
        let (Some(from), Some(manifold)) = (due, &mut self.manifold) else { return Ok(()) };
        let mut rows = live_rows(context.pass, context.lengths);
        if let RefreshFrom::Samples(samples) = from {
            let chosen =
                context.seed.stream(Role::ManifoldSample, 0, context.step).sample(rows.len(), samples);
            rows = chosen.into_iter().map(|place| rows[place]).collect();
        }
        let states = selected(&context.pass.activity(), &rows);
        let mut stream = context.seed.stream(Role::RangeFinder, 0, context.step);
        let refreshed = manifold.refresh(states, &mut stream).map_err(|e| e.within("states"))?;
        self.warnings.extend(refreshed.degeneracy.map(|degeneracy| degeneracy.to_string()));
        Ok(())
    }

    /// The noise for states `[rows, N]`. None, with a warning where there is none yet, if there is nothing to perturb.
    fn noise(&mut self, states: &Tensor<2>) -> Result<Option<Noise>> {
        let manifold = match &self.manifold {
            None => None,
            Some(followed) => match followed.subspace() {
                Some(subspace) => Some(subspace),
                None => return Ok(None),
            },
        };
        let noise = Noise::scaled(self.config.sigma, manifold, states).map_err(|e| e.within("states"))?;
        if noise.is_none() {
            self.warnings.push("states are zero, so they receive no probes".to_owned());
        }
        Ok(noise)
    }

    /// Passes that a probe takes.
    fn passes(&self) -> usize {
        if self.config.antithetic { 2 } else { 1 }
    }

    /// Estimates every lagged Jacobian and averages it into the feedback.
    fn update_feedback(&mut self, eta: f64, context: &TimeContext) -> Result<()> {
        let TimeContext { network, pass, lengths, .. } = *context;
        let batch = pass.sequence.batch;
        // All repetitions are drawn together, so that orthogonal blocks run across trials and repetitions.
        let repeats = self.config.probes;
        let mut times = context.seed.stream(Role::ProbeTime, 0, context.step);
        let chosen: Vec<(usize, usize)> = (0..repeats)
            .flat_map(|_| lengths.iter().enumerate())
            .map(|(trial, &length)| (trial, times.below(length)))
            .collect();
        let row = |lag: usize, &(trial, time): &(usize, usize)| {
            (time + lag).min(pass.sequence.steps - 1) * batch + trial
        };
        let rows = |lag: usize| chosen.iter().map(|place| row(lag, place)).collect::<Vec<_>>();
        let states = selected(&pass.activity(), &rows(0));
        let Some(noise) = self.noise(&states)? else { return Ok(()) };
        let mut stream = context.seed.stream(Role::Probe, 0, context.step);
        let size = [chosen.len(), noise.manifold().map_or(states.dims()[1], Subspace::dimension)];
        let coordinates = self.config.probe.draw(size, &mut stream, &states.device()).cast(states.dtype());
        let left = chosen.iter().map(|&(trial, time)| lengths[trial] - 1 - time);
        let lags = self.lags.min(left.max().unwrap_or(0));
        let driven: Vec<usize> = (1..=lags).flat_map(rows).collect();
        // A tensor cannot have no rows.
        let drive = (lags > 0).then(|| selected(pass.drive(), &driven));
        let outputs = |factor: f64| {
            let start = noise.moved(&states, &coordinates, factor);
            network.readout(match &drive {
                Some(drive) => network.run_from(pass, &start, drive),
                None => start,
            })
        };
        let forward = outputs(1.0);
        let change = if self.config.antithetic {
            (forward - outputs(-1.0)) / (2.0 * noise.deviation())
        } else {
            let seen: Vec<usize> = (0..=lags).flat_map(rows).collect();
            (forward - selected(&pass.output, &seen)) / noise.deviation()
        };
        let mut told_of = Vec::new();
        for lag in 0..=lags {
            let changes = change.clone().narrow(0, lag * chosen.len(), chosen.len());
            // Steps after a trial's end say nothing.
            let told: Vec<usize> =
                (0..chosen.len()).filter(|&i| chosen[i].1 + lag < lengths[chosen[i].0]).collect();
            let responses = if told.len() == chosen.len() {
                Responses { probes: coordinates.clone(), changes }
            } else {
                Responses { probes: selected(&coordinates, &told), changes: selected(&changes, &told) }
            };
            if !told.is_empty() {
                told_of.push((lag, responses));
            }
        }
        for (lag, responses) in told_of {
            let known = self.feedback[lag].clone();
            self.feedback[lag] = learned(known, responses, self.config.estimator, eta, noise.manifold());
        }
        self.probes += (chosen.len() * self.passes()) as u64;
        Ok(())
    }

    /// delta_t = sum over k of B_k^T e_{t+k}.
    fn fed_back(&self, context: &TimeContext) -> Tensor<2> {
        let Sizes { batch, rows, lags } = self.sizes(context.pass);
        let error = context.error;
        let shifted = |lag: usize| {
            let rest = error.clone().narrow(0, lag * batch, rows - lag * batch);
            if lag == 0 {
                rest
            } else {
                Tensor::cat(vec![rest, error.clone().narrow(0, 0, lag * batch).zeros_like()], 0)
            }
        };
        // One product over all lags: the sums stay in registers.
        let errors = Tensor::cat((0..=lags).map(shifted).collect(), 1);
        let feedback = Tensor::cat(self.feedback[..=lags].to_vec(), 0);
        matmul(errors, feedback)
    }

    fn sizes(&self, pass: &SequencePass) -> Sizes {
        let (batch, steps) = (pass.sequence.batch, pass.sequence.steps);
        Sizes { batch, rows: steps * batch, lags: self.lags.min(steps - 1) }
    }

    /// delta_t = (e . dy summed over t .. t+K) xi_t / sigma^2, averaged over the probes, each trial for itself.
    fn memoryless(&mut self, context: &TimeContext) -> Result<Tensor<2>> {
        let TimeContext { network, pass, error, lengths, .. } = *context;
        let Sizes { batch, rows, lags } = self.sizes(pass);
        let states = pass.activity();
        let Some(noise) = self.noise(&states)? else { return Ok(states.zeros_like()) };
        let repeats = self.config.probes;
        let mut stream = context.seed.stream(Role::Probe, 0, context.step);
        let size = [rows * repeats, noise.manifold().map_or(states.dims()[1], Subspace::dimension)];
        let all = self.config.probe.draw(size, &mut stream, &states.device()).cast(states.dtype());
        let none = states.zeros_like();
        let mut sum: Option<Tensor<2>> = None;
        for repeat in 0..repeats {
            let coordinates = all.clone().narrow(0, repeat * rows, rows);
            let outputs = |factor: f64| {
                network.readout(network.run_kicked(pass, &noise.moved(&none, &coordinates, factor)))
            };
            let forward = outputs(1.0);
            let change = if self.config.antithetic {
                (forward - outputs(-1.0)) / (2.0 * noise.deviation())
            } else {
                (forward - pass.output.clone()) / noise.deviation()
            };
            let scores = windowed(values(&(change * error.clone()).sum_dim(1)), batch, lags);
            let scores =
                Tensor::from_data(TensorData::new(scores, [rows, 1]), (&states.device(), states.dtype()));
            let own = coordinates * scores;
            sum = Some(match sum {
                Some(sum) => sum + own,
                None => own,
            });
        }
        let signal = sum.expect("there is at least one probe") / repeats as f64;
        let signal = match noise.manifold() {
            Some(manifold) => manifold.embed(signal),
            None => signal,
        };
        self.probes += (lengths.iter().sum::<usize>() * repeats * self.passes()) as u64;
        Ok(signal)
    }
}

struct Sizes {
    batch: usize,
    rows: usize,
    lags: usize,
}

/// Row by row of a sequence of `batch` trials, the sum of the row's number and the next `lags` of the same trial.
fn windowed(mut numbers: Vec<f64>, batch: usize, lags: usize) -> Vec<f64> {
    let rows = numbers.len();
    let original = numbers.clone();
    for row in (0..rows.saturating_sub(batch)).rev() {
        // All later ones, less what lies beyond the window.
        let beyond = original.get(row + (lags + 1) * batch).copied().unwrap_or(0.0);
        numbers[row] = original[row] + numbers[row + batch] - beyond;
    }
    numbers
}

impl TimeRule for TemporalNoiseCorrelation {
    fn signals(&mut self, context: &TimeContext) -> Result<Tensor<2>> {
        self.refresh(context)?;
        let signal = match (self.config.memory, self.config.eta, self.config.interval) {
            (Memory::Feedback, Some(eta), Some(interval)) => {
                if context.step.is_multiple_of(interval) {
                    self.update_feedback(eta, context)?;
                }
                self.fed_back(context)
            }
            _ => self.memoryless(context)?,
        };
        Ok(match self.config.normalize {
            Normalize::None => signal,
            Normalize::Signal => rescale(signal, context.error),
        })
    }

    fn trace(&self) -> Trace {
        self.trace
    }

    fn probes(&self) -> u64 {
        self.probes
    }

    fn manifold(&self) -> Option<&Subspace> {
        self.manifold.as_ref().and_then(FollowedManifold::subspace)
    }

    fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.counters.insert("probes".into(), self.probes);
        for (lag, feedback) in self.feedback.iter().enumerate() {
            state.tensors.insert(format!("feedback{lag}"), feedback.clone());
        }
        if let Some(manifold) = &self.manifold {
            state.extend(manifold.state());
        }
        state
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        self.probes = state.counter("probes")?;
        for (lag, feedback) in self.feedback.iter_mut().enumerate() {
            *feedback = state.shaped(&format!("feedback{lag}"), feedback.dims())?;
        }
        match &mut self.manifold {
            Some(manifold) => manifold.restore(state),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_sum_over_the_steps_of_one_trial() {
        // Two trials of four steps.
        let numbers = vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0];
        assert_eq!(windowed(numbers.clone(), 2, 0), numbers);
        assert_eq!(windowed(numbers.clone(), 2, 1), [3.0, 30.0, 5.0, 50.0, 7.0, 70.0, 4.0, 40.0]);
        assert_eq!(windowed(numbers, 2, 9), [10.0, 100.0, 9.0, 90.0, 7.0, 70.0, 4.0, 40.0]);
    }
}
