//! The experiment as CSV files.

use serde::Serialize;
use serde_json::{Value, json};

use super::super::statistics::Interval;
use super::EfficiencyRun;
use super::conditions::Condition;
use super::results::{Cell, Impossible, Results};
use nmnc_report::{Number, csv};

/// `cifar10.csv` or `imagenet.csv`: one line a rule, budget and width, and one for each budget that a rule cannot have.
#[derive(Default, Serialize)]
struct CellRow<'a> {
    condition: &'a str,
    rule: &'a str,
    scale: Number,
    budget: Number,
    possible: bool,
    seeds: usize,
    probes_per_example: Number,
    accuracy: Number,
    accuracy_sem: Number,
    accuracy_half_interval: Number,
    less_backprop: Number,
    less_backprop_half_interval: Number,
    less_vanilla: Number,
    less_vanilla_half_interval: Number,
    seconds: Number,
}

pub(super) fn cells(results: &Results<'_>) -> String {
    let mean = |i: Option<Interval>| i.map(|i| i.mean).into();
    let half = |i: Option<Interval>| i.and_then(|i| i.half).into();
    let possible = results.rows.iter().map(|row| CellRow {
        condition: &row.condition,
        rule: &row.rule,
        scale: row.scale.into(),
        budget: row.budget.into(),
        possible: true,
        seeds: row.accuracy.n,
        probes_per_example: row.probes_per_example.mean.into(),
        accuracy: row.accuracy.mean.into(),
        accuracy_sem: row.accuracy.sem.into(),
        accuracy_half_interval: row.accuracy.half.into(),
        less_backprop: mean(row.less_backprop),
        less_backprop_half_interval: half(row.less_backprop),
        less_vanilla: mean(row.less_vanilla),
        less_vanilla_half_interval: half(row.less_vanilla),
        seconds: row.seconds.into(),
    });
    let impossible = results.impossible.iter().map(|missing| {
        let Condition { name, rule, .. } = &results.conditions[missing.condition];
        let (scale, budget) = (1.0.into(), missing.budget.into());
        CellRow { condition: name, rule, scale, budget, ..CellRow::default() }
    });
    csv(possible.chain(impossible))
}

/// `runs.csv`: one line a run.
#[derive(Default, Serialize)]
struct RunRow<'a> {
    condition: &'a str,
    scale: Number,
    budget: Number,
    seed: u64,
    probes_per_example: Number,
    accuracy: Number,
    seconds: Number,
    cosines: String,
    captured: String,
}

fn spaced(values: &[f64]) -> String {
    values.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
}

/// `runs` are their cells, seeds, and what was measured.
pub(super) fn runs<'a>(
    conditions: &[Condition],
    runs: impl Iterator<Item = (&'a Cell, u64, &'a EfficiencyRun)>,
) -> String {
    csv(runs.map(|(cell, seed, run)| RunRow {
        condition: &conditions[cell.condition].name,
        scale: cell.scale.into(),
        budget: cell.budget.into(),
        seed,
        probes_per_example: run.probes_per_example.into(),
        accuracy: (100.0 * run.accuracy).into(),
        seconds: run.seconds.into(),
        cosines: spaced(&run.cosines),
        captured: spaced(&run.captured),
    }))
}

pub(super) fn impossible_json(results: &Results<'_>) -> Value {
    let entry = |missing: &Impossible| {
        let condition = &results.conditions[missing.condition].name;
        json!({ "condition": condition, "budget": missing.budget, "reason": missing.reason })
    };
    results.impossible.iter().map(entry).collect()
}
