//! What a run folder is known by again.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Seed;

/// What makes a run the run it is: rule, seed, device, and all settings as TOML, the `config.toml` of its folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    rule: String,
    seed: Seed,
    device: String,
    text: String,
}

impl Identity {
    /// A run of parts that no configuration describes: the name of its rule, its seed, and in `settings` whatever else tells it from
    /// other runs. `device` among them is the device's name, `flex` if it is left out.
    ///
    /// # Errors
    /// A seed that TOML cannot hold; settings called `seed` or `credit`.
    pub fn new(rule: &str, seed: Seed, mut settings: toml::Table) -> Result<Self> {
        check_seed(seed)?;
        if let Some(key) = ["seed", "credit"].into_iter().find(|key| settings.contains_key(*key)) {
            return Err(Error::config(key, "is set by the run itself").mend("give the setting another name"));
        }
        let device = settings.entry("device").or_insert_with(|| "flex".into());
        let device = device.as_str().map(str::to_owned);
        let device =
            device.ok_or_else(|| Error::config("device", "is not a name").mend("for example \"flex\""))?;
        let credit = toml::Table::from_iter([("rule".to_owned(), rule.into())]);
        settings.insert("seed".to_owned(), toml::Value::Integer(seed.0 as i64));
        settings.insert("credit".to_owned(), credit.into());
        let text = toml::to_string_pretty(&settings).expect("a table is representable in TOML");
        Ok(Self::of(rule, seed, &device, text))
    }

    /// The run that a resolved configuration describes.
    pub(crate) fn of(rule: &str, seed: Seed, device: &str, text: String) -> Self {
        Self { rule: rule.to_owned(), seed, device: device.to_owned(), text }
    }

    /// Name of the credit rule.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The seed.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Name of the device.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// TOML text of the settings.
    pub fn to_toml(&self) -> &str {
        &self.text
    }

    /// SHA-256 of [`Identity::to_toml`], in hexadecimal: two runs with the same value are the same run.
    pub fn sha256(&self) -> String {
        Sha256::digest(&self.text).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether a run that was made as `kept` (TOML) says can go on as this one: nothing is different but how long to train
    /// (`train.epochs`), and what is measured, kept and written on the way (`metrics`, `checkpoint`, `logging`).
    pub fn continues(&self, kept: &str) -> bool {
        let settings = |text: &str| -> Option<BTreeMap<String, String>> {
            let (table, mut all) = (text.parse().ok()?, BTreeMap::new());
            flatten("", &toml::Value::Table(table), &mut all);
            let aside = |key: &str| {
                key == "train.epochs"
                    || ["metrics.", "checkpoint.", "logging."].iter().any(|table| key.starts_with(table))
            };
            all.retain(|key, _| !aside(key));
            Some(all)
        };
        kept == self.text || settings(kept).is_some_and(|kept| Some(kept) == settings(&self.text))
    }

    /// The first setting in which the configuration `kept` (TOML) differs from this one.
    pub(crate) fn difference(&self, kept: &str) -> String {
        let Ok(table) = kept.parse() else { return "it is not valid TOML".to_owned() };
        let (mut there, mut here) = (BTreeMap::new(), BTreeMap::new());
        flatten("", &toml::Value::Table(table), &mut there);
        let table = self.text.parse().expect("what was written as TOML can be read as TOML");
        flatten("", &toml::Value::Table(table), &mut here);
        let mut keys: Vec<&String> = here.keys().chain(there.keys()).collect();
        // A rule's settings differ whenever the rule does, which says more.
        keys.sort_by_key(|key| (key.as_str() != "credit.rule", key.as_str()));
        match keys.into_iter().find(|key| there.get(*key) != here.get(*key)) {
            Some(key) => {
                let show = |settings: &BTreeMap<String, String>| {
                    settings.get(key).map_or_else(|| "not set".to_owned(), Clone::clone)
                };
                format!("{key}: {} there, {} here", show(&there), show(&here))
            }
            None => "it is written differently".to_owned(),
        }
    }
}

/// The values of `value` by dotted key.
fn flatten(place: &str, value: &toml::Value, out: &mut BTreeMap<String, String>) {
    let key = |inner: &str| if place.is_empty() { inner.to_owned() } else { format!("{place}.{inner}") };
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(name, inner)| flatten(&key(name), inner, out)),
        toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
            list.iter().enumerate().for_each(|(i, inner)| flatten(&format!("{place}[{i}]"), inner, out));
        }
        _ => drop(out.insert(place.to_owned(), value.to_string())),
    }
}

/// A seed that run folders can keep: TOML, in which they keep their configuration, has no larger integers.
pub(crate) fn check_seed(seed: Seed) -> Result<()> {
    match i64::try_from(seed.0) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::config("seed", format!("{} is not below 2^63", seed.0))),
    }
}
