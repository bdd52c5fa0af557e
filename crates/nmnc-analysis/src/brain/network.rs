//! Networks by condition and seed, and what their stages make of the stimuli.

use serde::{Deserialize, Serialize};

use super::prediction::Predicted;
use crate::similarity::Rdm;

/// What the activity of one stage is like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRdm {
    /// Number of the stage, from 1; 0 for pixels.
    pub stage: usize,
    /// Number of units.
    pub units: usize,
    /// Dissimilarities of the stimuli.
    pub rdm: Rdm,
    /// How well its activity predicts responses, for each target that has any.
    pub predicted: Vec<Predicted>,
}

/// One network, trained by a rule from a seed.
#[derive(Clone, Debug)]
pub struct NetworkRdms {
    /// Its condition: networks of one condition are averaged.
    pub condition: String,
    /// Its seed: differences of conditions are taken seed by seed.
    pub seed: u64,
    /// What it makes of the stimuli.
    pub stages: Vec<StageRdm>,
}

/// A way to train (or not to).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// What networks and files call it.
    pub name: String,
    /// What readers call it.
    pub label: String,
    /// Number of its look in figures.
    pub look: usize,
}

/// Where networks and their stages stand in a list of models.
pub(super) struct Index {
    conditions: Vec<String>,
    seeds: Vec<u64>,
    /// Place of each network's first stage.
    pub(super) first: Vec<usize>,
}

impl Index {
    pub(super) fn new(networks: &[NetworkRdms]) -> Self {
        let first = networks.iter().scan(0, |next, network| {
            let first = *next;
            *next += network.stages.len();
            Some(first)
        });
        Self {
            first: first.collect(),
            conditions: networks.iter().map(|n| n.condition.clone()).collect(),
            seeds: networks.iter().map(|n| n.seed).collect(),
        }
    }

    /// Numbers of the networks of a condition.
    pub(super) fn of(&self, condition: &str) -> Vec<usize> {
        (0..self.conditions.len()).filter(|&at| self.conditions[at] == condition).collect()
    }

    /// Of each stage that all networks of a condition have: its number, and its place in every network.
    pub(super) fn stages(&self, networks: &[NetworkRdms], condition: &str) -> Vec<(usize, Vec<usize>)> {
        let members = self.of(condition);
        let count = members.iter().map(|&at| networks[at].stages.len()).min().unwrap_or(0);
        (0..count)
            .map(|stage| (stage + 1, members.iter().map(|&at| self.first[at] + stage).collect()))
            .collect()
    }

    /// Networks of two conditions with the same seed.
    pub(super) fn paired(&self, a: &str, b: &str) -> Vec<(usize, usize)> {
        let pair =
            |a: usize| self.of(b).into_iter().find(|&b| self.seeds[b] == self.seeds[a]).map(|b| (a, b));
        self.of(a).into_iter().filter_map(pair).collect()
    }

    /// Place of a stage (from 1) of a network.
    pub(super) fn place(&self, network: usize, stage: usize) -> usize {
        self.first[network] + stage - 1
    }
}
