//! The configuration of a layered network's training on images.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checkpoint::CheckpointConfig;
use super::logging::LoggingConfig;
use super::reference::{Kind, point_out};
use super::resolved::Resolved;
use super::text::{parse_table, read_text};
use super::weights::WeightsConfig;
use super::{check_replicas, flex, is_one, seed_zero};
use crate::identity::check_seed;
use crate::loss::{Loss, Objective};
use crate::optimizer::OptimizerConfig;
use crate::replicas::Sums;
use crate::schedule::ScheduleConfig;
use nmnc_core::config_text::deserialize;
use nmnc_core::device::{self, Precision};
use nmnc_core::error::{Error, Result};
use nmnc_core::ranges::{self, Range};
use nmnc_core::seed::Seed;
use nmnc_data::DataConfig;
use nmnc_learn::credit::CreditConfig;
use nmnc_learn::net::NetworkConfig;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The one seed.
    #[serde(default = "seed_zero")]
    pub seed: Seed,
    /// Device: `cpu` (or `flex`, its name in records), `vulkan`, `wgpu` or `cuda`, with an optional number as in `vulkan:1`, or `cuda:local` for the
    /// number that a process of a job has on its machine; `gpu` is
    /// the first of the accelerators that was compiled in.
    #[serde(default = "flex")]
    pub device: String,
    /// In what numbers an accelerator multiplies: `f32`, `tf32` or `bf16`.
    #[serde(default, skip_serializing_if = "Precision::is_single")]
    pub precision: Precision,
    /// The data.
    #[serde(default)]
    pub data: DataConfig,
    /// The network.
    pub network: NetworkConfig,
    /// What training starts from in the place of random weights.
    #[serde(default, skip_serializing_if = "WeightsConfig::are_random")]
    pub weights: WeightsConfig,
    /// The credit rule.
    pub credit: CreditConfig,
    /// Training.
    #[serde(default)]
    pub train: TrainConfig,
    /// What is measured on the way.
    #[serde(default)]
    pub metrics: MetricsConfig,
    /// What is kept on the way.
    #[serde(default)]
    pub checkpoint: CheckpointConfig,
    /// What is written for other tools.
    #[serde(default, skip_serializing_if = "LoggingConfig::is_plain")]
    pub logging: LoggingConfig,
}

/// `[train]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Passes over the training split.
    #[schemars(transform = ranges::EPOCHS.stated())]
    pub epochs: u64,
    /// Examples a batch; the last batch of an epoch may be smaller.
    #[schemars(transform = ranges::COUNT.stated())]
    pub batch: usize,
    /// The loss.
    pub loss: Loss,
    /// Part of each example's target that is spread evenly over all classes, in training and evaluation; 0 leaves it all at the label.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(transform = Range::closed(0.0, 1.0).stated())]
    pub label_smoothing: f64,
    /// Work through the forward pass a second time, one stage after the other, instead of keeping it: the memory for activity
    /// does not grow with depth, and a step costs one more forward pass. For local rules (dfa, vnc, nmnc and node perturbation).
    /// Steps measured against backprop (metrics.alignment_interval) keep all of it.
    pub streamed: bool,
    /// Replicas of the network that each batch is divided among: what each makes of its part is summed in their order. Any number of
    /// processes up to theirs may host them, to the same bits. Normalisation takes the statistics of each part.
    #[serde(skip_serializing_if = "is_one")]
    #[schemars(transform = ranges::COUNT.stated())]
    pub replicas: usize,
    /// How what replicas make of their parts is summed.
    #[serde(skip_serializing_if = "Sums::are_ordered")]
    pub sums: Sums,
    /// Largest Euclidean norm of the whole gradient; a longer one is scaled down.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::POSITIVE.stated())]
    pub clip_norm: Option<f64>,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// The learning-rate schedule.
    pub schedule: ScheduleConfig,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch: 128,
            loss: Loss::CrossEntropy,
            label_smoothing: 0.0,
            streamed: false,
            replicas: 1,
            sums: Sums::Ordered,
            clip_norm: None,
            optimizer: OptimizerConfig::default(),
            schedule: ScheduleConfig::default(),
        }
    }
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

impl TrainConfig {
    /// The loss with its targets.
    pub(crate) fn objective(&self) -> Objective {
        self.loss.smoothed(self.label_smoothing)
    }
}

/// `[metrics]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// Training steps between records of loss and accuracy.
    #[schemars(transform = ranges::INTERVAL.stated())]
    pub interval: u64,
    /// Training steps between measurements against backprop; 0 turns them off.
    #[schemars(transform = ranges::INTERVAL_OR_NEVER.stated())]
    pub alignment_interval: u64,
    /// Dimension of the manifold whose captured energy is measured, for every rule alike.
    #[schemars(transform = ranges::COUNT.stated())]
    pub dimension: usize,
    /// Training examples whose activity defines that manifold.
    #[schemars(transform = ranges::SAMPLES.stated())]
    pub samples: usize,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { interval: 50, alignment_interval: 100, dimension: 64, samples: 1024 }
    }
}

impl Config {
    /// Reads the TOML file at `path`, applies `overrides` such as `train.epochs=5` and checks the result.
    ///
    /// The configuration comes back as written: [`Config::resolve`] spells it out for one rule, and a comparison still needs
    /// the settings of the others.
    ///
    /// # Errors
    /// Unreadable file, bad TOML (with its line), unknown or impossible settings (with their key).
    pub fn read(path: &Path, overrides: &[String]) -> Result<Self> {
        Self::parse(&read_text(path)?, &path.display().to_string(), overrides)
    }

    /// Parses TOML `text` that came from `origin` and applies `overrides`.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, origin: &str, overrides: &[String]) -> Result<Self> {
        Self::of_table(parse_table(text, origin, overrides)?).map_err(|e| e.within(origin))
    }

    pub(super) fn of_table(table: toml::Table) -> Result<Self> {
        Self::of_parsed(table.clone()).map_err(|e| point_out(e, &table, Kind::Images))
    }

    fn of_parsed(table: toml::Table) -> Result<Self> {
        ranges::check_table::<Self>(&table)?;
        let config: Self = deserialize(table)?;
        config.resolve()?;
        Ok(config)
    }

    /// The same with every default and preset spelled out: what a run folder keeps.
    ///
    /// # Errors
    /// The first setting that is unknown, out of range or contradictory.
    pub fn resolve(&self) -> Result<Resolved<Self>> {
        ranges::check(self)?;
        check_seed(self.seed)?;
        let resolved = Self {
            device: device::canonical(&self.device),
            network: self.network.resolve()?,
            credit: self.credit.resolve()?,
            ..self.clone()
        };
        self.data.check()?;
        self.weights.check()?;
        if self.train.streamed && !self.credit.is_local()? {
            let problem = format!("`{}` needs the whole forward pass at once", self.credit.rule);
            return Err(
                Error::config("train.streamed", problem).mend("set it to false, or choose a local rule")
            );
        }
        self.train.optimizer.check()?;
        check_replicas(self.train.replicas, self.train.batch)?;
        Ok(Resolved::new(resolved))
    }
}
