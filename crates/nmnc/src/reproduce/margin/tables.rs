//! The experiment as a table and as CSV files.

use serde::Serialize;

use super::super::statistics::Interval;
use super::predictors::Predictor;
use super::rows::{Found, Row, stages};
use nmnc_report::text::{fixed, grouped, with_half, with_sem};
use nmnc_report::{Number, Table};

pub(super) const NETWORKS_NOTE: &str = "Accuracies in %, mean ± s.e.m. over seeds; NMNC less VNC: differences of runs of the same seed, ± half the 95 % t interval. α: energy \
     of the mean Jacobian of the network that backprop trained on its top d principal axes, margin: the same less d/n, untrained: α of the \
     same network before training, less first: α less that of the first network, ± half the interval; all are means over stages. Law: cosine \
     of the estimated and the true mean Jacobian, NMNC less VNC, as the law of estimates by noise has it from that network and the probes \
     that are remembered. Cosine: of error signals and backprop’s at the last step, NMNC’s network less VNC’s.";

/// For the terminal and the page.
pub(super) fn networks(found: &Found<'_>) -> Table {
    let units = |row: &&Row| {
        let (most, least) = (row.units.iter().max(), row.units.iter().min());
        match (most, least) {
            (Some(most), Some(least)) if most > least => {
                format!("{} to {}", grouped(*least as u64), grouped(*most as u64))
            }
            (Some(only), _) => grouped(*only as u64),
            _ => String::new(),
        }
    };
    Table::of(
        &found.rows,
        &[
            ("Network", &|r: &&Row| r.label.clone()),
            ("Stages", &|r| r.units.len().to_string()),
            ("Units", &units),
            ("BP", &|r| with_sem(r.accuracy[0], 1)),
            ("VNC", &|r| with_sem(r.accuracy[1], 1)),
            ("NMNC", &|r| with_sem(r.accuracy[2], 1)),
            ("NMNC less VNC", &|r| with_half(r.gain, 1)),
            ("α", &|r| with_sem(r.alpha, 3)),
            ("Untrained", &|r| with_sem(r.untrained, 3)),
            ("α less first", &|r| with_half(r.alpha_less_base, 3)),
            ("Margin", &|r| with_sem(r.margin, 3)),
            ("Law", &|r| r.law_gain.map_or_else(|| "–".to_owned(), |gain| fixed(gain, 3))),
            ("Cosine", &|r| with_half(r.cosine_gain, 3)),
        ],
    )
}

/// `networks.csv`.
#[derive(Default, Serialize)]
struct Line<'a> {
    network: &'a str,
    varied: &'a str,
    stages: usize,
    seeds: usize,
    accuracy_bp: Number,
    accuracy_bp_sem: Number,
    accuracy_vnc: Number,
    accuracy_vnc_sem: Number,
    accuracy_nmnc: Number,
    accuracy_nmnc_sem: Number,
    probes_per_example: Number,
    nmnc_less_vnc: Number,
    nmnc_less_vnc_half_interval: Number,
    alpha: Number,
    alpha_sem: Number,
    alpha_per_example: Number,
    alpha_per_example_sem: Number,
    untrained: Number,
    untrained_sem: Number,
    alpha_less_first: Number,
    alpha_less_first_half_interval: Number,
    margin: Number,
    margin_sem: Number,
    law_gain: Number,
    cosine_gain: Number,
    cosine_gain_half_interval: Number,
}

pub(super) fn csv(found: &Found<'_>) -> String {
    let mean = |i: Option<Interval>| i.map(|i| i.mean).into();
    let sem = |i: Option<Interval>| i.and_then(|i| i.sem).into();
    let half = |i: Option<Interval>| i.and_then(|i| i.half).into();
    nmnc_report::csv(found.rows.iter().map(|row| Line {
        network: &row.network,
        varied: &row.varied,
        stages: row.units.len(),
        seeds: row.gain.map_or(0, |gain| gain.n),
        accuracy_bp: mean(row.accuracy[0]),
        accuracy_bp_sem: sem(row.accuracy[0]),
        accuracy_vnc: mean(row.accuracy[1]),
        accuracy_vnc_sem: sem(row.accuracy[1]),
        accuracy_nmnc: mean(row.accuracy[2]),
        accuracy_nmnc_sem: sem(row.accuracy[2]),
        probes_per_example: mean(row.probes_per_example),
        nmnc_less_vnc: mean(row.gain),
        nmnc_less_vnc_half_interval: half(row.gain),
        alpha: mean(row.alpha),
        alpha_sem: sem(row.alpha),
        alpha_per_example: mean(row.alpha_per_example),
        alpha_per_example_sem: sem(row.alpha_per_example),
        untrained: mean(row.untrained),
        untrained_sem: sem(row.untrained),
        alpha_less_first: mean(row.alpha_less_base),
        alpha_less_first_half_interval: half(row.alpha_less_base),
        margin: mean(row.margin),
        margin_sem: sem(row.margin),
        law_gain: row.law_gain.into(),
        cosine_gain: mean(row.cosine_gain),
        cosine_gain_half_interval: half(row.cosine_gain),
    }))
}

/// `stages.csv`: means over seeds.
#[derive(Default, Serialize)]
struct StageLine<'a> {
    network: &'a str,
    stage: usize,
    units: usize,
    dimension: usize,
    alpha: Number,
    margin: Number,
    alpha_per_example: Number,
    pooled: Number,
    variation: Number,
    untrained: Number,
    shuffled: Number,
}

pub(super) fn stages_csv(found: &Found<'_>) -> String {
    nmnc_report::csv(found.rows.iter().flat_map(|row| {
        stages(found.table, &row.network).into_iter().map(|stage| StageLine {
            network: &row.network,
            stage: stage.stage,
            units: stage.units,
            dimension: stage.dimension,
            alpha: stage.alpha.into(),
            margin: stage.margin().into(),
            alpha_per_example: stage.alpha_per_example.into(),
            pooled: stage.pooled.into(),
            variation: stage.variation.into(),
            untrained: stage.untrained.into(),
            shuffled: stage.shuffled.into(),
        })
    }))
}

/// `predictors.csv`.
#[derive(Default, Serialize)]
struct PredictorLine {
    predictor: &'static str,
    networks: usize,
    spearman: Number,
    spearman_low: Number,
    spearman_high: Number,
    pearson: Number,
    pearson_low: Number,
    pearson_high: Number,
}

pub(super) fn predictors_csv(predictors: &[Predictor]) -> String {
    nmnc_report::csv(predictors.iter().map(|p| PredictorLine {
        predictor: p.name,
        networks: p.networks.len(),
        spearman: p.spearman.into(),
        spearman_low: p.interval.map(|(low, _)| low).into(),
        spearman_high: p.interval.map(|(_, high)| high).into(),
        pearson: p.pearson.into(),
        pearson_low: p.pearson_interval.map(|(low, _)| low).into(),
        pearson_high: p.pearson_interval.map(|(_, high)| high).into(),
    }))
}
