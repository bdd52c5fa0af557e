//! Rules by name: what a registry entry is, for rules of every kind of network alike.
//!
//! A kind of rules ([`RuleKind`]) names its network, the trait of its rules and its list of entries. Configuration, help, schema and
//! tests read that list and nothing else.

mod choice;

use std::fmt::Debug;

use burn::tensor::Device;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::needs::{Sizes, Values};
use crate::work::Work;
use nmnc_core::config_text::deserialize;
use nmnc_core::error::Result;
use nmnc_core::ranges;
use nmnc_core::seed::Seed;

pub use choice::RuleChoice;

/// A kind of rules: those of layered networks, those of recurrent networks.
pub trait RuleKind: Clone + Debug + PartialEq + 'static {
    /// What such rules train.
    type Network;
    /// What such rules are, as in `dyn CreditRule`.
    type Rule: ?Sized;
    /// Name of the type of `[credit]` in the JSON schema.
    const SCHEMA: &'static str;
    /// What is added to "unknown rule `x`", where there are other kinds of networks that have it.
    const AMONG: &'static str;

    /// Every rule of the kind.
    fn entries() -> &'static [&'static dyn RuleEntry<Self>];
}

/// What a rule is built for.
pub struct Setup<'a, N> {
    /// The network it will train.
    pub network: &'a N,
    /// Seed of the run.
    pub seed: Seed,
    /// Device of all tensors.
    pub device: &'a Device,
}

/// A named rule.
pub trait RuleEntry<K: RuleKind>: Sync {
    /// Name, as in `rule = "nmnc"`.
    fn name(&self) -> &'static str;

    /// One line for people.
    fn summary(&self) -> &'static str;

    /// Whether the rule is local ([`RuleConfig::LOCAL`]).
    fn is_local(&self) -> bool;

    /// Resolved settings: the preset's, overridden by `overrides`.
    ///
    /// # Errors
    /// Unknown or impossible settings.
    fn resolve(&self, overrides: &toml::Table) -> Result<toml::Table>;

    /// Builds the rule from the preset's settings overridden by `overrides`.
    ///
    /// # Errors
    /// As [`RuleEntry::resolve`]; settings that do not fit the network.
    fn build(&self, overrides: &toml::Table, setup: &Setup<K::Network>) -> Result<Box<K::Rule>>;

    /// What the rule keeps of each stage, with the preset's settings overridden by `overrides`.
    ///
    /// # Errors
    /// As [`RuleEntry::resolve`].
    fn needs(&self, overrides: &toml::Table, sizes: &Sizes) -> Result<Vec<Values>>;

    /// What the rule does in a training step, with the preset's settings overridden by `overrides`.
    ///
    /// # Errors
    /// As [`RuleEntry::build`].
    fn work(&self, overrides: &toml::Table, network: &K::Network, size: [usize; 2]) -> Result<Vec<Work>>;

    /// JSON schema of the settings.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
}

/// Settings that are read from a table: all that can be deserialized are.
pub trait FromTable: Sized {
    /// Reads settings; an error's place is the dotted path of the setting.
    ///
    /// # Errors
    /// Unknown, missing or ill-typed settings.
    fn from_table(table: toml::Table) -> Result<Self>;
}

impl<T: DeserializeOwned> FromTable for T {
    fn from_table(table: toml::Table) -> Result<Self> {
        deserialize(table)
    }
}

/// Settings of a family of rules, as they stand in `[credit]` beside `rule`.
pub trait RuleConfig<K: RuleKind>: Serialize + FromTable + JsonSchema {
    /// Whether the rule is local: needs the activity of a single stage at a time. Of use for kinds whose networks have stages.
    const LOCAL: bool = false;

    /// Checks values and their combinations, and spells out what was left out.
    ///
    /// # Errors
    /// The first setting that is out of range or has no meaning in its combination.
    fn resolve(self) -> Result<Self>;

    /// Checks resolved settings against the network they are for.
    ///
    /// # Errors
    /// The first setting that does not fit.
    fn fits(&self, _network: &K::Network) -> Result<()> {
        Ok(())
    }

    /// What the rule keeps of each stage of a network of these sizes, beside the error signals. Settings are resolved; they may not fit.
    fn needs(&self, sizes: &Sizes) -> Vec<Values> {
        vec![Values::default(); sizes.stages.len()]
    }

    /// What the rule does by stages, and at last behind them, in a training step on `rows` examples of `steps` steps (1 where there is no
    /// time), beside what training does whatever the rule. Settings are resolved and fit the network.
    fn work(&self, _network: &K::Network, [_rows, _steps]: [usize; 2]) -> Vec<Work> {
        Vec::new()
    }

    /// Builds the rule from resolved settings that fit the network.
    fn build(self, setup: &Setup<K::Network>) -> Box<K::Rule>;
}

/// A registry entry: a name for particular settings of a family.
pub struct Preset<C> {
    /// Name, as in `rule = "nmnc"`.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// The settings that the name stands for.
    pub settings: fn() -> C,
}

impl<C> Preset<C> {
    fn parse<K: RuleKind>(&self, overrides: &toml::Table) -> Result<C>
    where
        C: RuleConfig<K>,
    {
        let mut settings = to_table(&(self.settings)());
        merge(&mut settings, overrides);
        ranges::check_table::<C>(&settings)?;
        C::from_table(settings)?.resolve()
    }
}

impl<K: RuleKind, C: RuleConfig<K>> RuleEntry<K> for Preset<C> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn is_local(&self) -> bool {
        C::LOCAL
    }

    fn resolve(&self, overrides: &toml::Table) -> Result<toml::Table> {
        Ok(to_table(&self.parse(overrides)?))
    }

    fn build(&self, overrides: &toml::Table, setup: &Setup<K::Network>) -> Result<Box<K::Rule>> {
        let settings = self.parse(overrides)?;
        settings.fits(setup.network)?;
        Ok(settings.build(setup))
    }

    fn needs(&self, overrides: &toml::Table, sizes: &Sizes) -> Result<Vec<Values>> {
        Ok(self.parse(overrides)?.needs(sizes))
    }

    fn work(&self, overrides: &toml::Table, network: &K::Network, size: [usize; 2]) -> Result<Vec<Work>> {
        let settings = self.parse(overrides)?;
        settings.fits(network)?;
        Ok(settings.work(network, size))
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        C::json_schema(generator)
    }
}

fn to_table(config: &impl Serialize) -> toml::Table {
    toml::Table::try_from(config).expect("settings are plain tables")
}

/// Lays `overrides` over `base`, table by table.
fn merge(base: &mut toml::Table, overrides: &toml::Table) {
    for (key, value) in overrides {
        match (base.get_mut(key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(over)) => merge(inner, over),
            _ => drop(base.insert(key.clone(), value.clone())),
        }
    }
}
