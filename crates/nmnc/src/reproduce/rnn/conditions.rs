//! The rules that are compared, as data.

use serde::Deserialize;

use nmnc_core::error::{Error, Result};
use nmnc_report::look::Style;
use nmnc_report::look::home;

const CONDITIONS: &str = include_str!("conditions.toml");

/// The condition that others are compared with: the exact gradient.
pub(super) const EXACT: &str = "bptt";
/// The condition that spends probes without a manifold.
pub(super) const VANILLA: &str = "vnc";

/// A rule with settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    /// What runs and rows of files are called by.
    pub name: String,
    /// Name for readers.
    pub label: String,
    rule: String,
    /// Whether it perturbs.
    #[serde(default)]
    pub probes: bool,
    #[serde(default)]
    refresh: bool,
    /// The condition whose color it is drawn in.
    variant_of: Option<String>,
    /// The condition that differs in its noise alone, which is isotropic, where that is another than vanilla noise correlation.
    pub isotropic: Option<String>,
    /// Whether it takes part only where it is asked for by name.
    #[serde(default)]
    named: bool,
    #[serde(default)]
    settings: toml::Table,
    /// Its look in figures, whichever conditions are chosen.
    #[serde(skip)]
    look: usize,
}

impl Condition {
    /// Changes of a configuration that make it train by this rule, with an update of feedback every `interval` steps.
    pub fn changes(&self, interval: Option<u64>) -> Vec<String> {
        let rule = format!("credit.rule={:?}", self.rule);
        let settings = self.settings.iter().map(|(key, value)| format!("credit.{key}={value}"));
        let interval = interval.into_iter().flat_map(|steps| {
            let refresh = self.refresh.then(|| format!("credit.manifold.refresh={steps}"));
            std::iter::once(format!("credit.interval={steps}")).chain(refresh)
        });
        std::iter::once(rule).chain(settings).chain(interval).collect()
    }

    /// Its look.
    pub fn style(&self) -> Style {
        Style(self.look)
    }
}

/// The conditions called `names`, in the order of the list; all that need not be named when there are no names.
///
/// # Errors
/// A name that is not in the list.
pub(super) fn conditions(names: &[String]) -> Result<Vec<Condition>> {
    #[derive(Deserialize)]
    struct List {
        condition: Vec<Condition>,
    }
    let list: List = toml::from_str(CONDITIONS).expect("the list of conditions is TOML of the right form");
    let mut all = list.condition;
    for condition in &mut all {
        // As in reports: backprop through time is backprop, random feedback online is direct feedback.
        let own = |name: &str| match name {
            "bptt" => home("bp"),
            "rflo" => home("dfa"),
            name => home(name),
        };
        let look =
            |name: &str| Style(own(name).expect("a condition, or what it is a variant of, has a look"));
        let Style(look) = match &condition.variant_of {
            Some(other) => look(other).variant(),
            None => look(&condition.name),
        };
        condition.look = look;
    }
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|c| c.name == **name)) {
        return Err(Error::config("rules", format!("no condition is called `{unknown}`"))
            .suggest(unknown, all.iter().map(|c| c.name.as_str())));
    }
    all.retain(|c| if names.is_empty() { !c.named } else { names.contains(&c.name) });
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_have_looks_of_their_own_and_are_chosen_by_name() {
        let usual = conditions(&[]).unwrap();
        assert_eq!(usual.len(), 6);
        let more =
            ["manifold-mirror", "mean-jacobian", "e-prop", "node-perturbation", "activity-node-perturbation"];
        let names = usual.iter().map(|c| c.name.clone()).chain(more.map(str::to_owned));
        let all = conditions(&names.collect::<Vec<_>>()).unwrap();
        assert_eq!(all.len(), 11);
        let looks: std::collections::BTreeSet<usize> = all.iter().map(|c| c.style().0).collect();
        assert_eq!(looks.len(), all.len());
        let chosen = conditions(&["vnc".to_owned(), "bptt".to_owned()]).unwrap();
        assert_eq!(chosen.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["bptt", "vnc"]);
        assert_eq!(chosen[1].changes(Some(7))[2], "credit.interval=7");
        assert_eq!(
            conditions(&["vcn".to_owned()]).unwrap_err().to_string(),
            "rules: no condition is called `vcn`; did you mean `vnc`?"
        );
    }
}
