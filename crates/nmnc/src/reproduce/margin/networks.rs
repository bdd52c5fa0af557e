//! The networks that are compared, as data.

use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::super::base::Options;
use nmnc_core::error::{Error, Result};
use nmnc_train::{Config, PlannedRun};

const BASE: &str = include_str!("base.toml");
const NETWORKS: &str = include_str!("networks.toml");

/// The rules that train each network.
pub(super) const RULES: [&str; 3] = ["bp", "vnc", "nmnc"];

/// A network and how it is trained.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Network {
    /// What runs and rows of files are called by.
    pub name: String,
    /// Name for readers.
    pub label: String,
    /// In what it differs from the first of the list.
    pub varied: String,
    #[serde(default)]
    set: Vec<String>,
    #[serde(default = "as_many")]
    images: f64,
    #[serde(default = "as_many")]
    epochs: f64,
    /// Principal components that its images are projected on.
    #[serde(default)]
    pub components: Option<usize>,
    #[serde(default)]
    quick: bool,
}

fn as_many() -> f64 {
    1.0
}

impl Network {
    /// Its runs by one rule, where all networks differ from the base in `own`. Images that are made for it lie in `folder`.
    pub fn runs(
        &self,
        rule: &str,
        options: &Options,
        own: &[String],
        folder: &Path,
    ) -> Result<Vec<PlannedRun>> {
        let rule_set = format!("credit.rule={rule}");
        let common: Vec<String> = own.iter().chain(&self.set).cloned().chain([rule_set]).collect();
        let name = format!("{}-{rule}", self.name);
        let whole = options.runs(&name, BASE, &common)?.swap_remove(0).config;
        let times = |number: f64, factor: f64| (factor * number).round().max(1.0);
        let epochs = times(whole.train.epochs as f64, self.epochs);
        let images = whole.data.train_limit.map(|images| times(images as f64, self.images));
        let mut changes = common;
        // What the user sets is the number that is multiplied, so that a factor cannot be lost to it.
        changes.extend(options.set.iter().cloned());
        changes.push(format!("train.epochs={epochs}"));
        changes.extend(images.map(|images| format!("data.train_limit={images}")));
        if let Some(components) = self.components {
            if whole.data.validation > 0 {
                let problem = "would hold images out twice where they are made first";
                return Err(Error::config("data.validation", problem)
                    .mend(format!("leave it out, or name networks without `{}`", self.name)));
            }
            // Called by what they are made of: images of other data are other files.
            let made_of = serde_json::to_vec(&(&whole.data, whole.seed.0)).expect("settings are JSON");
            let digest = Sha256::digest(made_of);
            let tag: String = digest[..4].iter().map(|byte| format!("{byte:02x}")).collect();
            let path = folder.join(format!("images-{components}-{tag}.npz"));
            changes.push(format!("data.source={}", path.display()));
        }
        Options { set: Vec::new(), ..options.clone() }.runs(&name, BASE, &changes)
    }
}

/// The networks called `names`, in the order of the list; all, or of the quick form its few, when there are no names. The first of the list,
/// which the others differ from, is always there.
///
/// # Errors
/// A name that is not in the list.
pub(super) fn networks(names: &[String], quick: bool) -> Result<Vec<Network>> {
    #[derive(Deserialize)]
    struct List {
        network: Vec<Network>,
    }
    let list: List = toml::from_str(NETWORKS).expect("the list of networks is TOML of the right form");
    let mut all = list.network;
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|n| n.name == **name)) {
        return Err(Error::config("networks", format!("no network is called `{unknown}`"))
            .suggest(unknown, all.iter().map(|n| n.name.as_str())));
    }
    let mut first = true;
    all.retain(|network| {
        let chosen = if names.is_empty() { network.quick || !quick } else { names.contains(&network.name) };
        std::mem::take(&mut first) || chosen
    });
    Ok(all)
}

/// What a configuration says of the memory of its feedback: the share that an update renews, and the steps from one to the next.
pub(super) fn memory(config: &Config) -> Option<(f64, u64)> {
    let settings = &config.credit.settings;
    let interval = settings.get("interval")?.as_integer()?;
    Some((settings.get("eta")?.as_float()?, u64::try_from(interval).ok()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn options(set: &[&str]) -> Options {
        let set = set.iter().map(|&s| s.to_owned()).collect();
        Options { data: Some("cifar10".to_owned()), seeds: 1, quick: false, examples: None, set }
    }

    #[test]
    fn every_network_is_trained_by_every_rule_and_differs_from_the_base() {
        let all = networks(&[], false).unwrap();
        let mut seen = BTreeSet::new();
        for network in &all {
            for rule in RULES {
                let run = network.runs(rule, &options(&[]), &[], Path::new("out")).unwrap().swap_remove(0);
                assert!(seen.insert(run.config.sha256()), "{}", run.name);
                assert_eq!(run.config.credit.rule, rule);
                assert_eq!(memory(&run.config), (rule != "bp").then_some((0.2, 30)), "{}", run.name);
            }
        }
        let sources = |name: &str| {
            let network = all.iter().find(|n| n.name == name).unwrap();
            network
                .runs("vnc", &options(&[]), &[], Path::new("out"))
                .unwrap()
                .swap_remove(0)
                .config
                .data
                .source
                .clone()
        };
        let made = sources("dimension-32");
        assert_eq!(sources("base"), "cifar10");
        assert!(made.starts_with("out/images-32-") && made.ends_with(".npz"), "{made}");
        let other = |set: &[&str]| {
            let network = all.iter().find(|n| n.name == "dimension-32").unwrap();
            network.runs("vnc", &options(set), &[], Path::new("out"))
        };
        let limited = other(&["data.train_limit=50"]).unwrap().swap_remove(0).config.data.source.clone();
        assert_ne!(limited, made, "images of other data are other files");
        let twice = other(&["data.validation=50"]).unwrap_err().to_string();
        assert!(twice.starts_with("data.validation: would hold images out twice"), "{twice}");
        let of = |name: &str, set: &[&str]| {
            let network = all.iter().find(|n| n.name == name).unwrap();
            let config =
                network.runs("bp", &options(set), &[], Path::new("out")).unwrap().swap_remove(0).config;
            (config.train.epochs, config.data.train_limit)
        };
        assert_eq!(of("base", &[]), (4, Some(10_000)));
        assert_eq!(of("short", &[]), (1, Some(10_000)));
        // A quarter of the images takes as many steps.
        assert_eq!(of("few-images", &[]), (16, Some(2500)));
        assert_eq!(of("few-images", &["train.epochs=8", "data.train_limit=100"]), (32, Some(25)));
    }

    #[test]
    fn networks_are_chosen_by_name_and_the_base_is_always_among_them() {
        let names = |given: &[&str], quick| {
            let given: Vec<String> = given.iter().map(|&name| name.to_owned()).collect();
            networks(&given, quick).map(|all| all.into_iter().map(|n| n.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["tanh"], false).unwrap(), ["base", "tanh"]);
        assert_eq!(names(&[], true).unwrap(), ["base", "half", "short"]);
        assert_eq!(
            names(&["tan"], false).unwrap_err().to_string(),
            "networks: no network is called `tan`; did you mean `tanh`?"
        );
    }
}
