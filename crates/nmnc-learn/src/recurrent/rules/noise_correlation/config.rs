//! Settings of noise correlation over time and their names: those of layered networks, and some more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::off_manifold::OffManifold;
use super::rule::TemporalNoiseCorrelation;
use crate::credit::{Injection, Layered, Memory, Noise, NoiseCorrelationConfig};
use crate::estimator::Estimator;
use crate::manifold::Dimensions;
use crate::needs::{Sizes, Values, directions, product};
use crate::recurrent::rules::TimeRule;
use crate::recurrent::rules::kind::{OverTime, TimeSetup};
use crate::recurrent::{EligibilityTrace, RecurrentNetwork};
use crate::registry::{FromTable, Preset, RuleConfig};
use crate::work::{Job, SequencePart, Work, sequence_job};
use nmnc_core::config_text::{deserialize_beside, only_with as only};
use nmnc_core::error::{Error, Result};
use nmnc_core::ranges;

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

pub(in crate::recurrent::rules) const ACTIVITY_NODE_PERTURBATION: Preset<TemporalConfig> = Preset {
    name: "activity-node-perturbation",
    summary: "node perturbation by changes of activity: every state perturbed, isotropic noise, no memory",
    settings: || TemporalConfig {
        correlate: Correlate::Activity,
        ..TemporalConfig::new(Noise::Isotropic, Memory::None)
    },
};

/// What the change of the output is correlated with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Correlate {
    /// The noise that was added to the state.
    #[default]
    Noise,
    /// The change of the state, with what noise of earlier steps did to it (Fernández, Keemink and van Gerven 2024).
    Activity,
}

impl Correlate {
    fn is_noise(&self) -> bool {
        *self == Self::Noise
    }
}

/// Settings of noise correlation over time.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct TemporalConfig {
    /// Lags K: steps over which the change of the output is followed.
    #[schemars(transform = ranges::COUNT_OR_NONE.stated())]
    pub lags: usize,
    /// How signals reach parameters through earlier steps; other than none only with lags = 0.
    pub trace: EligibilityTrace,
    /// What the change of the output is correlated with (activity with memory = "none").
    #[serde(skip_serializing_if = "Correlate::is_noise")]
    #[schemars(default)]
    pub correlate: Correlate,
    /// What feedback does off the manifold of states (memory = "feedback" and a manifold).
    #[serde(skip_serializing_if = "OffManifold::is_learned")]
    #[schemars(default)]
    pub off_manifold: OffManifold,
    /// Frobenius norm of random feedback off the manifold over that of the feedback on it (off_manifold = "random"; 1 when left out).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(default, transform = ranges::FACTOR.stated())]
    pub off_scale: Option<f64>,
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
    #[serde(default)]
    correlate: Correlate,
    #[serde(default)]
    off_manifold: OffManifold,
    off_scale: Option<f64>,
}

impl TemporalConfig {
    /// Twenty lags, no trace, and what [`NoiseCorrelationConfig::new`] says. Not yet resolved.
    pub fn new(noise: Noise, memory: Memory) -> Self {
        Self {
            lags: 20,
            trace: EligibilityTrace::None,
            correlate: Correlate::Noise,
            off_manifold: OffManifold::Learned,
            off_scale: None,
            noise: NoiseCorrelationConfig::new(noise, memory),
        }
    }
}

impl FromTable for TemporalConfig {
    fn from_table(table: toml::Table) -> Result<Self> {
        let (own, noise) = deserialize_beside(table)?;
        let InTime { lags, trace, correlate, off_manifold, off_scale } = own;
        Ok(Self { lags, trace, correlate, off_manifold, off_scale, noise })
    }
}

impl RuleConfig<OverTime> for TemporalConfig {
    fn resolve(self) -> Result<Self> {
        if self.trace != EligibilityTrace::None && self.lags > 0 {
            return Err(Error::config("trace", "would count what lags have counted")
                .mend("set lags = 0, or trace = \"none\""));
        }
        let (mut off_scale, mut noise) = (self.off_scale, self.noise);
        if noise.budget.is_some() && noise.noise == Noise::Manifold {
            noise.noise = Noise::Covariance;
        }
        let noise = RuleConfig::<Layered>::resolve(noise)?;
        let (without, random) = (noise.memory == Memory::None, self.off_manifold == OffManifold::Random);
        only("correlate", !self.correlate.is_noise(), without, "memory = \"none\"")?;
        only("off_manifold", !self.off_manifold.is_learned(), !without, "memory = \"feedback\"")?;
        let followed = noise.manifold.is_some();
        only(
            "off_manifold",
            !self.off_manifold.is_learned(),
            followed,
            "noise = \"manifold\" or \"covariance\"",
        )?;
        only("off_scale", off_scale.is_some(), random, "off_manifold = \"random\"")?;
        if random {
            off_scale.get_or_insert(1.0);
        }
        if noise.noise == Noise::Aimed {
            return Err(Error::config("noise", "is aimed at one Jacobian, and every lag has its own")
                .mend("set noise = \"covariance\""));
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
        Ok(Self { noise, off_scale, ..self })
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
        // What is not known of the feedback of each lag, in double precision.
        let components = self.noise.manifold.as_ref().map_or(0, |own| directions(Some(own), 0, units));
        let followed_whole =
            matches!(self.noise.estimator, Estimator::RecursiveLeastSquares | Estimator::Kalman);
        let unknown = if followed_whole { product([2, lags, components, components]) } else { 0 };
        let probes = product([self.noise.repetitions(1) as u128, rows]);
        let followed_rows = if feeds { probes } else { 0 };
        let driven = product([followed_rows, followed, 2 * sizes.stages[0].unpooled.saturating_add(units)]);
        let errors = if feeds { product([sizes.rows(), followed, sizes.outputs, 2]) } else { 0 };
        vec![Values {
            held: own.held.saturating_add(feedback).saturating_add(unknown),
            passing: own.passing.saturating_add(driven).saturating_add(errors).saturating_add(feedback),
        }]
    }

    fn work(&self, network: &RecurrentNetwork, [rows, steps]: [usize; 2]) -> Vec<Work> {
        let (units, outputs, noise) = (network.units(), network.outputs(), &self.noise);
        let along = noise.directions(0, units);
        let sequence = |part, rows, steps| sequence_job(network, part, rows, steps);
        let mut work = Work { dimension: noise.components(0, units), ..Work::default() };
        let [update, a_step] = noise.passes();
        work.probes = noise.budget.unwrap_or(a_step);
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
            work.probe.push(NoiseCorrelationConfig::moved([probed, units], along).times(single));
            if lags > 0 {
                work.probe.push(sequence(SequencePart::States, probed, lags).times(single));
            }
            work.probe.push(sequence(SequencePart::Readout, probed, lags + 1).times(single));
            let learned = noise.answered([rows, units, outputs], along).into_iter();
            let learned = learned.map(|job| job.times((lags + 1) as f64));
            noise.drawn(0, [rows, units]).into_iter().chain(learned).collect()
        } else {
            work.probe.push(NoiseCorrelationConfig::moved([rows * steps, units], along));
            work.probe.push(sequence(SequencePart::Kicked, rows, steps));
            work.probe.push(sequence(SequencePart::Readout, rows, steps));
            let all = [rows * steps, units];
            let answered = noise.answered([rows * steps, units, outputs], along);
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
