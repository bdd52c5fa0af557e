//! The publications behind a run: whose rule, network, data and optimizer it is made of.
//!
//! ```
//! let cited = nmnc::cite::of_settings(&"credit.rule = 'dfa'".parse().unwrap());
//! assert!(cited[0].reference.text().starts_with("A. Nøkland (2016). Direct Feedback Alignment"));
//! ```

mod reference;
mod uses;

use std::path::Path;

use nmnc_core::error::{Error, Result};
use nmnc_core::records::RunRecords;
use toml::{Table, Value};

pub use reference::{Reference, references};
use uses::{USES, When};

/// A reference, and the settings that it is cited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cited {
    /// The publication.
    pub reference: Reference,
    /// As in `credit.rule = nmnc`.
    pub settings: Vec<String>,
}

/// What the run in `folder` is to cite: for its configuration, and for its analysis if there is one.
///
/// # Errors
/// If it is no run folder, or its `config.toml` is no configuration.
pub fn of_run(folder: &Path) -> Result<Vec<Cited>> {
    let run = RunRecords::read(folder)?;
    let mut settings: Table = run.config_text.parse().map_err(|e: toml::de::Error| {
        Error::checkpoint(folder.join("config.toml").display(), e.message()).caused_by(e)
    })?;
    const ANALYSIS: &str = "analysis";
    if folder.join(ANALYSIS).is_dir() {
        settings.insert(ANALYSIS.to_owned(), "yes".into());
    }
    Ok(of_settings(&settings))
}

/// What the run of a resolved configuration is to cite, rules first.
pub fn of_settings(settings: &Table) -> Vec<Cited> {
    let mut flat = Vec::new();
    flatten("", settings, &mut flat);
    // A network of the literature has initial weights of its own.
    let has_its_own = settings.get("network").is_some_and(|network| network.get("preset").is_some());
    let mut cited: Vec<Cited> = Vec::new();
    let all = references();
    for (setting, when, keys) in USES {
        if has_its_own && setting.ends_with("init") {
            continue;
        }
        let value = flat.iter().find(|(name, value)| name == setting && when.holds(value));
        let Some((_, value)) = value else { continue };
        let shown = match when {
            When::Is(_) | When::Positive => format!("{setting} = {}", plain(value)),
            When::Given => (*setting).to_owned(),
        };
        for key in *keys {
            match cited.iter_mut().find(|cited| cited.reference.key == *key) {
                Some(cited) => cited.settings.push(shown.clone()),
                None => {
                    let reference = all.iter().find(|reference| reference.key == *key);
                    cited.extend(
                        reference
                            .cloned()
                            .map(|reference| Cited { reference, settings: vec![shown.clone()] }),
                    );
                }
            }
        }
    }
    cited
}

/// The references of several runs, each once, in order of their first mention.
pub fn together(runs: Vec<Vec<Cited>>) -> Vec<Cited> {
    let mut all: Vec<Cited> = Vec::new();
    for cited in runs.into_iter().flatten() {
        match all.iter_mut().find(|known| known.reference.key == cited.reference.key) {
            Some(known) => {
                let new = cited.settings.into_iter().filter(|setting| !known.settings.contains(setting));
                let new: Vec<String> = new.collect();
                known.settings.extend(new);
            }
            None => all.push(cited),
        }
    }
    all
}

impl When {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Is(names) => names.contains(&plain(value).as_str()),
            Self::Given => true,
            Self::Positive => {
                let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
                number.is_some_and(|number| number > 0.0)
            }
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The values by dotted names; those of all entries of a list under one name.
fn flatten(place: &str, table: &Table, out: &mut Vec<(String, Value)>) {
    for (name, value) in table {
        let name = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        match value {
            Value::Table(inner) => flatten(&name, inner, out),
            Value::Array(list) if list.iter().any(Value::is_table) => {
                list.iter().filter_map(Value::as_table).for_each(|inner| flatten(&name, inner, out));
            }
            _ => out.push((name, value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reference_is_used_and_every_use_has_its_references() {
        let used: BTreeSet<&str> = USES.iter().flat_map(|(_, _, keys)| keys.iter().copied()).collect();
        let there: BTreeSet<&str> = references().iter().map(|reference| reference.key).collect();
        assert_eq!(used, there);
    }
}
