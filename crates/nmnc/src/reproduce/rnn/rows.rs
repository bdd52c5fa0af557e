//! The experiment as CSV files.

use serde::Serialize;

use super::super::statistics::Interval;
use super::results::Results;
use nmnc_report::{Number, csv};

/// `rnn.csv`: one line a cell.
#[derive(Default, Serialize)]
struct CellRow<'a> {
    task: &'a str,
    condition: &'a str,
    units: usize,
    budget: Number,
    seeds: usize,
    probes: Number,
    probes_per_trial: Number,
    accuracy: Number,
    accuracy_sem: Number,
    unbroken_accuracy: Number,
    unbroken_accuracy_sem: Number,
    fixation_breaks: Number,
    misses: Number,
    less_bptt: Number,
    less_bptt_half_interval: Number,
    less_vnc: Number,
    less_vnc_half_interval: Number,
    less_isotropic: Number,
    less_isotropic_half_interval: Number,
    mean_accuracy: Number,
    mean_less_vnc: Number,
    mean_less_vnc_half_interval: Number,
    weight_cosine_less_vnc: Number,
    weight_cosine_less_vnc_half_interval: Number,
    cosine: Number,
    weight_cosine: Number,
    alpha: Number,
    untrained_alpha: Number,
    chance_alpha: Number,
    seconds: Number,
}

pub(super) fn cells(results: &Results<'_>) -> String {
    let mean = |i: Option<Interval>| i.map(|i| i.mean).into();
    let half = |i: Option<Interval>| i.and_then(|i| i.half).into();
    csv(results.rows.iter().map(|row| CellRow {
        task: &row.task,
        condition: &row.condition,
        units: row.units,
        budget: row.budget.into(),
        seeds: row.accuracy.n,
        probes: row.probes.mean.into(),
        probes_per_trial: row.probes_per_trial.mean.into(),
        accuracy: row.accuracy.mean.into(),
        accuracy_sem: row.accuracy.sem.into(),
        unbroken_accuracy: row.unbroken_accuracy.mean.into(),
        unbroken_accuracy_sem: row.unbroken_accuracy.sem.into(),
        fixation_breaks: row.fixation_breaks.mean.into(),
        misses: row.misses.mean.into(),
        less_bptt: mean(row.less_exact),
        less_bptt_half_interval: half(row.less_exact),
        less_vnc: mean(row.less_vanilla),
        less_vnc_half_interval: half(row.less_vanilla),
        less_isotropic: mean(row.less_isotropic),
        less_isotropic_half_interval: half(row.less_isotropic),
        mean_accuracy: row.mean_accuracy.mean.into(),
        mean_less_vnc: mean(row.mean_less_vanilla),
        mean_less_vnc_half_interval: half(row.mean_less_vanilla),
        weight_cosine_less_vnc: mean(row.cosine_less_vanilla),
        weight_cosine_less_vnc_half_interval: half(row.cosine_less_vanilla),
        cosine: mean(row.cosine),
        weight_cosine: mean(row.weight_cosine),
        alpha: mean(row.alpha),
        untrained_alpha: mean(row.untrained_alpha),
        chance_alpha: row.chance_alpha.into(),
        seconds: row.seconds.into(),
    }))
}

/// `runs.csv`: one line a run.
#[derive(Default, Serialize)]
struct RunRow<'a> {
    task: &'a str,
    condition: &'a str,
    units: usize,
    budget: Number,
    seed: u64,
    probes: u64,
    accuracy: Number,
    mean_accuracy: Number,
    unbroken_accuracy: Number,
    fixation_breaks: Number,
    misses: Number,
    alpha: Number,
    seconds: Number,
}

pub(super) fn runs(results: &Results<'_>) -> String {
    let percent = |fraction: f64| Number::from(100.0 * fraction);
    csv(results.runs.iter().map(|(cell, seed, run)| RunRow {
        task: &results.tasks[cell.task],
        condition: &results.conditions[cell.condition].name,
        units: cell.units,
        budget: cell.budget.into(),
        seed: *seed,
        probes: run.probes,
        accuracy: percent(run.accuracy),
        mean_accuracy: percent(run.mean_accuracy),
        unbroken_accuracy: percent(run.unbroken_accuracy),
        fixation_breaks: percent(run.fixation_breaks),
        misses: percent(run.misses),
        alpha: run.states.pooled[0].into(),
        seconds: run.seconds.into(),
    }))
}
