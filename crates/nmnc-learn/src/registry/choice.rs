//! `[credit]`: a rule chosen by name, and its settings.

use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{RuleEntry, RuleKind, Setup, merge};
use crate::needs::{Sizes, Values};
use crate::work::Work;
use nmnc_core::error::{Error, Result};

/// `[credit]`: the name of a rule and the settings that differ from what the name stands for.
///
/// Settings stand directly in `[credit]`, or in a table with the rule's name (`[credit.nmnc]`), so that one file can
/// hold the settings of several rules to compare; only the table of the chosen rule counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct RuleChoice<K: RuleKind> {
    /// Name in the registry.
    pub rule: String,
    /// Settings of the rule, and tables of settings by rule name.
    #[serde(flatten)]
    pub settings: toml::Table,
    #[serde(skip)]
    kind: PhantomData<K>,
}

impl<K: RuleKind> RuleChoice<K> {
    /// The rule `name` with `settings` that differ from what the name stands for.
    pub fn new(name: &str, settings: toml::Table) -> Self {
        Self { rule: name.to_owned(), settings, kind: PhantomData }
    }

    /// The rule `name` with its own settings.
    pub fn preset(name: &str) -> Self {
        Self::new(name, toml::Table::new())
    }

    /// The same file's settings for another rule.
    ///
    /// # Errors
    /// Unknown rule, or settings that stand directly in `[credit]` and so belong to `self.rule` alone.
    pub fn for_rule(&self, name: &str) -> Result<Self> {
        let other = Self::new(name, self.settings.clone());
        other.entry()?;
        let direct = self.settings.keys().find(|key| entry::<K>(key).is_none());
        match direct {
            Some(key) if name != self.rule => {
                Err(Error::config(format!("credit.{key}"), "belongs to one rule alone")
                    .mend(format!("move it to [credit.{}] to compare rules", self.rule)))
            }
            _ => Ok(other),
        }
    }

    fn entry(&self) -> Result<&'static dyn RuleEntry<K>> {
        entry::<K>(&self.rule).ok_or_else(|| {
            Error::config("credit.rule", format!("unknown rule `{}`{}", self.rule, K::AMONG))
                .suggest(&self.rule, names::<K>())
        })
    }

    /// Whether the rule is local.
    ///
    /// # Errors
    /// Unknown rule.
    pub fn is_local(&self) -> Result<bool> {
        Ok(self.entry()?.is_local())
    }

    /// The chosen rule's settings: its own table, overridden by what stands directly in `[credit]`.
    fn overrides(&self) -> Result<toml::Table> {
        let mut chosen = toml::Table::new();
        let mut direct = toml::Table::new();
        for (key, value) in &self.settings {
            match (entry::<K>(key), value) {
                // The other rules' tables are not used, but a typing error in them should not wait to be found.
                (Some(rule), toml::Value::Table(table)) => {
                    rule.resolve(table).map_err(|e| e.under(&format!("credit.{key}")))?;
                    if *key == self.rule {
                        chosen = table.clone();
                    }
                }
                _ => drop(direct.insert(key.clone(), value.clone())),
            }
        }
        merge(&mut chosen, &direct);
        Ok(chosen)
    }

    /// The same with every setting of the chosen rule spelled out, and only those.
    ///
    /// # Errors
    /// Unknown rule or impossible settings.
    pub fn resolve(&self) -> Result<Self> {
        let settings = self.entry()?.resolve(&self.overrides()?).map_err(|e| e.under("credit"))?;
        Ok(Self::new(&self.rule, settings))
    }

    /// What the rule keeps of each stage of a network of these sizes, beside the error signals.
    ///
    /// # Errors
    /// Unknown rule or impossible settings.
    pub fn needs(&self, sizes: &Sizes) -> Result<Vec<Values>> {
        self.entry()?.needs(&self.overrides()?, sizes).map_err(|e| e.under("credit"))
    }

    /// What the rule does by stages, and at last behind them, in a training step on `size` examples and steps of each, beside what training
    /// does whatever the rule.
    ///
    /// # Errors
    /// Unknown rule, or impossible settings.
    pub fn work(&self, network: &K::Network, size: [usize; 2]) -> Result<Vec<Work>> {
        self.entry()?.work(&self.overrides()?, network, size).map_err(|e| e.under("credit"))
    }

    /// Builds the rule.
    ///
    /// # Errors
    /// Unknown rule or impossible settings.
    pub fn build(&self, setup: &Setup<K::Network>) -> Result<Box<K::Rule>> {
        self.entry()?.build(&self.overrides()?, setup).map_err(|e| e.under("credit"))
    }
}

/// The names of a kind's rules.
fn names<K: RuleKind>() -> impl Iterator<Item = &'static str> {
    K::entries().iter().map(|entry| entry.name())
}

fn entry<K: RuleKind>(name: &str) -> Option<&'static dyn RuleEntry<K>> {
    K::entries().iter().find(|entry| entry.name() == name).copied()
}

impl<K: RuleKind> JsonSchema for RuleChoice<K> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        K::SCHEMA.into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let variants: Vec<Schema> = K::entries()
            .iter()
            .map(|entry| {
                let mut schema = entry.schema(generator);
                // Every setting has a default from the preset, so only the name is required.
                schema.insert("required".into(), serde_json::json!(["rule"]));
                schema.insert("description".into(), entry.summary().into());
                let properties =
                    schema.ensure_object().entry("properties").or_insert_with(|| serde_json::json!({}));
                if let Some(properties) = properties.as_object_mut() {
                    properties.insert("rule".into(), serde_json::json!({ "const": entry.name() }));
                    for rule in names::<K>() {
                        let about = format!("Settings of the rule {rule}.");
                        properties.insert(
                            rule.into(),
                            serde_json::json!({ "type": "object", "description": about }),
                        );
                    }
                }
                schema
            })
            .collect();
        json_schema!({ "oneOf": variants })
    }
}
