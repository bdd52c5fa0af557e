//! The configuration of a run: reading, overriding, checking, spelling out.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::loss::Loss;
use super::optimizer::OptimizerConfig;
use super::schedule::ScheduleConfig;
use nmnc_core::config_text::{deserialize, explain};
use nmnc_core::error::{Error, ErrorKind, Result};
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
    /// Device: `flex` (CPU), `vulkan`, `wgpu` or `cuda`, with an optional number as in `vulkan:1`.
    #[serde(default = "flex")]
    pub device: String,
    /// The data.
    #[serde(default)]
    pub data: DataConfig,
    /// The network.
    pub network: NetworkConfig,
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
}

fn seed_zero() -> Seed {
    Seed(0)
}
fn flex() -> String {
    "flex".to_owned()
}

/// `[train]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Passes over the training split.
    pub epochs: u64,
    /// Examples a batch; the last batch of an epoch may be smaller.
    pub batch: usize,
    /// The loss.
    pub loss: Loss,
    /// Work through the forward pass a second time, one stage after the other, instead of keeping it: the memory for activity
    /// does not grow with depth, and a step costs one more forward pass. For local rules (dfa, vnc, nmnc and node perturbation).
    /// Steps measured against backprop (metrics.alignment_interval) keep all of it.
    pub streamed: bool,
    /// Largest Euclidean norm of the whole gradient; a longer one is scaled down.
    #[serde(skip_serializing_if = "Option::is_none")]
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
            streamed: false,
            clip_norm: None,
            optimizer: OptimizerConfig::default(),
            schedule: ScheduleConfig::default(),
        }
    }
}

/// `[metrics]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// Training steps between records of loss and accuracy.
    pub interval: u64,
    /// Training steps between measurements against backprop; 0 turns them off.
    pub alignment_interval: u64,
    /// Dimension of the manifold whose captured energy is measured, for every rule alike.
    pub dimension: usize,
    /// Training examples whose activity defines that manifold.
    pub samples: usize,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { interval: 50, alignment_interval: 100, dimension: 64, samples: 1024 }
    }
}

/// `[checkpoint]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointConfig {
    /// Training steps between checkpoints; 0 keeps one at the end of each epoch. The end of a run is always kept.
    pub interval: u64,
    /// How many of the latest to keep.
    pub keep: usize,
    /// How many to write and keep for good besides, at steps spaced geometrically from the first to the last: what
    /// `nmnc analyze --over-training` looks at. 0 for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub history: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A seed that run folders can keep: TOML, in which they keep their configuration, has no larger integers.
pub(super) fn check_seed(seed: Seed) -> Result<()> {
    match i64::try_from(seed.0) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::config("seed", format!("{} is not below 2^63", seed.0))),
    }
}

/// `train.clip_norm`, if given, is positive.
pub(super) fn check_clip(norm: Option<f64>) -> Result<()> {
    match norm {
        Some(norm) if !(norm > 0.0 && norm.is_finite()) => {
            Err(Error::config("train.clip_norm", format!("{norm} is not a positive number")))
        }
        _ => Ok(()),
    }
}

impl CheckpointConfig {
    /// Checks ranges.
    pub(super) fn check(&self) -> Result<()> {
        if self.keep == 0 {
            return Err(Error::config("checkpoint.keep", "must be at least 1"));
        }
        if self.history > 1000 {
            let problem = format!("{} checkpoints are too many", self.history);
            return Err(Error::config("checkpoint.history", problem).mend("use at most 1000"));
        }
        Ok(())
    }

    /// The training steps, rising, whose checkpoints are kept for good in a training of `total` steps.
    pub fn milestones(&self, total: u64) -> Vec<u64> {
        let gaps = self.history.saturating_sub(1).max(1) as f64;
        let step = |i: u64| ((total as f64).powf(i as f64 / gaps).round() as u64).clamp(1, total);
        let mut steps: Vec<u64> = (0..self.history).map(step).collect();
        if self.history == 1 {
            steps = vec![total];
        }
        steps.dedup();
        steps
    }
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self { interval: 0, keep: 2, history: 0 }
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
        let table = parse_table(text, origin, overrides)?;
        let config: Self = deserialize(table).map_err(|e| e.within(origin))?;
        config.resolve().map_err(|e| e.within(origin))?;
        Ok(config)
    }

    /// The same with every default and preset spelled out: what a run folder keeps.
    ///
    /// # Errors
    /// The first setting that is unknown, out of range or contradictory.
    pub fn resolve(&self) -> Result<Self> {
        check_seed(self.seed)?;
        let resolved =
            Self { network: self.network.resolve()?, credit: self.credit.resolve()?, ..self.clone() };
        self.data.check()?;
        if self.train.streamed && !self.credit.is_local()? {
            let problem = format!("`{}` needs the whole forward pass at once", self.credit.rule);
            return Err(
                Error::config("train.streamed", problem).mend("set it to false, or choose a local rule")
            );
        }
        let positive = [
            ("train.epochs", self.train.epochs),
            ("train.batch", self.train.batch as u64),
            ("metrics.interval", self.metrics.interval),
            ("metrics.dimension", self.metrics.dimension as u64),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(Error::config(key, "must be at least 1"));
        }
        self.checkpoint.check()?;
        if self.metrics.samples < 2 {
            return Err(Error::config("metrics.samples", "needs at least 2 examples"));
        }
        check_clip(self.train.clip_norm)?;
        self.train.optimizer.check()?;
        self.train.schedule.check()?;
        Ok(resolved)
    }

    /// TOML text of the configuration.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a configuration is representable in TOML")
    }

    /// SHA-256 of [`Config::to_toml`], in hexadecimal: two runs with the same value are the same run.
    pub fn sha256(&self) -> String {
        sha256_of(&self.to_toml())
    }
}

/// The text of a configuration file.
pub(super) fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::config(path.display(), "no such file")
            .mend("`nmnc config presets` prints configurations to start from"),
        std::io::ErrorKind::InvalidData => {
            Error::config(path.display(), "is not UTF-8 text").mend("give a TOML file")
        }
        _ => Error::io(path, "read", e),
    })
}

/// The table that TOML `text` from `origin` with `overrides` describes.
pub(super) fn parse_table(text: &str, origin: &str, overrides: &[String]) -> Result<toml::Table> {
    let mut table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        explain(e.message(), &format!("{origin}:{line}"))
    })?;
    for setting in overrides {
        set(&mut table, setting)?;
    }
    Ok(table)
}

/// SHA-256 of `text`, in hexadecimal.
pub(super) fn sha256_of(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Applies one override `a.b.c=value`; the value is TOML, and a bare word is a string.
///
/// # Errors
/// If it has another form, or goes through a value that is no table.
pub fn set(table: &mut toml::Table, setting: &str) -> Result<()> {
    let malformed = || {
        Error::config(format!("--set {setting}"), "is not of the form key=value")
            .mend("for example --set train.epochs=5")
    };
    let (key, text) = setting.split_once('=').ok_or_else(malformed)?;
    let value = match format!("value = {text}").parse::<toml::Table>() {
        Ok(mut parsed) => parsed.remove("value").ok_or_else(malformed)?,
        Err(_) => toml::Value::String(text.trim().to_owned()),
    };
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    let last = parts.pop().filter(|last| !last.is_empty()).ok_or_else(malformed)?;
    let mut inner = table;
    for part in parts {
        let entry = inner.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        inner = entry.as_table_mut().ok_or_else(|| {
            Error::new(
                ErrorKind::Config,
                format!("--set {setting}"),
                format!("`{part}` is a value, not a table"),
            )
            .mend(format!("set `{part}` itself, or the key that was meant"))
        })?;
    }
    inner.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_checkpoints_are_spaced_geometrically_and_end_with_the_last_step() {
        let steps = |history, total| CheckpointConfig { history, ..Default::default() }.milestones(total);
        assert_eq!(steps(4, 1000), [1, 10, 100, 1000]);
        assert_eq!(steps(6, 8), [1, 2, 3, 5, 8]);
        assert_eq!(steps(1, 50), [50]);
        assert_eq!(steps(3, 1), [1]);
        assert!(steps(0, 50).is_empty());
    }
}
