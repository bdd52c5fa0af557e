//! The rules that are compared, as data.

use serde::Deserialize;

use super::budget::Spending;
use nmnc_core::error::{Error, Result};
use nmnc_report::look::{HOMES, home};

const CONDITIONS: &str = include_str!("conditions.toml");

/// A rule with settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    /// What runs and rows of files are called by.
    pub name: String,
    /// Name for readers.
    pub label: String,
    /// Name in the registry.
    pub rule: String,
    /// How a budget of probes becomes settings.
    pub spends: Spending,
    /// What differs from the rule's own settings.
    #[serde(default)]
    pub settings: toml::Table,
    /// Whether it is a variant of another condition, which the quick form leaves out unless it is named.
    #[serde(default)]
    pub variant: bool,
    /// Number of its look in figures, whichever conditions are chosen.
    #[serde(skip)]
    pub look: usize,
}

impl Condition {
    /// Changes of a configuration that make it train by this rule.
    pub fn changes(&self) -> Vec<String> {
        let rule = format!("credit.rule={:?}", self.rule);
        let settings = self.settings.iter().map(|(key, value)| format!("credit.{key}={value}"));
        std::iter::once(rule).chain(settings).collect()
    }

    /// Whether a budget of probes means anything to it.
    pub fn probes(&self) -> bool {
        self.spends != Spending::Nothing
    }
}

/// The conditions called `names`, in the order of the list; all when there are no names, without variants if `quick`.
///
/// # Errors
/// A name that is not in the list.
pub(super) fn conditions(names: &[String], quick: bool) -> Result<Vec<Condition>> {
    #[derive(Deserialize)]
    struct List {
        condition: Vec<Condition>,
    }
    let list: List = toml::from_str(CONDITIONS).expect("the list of conditions is TOML of the right form");
    let mut all = list.condition;
    // A variant cannot look like the rule that it is a form of.
    let mut free = HOMES..;
    for condition in &mut all {
        let own = home(&condition.rule).filter(|_| !condition.variant);
        condition.look = own.unwrap_or_else(|| free.next().expect("there is always another number"));
    }
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|c| c.name == **name)) {
        return Err(Error::config("rules", format!("no condition is called `{unknown}`"))
            .suggest(unknown, all.iter().map(|c| c.name.as_str())));
    }
    all.retain(|c| if names.is_empty() { !(quick && c.variant) } else { names.contains(&c.name) });
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nmnc_learn::credit::CreditConfig;

    #[test]
    fn every_condition_is_a_rule_with_settings_that_it_has() {
        let all = conditions(&[], false).unwrap();
        for condition in &all {
            let credit = CreditConfig::new(&condition.rule, condition.settings.clone());
            credit.resolve().unwrap_or_else(|e| panic!("{}: {e}", condition.name));
        }
        let names: std::collections::BTreeSet<&str> = all.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names.len(), all.len());
        let looks: std::collections::BTreeSet<usize> = all.iter().map(|c| c.look).collect();
        assert_eq!(looks.len(), all.len());
        let nmnc = all.iter().find(|c| c.name == "nmnc").unwrap();
        assert_eq!(nmnc.changes()[1], "credit.manifold={ dimension = 64, refresh = 100 }");
    }

    #[test]
    fn conditions_are_chosen_by_name() {
        assert!(conditions(&[], true).unwrap().iter().all(|c| !c.variant));
        let variant = conditions(&["manifold-mirror-perturbed".to_owned()], true).unwrap();
        assert!(variant.len() == 1 && variant[0].variant);
        let chosen = conditions(&["vnc".to_owned(), "bp".to_owned()], true).unwrap();
        assert_eq!(
            chosen.iter().map(|c| (c.name.as_str(), c.look)).collect::<Vec<_>>(),
            [("bp", 0), ("vnc", 2)]
        );
        assert_eq!(
            conditions(&["vcn".to_owned()], false).unwrap_err().to_string(),
            "rules: no condition is called `vcn`; did you mean `vnc`?"
        );
    }
}
