//! Comparing rules: which runs a comparison consists of.

use crate::build::RunConfig;
use crate::config::{Config, Resolved};
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Seed;

/// One run of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedRun<C = Config> {
    /// Name of its folder: rule and seed.
    pub name: String,
    /// Its configuration.
    pub config: Resolved<C>,
}

/// The runs of every rule with every seed from `base.seed` on, the seeds of one rule together.
///
/// # Errors
/// Unknown or repeated rules, no seeds, or settings that belong to one rule alone.
pub fn plan<C: RunConfig>(base: &C, rules: &[String], seeds: u64) -> Result<Vec<PlannedRun<C>>> {
    if rules.is_empty() || seeds == 0 {
        return Err(Error::config("compare", "needs at least one rule and one seed"));
    }
    let mut runs = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        if rules[..index].contains(rule) {
            return Err(Error::config("rules", format!("`{rule}` is named twice")));
        }
        for offset in 0..seeds {
            let seed = Seed(base.seed().0.saturating_add(offset));
            let config = base.for_rule(rule, seed)?;
            runs.push(PlannedRun { name: format!("{rule}-seed{}", seed.0), config });
        }
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_keep_their_own_tables_when_the_file_names_another_rule() {
        let text = "[network]\npreset = 'mlp'\n[credit]\nrule = 'bp'\n[credit.vnc]\ninterval = 7\n";
        let base = Config::parse(text, "test", &[]).unwrap();
        let runs = plan(&base, &["bp".into(), "vnc".into()], 2).unwrap();
        let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names, ["bp-seed0", "bp-seed1", "vnc-seed0", "vnc-seed1"]);
        assert_eq!(runs[3].config.credit.settings["interval"].as_integer(), Some(7));
    }
}
