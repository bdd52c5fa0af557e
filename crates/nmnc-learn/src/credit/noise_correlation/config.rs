//! Settings of noise correlation and their names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::injection::Injection;
use super::rule::NoiseCorrelation;
use crate::credit::kind::{Layered, RuleSetup};
use crate::credit::rule::CreditRule;
use crate::estimator::{Covariance, Estimator, FeedbackForm, Learning, Observing, Probing};
use crate::manifold::ManifoldConfig;
use crate::needs::{self, Sizes, Values, product};
use crate::net::Network;
use crate::noise::Probe;
use crate::registry::{Preset, RuleConfig};
use crate::work::{Job, Work, perturbed_pass, refresh};
use nmnc_core::error::{Error, Result};
use nmnc_core::ranges;
use nmnc_core::seed::Seed;

pub(in crate::credit) const VNC: Preset<NoiseCorrelationConfig> = Preset {
    name: "vnc",
    summary: "vanilla noise correlation: isotropic noise, learned feedback",
    settings: || NoiseCorrelationConfig::new(Noise::Isotropic, Memory::Feedback),
};

pub(in crate::credit) const NMNC: Preset<NoiseCorrelationConfig> = Preset {
    name: "nmnc",
    summary: "neural manifold noise correlation: noise on the activity manifold, learned feedback",
    settings: || NoiseCorrelationConfig::new(Noise::Manifold, Memory::Feedback),
};

pub(in crate::credit) const NODE_PERTURBATION: Preset<NoiseCorrelationConfig> = Preset {
    name: "node-perturbation",
    summary: "node perturbation: isotropic noise for each example, no memory",
    settings: || NoiseCorrelationConfig::new(Noise::Isotropic, Memory::None),
};

pub(in crate::credit) const MANIFOLD_NODE_PERTURBATION: Preset<NoiseCorrelationConfig> = Preset {
    name: "manifold-node-perturbation",
    summary: "node perturbation with noise on the activity manifold, no memory",
    settings: || NoiseCorrelationConfig::new(Noise::Manifold, Memory::None),
};

pub(in crate::credit) const DIRECT_MIRROR: Preset<NoiseCorrelationConfig> = Preset {
    name: "direct-mirror",
    summary: "feedback from the output as the batch itself shows it, nothing perturbed unless probes are set",
    settings: NoiseCorrelationConfig::observing,
};

/// Where the noise lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// All n directions of activity alike.
    Isotropic,
    /// The top d principal components of activity.
    Manifold,
    /// Along these components by a power of the variance of the activity, and with a share of its energy off them.
    Covariance,
}

/// What becomes of an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Memory {
    /// Feedback weights B average the estimates of the Jacobian, and delta_l = B_l^T e.
    Feedback,
    /// Each example uses its own perturbations: delta_l = mean over k of (e . dy_k) xi_k / sigma^2.
    None,
}

/// Scaling of a stage's error signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Normalize {
    /// As estimated.
    None,
    /// Each stage's batch of signals gets the Frobenius norm of the batch of output errors.
    Signal,
}

/// Settings of noise correlation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoiseCorrelationConfig {
    /// Where the noise lives.
    pub noise: Noise,
    /// Power of the activity's variance along a component that the noise's goes by: 0 for all alike, 1 for the covariance of the activity
    /// itself (noise = "covariance"; 0.5 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::EXPONENT.stated())]
    pub exponent: Option<f64>,
    /// Share of the noise's energy off the components, alike in all directions, in [0, 1): 0 sees nothing there
    /// (noise = "covariance"; 0.1 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::SHARE.stated())]
    pub rest: Option<f64>,
    /// Distribution of the noise.
    pub probe: Probe,
    /// Perturb by +xi and -xi and halve the difference: removes even orders, costs two passes.
    pub antithetic: bool,
    /// Learned feedback weights, or each example for itself.
    pub memory: Memory,
    /// How feedback weights are kept (memory = "feedback", noise = "manifold" for coordinates).
    #[serde(default, skip_serializing_if = "FeedbackForm::is_units")]
    pub feedback: FeedbackForm,
    /// How responses become an estimate.
    pub estimator: Estimator,
    /// Which stages share a perturbed pass.
    pub injection: Injection,
    /// Perturbations K of each example; 0 to learn from observation alone (observe).
    #[schemars(transform = ranges::COUNT_OR_NONE.stated())]
    pub probes: usize,
    /// Noise norm over activity norm: each coordinate has the deviation sigma * mean ||x_l|| / sqrt(m), so that isotropic
    /// (m = n) and manifold noise (m = d) carry the same energy.
    #[schemars(transform = ranges::FACTOR.stated())]
    pub sigma: f64,
    /// Learning rate of the feedback, B <- (1 - eta) B + eta Jhat, where what least squares did not probe stays as it was
    /// (memory = "feedback", estimator = "average" or "least-squares"; 0.2 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::WEIGHT.stated())]
    pub eta: Option<f64>,
    /// Weight that earlier responses keep at each update, in (0, 1] (estimator = "recursive-least-squares"; 0.95 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::WEIGHT.stated())]
    pub forgetting: Option<f64>,
    /// Variance of a response that no single Jacobian explains. With estimator = "recursive-least-squares" over that of one coordinate of
    /// the Jacobian: how many probes a direction needs before it is believed (100 when left out). With "least-squares" over all that is
    /// expected of a response: how many responses it takes to be believed (0 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::POSITIVE.stated())]
    pub ridge: Option<f64>,
    /// Training steps between feedback updates (memory = "feedback"; 1 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::INTERVAL.stated())]
    pub interval: Option<u64>,
    /// Scaling of the signals.
    pub normalize: Normalize,
    /// Learn in every step also from how activity and output differ among the examples of the batch, which perturbs nothing
    /// (memory = "feedback", estimator = "least-squares" or "recursive-least-squares").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observe: Option<Observing>,
    /// The manifold, and so the components (noise = "manifold" or "covariance").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifold: Option<ManifoldConfig>,
}

impl NoiseCorrelationConfig {
    /// Gaussian noise of a tenth of the activity's norm, one probe an example, averaged where there is memory. Not yet resolved.
    pub fn new(noise: Noise, memory: Memory) -> Self {
        Self {
            noise,
            exponent: None,
            rest: None,
            probe: Probe::Gaussian,
            antithetic: false,
            memory,
            feedback: FeedbackForm::Units,
            estimator: Estimator::Average,
            injection: Injection::default(),
            probes: 1,
            sigma: 0.1,
            eta: None,
            forgetting: None,
            ridge: None,
            interval: None,
            normalize: Normalize::None,
            observe: None,
            manifold: None,
        }
    }

    /// Observation alone.
    fn observing() -> Self {
        Self {
            estimator: Estimator::LeastSquares,
            probes: 0,
            observe: Some(Observing::default()),
            ..Self::new(Noise::Isotropic, Memory::Feedback)
        }
    }
}

impl NoiseCorrelationConfig {
    /// How `units` units are perturbed, the estimator `index` of the seed. Settings must be resolved.
    pub(crate) fn probing(&self, units: usize, seed: Seed, index: usize) -> Probing {
        let Self { probe, antithetic, sigma, .. } = *self;
        let (manifold, covariance) = (self.manifold.clone(), self.covariance());
        Probing { units, manifold, covariance, probe, sigma, antithetic, seed, index }
    }

    /// The noise's covariance, where its coordinates are not alike.
    fn covariance(&self) -> Option<Covariance> {
        self.exponent.zip(self.rest).map(|(exponent, rest)| Covariance { exponent, rest })
    }

    /// How feedback is learned, if there is any. Settings must be resolved.
    pub(crate) fn learning(&self) -> Option<Learning> {
        Some(match (self.estimator, self.eta, self.ridge) {
            (Estimator::RecursiveLeastSquares, _, ridge) => {
                Learning::Recursive { forgetting: self.forgetting?, ridge: ridge? }
            }
            (_, None, _) => return None,
            (Estimator::Average, Some(eta), _) => Learning::Average { eta },
            (Estimator::LeastSquares, Some(eta), Some(ridge)) => Learning::Posterior { eta, ridge },
            (Estimator::LeastSquares, Some(eta), None) => Learning::LeastSquares { eta },
        })
    }

    /// What a stage of `rows` perturbed examples takes: its manifold, the perturbations, what they did, and the feedback.
    pub(crate) fn needs_of(&self, stage: usize, sizes: &Sizes, rows: u128) -> Values {
        let units = sizes.stages[stage].units;
        let manifold = self.manifold.as_ref();
        // Noise off the components is drawn by units, and shaped in another matrix.
        let everywhere = self.is_everywhere();
        let directions = if everywhere { units } else { needs::directions(manifold, stage, units) };
        let probes = product([self.probes as u128, rows]);
        let shaped = if everywhere { product([2, probes, units]) } else { 0 };
        let kept = if self.feedback.is_units() { units } else { directions };
        let feedback = if self.memory == Memory::Feedback { product([sizes.outputs, kept]) } else { 0 };
        let solved = match self.estimator {
            Estimator::Average => 0,
            Estimator::LeastSquares => product([4, probes.min(directions), probes.min(directions)]),
            Estimator::RecursiveLeastSquares => product([4, directions, directions]),
        };
        let observed = if self.observe.is_some() {
            let compared = rows.min(kept);
            product([2, rows, units.saturating_add(sizes.outputs)])
                .saturating_add(product([6, compared, compared]))
        } else {
            0
        };
        let passing = product([probes, directions.saturating_add(2 * sizes.outputs)])
            .saturating_add(product([rows, 2, units.saturating_add(sizes.widest())]))
            .saturating_add(product([2, feedback]))
            .saturating_add(solved)
            .saturating_add(shaped)
            .saturating_add(observed);
        let recursive = if self.estimator == Estimator::RecursiveLeastSquares { directions } else { 0 };
        let own = Values { held: feedback.saturating_add(product([recursive, recursive])), passing };
        own.with(needs::followed(manifold, stage, sizes))
    }

    /// What becomes of the answers of `rows` examples, perturbed `probes` times, at a stage of `units` units: once an update, or once a
    /// step where nothing is remembered.
    pub(crate) fn answered(&self, [rows, units, outputs]: [usize; 3], directions: Option<usize>) -> Vec<Job> {
        let answers = self.probes * rows;
        let coordinates = directions.unwrap_or(units);
        let embed = |rows: usize| directions.map(|directions| Job::product(rows, directions, units));
        if self.memory == Memory::None {
            // Each repetition's scores times its coordinates, and their sum.
            let scored = Job::pass(self.probes * rows * (2 * outputs + 3 * coordinates));
            return std::iter::once(scored).chain(embed(rows)).collect();
        }
        let mut jobs = vec![Job::estimate(self.estimator, answers, coordinates, outputs)];
        // Feedback for all units is changed there, and turned into coordinates to be compared with answers.
        let kept = directions.filter(|_| !self.feedback.is_units());
        jobs.extend(embed(outputs).filter(|_| kept.is_none()));
        jobs.push(Job::pass(3 * outputs * kept.unwrap_or(units)));
        if self.estimator != Estimator::Average {
            let turned = directions.filter(|_| kept.is_none());
            jobs.extend(turned.map(|directions| Job::product(outputs, units, directions)));
            jobs.push(Job::product(answers, coordinates, outputs));
        }
        jobs
    }

    /// Perturbations of all repetitions of `rows` examples at `stage` of `units` units: what is drawn and shaped, once an update.
    pub(crate) fn drawn(&self, stage: usize, [rows, units]: [usize; 2]) -> Vec<Job> {
        let probes = self.probes * rows;
        let draw = Job::draw(self.probe, probes, self.directions(stage, units).unwrap_or(units));
        // The noise's size follows the norm of the activity.
        let mut jobs = vec![draw, Job::pass(rows * units)];
        if let Some(components) = self.components(stage, units).filter(|_| self.is_everywhere()) {
            // Each way it is moved, and to be learned from by least squares as what it was and as it is weighed.
            let times = self.passes()[0] / self.probes as f64;
            let times = times + if self.estimator == Estimator::LeastSquares { 3.0 } else { 0.0 };
            let turned = Job::product(probes, units, components);
            let shaped = [turned, Job::embed(probes, components, units), Job::pass(3 * probes * units)];
            jobs.extend(shaped.map(|job| job.times(times)));
        }
        jobs
    }

    /// A perturbation of `rows` examples, in one pass.
    pub(crate) fn moved([rows, units]: [usize; 2], directions: Option<usize>) -> Job {
        match directions {
            Some(directions) => Job::embed(rows, directions, units),
            None => Job::pass(3 * rows * units),
        }
    }

    /// Whether noise goes off the components that it is shaped by.
    fn is_everywhere(&self) -> bool {
        self.rest.is_some_and(|rest| rest > 0.0)
    }

    /// Directions that noise has, where it lives on a manifold: as many as there may be where the activity decides.
    pub(crate) fn directions(&self, stage: usize, units: usize) -> Option<usize> {
        self.components(stage, units).filter(|_| !self.is_everywhere())
    }

    /// Components of the manifold, if there is one: as many as there may be where the activity decides.
    pub(crate) fn components(&self, stage: usize, units: usize) -> Option<usize> {
        let manifold = self.manifold.as_ref()?;
        let most = units.min(manifold.samples.unwrap_or(usize::MAX));
        Some(manifold.directions(stage, units).unwrap_or(most))
    }

    /// Perturbed passes of an update, and passes a step in the long run.
    pub(crate) fn passes(&self) -> [f64; 2] {
        let update = (self.probes * if self.antithetic { 2 } else { 1 }) as f64;
        [update, update / self.interval.unwrap_or(1) as f64]
    }

    /// Settings of the noise: errors where they have no meaning, defaults where they were left out.
    fn resolve_noise(&mut self) -> Result<()> {
        let shaped = self.noise == Noise::Covariance;
        only("exponent", self.exponent.is_some(), shaped, "noise = \"covariance\"")?;
        only("rest", self.rest.is_some(), shaped, "noise = \"covariance\"")?;
        if shaped {
            self.exponent.get_or_insert(0.5);
            self.rest.get_or_insert(0.1);
        }
        match self.noise {
            Noise::Manifold | Noise::Covariance => {
                let manifold = self.manifold.get_or_insert_default();
                manifold.resolve().map_err(|e| e.under("manifold"))
            }
            Noise::Isotropic if self.manifold.is_some() => {
                Err(Error::config("manifold", "has no meaning with isotropic noise")
                    .mend("remove it, or set noise = \"manifold\""))
            }
            Noise::Isotropic => Ok(()),
        }
    }

    /// Settings of the memory: errors where they have no meaning, defaults where they were left out.
    fn resolve_memory(&mut self) -> Result<()> {
        let recursive = self.estimator == Estimator::RecursiveLeastSquares;
        let feedback = self.memory == Memory::Feedback;
        only("feedback", !self.feedback.is_units(), feedback, "memory = \"feedback\"")?;
        let on_manifold = self.noise == Noise::Manifold;
        only("feedback", !self.feedback.is_units(), on_manifold, "noise = \"manifold\"")?;
        only("eta", self.eta.is_some(), feedback, "memory = \"feedback\"")?;
        only("interval", self.interval.is_some(), feedback, "memory = \"feedback\"")?;
        only("estimator", self.estimator != Estimator::Average, feedback, "memory = \"feedback\"")?;
        only("observe", self.observe.is_some(), feedback, "memory = \"feedback\"")?;
        if self.observe.is_some() && self.estimator == Estimator::Average {
            return Err(Error::config(
                "observe",
                "an average of perturbations would forget what is observed",
            )
            .mend("set estimator = \"least-squares\""));
        }
        if self.probes == 0 && self.observe.is_none() {
            return Err(Error::config("probes", "0 leaves nothing to learn from")
                .mend("set it to 1 or more, or set observe.ridge"));
        }
        if recursive && self.eta.is_some() {
            return Err(Error::config("eta", "recursive least squares has no learning rate")
                .mend("remove it, and set forgetting instead"));
        }
        let needed = "estimator = \"recursive-least-squares\"";
        only("forgetting", self.forgetting.is_some(), recursive, needed)?;
        let solves = self.estimator != Estimator::Average;
        only(
            "ridge",
            self.ridge.is_some(),
            solves,
            "estimator = \"least-squares\" or \"recursive-least-squares\"",
        )?;
        if recursive {
            if self.noise != Noise::Manifold {
                return Err(Error::config("estimator", "a covariance of all units would be n by n")
                    .mend("set noise = \"manifold\", or estimator = \"least-squares\""));
            }
            self.forgetting.get_or_insert(0.95);
            self.ridge.get_or_insert(100.0);
        } else if feedback {
            self.eta.get_or_insert(0.2);
        }
        if feedback {
            self.interval.get_or_insert(1);
        }
        Ok(())
    }
}

/// An error where a setting is given that has no meaning.
fn only(key: &str, given: bool, wanted: bool, setting: &str) -> Result<()> {
    match given && !wanted {
        true => Err(Error::config(key, format!("has no meaning without {setting}"))
            .mend(format!("remove it, or set {setting}"))),
        false => Ok(()),
    }
}

/// What learning from the differences of `rows` examples takes, where feedback is kept for all units or in `kept` coordinates.
fn observation([rows, units, outputs]: [usize; 3], kept: Option<usize>) -> Vec<Job> {
    let coordinates = kept.unwrap_or(units);
    let differences = Job::pass(5 * rows * units);
    let turned = kept.map(|directions| Job::product(rows, units, directions));
    let predicted = Job::product(rows, coordinates, outputs);
    let learned = Job::estimate(Estimator::LeastSquares, rows, coordinates, outputs);
    let changed = Job::pass(3 * outputs * coordinates);
    [differences, predicted, learned, changed].into_iter().chain(turned).collect()
}

impl RuleConfig<Layered> for NoiseCorrelationConfig {
    const LOCAL: bool = true;

    fn resolve(mut self) -> Result<Self> {
        ranges::check(&self)?;
        self.resolve_memory()?;
        self.injection.check().map_err(|e| e.under("injection"))?;
        self.resolve_noise()?;
        Ok(self)
    }

    fn fits(&self, network: &Network) -> Result<()> {
        let stages = network.stages().len();
        self.injection.fits(stages).map_err(|e| e.under("injection"))?;
        self.manifold.iter().try_for_each(|manifold| manifold.fits(stages).map_err(|e| e.under("manifold")))
    }

    fn needs(&self, sizes: &Sizes) -> Vec<Values> {
        (0..sizes.stages.len()).map(|stage| self.needs_of(stage, sizes, sizes.rows())).collect()
    }

    fn work(&self, network: &Network, [rows, _]: [usize; 2]) -> Vec<Work> {
        let (stages, outputs) = (network.stage_units(), network.outputs());
        let mut work = match &self.manifold {
            Some(manifold) => refresh(network, manifold, rows, |_| true),
            None => vec![Work::default(); stages.len() + 1],
        };
        let [update, a_step] = self.passes();
        for (stage, &units) in stages.iter().enumerate() {
            if self.memory == Memory::Feedback {
                let kept = self.directions(stage, units).filter(|_| !self.feedback.is_units());
                work[stage].step.push(Job::product(rows, outputs, kept.unwrap_or(units)));
                work[stage].step.extend(kept.map(|directions| Job::product(rows, directions, units)));
                if self.observe.is_some() {
                    work[stage].step.extend(observation([rows, units, outputs], kept));
                }
            }
            if self.probes == 0 {
                continue;
            }
            // A pass counts where it begins.
            let group = self.injection.pass_from(stage, stages.len());
            let Some(&first) = group.first() else { continue };
            let probe = &mut work[first].probe;
            probe.extend(perturbed_pass(network, &group, rows));
            for &own in &group {
                let directions = self.directions(own, stages[own]);
                probe.push(Self::moved([rows, stages[own]], directions));
                let once = self.drawn(own, [rows, stages[own]]).into_iter();
                let once = once.chain(self.answered([rows, stages[own], outputs], directions));
                probe.extend(once.map(|job| job.times(1.0 / update)));
            }
            work[first].probes = a_step;
        }
        work
    }

    fn build(self, setup: &RuleSetup) -> Box<dyn CreditRule> {
        Box::new(NoiseCorrelation::new(self, setup))
    }
}
