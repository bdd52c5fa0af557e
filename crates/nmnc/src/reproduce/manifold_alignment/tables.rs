//! Tables of the alignment experiment.

use serde::Serialize;
use serde_json::{Value, json};

use super::super::statistics::Interval;
use super::{Condition, Found};
use nmnc_report::text::{fixed, with_half, with_sem};
use nmnc_report::{Number, Table};

/// Everything at one stage, dimension and condition, over seeds.
pub(super) struct Row {
    condition: Condition,
    stage: usize,
    units: usize,
    d: usize,
    /// Of the mean Jacobian, then per example.
    alpha: [Option<Interval>; 2],
    untrained: [Option<Interval>; 2],
    shuffled: Option<Interval>,
    chance: f64,
    /// Standard deviation of a random subspace's alpha, averaged over seeds.
    random_sd: Option<f64>,
    /// Trained less untrained of the same seed.
    gain: [Option<Interval>; 2],
}

pub(super) fn rows(found: &Found<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for &(stage, units) in &found.stages {
        for &d in found.dimensions {
            for &condition in &found.conditions {
                let at = |metric: &str| found.over_seeds(condition, stage, d, metric);
                let both =
                    |what: &str| ["mean_jacobian", "per_example"].map(|which| at(&format!("{what}_{which}")));
                let alpha = both("alpha");
                if alpha[0].is_none() {
                    continue;
                }
                rows.push(Row {
                    condition,
                    stage,
                    units,
                    d,
                    alpha,
                    untrained: both("untrained"),
                    shuffled: at("shuffled_mean_jacobian"),
                    chance: d as f64 / units as f64,
                    random_sd: at("random_sd").map(|i| i.mean),
                    gain: both("gain"),
                });
            }
        }
    }
    rows
}

/// For the terminal and the page.
pub(super) fn table(rows: &[Row]) -> Table {
    Table::of(
        rows,
        &[
            ("Condition", &|r: &&Row| r.condition.label.to_owned()),
            ("Stage", &|r| r.stage.to_string()),
            ("d", &|r| r.d.to_string()),
            ("α, mean J", &|r| with_sem(r.alpha[0], 3)),
            ("Untrained", &|r| with_sem(r.untrained[0], 3)),
            ("Shuffled", &|r| with_sem(r.shuffled, 3)),
            ("d/n", &|r| fixed(r.chance, 3)),
            ("Gain", &|r| with_half(r.gain[0], 3)),
            ("α, per example", &|r| with_sem(r.alpha[1], 3)),
            ("Untrained, per example", &|r| with_sem(r.untrained[1], 3)),
        ],
    )
}

/// `alignment.csv`.
#[derive(Default, Serialize)]
struct Line {
    condition: &'static str,
    stage: usize,
    units: usize,
    d: usize,
    seeds: usize,
    chance: Number,
    random_sd: Number,
    alpha_mean_jacobian: Number,
    alpha_mean_jacobian_sem: Number,
    untrained_mean_jacobian: Number,
    untrained_mean_jacobian_sem: Number,
    gain_mean_jacobian: Number,
    gain_mean_jacobian_half_interval: Number,
    shuffled_mean_jacobian: Number,
    shuffled_mean_jacobian_sem: Number,
    alpha_per_example: Number,
    alpha_per_example_sem: Number,
    untrained_per_example: Number,
    untrained_per_example_sem: Number,
    gain_per_example: Number,
    gain_per_example_half_interval: Number,
}

pub(super) fn csv(rows: &[Row]) -> String {
    let mean = |i: Option<Interval>| i.map(|i| i.mean).into();
    let sem = |i: Option<Interval>| i.and_then(|i| i.sem).into();
    let half = |i: Option<Interval>| i.and_then(|i| i.half).into();
    nmnc_report::csv(rows.iter().map(|r| Line {
        condition: r.condition.name,
        stage: r.stage,
        units: r.units,
        d: r.d,
        seeds: r.alpha[0].map_or(0, |a| a.n),
        chance: r.chance.into(),
        random_sd: r.random_sd.into(),
        alpha_mean_jacobian: mean(r.alpha[0]),
        alpha_mean_jacobian_sem: sem(r.alpha[0]),
        untrained_mean_jacobian: mean(r.untrained[0]),
        untrained_mean_jacobian_sem: sem(r.untrained[0]),
        gain_mean_jacobian: mean(r.gain[0]),
        gain_mean_jacobian_half_interval: half(r.gain[0]),
        shuffled_mean_jacobian: mean(r.shuffled),
        shuffled_mean_jacobian_sem: sem(r.shuffled),
        alpha_per_example: mean(r.alpha[1]),
        alpha_per_example_sem: sem(r.alpha[1]),
        untrained_per_example: mean(r.untrained[1]),
        untrained_per_example_sem: sem(r.untrained[1]),
        gain_per_example: mean(r.gain[1]),
        gain_per_example_half_interval: half(r.gain[1]),
    }))
}

pub(super) fn json(rows: &[Row]) -> Value {
    let pair =
        |values: [Option<Interval>; 2]| json!({ "mean_jacobian": values[0], "per_example": values[1] });
    let row = |r: &Row| {
        json!({
            "condition": r.condition.name,
            "stage": r.stage,
            "units": r.units,
            "d": r.d,
            "alpha": pair(r.alpha),
            "untrained": pair(r.untrained),
            "gain": pair(r.gain),
            "shuffled": r.shuffled,
            "chance": r.chance,
            "random_sd": r.random_sd,
        })
    };
    rows.iter().map(row).collect()
}
