//! The rules over time by name, and their settings in `[credit]`.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{TimeRule, TimeSetup, backprop, feedback, noise_correlation};
use crate::credit::{CreditConfig, merge};
use nmnc_core::config_text::deserialize;
use nmnc_core::error::{Error, Result};

/// Every rule over time.
pub const TIME_RULES: &[&dyn TimeRuleEntry] = &[
    &backprop::BPTT,
    &feedback::RFLO,
    &feedback::E_PROP,
    &noise_correlation::VNC,
    &noise_correlation::NMNC,
    &noise_correlation::NODE_PERTURBATION,
    &noise_correlation::MANIFOLD_NODE_PERTURBATION,
];

/// The names in the registry.
pub fn time_rule_names() -> impl Iterator<Item = &'static str> {
    TIME_RULES.iter().map(|entry| entry.name())
}

/// A named rule.
pub trait TimeRuleEntry: Sync {
    /// Name, as in `rule = "nmnc"`.
    fn name(&self) -> &'static str;

    /// One line for people.
    fn summary(&self) -> &'static str;

    /// Every setting, with `overrides` laid over what the name stands for.
    ///
    /// # Errors
    /// Unknown or impossible settings.
    fn resolve(&self, overrides: &toml::Table) -> Result<toml::Table>;

    /// Builds the rule.
    ///
    /// # Errors
    /// As [`TimeRuleEntry::resolve`].
    fn build(&self, overrides: &toml::Table, setup: &TimeSetup) -> Result<Box<dyn TimeRule>>;
}

/// Settings of a family of rules over time.
pub(super) trait TimeRuleConfig: Serialize + DeserializeOwned + JsonSchema {
    fn resolve(self) -> Result<Self>;

    fn build(self, setup: &TimeSetup) -> Box<dyn TimeRule>;
}

/// A name for particular settings of a family.
pub(super) struct TimePreset<C> {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) settings: fn() -> C,
}

impl<C: TimeRuleConfig> TimePreset<C> {
    fn parse(&self, overrides: &toml::Table) -> Result<C> {
        let mut settings = table(&(self.settings)());
        merge(&mut settings, overrides);
        deserialize::<C>(settings)?.resolve()
    }
}

impl<C: TimeRuleConfig> TimeRuleEntry for TimePreset<C> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn resolve(&self, overrides: &toml::Table) -> Result<toml::Table> {
        Ok(table(&self.parse(overrides)?))
    }

    fn build(&self, overrides: &toml::Table, setup: &TimeSetup) -> Result<Box<dyn TimeRule>> {
        Ok(self.parse(overrides)?.build(setup))
    }
}

pub(super) fn table(config: &impl Serialize) -> toml::Table {
    toml::Table::try_from(config).expect("settings are plain tables")
}

fn entry(name: &str) -> Option<&'static dyn TimeRuleEntry> {
    TIME_RULES.iter().find(|entry| entry.name() == name).copied()
}

fn named(name: &str) -> Result<&'static dyn TimeRuleEntry> {
    entry(name).ok_or_else(|| {
        Error::config("credit.rule", format!("unknown rule `{name}` for recurrent networks"))
            .suggest(name, time_rule_names())
    })
}

/// The chosen rule's settings: its own table, overridden by what stands directly in `[credit]`.
fn overrides(config: &CreditConfig) -> Result<toml::Table> {
    let (mut chosen, mut direct) = (toml::Table::new(), toml::Table::new());
    for (key, value) in &config.settings {
        match (entry(key), value) {
            // A typing error in another rule's table should not wait to be found.
            (Some(rule), toml::Value::Table(table)) => {
                rule.resolve(table).map_err(|e| e.under(&format!("credit.{key}")))?;
                if *key == config.rule {
                    chosen = table.clone();
                }
            }
            _ => drop(direct.insert(key.clone(), value.clone())),
        }
    }
    merge(&mut chosen, &direct);
    Ok(chosen)
}

/// `[credit]` of a recurrent network with every setting of the chosen rule spelled out, and only those.
///
/// # Errors
/// Unknown rule or impossible settings.
pub fn resolve_rule(config: &CreditConfig) -> Result<CreditConfig> {
    let entry = named(&config.rule)?;
    let settings = entry.resolve(&overrides(config)?).map_err(|e| e.under("credit"))?;
    Ok(CreditConfig { rule: config.rule.clone(), settings })
}

/// The same file's settings for another rule.
///
/// # Errors
/// Unknown rule, or settings that stand directly in `[credit]` and so belong to one rule alone.
pub fn for_rule(config: &CreditConfig, name: &str) -> Result<CreditConfig> {
    named(name)?;
    let direct = config.settings.keys().find(|key| entry(key).is_none());
    match direct {
        Some(key) if name != config.rule => {
            Err(Error::config(format!("credit.{key}"), "belongs to one rule alone")
                .mend(format!("move it to [credit.{}] to compare rules", config.rule)))
        }
        _ => Ok(CreditConfig { rule: name.to_owned(), settings: config.settings.clone() }),
    }
}

/// Builds the rule of `[credit]`.
///
/// # Errors
/// Unknown rule or impossible settings.
pub fn build_rule(config: &CreditConfig, setup: &TimeSetup) -> Result<Box<dyn TimeRule>> {
    named(&config.rule)?.build(&overrides(config)?, setup).map_err(|e| e.under("credit"))
}
