//! A configuration of either kind.

use std::path::Path;

use serde::Serialize;

use super::images::Config;
use super::resolved::Resolved;
use super::text::{parse_table, read_text};
use super::trials::SequenceConfig;
use nmnc_core::error::Result;
use nmnc_core::seed::Seed;

/// What a configuration file describes: training on images, or, if it has the key `task`, on trials.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AnyConfig {
    /// A layered network on images.
    Images(Box<Config>),
    /// A recurrent network on trials of a task.
    Trials(Box<SequenceConfig>),
}

impl From<Config> for AnyConfig {
    fn from(config: Config) -> Self {
        Self::Images(Box::new(config))
    }
}

impl From<SequenceConfig> for AnyConfig {
    fn from(config: SequenceConfig) -> Self {
        Self::Trials(Box::new(config))
    }
}

impl AnyConfig {
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
    /// As [`AnyConfig::read`].
    pub fn parse(text: &str, origin: &str, overrides: &[String]) -> Result<Self> {
        let table = parse_table(text, origin, overrides)?;
        let config = if table.contains_key("task") {
            SequenceConfig::of_table(table).map(Self::from)
        } else {
            Config::of_table(table).map(Self::from)
        };
        config.map_err(|e| e.within(origin))
    }

    /// The same with another seed.
    pub fn with_seed(mut self, seed: Seed) -> Self {
        match &mut self {
            Self::Images(config) => config.seed = seed,
            Self::Trials(config) => config.seed = seed,
        }
        self
    }

    /// The same with every default and preset spelled out: what a run folder keeps.
    ///
    /// # Errors
    /// The first setting that is unknown, out of range or contradictory.
    pub fn resolve(&self) -> Result<Resolved<Self>> {
        Ok(Resolved::new(match self {
            Self::Images(config) => config.resolve()?.into_inner().into(),
            Self::Trials(config) => config.resolve()?.into_inner().into(),
        }))
    }
}
