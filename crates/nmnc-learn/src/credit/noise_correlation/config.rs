//! Settings of noise correlation and their names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::injection::Injection;
use super::regions::Regions;
use super::rule::NoiseCorrelation;
use crate::credit::kind::{Layered, RuleSetup};
use crate::credit::rule::CreditRule;
use crate::estimator::{Covariance, Estimator, FeedbackForm, Learning, Observing, Probing};
use crate::manifold::{Dimension, Dimensions, ManifoldConfig};
use crate::needs::{Sizes, Values};
use crate::net::Network;
use crate::noise::Probe;
use crate::registry::{Preset, RuleConfig};
use crate::work::Work;
use nmnc_core::config_text::only_with as only;
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
    /// Along these components and off them, wherever what is not known of the Jacobian and the variance of the activity are large
    /// (estimator = "kalman").
    Aimed,
}

/// Power of the activity's variance, and share of the energy off the components, where they are left out.
const EXPONENT: f64 = 0.5;
const REST: f64 = 0.1;
/// Components that noise is shaped by where a budget is all that is set.
const COMPONENTS: usize = 256;

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
    /// (memory = "feedback", any estimator but "average").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observe: Option<Observing>,
    /// Perturbed examples for each example of training, and nothing else: passes go to the stages in turn, and a Kalman filter finds in the
    /// answers what it believes them by (memory = "feedback"; estimator = "kalman" and, for noise on the manifold, noise = "aimed" are
    /// implied, or "covariance" where exponent or rest is set).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::FACTOR.stated())]
    pub budget: Option<f64>,
    /// Feedback of its own for each region of examples, since the Jacobian of one is not that of another
    /// (memory = "feedback", estimator = "average" or "least-squares").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions: Option<Regions>,
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
            budget: None,
            regions: None,
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
    /// Times that a pass perturbs each example.
    pub(crate) fn cost(&self) -> usize {
        if self.antithetic { 2 } else { 1 }
    }

    /// Perturbations of each example in a step, of one stage of so many.
    pub(crate) fn repetitions(&self, stages: usize) -> usize {
        let of_budget = |budget: f64| (budget / (self.cost() * stages) as f64).ceil() as usize;
        self.budget.map_or(self.probes, of_budget)
    }

    /// How `units` units are perturbed, the estimator `index` of the seed. Settings must be resolved.
    pub(crate) fn probing(&self, units: usize, seed: Seed, index: usize) -> Probing {
        let Self { probe, antithetic, sigma, .. } = *self;
        let (manifold, covariance) = (self.manifold.clone(), self.covariance());
        Probing { units, manifold, covariance, probe, sigma, antithetic, seed, index }
    }

    /// The noise's covariance, where its coordinates are not alike.
    fn covariance(&self) -> Option<Covariance> {
        match self.noise {
            // What it begins with, before there is anything to aim by.
            Noise::Aimed => Some(Covariance { exponent: EXPONENT, rest: REST }),
            _ => self.exponent.zip(self.rest).map(|(exponent, rest)| Covariance { exponent, rest }),
        }
    }

    /// How feedback is learned, if there is any. Settings must be resolved.
    pub(crate) fn learning(&self) -> Option<Learning> {
        Some(match (self.estimator, self.ridge) {
            (Estimator::Average, _) => Learning::Average { eta: self.eta? },
            (Estimator::LeastSquares, Some(ridge)) => Learning::Posterior { eta: self.eta?, ridge },
            (Estimator::LeastSquares, None) => Learning::LeastSquares { eta: self.eta? },
            (Estimator::RecursiveLeastSquares, ridge) => {
                Learning::Recursive { forgetting: self.forgetting?, ridge: ridge? }
            }
            (Estimator::Kalman, _) => Learning::Kalman,
        })
    }

    /// What a budget implies, and errors where something is set that it chooses.
    fn resolve_budget(&mut self) -> Result<()> {
        if self.budget.is_none() {
            return Ok(());
        }
        let chosen = [
            ("probes", self.probes > 1),
            ("eta", self.eta.is_some()),
            ("forgetting", self.forgetting.is_some()),
            ("ridge", self.ridge.is_some()),
            ("interval", self.interval.is_some()),
            ("injection", self.injection != Injection::default()),
            ("feedback", !self.feedback.is_units()),
            ("regions", self.regions.is_some()),
            ("estimator", self.estimator == Estimator::RecursiveLeastSquares),
        ];
        if let Some((key, _)) = chosen.iter().find(|(_, set)| *set) {
            return Err(
                Error::config(*key, "has no meaning with a budget").mend("remove it, or remove budget")
            );
        }
        only("budget", true, self.memory == Memory::Feedback, "memory = \"feedback\"")?;
        (self.probes, self.estimator) = (1, Estimator::Kalman);
        if self.noise == Noise::Manifold {
            let shaped = self.exponent.is_some() || self.rest.is_some();
            self.noise = if shaped { Noise::Covariance } else { Noise::Aimed };
        }
        if matches!(self.noise, Noise::Covariance | Noise::Aimed) {
            // Components cost little where a prior follows their spectrum.
            let dimension = Dimensions::Same(Dimension::Count(COMPONENTS));
            self.manifold.get_or_insert_with(|| ManifoldConfig { dimension, ..ManifoldConfig::default() });
        }
        Ok(())
    }

    /// Settings of the noise: errors where they have no meaning, defaults where they were left out.
    fn resolve_noise(&mut self) -> Result<()> {
        let shaped = self.noise == Noise::Covariance;
        only("exponent", self.exponent.is_some(), shaped, "noise = \"covariance\"")?;
        only("rest", self.rest.is_some(), shaped, "noise = \"covariance\"")?;
        only(
            "noise",
            self.noise == Noise::Aimed,
            self.estimator == Estimator::Kalman,
            "estimator = \"kalman\"",
        )?;
        if shaped {
            self.exponent.get_or_insert(EXPONENT);
            self.rest.get_or_insert(REST);
        }
        match self.noise {
            Noise::Manifold | Noise::Covariance | Noise::Aimed => {
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
        only("regions", self.regions.is_some(), feedback, "memory = \"feedback\"")?;
        self.regions.as_mut().map_or(Ok(()), Regions::resolve).map_err(|e| e.under("regions"))?;
        let kalman = self.estimator == Estimator::Kalman;
        if (recursive || kalman) && self.regions.is_some() {
            return Err(Error::config("regions", "every region would need a covariance of its own")
                .mend("set estimator = \"average\" or \"least-squares\""));
        }
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
        if kalman && self.eta.is_some() {
            return Err(Error::config("eta", "a Kalman filter finds its gain by itself").mend("remove it"));
        }
        let needed = "estimator = \"recursive-least-squares\"";
        only("forgetting", self.forgetting.is_some(), recursive, needed)?;
        let solves = recursive || self.estimator == Estimator::LeastSquares;
        only(
            "ridge",
            self.ridge.is_some(),
            solves,
            "estimator = \"least-squares\" or \"recursive-least-squares\"",
        )?;
        // What observation is regularized by is another ridge.
        only("ridge", self.ridge.is_some(), self.probes > 0, "probes")?;
        only("estimator", recursive || kalman, self.probes > 0, "probes")?;
        if recursive {
            if self.noise != Noise::Manifold {
                return Err(Error::config("estimator", "a covariance of all units would be n by n")
                    .mend("set noise = \"manifold\", or estimator = \"least-squares\""));
            }
            self.forgetting.get_or_insert(0.95);
            self.ridge.get_or_insert(100.0);
        } else if feedback && !kalman {
            self.eta.get_or_insert(0.2);
        }
        if feedback && self.budget.is_none() {
            self.interval.get_or_insert(1);
        }
        Ok(())
    }
}

impl RuleConfig<Layered> for NoiseCorrelationConfig {
    const LOCAL: bool = true;

    fn resolve(mut self) -> Result<Self> {
        ranges::check(&self)?;
        self.resolve_budget()?;
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
        self.work_of(network, rows)
    }

    fn build(self, setup: &RuleSetup) -> Box<dyn CreditRule> {
        Box::new(NoiseCorrelation::new(self, setup))
    }
}
