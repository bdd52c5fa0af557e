//! Settings of mirrors and their names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::Mirror;
use crate::credit::kind::{Layered, RuleSetup};
use crate::credit::rule::CreditRule;
use crate::estimator::Estimator;
use crate::manifold::ManifoldConfig;
use crate::needs::{self, Sizes, StageSizes, Values, product};
use crate::net::{Network, Reader};
use crate::noise::Probe;
use crate::registry::{Preset, RuleConfig};
use crate::work::Work;
use nmnc_core::config_text::only_with as only;
use nmnc_core::error::{Error, Result};
use nmnc_core::ranges;

pub(crate) const WEIGHT_MIRROR: Preset<MirrorConfig> = Preset {
    name: "weight-mirror",
    summary: "weight mirror: feedback from isotropic noise, by correlation with the next stage's pre-activation",
    settings: || MirrorConfig {
        noise: MirrorNoise::Isotropic,
        estimator: Estimator::Average,
        probe: Probe::Gaussian,
        initial: 0,
        probes: Some(4),
        ..MirrorConfig::manifold()
    },
};

pub(crate) const MANIFOLD_MIRROR: Preset<MirrorConfig> = Preset {
    name: "manifold-mirror",
    summary: "manifold weight mirror: feedback from noise on and off the manifold, by least squares, stage by stage",
    settings: MirrorConfig::manifold,
};

/// Where a mirror's noise lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MirrorNoise {
    /// All n directions of activity alike.
    Isotropic,
    /// The top d principal components of activity.
    Manifold,
    /// Some probes on the manifold, where training changes the weights, the others anywhere, where the initial weights lie.
    Both,
}

/// What the learned feedback is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Feedback {
    /// A matrix of the shape of the next stage's weight; a convolution's is shared over positions.
    Weights,
    /// The response of the next stage's pre-activation to each principal component.
    Coordinates,
}

/// How many probes an update takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// `probes` of them every `interval` steps.
    Fixed,
    /// As many as keep the measured error of the feedback at `tolerance`, up to `initial` and `cap` times the training examples.
    Auto,
}

/// Settings of a mirror.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MirrorConfig {
    /// Where the noise lives.
    pub noise: MirrorNoise,
    /// Distribution of the noise.
    pub probe: Probe,
    /// What the learned feedback is.
    pub feedback: Feedback,
    /// How responses become feedback.
    pub estimator: Estimator,
    /// Learning rate of the feedback, B <- (1 - eta) B + eta Bhat (estimator = "average"; 0.1 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::WEIGHT.stated())]
    pub eta: Option<f64>,
    /// Growth per step of the variance of what is known along the principal components, as a fraction of a prior of one that is shared
    /// among them as the variance of the activity is (estimator = "recursive-least-squares"; 0.01 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::FACTOR.stated())]
    pub drift: Option<f64>,
    /// Perturbed examples before the first step, as many as a stage has use for. Those that none has are kept for later under an
    /// automatic budget.
    #[schemars(transform = ranges::COUNT_OR_NONE.stated())]
    pub initial: usize,
    /// Take the batch's own differences from its mean for probes too. The next stage's pre-activation depends on the activity alone, so
    /// that they tell of its weight what noise would, on the manifold and without perturbing anything
    /// (feedback = "weights", estimator = "least-squares"; true when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observe: Option<bool>,
    /// Whether the number of probes is fixed or follows the measured error.
    pub budget: Budget,
    /// Perturbed examples K of an update, each serving all stages (budget = "fixed"; 1 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::COUNT.stated())]
    pub probes: Option<usize>,
    /// Training steps between updates (budget = "fixed"; 1 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::INTERVAL.stated())]
    pub interval: Option<u64>,
    /// Most perturbed examples per training example beside the initial ones (budget = "auto"; 0.1 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::FACTOR.stated())]
    pub cap: Option<f64>,
    /// Squared error of a predicted response over the response's square that is aimed at (budget = "auto"; 0.02 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::FACTOR.stated())]
    pub tolerance: Option<f64>,
    /// The manifold (noise = "manifold" or "both").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifold: Option<ManifoldConfig>,
}

impl MirrorConfig {
    fn manifold() -> Self {
        Self {
            noise: MirrorNoise::Both,
            probe: Probe::Hadamard,
            feedback: Feedback::Weights,
            estimator: Estimator::LeastSquares,
            eta: None,
            drift: None,
            initial: 4096,
            observe: None,
            budget: Budget::Fixed,
            probes: None,
            interval: None,
            cap: None,
            tolerance: None,
            manifold: None,
        }
    }

    /// Settings that belong to some values of others only: an error where they are given elsewhere, a default where left out.
    fn resolve_dependent(&mut self) -> Result<()> {
        if self.estimator == Estimator::Kalman {
            return Err(Error::config("estimator", "a mirror has a recursion of its own")
                .mend("set \"least-squares\", \"average\", or with feedback = \"coordinates\" \"recursive-least-squares\""));
        }
        let (average, recursive) =
            (self.estimator == Estimator::Average, self.estimator == Estimator::RecursiveLeastSquares);
        let auto = self.budget == Budget::Auto;
        only("eta", self.eta.is_some(), average, "estimator = \"average\"")?;
        only("drift", self.drift.is_some(), recursive, "estimator = \"recursive-least-squares\"")?;
        only("probes", self.probes.is_some(), !auto, "budget = \"fixed\"")?;
        only("interval", self.interval.is_some(), !auto, "budget = \"fixed\"")?;
        only("cap", self.cap.is_some(), auto, "budget = \"auto\"")?;
        only("tolerance", self.tolerance.is_some(), auto, "budget = \"auto\"")?;
        let weights = self.feedback == Feedback::Weights && self.estimator == Estimator::LeastSquares;
        let needed = "feedback = \"weights\" and estimator = \"least-squares\"";
        only("observe", self.observe == Some(true), weights, needed)?;
        if weights {
            self.observe.get_or_insert(true);
        }
        let isotropic = self.noise == MirrorNoise::Isotropic;
        only("manifold", self.manifold.is_some(), !isotropic, "noise = \"manifold\"")?;
        if average {
            self.eta.get_or_insert(0.1);
        }
        if recursive {
            self.drift.get_or_insert(0.01);
        }
        if auto {
            self.cap.get_or_insert(0.1);
            self.tolerance.get_or_insert(0.02);
        } else {
            self.probes.get_or_insert(1);
            self.interval.get_or_insert(1);
        }
        if !isotropic {
            let manifold = self.manifold.get_or_insert_default();
            manifold.resolve().map_err(|e| e.under("manifold"))?;
        }
        Ok(())
    }
}

impl RuleConfig<Layered> for MirrorConfig {
    fn resolve(mut self) -> Result<Self> {
        ranges::check(&self)?;
        self.resolve_dependent()?;
        match (self.feedback, self.noise, self.estimator) {
            (Feedback::Coordinates, MirrorNoise::Isotropic | MirrorNoise::Both, _) => {
                Err(Error::config("noise", "coordinates are those of the manifold")
                    .mend("set noise = \"manifold\", or feedback = \"weights\""))
            }
            (Feedback::Weights, _, Estimator::RecursiveLeastSquares) => {
                Err(Error::config("estimator", "recursive least squares needs a covariance of coordinates")
                    .mend("set feedback = \"coordinates\", or estimator = \"least-squares\""))
            }
            _ => Ok(self),
        }
    }

    fn fits(&self, network: &Network) -> Result<()> {
        let stages = network.stages().len();
        if self.feedback == Feedback::Coordinates {
            readable_in_coordinates(network)?;
        }
        self.manifold.iter().try_for_each(|manifold| manifold.fits(stages).map_err(|e| e.under("manifold")))
    }

    /// A mirror of every map, manifolds, and while probing what maps that read a stage answer.
    fn needs(&self, sizes: &Sizes) -> Vec<Values> {
        let of = |(index, stage): (usize, &StageSizes)| {
            let count = self.initial.max(self.probes.unwrap_or(0)) as u128;
            let count = count.max(sizes.batch).min(stage.units.max(sizes.batch));
            let next = sizes.stages.get(index + 1).map_or(sizes.outputs, |next| next.unpooled);
            let directions = needs::directions(self.manifold.as_ref(), index, stage.units);
            let responses =
                if self.feedback == Feedback::Coordinates { product([next, directions]) } else { 0 };
            let own = Values {
                held: stage.parameters.saturating_add(responses),
                passing: product([count, 2, stage.units.saturating_add(next)])
                    .saturating_add(product([2, count.min(stage.units), count.min(stage.units)]))
                    .saturating_add(2 * stage.parameters),
            };
            own.with(needs::followed(self.manifold.as_ref(), index, sizes))
        };
        sizes.stages.iter().enumerate().map(of).collect()
    }

    fn work(&self, network: &Network, [rows, _]: [usize; 2]) -> Vec<Work> {
        Mirror::work(self, network, rows)
    }

    fn build(self, setup: &RuleSetup) -> Box<dyn CreditRule> {
        Box::new(Mirror::new(self, setup))
    }
}

/// Coordinates stand for the responses of a map that reads a stage's activity, and an error must come down through nothing else.
fn readable_in_coordinates(network: &Network) -> Result<()> {
    let one_map = |(stage, reader): (usize, Option<&Reader>)| {
        reader.is_some_and(|reader| {
            let gated = network.nodes()[reader.node].block().gated().is_some();
            gated && reader.stage == Some(stage) && network.only_reader(stage) == Some(reader.node)
        })
    };
    let stages = network.stages().len();
    let plain = network.readers().len() == stages
        && (0..stages)
            .map(|stage| (stage, network.readers().iter().find(|r| r.stage == Some(stage))))
            .all(one_map);
    if plain {
        return Ok(());
    }
    Err(Error::config(
        "feedback",
        "coordinates need every stage to be read by one dense or convolutional block alone",
    )
    .mend("set feedback = \"weights\""))
}
