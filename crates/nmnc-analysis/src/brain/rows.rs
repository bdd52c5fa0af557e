//! Scores as CSV files.

use serde::Serialize;

use super::prediction::Predicted;
use super::scores::Scores;
use crate::similarity::Range;
use nmnc_report::{Number, csv};

/// `networks.csv`: a row for each stage of each network, and for each control.
#[derive(Default, Serialize)]
struct NetworkRow<'a> {
    target: &'a str,
    condition: &'a str,
    seed: Option<u64>,
    stage: Option<usize>,
    chosen: Option<bool>,
    similarity: Number,
    low: Number,
    high: Number,
    selection: Number,
    reported: Number,
    reported_low: Number,
    reported_high: Number,
    /// Why there is no similarity.
    note: Option<&'a str>,
}

impl<'a> NetworkRow<'a> {
    fn new(target: &'a str, condition: &'a str, all: &Range, reported: Option<&Range>) -> Self {
        Self {
            target,
            condition,
            similarity: all.value.into(),
            low: all.low.into(),
            high: all.high.into(),
            reported: reported.map(|r| r.value).into(),
            reported_low: reported.map(|r| r.low).into(),
            reported_high: reported.map(|r| r.high).into(),
            ..Self::default()
        }
    }
}

pub(super) fn networks(scores: &Scores) -> String {
    let undefined = scores.undefined.iter().map(|(target, reason)| NetworkRow {
        target,
        note: Some(reason),
        ..NetworkRow::default()
    });
    let rows = scores.targets.iter().flat_map(|target| {
        let networks = target.networks.iter().flat_map(|network| {
            network.stages.iter().map(|stage| {
                let chosen = stage.stage == network.chosen;
                let reported = chosen.then_some(&network.reported);
                NetworkRow {
                    seed: Some(network.seed),
                    stage: Some(stage.stage),
                    chosen: Some(chosen),
                    selection: stage.selection.into(),
                    note: stage.note.as_deref(),
                    ..NetworkRow::new(&target.target, &network.condition, &stage.all, reported)
                }
            })
        });
        let controls = target.controls.iter().map(|c| NetworkRow {
            note: c.note.as_deref(),
            ..NetworkRow::new(&target.target, &c.control, &c.all, Some(&c.reported))
        });
        networks.chain(controls).collect::<Vec<_>>()
    });
    csv(rows.chain(undefined))
}

/// `contrasts.csv`: a row for each difference; an empty stage is the chosen one.
#[derive(Default, Serialize)]
struct ContrastRow<'a> {
    target: &'a str,
    condition: &'a str,
    less: &'a str,
    stage: Option<usize>,
    difference: Number,
    seeds: usize,
    sem: Number,
    seeds_low: Number,
    seeds_high: Number,
    stimuli_low: Number,
    stimuli_high: Number,
    p: Number,
    p_holm: Number,
}

pub(super) fn contrasts(scores: &Scores) -> String {
    csv(scores.targets.iter().flat_map(|target| {
        target.contrasts.iter().map(|c| ContrastRow {
            target: &target.target,
            condition: &c.condition,
            less: &c.less,
            stage: c.stage,
            difference: c.seeds.mean.into(),
            seeds: c.seeds.n,
            sem: c.seeds.sem.into(),
            seeds_low: c.seeds.half.map(|half| c.seeds.mean - half).into(),
            seeds_high: c.seeds.half.map(|half| c.seeds.mean + half).into(),
            stimuli_low: c.stimuli.low.into(),
            stimuli_high: c.stimuli.high.into(),
            p: c.p.into(),
            p_holm: c.p_holm.into(),
        })
    }))
}

/// `power.csv`: a row for each difference.
#[derive(Default, Serialize)]
struct PowerRow<'a> {
    target: &'a str,
    condition: &'a str,
    less: &'a str,
    stage: Option<usize>,
    size: Number,
    seeds: Option<usize>,
    stimuli: Option<usize>,
    shown_by_these: Number,
    deviation_over_seeds: Number,
    error_over_stimuli: Number,
}

pub(super) fn power(scores: &Scores, size: f64) -> String {
    let all = super::power::power(scores, size);
    csv(all.iter().map(|own| PowerRow {
        target: &own.target,
        condition: &own.condition,
        less: &own.less,
        stage: own.stage,
        size: size.into(),
        seeds: own.seeds,
        stimuli: own.stimuli,
        shown_by_these: own.detectable.into(),
        deviation_over_seeds: own.deviation.into(),
        error_over_stimuli: own.error.into(),
    }))
}

/// `predictivity.csv`: a row for each stage of each network, and for each control.
#[derive(Default, Serialize)]
struct PredictionRow<'a> {
    target: &'a str,
    condition: &'a str,
    seed: Option<u64>,
    stage: Option<usize>,
    chosen: Option<bool>,
    score: Number,
    sem: Number,
    r: Number,
    ceiling: Number,
    units: usize,
    left_out: usize,
    selection: Number,
    reported: Number,
    reported_sem: Number,
    reported_r: Number,
    reported_ceiling: Number,
    /// Why there is no score.
    note: Option<&'a str>,
}

impl<'a> PredictionRow<'a> {
    fn new(target: &'a str, condition: &'a str, predicted: &Predicted) -> Self {
        let (all, reported) = (&predicted.all, &predicted.reported);
        Self {
            target,
            condition,
            score: all.score.into(),
            sem: all.sem.into(),
            r: all.r.into(),
            ceiling: all.ceiling.into(),
            units: all.units,
            left_out: all.left_out,
            selection: predicted.selection.into(),
            reported: reported.score.into(),
            reported_sem: reported.sem.into(),
            reported_r: reported.r.into(),
            reported_ceiling: reported.ceiling.into(),
            ..Self::default()
        }
    }
}

pub(super) fn predictions(scores: &Scores) -> String {
    csv(scores.predictivity.iter().flat_map(|target| {
        let networks = target.networks.iter().flat_map(|network| {
            let predicted = network.stages.iter().map(|(stage, predicted)| PredictionRow {
                seed: Some(network.seed),
                stage: Some(*stage),
                chosen: Some(Some(*stage) == network.chosen),
                ..PredictionRow::new(&target.target, &network.condition, predicted)
            });
            let undefined = network.undefined.iter().map(|(stage, reason)| PredictionRow {
                target: &target.target,
                condition: &network.condition,
                seed: Some(network.seed),
                stage: Some(*stage),
                chosen: Some(false),
                note: Some(reason),
                ..PredictionRow::default()
            });
            let mut rows: Vec<PredictionRow> = predicted.chain(undefined).collect();
            rows.sort_by_key(|row| row.stage);
            rows
        });
        let controls = target
            .controls
            .iter()
            .map(|(name, predicted)| PredictionRow::new(&target.target, name, predicted));
        let undefined = target.undefined.iter().map(|(name, reason)| PredictionRow {
            target: &target.target,
            condition: name,
            note: Some(reason),
            ..PredictionRow::default()
        });
        networks.chain(controls).chain(undefined).collect::<Vec<_>>()
    }))
}
