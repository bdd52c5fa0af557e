//! Tables of the alignment experiment.

use serde_json::{Value, json};

use super::super::statistics::{Interval, interval};
use super::super::table::{Table, cell, with_half, with_sem};
use super::{Condition, Seeded, over_seeds};
use nmnc_report::text::fixed;

/// Everything at one stage, dimension and condition, over seeds.
struct Row {
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

fn rows(conditions: &[(Condition, Vec<Seeded>)], dimensions: &[usize]) -> Vec<Row> {
    let stages: Vec<(usize, usize)> = conditions
        .first()
        .and_then(|(_, runs)| runs.first())
        .map_or_else(Vec::new, |run| run.stages().map(|s| (s.stage, s.units)).collect());
    let mut rows = Vec::new();
    for (stage, units) in stages {
        for &d in dimensions {
            for (condition, runs) in conditions {
                let alpha = [
                    over_seeds(runs, stage, d, |r| Some(r.mean_jacobian)),
                    over_seeds(runs, stage, d, |r| Some(r.per_example)),
                ];
                if alpha[0].is_none() {
                    continue;
                }
                let sd = runs.iter().filter_map(|run| {
                    let stage = run.stages().find(|s| s.stage == stage)?;
                    stage.alignment.as_ref()?.random.sd.get(d - 1).copied()
                });
                rows.push(Row {
                    condition: *condition,
                    stage,
                    units,
                    d,
                    alpha,
                    untrained: [
                        over_seeds(runs, stage, d, |r| r.untrained),
                        over_seeds(runs, stage, d, |r| r.untrained_per_example),
                    ],
                    shuffled: over_seeds(runs, stage, d, |r| r.shuffled),
                    chance: d as f64 / units as f64,
                    random_sd: interval(sd).map(|i| i.mean),
                    gain: [
                        over_seeds(runs, stage, d, |r| Some(r.mean_jacobian - r.untrained?)),
                        over_seeds(runs, stage, d, |r| Some(r.per_example - r.untrained_per_example?)),
                    ],
                });
            }
        }
    }
    rows
}

/// For the terminal and the page.
pub(super) fn table(conditions: &[(Condition, Vec<Seeded>)], dimensions: &[usize]) -> Table {
    let headings = vec![
        "Condition",
        "Stage",
        "d",
        "α, mean J",
        "Untrained",
        "Shuffled",
        "d/n",
        "Gain",
        "α, per example",
        "Untrained, per example",
    ];
    let row = |r: &Row| {
        vec![
            r.condition.label.to_owned(),
            r.stage.to_string(),
            r.d.to_string(),
            with_sem(r.alpha[0], 3),
            with_sem(r.untrained[0], 3),
            with_sem(r.shuffled, 3),
            fixed(r.chance, 3),
            with_half(r.gain[0], 3),
            with_sem(r.alpha[1], 3),
            with_sem(r.untrained[1], 3),
        ]
    };
    Table { headings, rows: rows(conditions, dimensions).iter().map(row).collect() }
}

pub(super) fn csv(conditions: &[(Condition, Vec<Seeded>)], dimensions: &[usize]) -> String {
    let mut out = "condition,stage,units,d,seeds,chance,random_sd,alpha_mean_jacobian,alpha_mean_jacobian_sem,\
                   untrained_mean_jacobian,untrained_mean_jacobian_sem,gain_mean_jacobian,gain_mean_jacobian_half_interval,\
                   shuffled_mean_jacobian,shuffled_mean_jacobian_sem,alpha_per_example,alpha_per_example_sem,\
                   untrained_per_example,untrained_per_example_sem,gain_per_example,gain_per_example_half_interval\n"
        .to_owned();
    let mean = |i: Option<Interval>| cell(i.map(|i| i.mean));
    let sem = |i: Option<Interval>| cell(i.and_then(|i| i.sem));
    let half = |i: Option<Interval>| cell(i.and_then(|i| i.half));
    for r in rows(conditions, dimensions) {
        let mut cells = vec![
            r.condition.name.to_owned(),
            r.stage.to_string(),
            r.units.to_string(),
            r.d.to_string(),
            r.alpha[0].map_or(0, |a| a.n).to_string(),
            r.chance.to_string(),
            cell(r.random_sd),
        ];
        for which in 0..2 {
            let (alpha, untrained, gain) = (r.alpha[which], r.untrained[which], r.gain[which]);
            cells.extend([mean(alpha), sem(alpha), mean(untrained), sem(untrained), mean(gain), half(gain)]);
            if which == 0 {
                cells.extend([mean(r.shuffled), sem(r.shuffled)]);
            }
        }
        out += &(cells.join(",") + "\n");
    }
    out
}

pub(super) fn json(conditions: &[(Condition, Vec<Seeded>)], dimensions: &[usize]) -> Vec<Value> {
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
    rows(conditions, dimensions).iter().map(row).collect()
}
