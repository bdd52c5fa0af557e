//! How well networks predict responses, by condition.

use serde::Serialize;

use super::network::{Condition, NetworkRdms, StageRdm};
use super::prediction::Predicted;
use nmnc_core::statistics::{Interval, interval};

/// Predictivity for one target.
#[derive(Clone, Debug, Serialize)]
pub struct PredictivityScores {
    /// The target.
    pub target: String,
    /// Every network.
    pub networks: Vec<NetworkPrediction>,
    /// Means over the networks of a condition.
    pub conditions: Vec<ConditionPrediction>,
    /// Pixels.
    pub controls: Vec<(String, Predicted)>,
    /// Pixels that cannot predict, with the reason.
    pub undefined: Vec<(String, String)>,
}

/// Predictivity of a network.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkPrediction {
    /// Its condition.
    pub condition: String,
    /// Its seed.
    pub seed: u64,
    /// Every stage that can predict, with its number from 1.
    pub stages: Vec<(usize, Predicted)>,
    /// Every other stage, with the reason.
    pub undefined: Vec<(usize, String)>,
    /// The stage most predictive over the stimuli that choose; none where no stage predicts.
    pub chosen: Option<usize>,
}

/// Predictivity of a condition.
#[derive(Clone, Debug, Serialize)]
pub struct ConditionPrediction {
    /// Its name.
    pub condition: String,
    /// Score of chosen stages, over the stimuli that did not choose them.
    pub reported: Interval,
    /// Score of every stage over all stimuli.
    pub stages: Vec<(usize, Interval)>,
}

/// Predictivity for `target`; none where nothing was measured.
pub(super) fn predictions(
    target: &str,
    conditions: &[Condition],
    networks: &[NetworkRdms],
    extra: &[(String, StageRdm)],
) -> Option<PredictivityScores> {
    let why = |stage: &StageRdm| {
        stage.unpredicted.iter().find(|(name, _)| name == target).map(|(_, reason)| reason.clone())
    };
    let of = |stage: &StageRdm| stage.predicted.iter().find(|p| p.target == target).cloned();
    let networks: Vec<NetworkPrediction> = networks
        .iter()
        .filter_map(|network| {
            let stages: Vec<(usize, Predicted)> =
                network.stages.iter().filter_map(|stage| Some((stage.stage, of(stage)?))).collect();
            let best = stages.iter().max_by(|a, b| a.1.selection.total_cmp(&b.1.selection));
            let (condition, seed, chosen) = (network.condition.clone(), network.seed, best.map(|b| b.0));
            let undefined: Vec<(usize, String)> =
                network.stages.iter().filter_map(|stage| Some((stage.stage, why(stage)?))).collect();
            (stages.len() + undefined.len() > 0).then_some(NetworkPrediction {
                condition,
                seed,
                stages,
                undefined,
                chosen,
            })
        })
        .collect();
    let conditions: Vec<ConditionPrediction> = conditions
        .iter()
        .filter_map(|condition| {
            let own: Vec<&NetworkPrediction> =
                networks.iter().filter(|n| n.condition == condition.name).collect();
            let at = |network: &NetworkPrediction, stage: usize| {
                network.stages.iter().find(|(number, _)| *number == stage).map(|(_, p)| p.clone())
            };
            let reported = own.iter().filter_map(|n| Some(at(n, n.chosen?)?.reported.score));
            let count = own.iter().map(|n| n.stages.len() + n.undefined.len()).min()?;
            let stages = (1..=count).filter_map(|stage| {
                Some((stage, interval(own.iter().filter_map(|n| Some(at(n, stage)?.all.score)))?))
            });
            Some(ConditionPrediction {
                condition: condition.name.clone(),
                reported: interval(reported)?,
                stages: stages.collect(),
            })
        })
        .collect();
    let controls = extra.iter().filter_map(|(name, stage)| Some((name.clone(), of(stage)?))).collect();
    let undefined = extra.iter().filter_map(|(name, stage)| Some((name.clone(), why(stage)?))).collect();
    (!networks.is_empty()).then(|| PredictivityScores {
        target: target.to_owned(),
        networks,
        conditions,
        controls,
        undefined,
    })
}
