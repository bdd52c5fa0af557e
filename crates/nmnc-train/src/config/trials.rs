//! The configuration of a recurrent network's training on a task.

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
use crate::optimizer::OptimizerConfig;
use crate::replicas::Sums;
use crate::schedule::ScheduleConfig;
use nmnc_core::config_text::deserialize;
use nmnc_core::device::{self, Precision};
use nmnc_core::error::{Error, Result};
use nmnc_core::ranges;
use nmnc_core::seed::Seed;
use nmnc_data::tasks::TaskConfig;
use nmnc_learn::recurrent::{Part, RecurrentConfig, TimeCreditConfig};

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SequenceConfig {
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
    /// The task: its name, or a table with name and settings.
    pub task: TaskConfig,
    /// The network.
    #[serde(default)]
    pub recurrent: RecurrentConfig,
    /// What training starts from in the place of random weights.
    #[serde(default, skip_serializing_if = "WeightsConfig::are_random")]
    pub weights: WeightsConfig,
    /// The credit rule: `rule`, its settings, and tables of settings by rule name.
    pub credit: TimeCreditConfig,
    /// Training.
    #[serde(default)]
    pub train: SequenceTrainConfig,
    /// What is measured on the way.
    #[serde(default)]
    pub metrics: SequenceMetricsConfig,
    /// What is kept on the way.
    #[serde(default)]
    pub checkpoint: CheckpointConfig,
    /// What is written for other tools.
    #[serde(default, skip_serializing_if = "LoggingConfig::is_plain")]
    pub logging: LoggingConfig,
}

/// `[train]` of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SequenceTrainConfig {
    /// Epochs: evaluations, and the unit of schedules.
    #[schemars(transform = ranges::EPOCHS.stated())]
    pub epochs: u64,
    /// Training trials an epoch. No trial comes twice, unless it is recorded or an image.
    #[schemars(transform = ranges::COUNT.stated())]
    pub trials: usize,
    /// Trials a batch.
    #[schemars(transform = ranges::COUNT.stated())]
    pub batch: usize,
    /// Trials of an evaluation, the same each time.
    #[schemars(transform = ranges::COUNT.stated())]
    pub evaluation: usize,
    /// Weight of steps of the response period in the loss; other steps have weight 1.
    #[schemars(transform = ranges::FACTOR.stated())]
    pub response_weight: f64,
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
    /// Parts of the network that keep their initial values: `input`, `recurrent`, `readout`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixed: Vec<Part>,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// The learning-rate schedule.
    pub schedule: ScheduleConfig,
}

impl Default for SequenceTrainConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            trials: 6400,
            batch: 64,
            evaluation: 1000,
            response_weight: 1.0,
            replicas: 1,
            sums: Sums::Ordered,
            clip_norm: Some(1.0),
            fixed: Vec::new(),
            optimizer: OptimizerConfig::default(),
            schedule: ScheduleConfig::default(),
        }
    }
}

/// `[metrics]` of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SequenceMetricsConfig {
    /// Training steps between records of loss and accuracy.
    #[schemars(transform = ranges::INTERVAL.stated())]
    pub interval: u64,
    /// Training steps between measurements against backpropagation through time; 0 turns them off.
    #[schemars(transform = ranges::INTERVAL_OR_NEVER.stated())]
    pub alignment_interval: u64,
    /// Dimension of the manifold of states whose captured energy is measured, for every rule alike.
    #[schemars(transform = ranges::COUNT.stated())]
    pub dimension: usize,
    /// Lags over which lagged Jacobians are measured.
    #[schemars(transform = ranges::COUNT_OR_NONE.stated())]
    pub lags: usize,
}

impl Default for SequenceMetricsConfig {
    fn default() -> Self {
        Self { interval: 50, alignment_interval: 100, dimension: 16, lags: 20 }
    }
}

impl SequenceConfig {
    /// Reads the TOML file at `path`, applies `overrides` such as `train.epochs=5` and checks the result.
    ///
    /// # Errors
    /// Unreadable file, bad TOML (with its line), unknown or impossible settings (with their key).
    pub fn read(path: &Path, overrides: &[String]) -> Result<Self> {
        Self::parse(&read_text(path)?, &path.display().to_string(), overrides)
    }

    /// Parses TOML `text` that came from `origin` and applies `overrides`.
    ///
    /// # Errors
    /// As [`SequenceConfig::read`].
    pub fn parse(text: &str, origin: &str, overrides: &[String]) -> Result<Self> {
        Self::of_table(parse_table(text, origin, overrides)?).map_err(|e| e.within(origin))
    }

    pub(super) fn of_table(table: toml::Table) -> Result<Self> {
        Self::of_parsed(table.clone()).map_err(|e| point_out(e, &table, Kind::Trials))
    }

    fn of_parsed(mut table: toml::Table) -> Result<Self> {
        let task = match table.remove("task") {
            Some(toml::Value::Table(settings)) => TaskConfig::from_table(settings)?,
            _ => {
                return Err(Error::config("task", "is neither a name nor a table")
                    .mend("for example task = \"DelayMatchSample\""));
            }
        };
        table.insert("task".into(), toml::Value::Table(task.table()));
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
        self.weights.check()?;
        let train = &self.train;
        if Part::ALL.iter().all(|part| train.fixed.contains(part)) {
            return Err(Error::config("train.fixed", "leaves nothing to train"));
        }
        train.optimizer.check()?;
        check_replicas(train.replicas, train.batch)?;
        Ok(Resolved::new(Self {
            device: device::canonical(&self.device),
            task: self.task.clone().resolve().map_err(|e| e.under("task"))?,
            recurrent: self.recurrent.clone().resolve().map_err(|e| e.under("recurrent"))?,
            credit: self.credit.resolve()?,
            ..self.clone()
        }))
    }
}
