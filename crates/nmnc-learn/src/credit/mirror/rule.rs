//! The rule itself.

use burn::tensor::Tensor;

use super::budget::Controller;
use super::config::{Feedback, MirrorConfig};
use super::coordinates::CoordinateMirror;
use super::probes::{Source, Split};
use super::weights::{Innovation, SETTLED, WeightMirror};
use crate::credit::rule::{Choices, CreditRule, RuleSetup, StepContext};
use crate::manifold::{Fit, PcaMethod, Subspace, Tracker};
use crate::net::{Network, Stage};
use nmnc_core::device::{energy, matrix};
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Role;
use nmnc_core::state::State;

/// A mirror with the settings of [`MirrorConfig`].
pub struct Mirror {
    config: MirrorConfig,
    stages: Vec<StageState>,
    controller: Controller,
    probes: u64,
    warnings: Vec<String>,
}

/// What the rule knows of one stage.
struct StageState {
    manifold: Option<Subspace>,
    tracker: Option<Tracker>,
    /// Axes of the manifold in use for noise: all, or as many as the margin says.
    axes: usize,
    /// Mean squared response to an isotropic unit vector, as measured.
    gain: f64,
    learned: Learned,
}

enum Learned {
    Weights(WeightMirror),
    /// Nothing before there is a manifold.
    Coordinates(Option<CoordinateMirror>),
}

/// The part that reads stage `index`: the next stage, or the readout.
fn reader(network: &Network, index: usize) -> &dyn Stage {
    if index + 1 < network.stages().len() { network.stage(index + 1) } else { network.readout() }
}

impl Mirror {
    /// A rule that knows nothing yet. `config` must be resolved.
    pub fn new(config: MirrorConfig, setup: &RuleSetup) -> Self {
        let count = setup.network.stages().len();
        let stage = |index| StageState {
            manifold: None,
            tracker: config.manifold.as_ref().map(|manifold| manifold.tracker(index)),
            axes: 0,
            gain: 0.0,
            learned: match config.feedback {
                Feedback::Weights => Learned::Weights(WeightMirror::new(reader(setup.network, index))),
                Feedback::Coordinates => Learned::Coordinates(None),
            },
        };
        let stages = (0..count).map(stage).collect();
        let controller = Controller::new(&config, count);
        Self { config, stages, controller, probes: 0, warnings: Vec::new() }
    }

    /// The mirror of the weight above a stage (from 0), of that weight's shape (feedback = "weights").
    pub fn mirrored_weight(&self, stage: usize) -> Option<&Tensor<2>> {
        match &self.stages[stage].learned {
            Learned::Weights(mirror) => Some(mirror.weight()),
            Learned::Coordinates(_) => None,
        }
    }

    /// Responses M `[pre-activations, d]` of the part above a stage (from 0) to the axes of the manifold (feedback = "coordinates").
    pub fn mirrored_responses(&self, stage: usize) -> Option<&Tensor<2>> {
        match &self.stages[stage].learned {
            Learned::Coordinates(mirror) => mirror.as_ref().map(CoordinateMirror::responses),
            Learned::Weights(_) => None,
        }
    }

    /// Refreshes every manifold, if this step does.
    fn refresh_manifolds(&mut self, context: &StepContext) -> Result<()> {
        let Some(manifold) = &self.config.manifold else { return Ok(()) };
        if !context.step.is_multiple_of(manifold.refresh) {
            return Ok(());
        }
        let samples = manifold.samples.filter(|_| manifold.method != PcaMethod::Incremental);
        let sampled = match samples {
            Some(samples) => Some(context.inputs.sample(samples, context.step)?),
            None => None,
        };
        let activities: Box<dyn Iterator<Item = Tensor<2>>> = match sampled {
            Some(inputs) => Box::new(context.network.each_activity(inputs)),
            None => Box::new(context.pass.activities.iter().cloned()),
        };
        for (index, activity) in activities.enumerate() {
            self.refresh_manifold(index, activity, context)
                .map_err(|e| e.within(format!("stage {}", index + 1)))?;
        }
        Ok(())
    }

    fn refresh_manifold(&mut self, index: usize, activity: Tensor<2>, context: &StepContext) -> Result<()> {
        let state = &mut self.stages[index];
        let Some(tracker) = &mut state.tracker else { return Ok(()) };
        let mut stream = context.seed.stream(Role::RangeFinder, index, context.step);
        let Fit { subspace, degeneracy } = tracker.refresh(state.manifold.as_ref(), activity, &mut stream)?;
        if let Some(degeneracy) = degeneracy {
            self.warnings.push(format!("stage {}: {degeneracy}", index + 1));
        }
        let next = reader(context.network, index);
        if let (Some(new), Learned::Coordinates(mirror)) = (&subspace, &mut state.learned) {
            match (mirror.as_mut(), &state.manifold) {
                (Some(mirror), Some(old)) => drop(mirror.carry_over(old, new)),
                _ => *mirror = Some(CoordinateMirror::new(next, new, self.config.estimator)),
            }
        }
        state.axes = match (&subspace, &state.learned) {
            (Some(new), Learned::Weights(mirror)) if self.config.budget == super::Budget::Auto => {
                axes_by_margin(&mirror.gains(next, new.basis()), state.gain)
            }
            (Some(new), _) => new.dimension(),
            (None, _) => 0,
        };
        state.manifold = subspace;
        Ok(())
    }

    /// Probes every stage in one perturbed pass of `count` examples.
    fn probe(&mut self, count: usize, context: &StepContext) -> Result<()> {
        let mut used = 0;
        for index in 0..self.stages.len() {
            let place = || format!("stage {}", index + 1);
            let rows = match self.config.feedback {
                Feedback::Weights => self.probe_weights(index, count, context),
                Feedback::Coordinates => self.probe_coordinates(index, count, context),
            };
            let finite = match &self.stages[index].learned {
                Learned::Weights(mirror) => energy(mirror.weight()).is_finite(),
                Learned::Coordinates(mirror) => {
                    mirror.as_ref().is_none_or(|mirror| energy(mirror.responses()).is_finite())
                }
            };
            if !finite {
                return Err(Error::new(nmnc_core::ErrorKind::Diverged, place(), "feedback is not finite"));
            }
            used = used.max(rows);
        }
        self.controller.adapt();
        self.controller.pay(used);
        self.probes += used as u64;
        Ok(())
    }

    /// Learns from the batch as it is, where the last probes found something to learn. A convolution, which few probes determine, is
    /// soon spared the work.
    fn observe(&mut self, context: &StepContext) {
        for (index, state) in self.stages.iter_mut().enumerate() {
            if self.controller.error(index) <= SETTLED {
                continue;
            }
            let next = reader(context.network, index);
            let activity = &context.pass.activities[index];
            let rows = activity.dims()[0].min(WeightMirror::useful(next));
            if let Learned::Weights(mirror) = &mut state.learned
                && rows > 1
            {
                let rows = activity.clone().narrow(0, 0, rows);
                let mean = rows.clone().mean_dim(0);
                mirror.least_squares(next, rows - mean);
            }
        }
    }

    fn source<'a>(
        &self,
        index: usize,
        context: &'a StepContext,
        device: &'a burn::tensor::Device,
    ) -> Source<'a> {
        Source { seed: context.seed, stage: index, step: context.step, device }
    }

    /// Gives the number of probes that the stage had use for.
    fn probe_weights(&mut self, index: usize, count: usize, context: &StepContext) -> usize {
        let next = reader(context.network, index);
        let rows = count.min(WeightMirror::useful(next));
        let device = next.parameters()[0].value.device();
        let source = self.source(index, context, &device);
        let state = &self.stages[index];
        let manifold = state.manifold.as_ref().filter(|_| state.axes > 0).map(|m| (m, state.axes));
        let mut split = match (context.step, self.config.noise) {
            // Nothing is known yet, on the manifold or off it.
            (0, super::MirrorNoise::Both) => Split { manifold: 0, isotropic: rows },
            _ => self.controller.split(index, rows),
        };
        if manifold.is_none() {
            // Without a manifold, as in a silent stage, noise goes anywhere, unless it must not.
            let anywhere = self.config.noise != super::MirrorNoise::Manifold;
            split = Split { manifold: 0, isotropic: if anywhere { rows } else { 0 } };
        }
        if split.manifold + split.isotropic == 0 {
            return 0;
        }
        let noise = source.noise(self.config.probe, split, next.inputs(), manifold);
        let noise = noise.cast(next.parameters()[0].value.dtype());
        let state = &mut self.stages[index];
        let Learned::Weights(mirror) = &mut state.learned else { unreachable!("weights are mirrored") };
        let innovation = match self.config.eta {
            Some(eta) => mirror.average(next, noise, eta),
            None => mirror.least_squares(next, noise),
        };
        let off = &innovation.response[split.manifold..];
        if !off.is_empty() {
            state.gain = off.iter().sum::<f64>() / (off.len() * next.inputs()) as f64;
        }
        self.controller.learn(index, &innovation, split.manifold);
        rows
    }

    fn probe_coordinates(&mut self, index: usize, count: usize, context: &StepContext) -> usize {
        let next = reader(context.network, index);
        let device = next.parameters()[0].value.device();
        let source = self.source(index, context, &device);
        let state = &mut self.stages[index];
        let (Some(manifold), Learned::Coordinates(Some(mirror))) = (&state.manifold, &mut state.learned)
        else {
            return 0;
        };
        let d = manifold.dimension();
        let rows = count.min(d);
        let probes = match mirror.least_known(rows) {
            Some(directions) => {
                matrix(directions.into_iter().map(|x| x as f32).collect(), [rows, d], &device)
            }
            None => source.draw(self.config.probe, [rows, d], 0),
        };
        let probes = probes.cast(manifold.basis().dtype());
        let innovation: Innovation = mirror.update(next, manifold, probes, self.config.eta);
        self.controller.learn(index, &innovation, rows);
        rows
    }

    /// Lets what is known age by one training step.
    fn age(&mut self) {
        let Some(drift) = self.config.drift else { return };
        for state in &mut self.stages {
            if let (Some(manifold), Learned::Coordinates(Some(mirror))) =
                (&state.manifold, &mut state.learned)
            {
                mirror.drift(drift, manifold.variances());
            }
        }
    }
}

/// How many leading axes hold more of the response's energy than as many random directions would, at the largest margin alpha_d - d/n:
/// `gains` are the squared responses to the axes, `mean` that to a random unit vector. All while the mean is not known.
fn axes_by_margin(gains: &[f64], mean: f64) -> usize {
    if mean <= 0.0 {
        return gains.len();
    }
    let mut margin = 0.0;
    let mut best = (0.0, 1);
    for (index, gain) in gains.iter().enumerate() {
        margin += gain - mean;
        if margin > best.0 {
            best = (margin, index + 1);
        }
    }
    best.1
}

impl CreditRule for Mirror {
    fn signals(&mut self, context: &StepContext) -> Result<Vec<Tensor<2>>> {
        self.refresh_manifolds(context)?;
        if context.step > 0 {
            self.age();
        }
        let batch = context.error.dims()[0];
        let due = self.controller.due(context.step, batch);
        let count = if context.step == 0 { due.max(self.config.initial) } else { due };
        if count > 0 {
            self.probe(count, context)?;
        }
        if self.config.observe == Some(true) {
            self.observe(context);
        }
        let mut signals: Vec<Tensor<2>> = Vec::new();
        for index in (0..self.stages.len()).rev() {
            let StageState { manifold, learned, .. } = &self.stages[index];
            let next = reader(context.network, index);
            let (trace, above) = match signals.last() {
                None => (context.pass.readout_trace(), context.error.clone()),
                Some(signal) => (context.pass.trace(index + 1), signal.clone()),
            };
            signals.push(match (learned, manifold) {
                (Learned::Weights(mirror), _) => next.carry_back(trace, above, mirror.weight().clone()),
                (Learned::Coordinates(Some(mirror)), Some(manifold)) => {
                    manifold.embed(next.gated_product(trace, above, mirror.responses().clone()))
                }
                _ => context.pass.activities[index].zeros_like(),
            });
        }
        signals.reverse();
        Ok(signals)
    }

    fn probes(&self) -> u64 {
        self.probes
    }

    fn manifold(&self, stage: usize) -> Option<&Subspace> {
        self.stages[stage].manifold.as_ref()
    }

    fn choices(&self, stage: usize) -> Choices {
        Choices {
            dimension: Some(self.stages[stage].axes).filter(|&axes| axes > 0),
            feedback_error: Some(self.controller.error(stage)),
            probe_rate: Some(self.controller.rate()),
            manifold_share: Some(self.controller.share(stage)),
        }
    }

    fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.counters.insert("probes".into(), self.probes);
        state.nest("budget", self.controller.state());
        for (index, stage) in self.stages.iter().enumerate() {
            let mut own = State::default();
            own.counters.insert("axes".into(), stage.axes as u64);
            own.numbers.insert("gain".into(), vec![stage.gain]);
            match &stage.learned {
                Learned::Weights(mirror) => {
                    drop(own.tensors.insert("weight".into(), mirror.weight().clone()))
                }
                Learned::Coordinates(mirror) => {
                    own.nest("mirror", mirror.as_ref().map(CoordinateMirror::state).unwrap_or_default());
                }
            }
            if let Some(manifold) = &stage.manifold {
                own.nest("manifold", manifold.state());
            }
            if let Some(tracker) = &stage.tracker {
                own.nest("tracker", tracker.state());
            }
            state.nest(&format!("stage{}", index + 1), own);
        }
        state
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        self.probes = state.counter("probes")?;
        self.controller.restore(&state.nested("budget"))?;
        for (index, stage) in self.stages.iter_mut().enumerate() {
            let own = state.nested(&format!("stage{}", index + 1));
            stage.axes = own.counter("axes")? as usize;
            stage.gain = own.numbers("gain", 1)?[0];
            let manifold = own.nested("manifold");
            stage.manifold =
                if manifold.tensors.is_empty() { None } else { Some(Subspace::restore(&manifold)?) };
            if let Some(tracker) = &mut stage.tracker {
                tracker.restore(&own.nested("tracker"))?;
            }
            match &mut stage.learned {
                Learned::Weights(mirror) => {
                    let shape = mirror.weight().dims();
                    mirror.restore(own.shaped("weight", shape)?);
                }
                Learned::Coordinates(mirror) => {
                    let kept = own.nested("mirror");
                    *mirror = match &stage.manifold {
                        Some(manifold) if !kept.tensors.is_empty() => {
                            Some(CoordinateMirror::restore(&kept, manifold, self.config.estimator)?)
                        }
                        _ => None,
                    };
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::axes_by_margin;

    #[test]
    fn axes_are_used_up_to_the_largest_margin() {
        assert_eq!(axes_by_margin(&[5.0, 3.0, 0.5, 2.0, 0.1], 1.0), 4);
        assert_eq!(axes_by_margin(&[5.0, 3.0, 0.5, 1.2, 0.1], 1.0), 2);
        assert_eq!(axes_by_margin(&[0.5, 0.5], 1.0), 1);
        assert_eq!(axes_by_margin(&[0.5, 0.5], 0.0), 2);
    }
}
