//! The rules by name: the one list that configuration, help, documentation and tests read.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::rule::{CreditRule, RuleEntry, RuleSetup};
use super::{backprop, direct_feedback, feedback_alignment, noise_correlation};
use crate::error::{Error, Result};

/// Every rule. To add one: write its file and add its line.
pub const REGISTRY: &[&dyn RuleEntry] = &[
    &backprop::BP,
    &feedback_alignment::FA,
    &direct_feedback::DFA,
    &noise_correlation::VNC,
    &noise_correlation::NMNC,
    &noise_correlation::NODE_PERTURBATION,
    &noise_correlation::MANIFOLD_NODE_PERTURBATION,
];

/// The names in the registry.
pub fn rule_names() -> impl Iterator<Item = &'static str> {
    REGISTRY.iter().map(|entry| entry.name())
}

/// `[credit]`: the name of a rule and the settings that differ from what the name stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreditConfig {
    /// Name in the registry.
    pub rule: String,
    /// Settings of the rule.
    #[serde(flatten)]
    pub settings: toml::Table,
}

impl CreditConfig {
    /// The rule `name` with its own settings.
    pub fn preset(name: &str) -> Self {
        Self { rule: name.to_owned(), settings: toml::Table::new() }
    }

    fn entry(&self) -> Result<&'static dyn RuleEntry> {
        REGISTRY.iter().find(|entry| entry.name() == self.rule).copied().ok_or_else(|| {
            Error::config("credit.rule", format!("unknown rule `{}`", self.rule)).suggest(&self.rule, rule_names())
        })
    }

    /// The same with every setting spelled out.
    ///
    /// # Errors
    /// Unknown rule or impossible settings.
    pub fn resolve(&self) -> Result<Self> {
        Ok(Self { rule: self.rule.clone(), settings: self.entry()?.resolve(&self.settings)? })
    }

    /// Builds the rule.
    ///
    /// # Errors
    /// Unknown rule or impossible settings.
    pub fn build(&self, setup: &RuleSetup) -> Result<Box<dyn CreditRule>> {
        self.entry()?.build(&self.settings, setup)
    }
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
                let properties = schema.ensure_object().entry("properties").or_insert_with(|| serde_json::json!({}));
                if let Some(properties) = properties.as_object_mut() {
                    properties.insert("rule".into(), serde_json::json!({ "const": entry.name() }));
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
    fn typing_errors_are_pointed_out() {
        let resolve = |text: &str| toml::from_str::<CreditConfig>(text).unwrap().resolve().unwrap_err().to_string();
        assert_eq!(resolve("rule = 'nmcn'"), "credit.rule: unknown rule `nmcn`; did you mean `nmnc`?");
        assert_eq!(resolve("rule = 'vnc'\nsigm = 1.0"), "credit: unknown setting `sigm`; did you mean `sigma`?");
        assert_eq!(resolve("rule = 'vnc'\neta = 0.0"), "credit: eta: 0 is not in (0, 1]");
    }
}
