//! Mirrors over time: feedback learned from what a perturbed state does to the *next step's* pre-activation.
//!
//! A state h_t is perturbed by xi, on the manifold of states and off it. The units' recurrent input changes by W xi one step later, and
//! the output by W_o xi at once: both are linear, whatever the size of the noise, and there is no cross-talk between steps. From such
//! pairs, and from how the states of a batch differ by themselves, mirrors M of W and M_o of W_o are learned as between the stages of a
//! layered network, by the same code ([`crate::credit`]). The error goes back in time through M and the units' own gates:
//!
//! ```text
//! rate units    delta_t = M_o^T e_t + (1 - a) delta_{t+1} + M^T (a phi'(z_{t+1}) delta_{t+1})
//! gated units   the same with the gates of a GRU, which are of the units themselves; M mirrors the state's weight of all three
//! ```
//!
//! So no weight is used backwards. Time is: like backpropagation through time, and unlike an eligibility trace, the rule needs the gates of
//! all steps when it carries the error back.

use burn::tensor::Tensor;
use nmnc_kernels::matmul;

use super::kind::{OverTime, TimeSetup};
use super::{TimeContext, TimeRule};
use crate::credit::{
    Controller, Feedback, Layered, MANIFOLD_MIRROR as LAYERED_MANIFOLD_MIRROR, MirrorConfig, MirrorNoise,
    Probing, SETTLED, Site, Told, WEIGHT_MIRROR as LAYERED_WEIGHT_MIRROR, batches, corrections,
};
use crate::manifold::{Dimensions, Subspace};
use crate::needs::{self, Sizes, Values, product};
use crate::recurrent::{RecurrentNetwork, StateReaders};
use crate::registry::{Preset, RuleConfig};
use crate::work::{Job, SequencePart, Work, sequence_job};
use nmnc_core::error::{Error, Result};
use nmnc_core::state::State;

pub(super) const WEIGHT_MIRROR: Preset<MirrorConfig> = Preset {
    name: "weight-mirror",
    summary: "weight mirror: feedback from isotropic noise, by correlation with the next step's pre-activation",
    settings: LAYERED_WEIGHT_MIRROR.settings,
};

pub(super) const MANIFOLD_MIRROR: Preset<MirrorConfig> = Preset {
    name: "manifold-mirror",
    summary: "manifold weight mirror: feedback from noise on and off the manifold, by least squares, step by step",
    settings: LAYERED_MANIFOLD_MIRROR.settings,
};

impl RuleConfig<OverTime> for MirrorConfig {
    fn resolve(self) -> Result<Self> {
        let resolved = RuleConfig::<Layered>::resolve(self)?;
        if resolved.feedback == Feedback::Coordinates {
            return Err(Error::config(
                "feedback",
                "over time two weights read the state, and each has a mirror",
            )
            .mend("set feedback = \"weights\", or remove it"));
        }
        if let Some(Dimensions::Each(_)) = resolved.manifold.as_ref().map(|manifold| &manifold.dimension) {
            return Err(Error::config("manifold.dimension", "there is one state, and so one dimension")
                .mend("use a single number"));
        }
        Ok(resolved)
    }

    /// Mirrors of both weights, and while probing what they answer.
    fn needs(&self, sizes: &Sizes) -> Vec<Values> {
        let stage = sizes.stages[0];
        let read = stage.unpooled.saturating_add(sizes.outputs);
        let mirrors = product([stage.units, read]);
        let count = self.initial.max(self.probes.unwrap_or(0)) as u128;
        let count = count.max(sizes.batch).min(stage.units.max(sizes.batch));
        let own = Values {
            held: mirrors,
            passing: product([count, 2, stage.units.saturating_add(read)]).saturating_add(2 * mirrors),
        };
        vec![own.with(needs::followed(self.manifold.as_ref(), 0, sizes))]
    }

    fn work(&self, network: &RecurrentNetwork, [rows, steps]: [usize; 2]) -> Vec<Work> {
        let read = StateReaders::sizes(network);
        let units = network.units();
        let kinds = if self.noise == MirrorNoise::Both { 2.0 } else { 1.0 };
        let directions = self.manifold.as_ref().map(|own| own.directions(0, units).unwrap_or(units));
        let [count, a_step] = self.passes(rows);
        let known = units <= rows;
        let learned = |rows: usize, told: Told| {
            let [responses, correlations] = self.solved(corrections(told, known));
            read.into_iter().flat_map(move |outputs| {
                let response = Job::product(rows, units, outputs).times(responses);
                [response, Job::product(outputs, rows, units).times(correlations)]
            })
        };
        let noise = |rows: usize| {
            let on = directions.into_iter().flat_map(move |d| {
                [Job::draw(self.probe, rows, d), Job::product(rows, d, units)]
                    .map(|job| job.times(1.0 / kinds))
            });
            let off = (self.noise != MirrorNoise::Manifold)
                .then(|| Job::draw(self.probe, rows, units).times(1.0 / kinds));
            on.chain(off)
        };
        let asked = (count as usize).clamp(1, units);
        let mut work = Work { dimension: directions, probes: a_step, ..Work::default() };
        work.step.push(sequence_job(network, SequencePart::Backpropagate, rows, steps));
        if self.observe == Some(true) {
            let observed = learned(rows.min(units), Told::Batch);
            work.step.extend(observed.map(|job| job.times(batches(known))));
        }
        work.probe = noise(asked).chain(learned(asked, Told::Probe)).collect();
        if self.initial > 0 {
            let initial = self.initial.min(units);
            work.start = noise(initial).chain(learned(initial, Told::Start)).collect();
        }
        if let Some(manifold) = &self.manifold {
            let sampled = manifold.samples.unwrap_or(rows * steps).min(rows * steps);
            work.refresh.push(Job::manifold(manifold, 0, sampled, units));
            work.refreshes = 1.0 / manifold.refresh as f64;
        }
        vec![work]
    }

    fn build(self, setup: &TimeSetup) -> Box<dyn TimeRule> {
        Box::new(TemporalMirror::new(self, setup))
    }
}

/// A mirror over time, with the settings of [`MirrorConfig`].
pub struct TemporalMirror {
    config: MirrorConfig,
    site: Site,
    controller: Controller,
    probes: u64,
    warnings: Vec<String>,
}

impl TemporalMirror {
    /// A rule that knows nothing yet. `config` must be resolved.
    pub fn new(config: MirrorConfig, setup: &TimeSetup) -> Self {
        let readers = StateReaders::new(setup.network, setup.network.recurrent_weight());
        let site = Site::new(&config, 0, "states".to_owned(), true, &readers.maps());
        let controller = Controller::new(&config, 1);
        Self { config, site, controller, probes: 0, warnings: Vec::new() }
    }

    /// Mirrors of the recurrent weight `[gates N, N]` and of the readout's `[outputs, N]`.
    pub fn mirrored_weights(&self) -> [&Tensor<2>; 2] {
        let mirrors = self.site.weights().expect("weights are mirrored");
        [mirrors[0].weight(), mirrors[1].weight()]
    }

    /// Refreshes the manifold from states over time and trials, those of all workers, of the given lengths.
    fn refresh(&mut self, context: &TimeContext, lengths: &[usize], readers: &StateReaders) -> Result<()> {
        let due = self.config.manifold.as_ref().and_then(|manifold| manifold.due(context.step));
        let Some(from) = due else { return Ok(()) };
        let states = context.states(lengths, from.samples().map(|samples| (samples, 0)))?;
        let at = (context.seed, context.step);
        let degeneracy = self.site.refresh(&self.config, states, &readers.maps(), at)?;
        self.warnings.extend(degeneracy.map(|degeneracy| degeneracy.to_string()));
        Ok(())
    }

    /// Learns from as many states of the batch as it has trials, at random steps, where the last probes found something to learn.
    fn observe(&mut self, context: &TimeContext, lengths: &[usize], readers: &StateReaders) -> Result<()> {
        if self.controller.error(0) <= SETTLED {
            return Ok(());
        }
        let maps = readers.maps();
        let samples = context.share.whole().min(Site::useful(&maps));
        let states = context.states(lengths, Some((samples, 1)))?;
        if states.dims()[0] > 1 {
            self.site.observe(states, &maps);
        }
        Ok(())
    }
}

impl TimeRule for TemporalMirror {
    fn signals(&mut self, context: &TimeContext) -> Result<Tensor<2>> {
        let TimeContext { network, pass, error, step, seed, share, .. } = *context;
        let lengths = context.whole_lengths()?;
        let readers = StateReaders::new(network, pass.weight().clone());
        self.refresh(context, &lengths, &readers)?;
        let due = self.controller.due(step, share.whole());
        let count = if step == 0 { due.max(self.config.initial) } else { due };
        if count > 0 {
            let Self { config, controller, .. } = self;
            let maps = &readers.maps();
            let probing = Probing { config, controller, index: 0, count, maps, seed, step };
            let used = self.site.probe(probing)?;
            self.controller.adapt();
            self.controller.pay(used);
            self.probes += used as u64;
        }
        if self.config.observe == Some(true) {
            self.observe(context, &lengths, &readers)?;
        }
        let [recurrent, readout] = self.mirrored_weights();
        let errors = matmul(error.clone(), readout.clone());
        Ok(network.carried_back(pass, errors, recurrent, None))
    }

    fn probes(&self) -> u64 {
        self.probes
    }

    fn manifold(&self) -> Option<&Subspace> {
        self.site.subspace()
    }

    fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.counters.insert("probes".into(), self.probes);
        state.nest("budget", self.controller.state());
        state.nest("states", self.site.state());
        state
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        self.probes = state.counter("probes")?;
        self.controller.restore(&state.nested("budget"))?;
        self.site.restore(&self.config, &state.nested("states"))
    }
}
