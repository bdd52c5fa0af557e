//! The rules by name: the one list that configuration, help, documentation and tests read.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::rule::{CreditRule, RuleEntry, RuleSetup, merge};
use super::{backprop, direct_feedback, feedback_alignment, mirror, noise_correlation};
use nmnc_core::error::{Error, Result};

/// Every rule. To add one: write its file and add its line.
pub const REGISTRY: &[&dyn RuleEntry] = &[
    &backprop::BP,
    &feedback_alignment::FA,
    &direct_feedback::DFA,
    &noise_correlation::VNC,
    &noise_correlation::NMNC,
    &noise_correlation::NODE_PERTURBATION,
    &noise_correlation::MANIFOLD_NODE_PERTURBATION,
    &mirror::WEIGHT_MIRROR,
    &mirror::MANIFOLD_MIRROR,
];

/// The names in the registry.
pub fn rule_names() -> impl Iterator<Item = &'static str> {
    REGISTRY.iter().map(|entry| entry.name())
}

/// `[credit]`: the name of a rule and the settings that differ from what the name stands for.
///
/// Settings stand directly in `[credit]`, or in a table with the rule's name (`[credit.nmnc]`), so that one file can
/// hold the settings of several rules to compare; only the table of the chosen rule counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreditConfig {
    /// Name in the registry.
    pub rule: String,
    /// Settings of the rule, and tables of settings by rule name.
    #[serde(flatten)]
    pub settings: toml::Table,
}

impl CreditConfig {
    /// The rule `name` with its own settings.
    pub fn preset(name: &str) -> Self {
        Self { rule: name.to_owned(), settings: toml::Table::new() }
    }

    /// The same file's settings for another rule.
    ///
    /// # Errors
    /// Unknown rule, or settings that stand directly in `[credit]` and so belong to `self.rule` alone.
    pub fn for_rule(&self, name: &str) -> Result<Self> {
        let other = Self { rule: name.to_owned(), settings: self.settings.clone() };
        other.entry()?;
        let direct = self.settings.keys().find(|key| !rule_names().any(|rule| rule == *key));
        match direct {
            Some(key) if name != self.rule => {
                Err(Error::config(format!("credit.{key}"), "belongs to one rule alone")
                    .mend(format!("move it to [credit.{}] to compare rules", self.rule)))
            }
            _ => Ok(other),
        }
    }

    fn entry(&self) -> Result<&'static dyn RuleEntry> {
        entry(&self.rule).ok_or_else(|| {
            Error::config("credit.rule", format!("unknown rule `{}`", self.rule))
                .suggest(&self.rule, rule_names())
        })
    }

    /// Whether the rule needs a single stage's activity at a time.
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
            match (entry(key), value) {
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
        Ok(Self {
            rule: self.rule.clone(),
            settings: self.entry()?.resolve(&self.overrides()?).map_err(|e| e.under("credit"))?,
        })
    }

    /// Builds the rule.
    ///
    /// # Errors
    /// Unknown rule or impossible settings.
    pub fn build(&self, setup: &RuleSetup) -> Result<Box<dyn CreditRule>> {
        self.entry()?.build(&self.overrides()?, setup).map_err(|e| e.under("credit"))
    }
}

fn entry(name: &str) -> Option<&'static dyn RuleEntry> {
    REGISTRY.iter().find(|entry| entry.name() == name).copied()
}

impl JsonSchema for CreditConfig {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CreditConfig".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let variants: Vec<Schema> = REGISTRY
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
                    for rule in rule_names() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_presets_resolve_to_themselves() {
        let mut names: Vec<_> = rule_names().collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), REGISTRY.len());
        for name in names {
            let once = CreditConfig::preset(name).resolve().unwrap();
            assert_eq!(once, once.resolve().unwrap(), "{name}");
        }
    }

    #[test]
    fn the_rules_said_to_be_local_are() {
        let device = burn::tensor::Device::flex();
        let seed = nmnc_core::Seed(0);
        let config = crate::net::NetworkConfig { preset: Some("mlp".into()), ..Default::default() };
        let network = config.build([1, 2, 2], 2, seed, &device).unwrap();
        let setup = RuleSetup { network: &network, seed, device: &device };
        for name in rule_names() {
            let config = CreditConfig::preset(name);
            let mut rule = config.build(&setup).unwrap();
            assert_eq!(rule.local().is_some(), config.is_local().unwrap(), "{name}");
        }
    }

    #[test]
    fn typing_errors_are_pointed_out() {
        let resolve =
            |text: &str| toml::from_str::<CreditConfig>(text).unwrap().resolve().unwrap_err().to_string();
        assert_eq!(resolve("rule = 'nmcn'"), "credit.rule: unknown rule `nmcn`; did you mean `nmnc`?");
        assert_eq!(
            resolve("rule = 'vnc'\nsigm = 1.0"),
            "credit: unknown setting `sigm`; did you mean `sigma`?"
        );
        assert_eq!(resolve("rule = 'vnc'\neta = 0.0"), "credit.eta: 0 is not in (0, 1]");
        assert_eq!(
            resolve("rule = 'bp'\n[vnc]\nsigm = 1.0"),
            "credit.vnc: unknown setting `sigm`; did you mean `sigma`?"
        );
    }

    #[test]
    fn one_file_holds_the_settings_of_several_rules() {
        let text = "rule = 'bp'\n[vnc]\nsigma = 0.5\n[nmnc]\nmanifold = { dimension = 7 }";
        let config: CreditConfig = toml::from_str(text).unwrap();
        assert!(config.resolve().unwrap().settings.is_empty());
        let vnc = config.for_rule("vnc").unwrap().resolve().unwrap();
        assert_eq!(vnc.settings["sigma"].as_float(), Some(0.5));
        let nmnc = config.for_rule("nmnc").unwrap().resolve().unwrap();
        assert_eq!(nmnc.settings["manifold"]["dimension"].as_integer(), Some(7));
        let direct: CreditConfig = toml::from_str("rule = 'vnc'\nsigma = 0.5").unwrap();
        assert_eq!(
            direct.for_rule("bp").unwrap_err().to_string(),
            "credit.sigma: belongs to one rule alone; move it to [credit.vnc] to compare rules"
        );
    }
}
