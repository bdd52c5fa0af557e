//! What experiments have in common: options, and configurations made of a base and changes.

use std::collections::BTreeSet;

use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Seed;
use nmnc_learn::net::StageConfig;
use nmnc_train::{Config, PlannedRun};

/// How much to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Under a minute or two: few images, small networks.
    Quick,
    /// The embedded sample.
    Sample,
    /// Data of one's own, such as CIFAR-10.
    Full,
}

/// What a user may choose.
#[derive(Clone, Debug)]
pub struct Options {
    /// Data source; the embedded sample when left out.
    pub data: Option<String>,
    /// Number of seeds of every condition.
    pub seeds: u64,
    /// Little work only.
    pub quick: bool,
    /// Examples whose activity is measured; the experiment's own number when left out.
    pub examples: Option<usize>,
    /// Changes of every run's configuration, such as `train.epochs=5`, after the experiment's own.
    pub set: Vec<String>,
}

impl Options {
    /// The size asked for.
    pub fn size(&self) -> Size {
        match (self.quick, &self.data) {
            (true, _) => Size::Quick,
            (false, None) => Size::Sample,
            (false, Some(_)) => Size::Full,
        }
    }

    /// The runs of one condition: `base` (TOML) with `changes`, then the user's, over the seeds.
    pub(super) fn runs(&self, name: &str, base: &str, changes: &[String]) -> Result<Vec<PlannedRun>> {
        if self.seeds == 0 {
            return Err(Error::config("seeds", "needs at least one seed"));
        }
        let mut table: toml::Table = base.parse().expect("the base of an experiment is TOML");
        if let Some(source) = &self.data {
            let data = table.entry("data").or_insert_with(|| toml::Value::Table(toml::Table::new()));
            data.as_table_mut()
                .expect("[data] is a table")
                .insert("source".to_owned(), source.clone().into());
        }
        let set: Vec<String> = changes.iter().chain(&self.set).cloned().collect();
        let base = Config::parse(&table.to_string(), name, &set)?;
        let run = |offset| {
            let seed = Seed(base.seed.0.saturating_add(offset));
            let config = Config { seed, ..base.clone() }.resolve().map_err(|e| e.within(name))?;
            Ok(PlannedRun { name: format!("{name}-seed{}", seed.0), config })
        };
        (0..self.seeds).map(run).collect()
    }
}

/// How runs were trained, in words.
pub(super) fn training(config: &Config) -> String {
    let epochs = config.train.epochs;
    format!("{epochs} epoch{}, batches of {}", if epochs == 1 { "" } else { "s" }, config.train.batch)
}

/// The network in words: its preset, or its stages, and what its widths are multiplied by.
pub(super) fn network(config: &Config) -> String {
    let stage = |stage: &StageConfig| match stage {
        StageConfig::Conv(conv) => format!("{}x{} to {}", conv.kernel, conv.kernel, conv.channels),
        StageConfig::Dense(dense) => dense.units.to_string(),
    };
    let stages = config.network.stages.iter().map(stage).collect::<Vec<_>>().join(", ");
    let name = config.network.preset.as_deref().unwrap_or(&stages);
    match config.network.scale {
        1.0 => name.to_owned(),
        scale => format!("{name}, widths times {scale}"),
    }
}

/// Number of different seeds.
pub(super) fn seeds(seeds: impl IntoIterator<Item = Seed>) -> String {
    seeds.into_iter().map(|seed| seed.0).collect::<BTreeSet<u64>>().len().to_string()
}
