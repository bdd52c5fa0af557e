//! Every setting: what it may be, what it is when left out, what it means, which rules read it. Made from the JSON schema of the types that
//! configurations are read into, so that it cannot say anything else than they do.

mod search;
mod walk;

use nmnc_learn::credit::{CreditConfig, REGISTRY};
use nmnc_learn::recurrent::{TIME_RULES, TimeCreditConfig};

use super::images::Config;
use super::trials::SequenceConfig;

pub(super) use search::point_out;
pub use search::{at, similar};

/// What can be said of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Dotted path; `[]` behind a list of tables. Settings of rules stand in `credit`, or in `credit.RULE` for one of them.
    pub path: String,
    /// The names of tables on the way (`name = "adam"`) with which it can be set: any of these, all of its entries.
    pub only: Vec<Vec<String>>,
    /// What it may be, in words.
    pub form: String,
    /// What it is when left out, in TOML; none if it then is nothing, or differs by rule.
    pub default: Option<String>,
    /// Whether it has to be given.
    pub required: bool,
    /// What it means.
    pub meaning: String,
    /// The names that it may have, with what they mean.
    pub words: Vec<(String, String)>,
}

/// What a configuration describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A layered network on images.
    Images,
    /// A recurrent network on trials of a task.
    Trials,
}

impl Setting {
    /// Rules that read it and their values of it when it is left out, for a setting of rules.
    pub fn rules(&self, kind: Kind) -> Vec<(String, Option<String>)> {
        let named = |all: &Vec<String>| {
            all.iter().find_map(|one| Some(one.strip_prefix("rule = \"")?.strip_suffix('"')?.to_owned()))
        };
        let key: Vec<&str> = self.path.split('.').skip(1).collect();
        let value = |rule: &String| {
            let settings = match kind {
                Kind::Images => CreditConfig::preset(rule).resolve().map(|resolved| resolved.settings),
                Kind::Trials => TimeCreditConfig::preset(rule).resolve().map(|resolved| resolved.settings),
            };
            let table = toml::Value::Table(settings.ok()?);
            Some(key.iter().try_fold(&table, |value, key| value.get(key))?.to_string())
        };
        let mut rules: Vec<String> = self.only.iter().filter_map(named).collect();
        rules.dedup();
        rules.into_iter().map(|rule| (rule.clone(), value(&rule))).collect()
    }
}

/// Every setting of configurations of a kind, in the order in which they are written.
pub fn settings(kind: Kind) -> Vec<Setting> {
    let schema = match kind {
        Kind::Images => schemars::schema_for!(Config),
        Kind::Trials => schemars::schema_for!(SequenceConfig),
    };
    walk::settings(schema.as_value())
}

/// Names of the rules of a kind.
fn rule_names(kind: Kind) -> Vec<&'static str> {
    match kind {
        Kind::Images => REGISTRY.iter().map(|rule| rule.name()).collect(),
        Kind::Trials => TIME_RULES.iter().map(|rule| rule.name()).collect(),
    }
}
