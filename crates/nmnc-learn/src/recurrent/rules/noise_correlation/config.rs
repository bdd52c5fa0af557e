//! Settings of noise correlation over time and their names: those of layered networks, and two more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::TemporalNoiseCorrelation;
use crate::credit::{Injection, Layered, Memory, Noise, NoiseCorrelationConfig};
use crate::estimator::Estimator;
use crate::manifold::Dimensions;
use crate::needs::{Sizes, Values, product};
use crate::recurrent::rules::TimeRule;
use crate::recurrent::rules::kind::{OverTime, TimeSetup};
use crate::recurrent::{EligibilityTrace, RecurrentNetwork};
use crate::registry::{FromTable, Preset, RuleConfig};
use crate::work::{Job, SequencePart, Work, sequence_job};
use nmnc_core::config_text::deserialize_beside;
use nmnc_core::error::{Error, Result};

pub(in crate::recurrent::rules) const VNC: Preset<TemporalConfig> = Preset {
    name: "vnc",
    summary: "vanilla noise correlation: isotropic noise, learned feedback of each lag",
    settings: || TemporalConfig::new(Noise::Isotropic, Memory::Feedback),
};

pub(in crate::recurrent::rules) const NMNC: Preset<TemporalConfig> = Preset {
    name: "nmnc",
    summary: "neural manifold noise correlation: noise on the manifold of states, learned feedback of each lag",
    settings: || TemporalConfig::new(Noise::Manifold, Memory::Feedback),
};

pub(in crate::recurrent::rules) const NODE_PERTURBATION: Preset<TemporalConfig> = Preset {
    name: "node-perturbation",
    summary: "node perturbation: every state perturbed, isotropic noise, no memory",
    settings: || TemporalConfig::new(Noise::Isotropic, Memory::None),
};

pub(in crate::recurrent::rules) const MANIFOLD_NODE_PERTURBATION: Preset<TemporalConfig> = Preset {
    name: "manifold-node-perturbation",
    summary: "node perturbation with noise on the manifold of states, no memory",
    settings: || TemporalConfig::new(Noise::Manifold, Memory::None),
};

/// Settings of noise correlation over time.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct TemporalConfig {
    /// Lags K: steps over which the change of the output is followed.
    #[schemars(transform = nmnc_core::ranges::COUNT_OR_NONE.stated())]
    pub lags: usize,
    /// How signals reach parameters through earlier steps; other than none only with lags = 0.
    pub trace: EligibilityTrace,
    /// Settings as in layered networks.
    #[serde(flatten)]
    pub noise: NoiseCorrelationConfig,
}

/// The settings that are those of time alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InTime {
    lags: usize,
    trace: EligibilityTrace,
}

impl TemporalConfig {
    /// Twenty lags, no trace, and what [`NoiseCorrelationConfig::new`] says. Not yet resolved.
    pub fn new(noise: Noise, memory: Memory) -> Self {
        Self { lags: 20, trace: EligibilityTrace::None, noise: NoiseCorrelationConfig::new(noise, memory) }
    }
}

impl FromTable for TemporalConfig {
    fn from_table(table: toml::Table) -> Result<Self> {
        let (InTime { lags, trace }, noise) = deserialize_beside(table)?;
        Ok(Self { lags, trace, noise })
    }
}

impl RuleConfig<OverTime> for TemporalConfig {
    fn resolve(self) -> Result<Self> {
        if self.trace != EligibilityTrace::None && self.lags > 0 {
            return Err(Error::config("trace", "would count what lags have counted")
                .mend("set lags = 0, or trace = \"none\""));
        }
        let noise = RuleConfig::<Layered>::resolve(self.noise)?;
        if matches!(noise.estimator, Estimator::RecursiveLeastSquares | Estimator::Kalman) {
            return Err(Error::config("estimator", "every lag would need a covariance of its own")
                .mend("set estimator = \"average\" or \"least-squares\""));
        }
        if noise.budget.is_some() {
            return Err(Error::config("budget", "is not known of networks over time").mend("remove it"));
        }
        if noise.observe.is_some() {
            return Err(Error::config("observe", "over time the inputs of later steps move the output too")
                .mend("remove it"));
        }
        if noise.regions.is_some() {
            return Err(Error::config("regions", "have no meaning over time, where feedback differs by lag")
                .mend("remove it"));
        }
        if noise.injection != Injection::default() {
            return Err(Error::config("injection", "has no meaning over time, where there is one state")
                .mend("remove it"));
        }
        if let Some(Dimensions::Each(_)) = noise.manifold.as_ref().map(|manifold| &manifold.dimension) {
            return Err(Error::config("manifold.dimension", "there is one state, and so one dimension")
                .mend("use a single number"));
        }
        Ok(Self { noise, ..self })
    }

    /// A probe is followed over all lags, and each has feedback of its own; without feedback all steps of all trials are probed.
    fn needs(&self, sizes: &Sizes) -> Vec<Values> {
        let lags = (self.lags as u128).saturating_add(1);
        let followed = lags.min(sizes.steps);
        let units = sizes.stages[0].units;
        let feeds = self.noise.memory == Memory::Feedback;
        let rows = if feeds { sizes.batch } else { sizes.rows() };
        let own = self.noise.needs_of(0, sizes, rows);
        let feedback = if feeds { product([lags, sizes.outputs, units]) } else { 0 };
        let probes = product([self.noise.probes as u128, rows]);
        let followed_rows = if feeds { probes } else { 0 };
        let driven = product([followed_rows, followed, 2 * sizes.stages[0].unpooled.saturating_add(units)]);
        let errors = if feeds { product([sizes.rows(), followed, sizes.outputs, 2]) } else { 0 };
        vec![Values {
            held: own.held.saturating_add(feedback),
            passing: own.passing.saturating_add(driven).saturating_add(errors).saturating_add(feedback),
        }]
    }

    fn work(&self, network: &RecurrentNetwork, [rows, steps]: [usize; 2]) -> Vec<Work> {
        let (units, outputs, noise) = (network.units(), network.outputs(), &self.noise);
        let directions = noise.directions(0, units);
        let sequence = |part, rows, steps| sequence_job(network, part, rows, steps);
        let mut work = Work { dimension: noise.components(0, units), ..Work::default() };
        let [update, a_step] = noise.passes();
        work.probes = a_step;
        if self.trace != EligibilityTrace::None {
            work.step.push(sequence(SequencePart::Traced(self.trace), rows, steps));
        }
        let once: Vec<Job> = if noise.memory == Memory::Feedback {
            let lags = self.lags.min(steps - 1);
            work.step.push(Job::pass(2 * rows * steps * outputs * (lags + 1)));
            work.step.push(Job::product(rows * steps, outputs * (lags + 1), units));
            // All repetitions of a trial go in one pass, each from a step of its own on, as long as the longest has steps left.
            let probed = noise.probes * rows;
            let single = 1.0 / noise.probes as f64;
            work.probe.push(NoiseCorrelationConfig::moved([probed, units], directions).times(single));
            if lags > 0 {
                work.probe.push(sequence(SequencePart::States, probed, lags).times(single));
            }
            work.probe.push(sequence(SequencePart::Readout, probed, lags + 1).times(single));
            let learned = noise.answered([rows, units, outputs], directions).into_iter();
            let learned = learned.map(|job| job.times((lags + 1) as f64));
            noise.drawn(0, [rows, units]).into_iter().chain(learned).collect()
        } else {
            work.probe.push(NoiseCorrelationConfig::moved([rows * steps, units], directions));
            work.probe.push(sequence(SequencePart::Kicked, rows, steps));
            work.probe.push(sequence(SequencePart::Readout, rows, steps));
            let all = [rows * steps, units];
            let answered = noise.answered([rows * steps, units, outputs], directions);
            noise.drawn(0, all).into_iter().chain(answered).collect()
        };
        work.probe.extend(once.into_iter().map(|job| job.times(1.0 / update)));
        if let Some(manifold) = &noise.manifold {
            let rows = manifold.samples.unwrap_or(rows * steps).min(rows * steps);
            work.refresh.push(Job::manifold(manifold, 0, rows, units));
            work.refreshes = 1.0 / manifold.refresh as f64;
        }
        vec![work]
    }

    fn build(self, setup: &TimeSetup) -> Box<dyn TimeRule> {
        Box::new(TemporalNoiseCorrelation::new(self, setup))
    }
}
