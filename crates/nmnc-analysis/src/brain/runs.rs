//! Networks of finished runs, by condition.

use std::collections::BTreeMap;

use super::network::{Condition, NetworkRdms, StageRdm};
use super::representation::Representation;
use nmnc_report::look::{HOMES, home};
use nmnc_report::text::rule_name;

/// The condition of networks that were not trained.
pub const UNTRAINED: &str = "untrained";
/// Its look: gray.
const UNTRAINED_LOOK: usize = 7;

/// One run and what it makes of the stimuli.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Name of its folder, such as `nmnc-seed0`.
    pub folder: String,
    /// Its rule.
    pub rule: String,
    /// Its seed.
    pub seed: u64,
    /// Two runs with the same key and seed were the same network before training.
    pub initial: String,
    /// What it makes of the stimuli.
    pub representation: Representation,
}

/// Networks to compare, and models that go with them.
pub struct Gathered {
    /// The conditions, in the order of the runs, untrained networks last.
    pub conditions: Vec<Condition>,
    /// Every network.
    pub networks: Vec<NetworkRdms>,
    /// Each condition less every earlier one, then each less its own network before training.
    pub pairs: Vec<(String, String)>,
    /// Pixels, once for each kind of input.
    pub pixels: Vec<(String, StageRdm)>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Sorts runs into conditions: one for each rule, or where a rule comes in several folders apart from their seeds, one for each name
/// of a folder without its seed; and one for each kind of network before training.
pub fn gather(runs: &[Shown]) -> Gathered {
    let mut stems: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for run in runs {
        let of_rule = stems.entry(&run.rule).or_default();
        if !of_rule.contains(&stem(&run.folder)) {
            of_rule.push(stem(&run.folder));
        }
    }
    let mut found = Gathered {
        conditions: Vec::new(),
        networks: Vec::new(),
        pairs: Vec::new(),
        pixels: Vec::new(),
        warnings: Vec::new(),
    };
    // Kinds of initial networks, networks of each, and which conditions began as which.
    let mut kinds: Vec<&str> = Vec::new();
    let mut untrained: Vec<NetworkRdms> = Vec::new();
    let mut began: Vec<(String, String)> = Vec::new();
    for run in runs {
        let several = stems[run.rule.as_str()].len() > 1;
        let name = if several { stem(&run.folder) } else { &run.rule };
        if found.networks.iter().any(|n| n.condition == name && n.seed == run.seed) {
            let seed = run.seed;
            found
                .warnings
                .push(format!("{}: a second run of {name} with seed {seed} is left out", run.folder));
            continue;
        }
        let kind = kinds.iter().position(|kind| *kind == run.initial).unwrap_or_else(|| {
            kinds.push(&run.initial);
            kinds.len() - 1
        });
        let before = numbered(UNTRAINED, kind);
        if !found.conditions.iter().any(|c| c.name == name) {
            let look = free_look(&found.conditions, home(&run.rule));
            let label = if several { name.to_owned() } else { rule_name(name) };
            found
                .pairs
                .extend(found.conditions.iter().map(|earlier| (name.to_owned(), earlier.name.clone())));
            found.conditions.push(Condition { name: name.to_owned(), label, look });
            began.push((name.to_owned(), before.clone()));
        }
        found.networks.push(network(name, run.seed, &run.representation.trained));
        if !untrained.iter().any(|n| n.condition == before && n.seed == run.seed) {
            untrained.push(network(&before, run.seed, &run.representation.untrained));
        }
        let pixels = &run.representation.pixels;
        if !found.pixels.iter().any(|(_, known)| known == pixels) {
            found.pixels.push((numbered("pixels", found.pixels.len()), pixels.clone()));
        }
    }
    found.networks.append(&mut untrained);
    found.pairs.append(&mut began);
    for kind in 0..kinds.len() {
        let look = if kind == 0 { UNTRAINED_LOOK } else { free_look(&found.conditions, None) };
        let label = numbered("Untrained", kind);
        found.conditions.push(Condition { name: numbered(UNTRAINED, kind), label, look });
    }
    found
}

/// A rule's own look, or the next that is free.
fn free_look(conditions: &[Condition], own: Option<usize>) -> usize {
    let free = |look: &usize| *look != UNTRAINED_LOOK && !conditions.iter().any(|c| c.look == *look);
    own.filter(free).or_else(|| (HOMES..).find(free)).unwrap_or(HOMES)
}

/// The name, with a number from the second on.
fn numbered(name: &str, index: usize) -> String {
    if index == 0 { name.to_owned() } else { format!("{name}-{}", index + 1) }
}

fn network(condition: &str, seed: u64, stages: &[StageRdm]) -> NetworkRdms {
    NetworkRdms { condition: condition.to_owned(), seed, stages: stages.to_vec() }
}

/// A folder's name without `-seedN`.
fn stem(folder: &str) -> &str {
    match folder.rsplit_once("-seed") {
        Some((stem, number)) if !stem.is_empty() && number.chars().all(|c| c.is_ascii_digit()) => stem,
        _ => folder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::Rdm;

    fn run(folder: &str, rule: &str, seed: u64, initial: &str) -> Shown {
        let rdm = Rdm::new(3, vec![0.1, 0.2, seed as f64]).unwrap();
        let one = |stage: usize, rdm: Rdm| StageRdm {
            stage,
            units: 4,
            rdm: Some(rdm),
            undefined: None,
            predicted: Vec::new(),
            unpredicted: Vec::new(),
        };
        let stages = vec![one(1, rdm)];
        let pixels = one(0, Rdm::new(3, vec![1.0, 2.0, 3.0]).unwrap());
        let representation = Representation { trained: stages.clone(), untrained: stages, pixels };
        let (folder, rule, initial) = (folder.to_owned(), rule.to_owned(), initial.to_owned());
        Shown { folder, rule, seed, initial, representation }
    }

    #[test]
    fn runs_become_conditions_and_the_untrained_network_counts_once() {
        let runs = [
            run("bp-seed0", "bp", 0, "a"),
            run("bp-seed1", "bp", 1, "a"),
            run("nmnc-seed0", "nmnc", 0, "a"),
            run("nmnc-wide-seed0", "nmnc", 0, "b"),
            run("bp-seed0", "bp", 0, "a"),
        ];
        let found = gather(&runs);
        let names: Vec<(&str, &str)> =
            found.conditions.iter().map(|c| (c.name.as_str(), c.label.as_str())).collect();
        assert_eq!(
            names,
            [
                ("bp", "BP"),
                ("nmnc", "nmnc"),
                ("nmnc-wide", "nmnc-wide"),
                ("untrained", "Untrained"),
                ("untrained-2", "Untrained-2")
            ]
        );
        let looks: std::collections::BTreeSet<usize> = found.conditions.iter().map(|c| c.look).collect();
        assert_eq!(looks.len(), 5);
        let before: Vec<(&str, u64)> =
            found.networks[4..].iter().map(|n| (n.condition.as_str(), n.seed)).collect();
        assert_eq!(before, [("untrained", 0), ("untrained", 1), ("untrained-2", 0)]);
        assert_eq!((found.networks.len(), found.pixels.len(), found.warnings.len()), (7, 1, 1));
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let expected = [
            pair("nmnc", "bp"),
            pair("nmnc-wide", "bp"),
            pair("nmnc-wide", "nmnc"),
            pair("bp", "untrained"),
            pair("nmnc", "untrained"),
            pair("nmnc-wide", "untrained-2"),
        ];
        assert_eq!(found.pairs, expected);
    }
}
