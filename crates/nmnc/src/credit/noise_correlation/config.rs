//! Settings of noise correlation and their names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::NoiseCorrelation;
use crate::credit::estimator::Estimator;
use crate::credit::rule::{CreditRule, Preset, RuleConfig, RuleSetup, at_least_one, positive};
use crate::error::{Error, Result};
use crate::manifold::{Dimension, PcaMethod, Tracker, Tracking};
use crate::noise::Probe;

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

/// Where the noise lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// All n directions of activity alike.
    Isotropic,
    /// The top d principal components of activity.
    Manifold,
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
    /// Distribution of the noise.
    pub probe: Probe,
    /// Perturb by +xi and -xi and halve the difference: removes even orders, costs two passes.
    pub antithetic: bool,
    /// Learned feedback weights, or each example for itself.
    pub memory: Memory,
    /// How responses become an estimate.
    pub estimator: Estimator,
    /// Perturbations K of each example.
    pub probes: usize,
    /// Noise norm over activity norm: each coordinate has the deviation sigma * mean ||x_l|| / sqrt(m), so that isotropic
    /// (m = n) and manifold noise (m = d) carry the same energy.
    pub sigma: f64,
    /// Learning rate of the feedback, B <- (1 - eta) B + eta Jhat (memory = "feedback"; 0.2 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta: Option<f64>,
    /// Training steps between feedback updates (memory = "feedback"; 1 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<u64>,
    /// Scaling of the signals.
    pub normalize: Normalize,
    /// The manifold (noise = "manifold").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifold: Option<ManifoldConfig>,
}

/// The manifold of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ManifoldConfig {
    /// Dimension d, or a fraction of variance to explain.
    pub dimension: Dimension,
    /// How the principal components are found.
    pub method: PcaMethod,
    /// Training examples whose activity is analyzed (method = "exact" or "randomized"; 1024 when left out).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
    /// Training steps between refreshes of the basis.
    pub refresh: u64,
    /// Start from the previous basis: two passes over the activity instead of five (method = "randomized"; true when left out).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_start: Option<bool>,
    /// Weight that earlier batches keep at each refresh, in (0, 1] (method = "incremental"; 0.9 when left out). The memory is
    /// 1 / (1 - forgetting) batches, and 1 never forgets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forgetting: Option<f64>,
}

impl Default for ManifoldConfig {
    fn default() -> Self {
        Self {
            dimension: Dimension::Count(64),
            method: PcaMethod::Randomized,
            samples: None,
            refresh: 100,
            warm_start: None,
            forgetting: None,
        }
    }
}

impl ManifoldConfig {
    /// Checks values and their combinations, and spells out what was left out.
    fn resolve(&mut self) -> Result<()> {
        at_least_one("refresh", self.refresh)?;
        let only = |key: &str, given: bool, methods: &str| match given {
            true => {
                Err(Error::config(key, format!("has no meaning with method = \"{}\"", self.method.name()))
                    .mend(format!("remove it, or set method = {methods}")))
            }
            false => Ok(()),
        };
        let (incremental, randomized) =
            (self.method == PcaMethod::Incremental, self.method == PcaMethod::Randomized);
        only("samples", incremental && self.samples.is_some(), "\"exact\" or \"randomized\"")?;
        only("warm_start", !randomized && self.warm_start.is_some(), "\"randomized\"")?;
        only("forgetting", !incremental && self.forgetting.is_some(), "\"incremental\"")?;
        if incremental {
            self.forgetting.get_or_insert(0.9);
        } else if *self.samples.get_or_insert(1024) < 2 {
            return Err(Error::config("samples", "needs at least 2 examples"));
        }
        if randomized {
            self.warm_start.get_or_insert(true);
        }
        Tracker::new(self.tracking()).map(drop)
    }

    fn tracking(&self) -> Tracking {
        Tracking {
            dimension: self.dimension,
            method: self.method,
            warm_start: self.warm_start.unwrap_or(false),
            forgetting: self.forgetting.unwrap_or(1.0),
        }
    }

    /// A tracker of one stage's manifold, from resolved settings.
    pub(crate) fn tracker(&self) -> Tracker {
        Tracker::new(self.tracking()).expect("the settings have been checked")
    }
}

impl NoiseCorrelationConfig {
    fn new(noise: Noise, memory: Memory) -> Self {
        Self {
            noise,
            probe: Probe::Gaussian,
            antithetic: false,
            memory,
            estimator: Estimator::Average,
            probes: 1,
            sigma: 0.1,
            eta: None,
            interval: None,
            normalize: Normalize::None,
            manifold: None,
        }
    }
}

impl RuleConfig for NoiseCorrelationConfig {
    const LOCAL: bool = true;

    fn resolve(mut self) -> Result<Self> {
        positive("sigma", self.sigma)?;
        at_least_one("probes", self.probes as u64)?;
        match self.memory {
            Memory::Feedback => {
                let eta = *self.eta.get_or_insert(0.2);
                if !(eta > 0.0 && eta <= 1.0) {
                    return Err(Error::config("eta", format!("{eta} is not in (0, 1]")));
                }
                at_least_one("interval", *self.interval.get_or_insert(1))?;
            }
            Memory::None => {
                for (key, given) in [("eta", self.eta.is_some()), ("interval", self.interval.is_some())] {
                    if given {
                        return Err(Error::config(key, "has no meaning without memory")
                            .mend("remove it, or set memory = \"feedback\""));
                    }
                }
            }
        }
        match self.noise {
            Noise::Manifold => {
                let manifold = self.manifold.get_or_insert_default();
                manifold.resolve().map_err(|e| e.under("manifold"))?;
            }
            Noise::Isotropic if self.manifold.is_some() => {
                return Err(Error::config("manifold", "has no meaning with isotropic noise")
                    .mend("remove it, or set noise = \"manifold\""));
            }
            Noise::Isotropic => {}
        }
        Ok(self)
    }

    fn build(self, setup: &RuleSetup) -> Box<dyn CreditRule> {
        Box::new(NoiseCorrelation::new(self, setup))
    }
}
