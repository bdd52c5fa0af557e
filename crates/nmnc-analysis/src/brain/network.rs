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
    /// Dissimilarities of the stimuli; none where the activity has none, such as constant activity by correlation.
    pub rdm: Option<Rdm>,
    /// Why there are no dissimilarities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undefined: Option<String>,
    /// How well its activity predicts responses, for each target that has any.
    pub predicted: Vec<Predicted>,
    /// Targets whose responses it cannot predict, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unpredicted: Vec<(String, String)>,
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

/// Where networks and their stages stand in a list of models: of all stages that have dissimilarities, in order.
pub(super) struct Index {
    conditions: Vec<String>,
    seeds: Vec<u64>,
    /// Place of each stage of each network.
    places: Vec<Vec<Option<usize>>>,
}

impl Index {
    pub(super) fn new(networks: &[NetworkRdms]) -> Self {
        let mut next = 0;
        let mut place = |stage: &StageRdm| {
            stage.rdm.as_ref().map(|_| {
                next += 1;
                next - 1
            })
        };
        Self {
            places: networks.iter().map(|n| n.stages.iter().map(&mut place).collect()).collect(),
            conditions: networks.iter().map(|n| n.condition.clone()).collect(),
            seeds: networks.iter().map(|n| n.seed).collect(),
        }
    }

    /// Numbers of the networks of a condition.
    pub(super) fn of(&self, condition: &str) -> Vec<usize> {
        (0..self.conditions.len()).filter(|&at| self.conditions[at] == condition).collect()
    }

    /// Of each stage that all networks of a condition have: its number, and its places in those in which it has dissimilarities.
    /// Stages that have none in any network are left out.
    pub(super) fn stages(&self, condition: &str) -> Vec<(usize, Vec<usize>)> {
        let members = self.of(condition);
        let count = members.iter().map(|&at| self.places[at].len()).min().unwrap_or(0);
        let places =
            |stage: usize| -> Vec<usize> { members.iter().filter_map(|&at| self.place(at, stage)).collect() };
        (1..=count).map(|stage| (stage, places(stage))).filter(|(_, places)| !places.is_empty()).collect()
    }

    /// Networks of two conditions with the same seed.
    pub(super) fn paired(&self, a: &str, b: &str) -> Vec<(usize, usize)> {
        let pair =
            |a: usize| self.of(b).into_iter().find(|&b| self.seeds[b] == self.seeds[a]).map(|b| (a, b));
        self.of(a).into_iter().filter_map(pair).collect()
    }

    /// Place of a stage (from 1) of a network, if it has dissimilarities.
    pub(super) fn place(&self, network: usize, stage: usize) -> Option<usize> {
        *self.places[network].get(stage - 1)?
    }
}
