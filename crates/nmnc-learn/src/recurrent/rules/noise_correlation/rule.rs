//! The rule itself.

use burn::tensor::{Tensor, TensorData};
use nmnc_kernels::{matmul, row_energies};

use super::config::{Correlate, TemporalConfig};
use super::off_manifold::Outside;
use crate::credit::{Choices, Normalize, Spending, rescale};
use crate::estimator::{LearnedJacobian, Perturbations, Prober};
use crate::manifold::Subspace;
use crate::recurrent::rules::kind::TimeSetup;
use crate::recurrent::rules::lagged::later_errors;
use crate::recurrent::rules::{TimeContext, TimeRule};
use crate::recurrent::{EligibilityTrace, SequencePass};
use nmnc_core::device::{selected, values};
use nmnc_core::error::Result;
use nmnc_core::seed::Role;
use nmnc_core::state::State;

/// Noise correlation over time.
pub struct TemporalNoiseCorrelation {
    config: TemporalConfig,
    /// What asks for perturbations of the state, of one manifold for all lags.
    prober: Prober,
    /// Feedback weights B_k `[outputs, N]` of each lag k from 0; none without memory.
    lagged: Vec<LearnedJacobian>,
    /// What feedback does off the manifold.
    outside: Outside,
    /// A budget of perturbed states, if there is one.
    spending: Option<Spending>,
    probes: u64,
    warnings: Vec<String>,
}

impl TemporalNoiseCorrelation {
    /// A rule that knows nothing yet. `config` must be resolved.
    pub fn new(config: TemporalConfig, setup: &TimeSetup) -> Self {
        let (noise, network) = (&config.noise, setup.network);
        let shape = [network.outputs(), network.units()];
        // How good feedback is belongs to what a budget has to show.
        let watched = noise.budget.is_some();
        let learned = |learning| -> Result<LearnedJacobian> {
            let learned = LearnedJacobian::new(learning, noise.probe, shape, setup.device)?;
            Ok(if watched { learned.watched() } else { learned })
        };
        let lagged = noise.learning().map(|learning| (0..=config.lags).map(|_| learned(learning)).collect());
        let lagged = lagged.unwrap_or_else(|| Ok(Vec::new())).expect("the settings have been resolved");
        let prober = Prober::new(noise.probing(network.units(), setup.seed, 0));
        let prober = prober.expect("the settings have been resolved");
        let like = network.readout_weight();
        let outside = Outside::new(
            config.off_manifold,
            config.off_scale.unwrap_or(1.0),
            lagged.len(),
            like,
            setup.seed,
        );
        let spending = noise.budget.map(|budget| Spending::new(budget, 1, noise.repetitions(1)));
        Self { config, prober, lagged, outside, spending, probes: 0, warnings: Vec::new() }
    }

    /// Feedback weights B_k `[outputs, N]` of each lag k from 0; none without memory.
    pub fn feedback(&self) -> Vec<Tensor<2>> {
        self.lagged.iter().map(LearnedJacobian::feedback).collect()
    }

    /// Refreshes the manifold from states over time and trials, those of all workers, of the given lengths.
    fn refresh(&mut self, context: &TimeContext, lengths: &[usize]) -> Result<()> {
        let Some(from) = self.prober.due(context.step) else { return Ok(()) };
        let states = context.states(lengths, from.samples().map(|samples| (samples, 0)))?;
        let refreshed = self.prober.refresh(context.step, &states).map_err(|e| e.within("states"))?;
        self.lagged.iter_mut().for_each(|lag| lag.follow(&self.prober, &refreshed));
        self.warnings.extend(refreshed.degeneracy.map(|degeneracy| degeneracy.to_string()));
        Ok(())
    }

    /// The first perturbations of this step, `repetitions` of them for each trial, scaled to states `[rows, N]`. None, with a warning
    /// where there is a manifold, if there is nothing to perturb.
    fn ask(
        &mut self,
        context: &TimeContext,
        repetitions: usize,
        states: &Tensor<2>,
    ) -> Result<Option<Perturbations>> {
        let asked = self.prober.ask_share(context.step, 0..repetitions, states, context.share);
        let asked = asked.map_err(|e| e.within("states"))?;
        if asked.is_none() && self.prober.dimension().is_some() {
            self.warnings.push("states are zero or next to it, so they receive no probes".to_owned());
        }
        Ok(asked)
    }

    /// How often each of the `trials` of all workers is perturbed in a step.
    fn planned(&mut self, trials: usize, step: u64) -> usize {
        let noise = &self.config.noise;
        match &mut self.spending {
            Some(spending) => {
                spending.plan(noise.cost(), trials, &[self.prober.dimension().is_some()]);
                spending.planned(0)
            }
            None if noise.interval.is_none_or(|interval| step.is_multiple_of(interval)) => noise.probes,
            None => 0,
        }
    }

    /// Learns every lagged Jacobian from so many perturbations of each trial. `whole` are the lengths of the trials of all workers.
    fn update_feedback(&mut self, context: &TimeContext, whole: &[usize], repeats: usize) -> Result<()> {
        let TimeContext { network, pass, lengths, share, .. } = *context;
        let batch = pass.sequence.batch;
        let mut times = context.seed.stream(Role::ProbeTime, 0, context.step);
        let all: Vec<(usize, usize)> = (0..repeats)
            .flat_map(|_| whole.iter().enumerate())
            .map(|(trial, &length)| (trial, times.below(length)))
            .collect();
        let left = all.iter().map(|&(trial, time)| whole[trial] - 1 - time);
        let lags = self.config.lags.min(left.max().unwrap_or(0));
        // Those of this worker, by its own numbers of trials.
        let held = share.rows();
        let chosen = all.iter().filter(|(trial, _)| held.contains(trial));
        let chosen: Vec<(usize, usize)> = chosen.map(|&(trial, time)| (trial - held.start, time)).collect();
        let row = |lag: usize, &(trial, time): &(usize, usize)| {
            (time + lag).min(pass.sequence.steps - 1) * batch + trial
        };
        let rows = |lag: usize| chosen.iter().map(|place| row(lag, place)).collect::<Vec<_>>();
        let states = selected(&pass.activity(), &rows(0));
        // All repetitions are asked for together, so that orthogonal blocks run across trials and repetitions.
        let asked = self.ask(context, repeats, &states)?;
        let Some(perturbations) = asked else { return Ok(()) };
        let driven: Vec<usize> = (1..=lags).flat_map(rows).collect();
        // A tensor cannot have no rows.
        let drive = (lags > 0).then(|| selected(pass.drive(), &driven));
        let outputs = |start: Tensor<2>| {
            network.readout(match &drive {
                Some(drive) => network.run_from(pass, &start, drive),
                None => start,
            })
        };
        let forward = outputs(perturbations.moved(&states));
        let change = if self.config.noise.antithetic {
            (forward - outputs(perturbations.moved_back(&states))) / 2.0
        } else {
            let seen: Vec<usize> = (0..=lags).flat_map(rows).collect();
            forward - selected(&pass.output, &seen)
        };
        for (lag, learned) in self.lagged.iter_mut().enumerate().take(lags + 1) {
            let changes = change.clone().narrow(0, lag * chosen.len(), chosen.len());
            // Steps after a trial's end say nothing.
            let told: Vec<usize> =
                (0..chosen.len()).filter(|&i| chosen[i].1 + lag < lengths[chosen[i].0]).collect();
            let told = learned.tell_only(&perturbations, changes, &told);
            learned.learn_shared(told, share)?;
        }
        self.probes += (all.len() * self.prober.passes()) as u64;
        Ok(())
    }

    /// delta_t = sum over k of B_k^T e_{t+k}.
    fn fed_back(&self, context: &TimeContext) -> Tensor<2> {
        let Sizes { batch, lags, .. } = self.sizes(context.pass);
        // One product over all lags: the sums stay in registers.
        let errors = later_errors(context.error, batch, lags);
        let feedback = self.lagged[..=lags].iter().enumerate();
        let feedback =
            feedback.map(|(lag, own)| self.outside.used(lag, own.feedback(), self.prober.manifold()));
        matmul(errors, Tensor::cat(feedback.collect(), 0))
    }

    fn sizes(&self, pass: &SequencePass) -> Sizes {
        let (batch, steps) = (pass.sequence.batch, pass.sequence.steps);
        Sizes { batch, rows: steps * batch, lags: self.config.lags.min(steps - 1) }
    }

    /// delta_t = (e . dy summed over t .. t+K) xi_t / sigma^2, averaged over the probes, each trial for itself.
    /// `whole` are the lengths of the trials of all workers.
    fn memoryless(&mut self, context: &TimeContext, whole: &[usize]) -> Result<Tensor<2>> {
        let TimeContext { network, pass, error, .. } = *context;
        let Sizes { batch, rows, lags } = self.sizes(pass);
        let states = pass.activity();
        let repeats = self.config.noise.probes;
        let asked = self.ask(context, pass.sequence.steps * repeats, &states)?;
        let Some(all) = asked else { return Ok(states.zeros_like()) };
        let none = states.zeros_like();
        let mut sum: Option<Tensor<2>> = None;
        for repeat in 0..repeats {
            let own = all.part(repeat * rows..(repeat + 1) * rows);
            let kicked = |kicks: Tensor<2>| network.run_kicked(pass, &kicks);
            let forward = kicked(own.moved(&none));
            let back = self.config.noise.antithetic.then(|| kicked(own.moved_back(&none)));
            // What a function of the states, given for those of the clean pass, changes by.
            let changed = |of: &dyn Fn(Tensor<2>) -> Tensor<2>, clean: &Tensor<2>| match &back {
                Some(back) => (of(forward.clone()) - of(back.clone())) / 2.0,
                None => of(forward.clone()) - clean.clone(),
            };
            let change = changed(&|states| network.readout(states), &pass.output);
            let column = |numbers: Vec<f64>| {
                let shape = (&states.device(), states.dtype());
                Tensor::<2>::from_data(TensorData::new(numbers, [rows, 1]), shape)
            };
            let answers =
                |change: Tensor<2>| windowed(values(&(change * error.clone()).sum_dim(1)), batch, lags);
            let own = match self.config.correlate {
                Correlate::Noise => own.coordinates().clone() * column(answers(own.per_unit(change))),
                Correlate::Activity => {
                    let moved = changed(&|states| states, &states);
                    let scale = per_square(&row_energies(&moved), context.lengths, network.units());
                    let scored = answers(change).into_iter().zip(scale.iter().cycle());
                    moved * column(scored.map(|(answer, scale)| answer * scale).collect())
                }
            };
            sum = Some(match sum {
                Some(sum) => sum + own,
                None => own,
            });
        }
        let sum = sum.expect("there is at least one probe") / repeats as f64;
        let signal = match self.config.correlate {
            Correlate::Noise => all.whitened(sum),
            Correlate::Activity => sum,
        };
        self.probes += (whole.iter().sum::<usize>() * repeats * self.prober.passes()) as u64;
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

/// For each trial, the number of its states' coordinates over their sum of squares: `energies` are those of rows, step after step of all
/// trials, of the given lengths and of `units` coordinates. Zero where nothing moved.
fn per_square(energies: &[f64], lengths: &[usize], units: usize) -> Vec<f64> {
    let each = lengths.iter().enumerate().map(|(trial, &length)| {
        let total: f64 = energies.iter().skip(trial).step_by(lengths.len()).take(length).sum();
        if total > 0.0 { (length * units) as f64 / total } else { 0.0 }
    });
    each.collect()
}

impl TimeRule for TemporalNoiseCorrelation {
    fn lags(&self) -> usize {
        self.config.lags
    }

    fn signals(&mut self, context: &TimeContext) -> Result<Tensor<2>> {
        let lengths = context.whole_lengths()?;
        self.refresh(context, &lengths)?;
        let signal = if self.lagged.is_empty() {
            self.memoryless(context, &lengths)?
        } else {
            let repeats = self.planned(lengths.len(), context.step);
            if repeats > 0 {
                self.update_feedback(context, &lengths, repeats)?;
            }
            self.fed_back(context)
        };
        Ok(match self.config.noise.normalize {
            Normalize::None => signal,
            Normalize::Signal => rescale(signal, context.error, context.share)?,
        })
    }

    fn trace(&self) -> EligibilityTrace {
        self.config.trace
    }

    fn probes(&self) -> u64 {
        self.probes
    }

    fn manifold(&self) -> Option<&Subspace> {
        self.prober.manifold()
    }

    /// The error of feedback is the mean over lags.
    fn choices(&self) -> Choices {
        let errors: Vec<f64> = self
            .lagged
            .iter()
            .filter_map(LearnedJacobian::standard_error)
            .map(|e| e.residual.powi(2))
            .collect();
        Choices {
            feedback_error: (!errors.is_empty()).then(|| errors.iter().sum::<f64>() / errors.len() as f64),
            probe_rate: self.spending.as_ref().map(|spending| spending.rate(0, self.config.noise.cost())),
            ..Choices::default()
        }
    }

    fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.counters.insert("probes".into(), self.probes);
        if let Some(spending) = &self.spending {
            state.nest("spending", spending.state());
        }
        for (lag, learned) in self.lagged.iter().enumerate() {
            let mut own = learned.state();
            state.tensors.extend(own.tensors.remove("feedback").map(|own| (format!("feedback{lag}"), own)));
            state.nest(&format!("lag{lag}"), own);
        }
        state.extend(self.prober.state());
        state
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        self.probes = state.counter("probes")?;
        self.prober.restore(state)?;
        if let Some(spending) = &mut self.spending {
            spending.restore(&state.nested("spending"))?;
        }
        let span = self.prober.span();
        for (lag, learned) in self.lagged.iter_mut().enumerate() {
            let mut own = state.nested(&format!("lag{lag}"));
            let name = format!("feedback{lag}");
            own.tensors.insert("feedback".into(), state.shaped(&name, learned.feedback().dims())?);
            learned.restore(&own, span)?;
        }
        Ok(())
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
