//! Tables of accuracy.

use std::fmt::Write as _;

use super::super::statistics::Interval;
use super::super::table::{Table, cell, with_half, with_sem};
use super::results::{Results, Row};
use nmnc_report::text::{NONE, count_tick, fixed};

const HEADINGS: [&str; 13] = [
    "Task and rule",
    "N",
    "Probes per trial",
    "Probes",
    "Accuracy (%)",
    "Breaks as errors (%)",
    "Breaks (%)",
    "Over training (%)",
    "Less BPTT",
    "Less VNC",
    "Cosine",
    "Weight cosine",
    "α",
];

/// Every rule on every task, at every budget.
pub(super) fn tasks(results: &Results) -> Table {
    let rows = results.by_task().map(|row| cells(results, row)).collect();
    Table { headings: HEADINGS.to_vec(), rows }
}

/// Every rule at every width, on the tasks that have several.
pub(super) fn widths(results: &Results) -> Table {
    let rows = results.scaled().into_iter().flat_map(|task| {
        (0..results.conditions.len()).flat_map(move |condition| results.over_widths(task, condition))
    });
    Table { headings: HEADINGS.to_vec(), rows: rows.map(|row| cells(results, row)).collect() }
}

/// Both, less the rows that both have.
pub(super) fn joined(tasks: Table, widths: Table) -> Table {
    let mut rows = tasks.rows;
    let others: Vec<Vec<String>> = widths.rows.into_iter().filter(|row| !rows.contains(row)).collect();
    rows.extend(others);
    Table { headings: tasks.headings, rows }
}

fn cells(results: &Results, row: &Row) -> Vec<String> {
    let difference = |value: Option<Interval>| with_half(value, 1);
    let mean = |value: Option<Interval>| value.map_or_else(|| NONE.to_owned(), |v| fixed(v.mean, 2));
    let probed = row.budget.is_some();
    let counted = |value: f64| if probed { count_tick(value) } else { NONE.to_owned() };
    vec![
        format!("{}: {}", row.task, results.conditions[row.cell.condition].label),
        row.units.to_string(),
        counted(row.probes_per_trial.mean),
        counted(row.probes.mean),
        with_sem(Some(row.accuracy), 1),
        with_sem(Some(row.unbroken_accuracy), 1),
        fixed(row.fixation_breaks.mean, 1),
        with_sem(Some(row.mean_accuracy), 1),
        difference(row.less_exact),
        difference(row.less_vanilla),
        mean(row.cosine),
        mean(row.weight_cosine),
        mean(row.alpha),
    ]
}

/// One line a row.
pub(super) fn csv(results: &Results) -> String {
    let mut out =
        "task,condition,units,budget,seeds,probes,probes_per_trial,accuracy,accuracy_sem,unbroken_accuracy,\
                   unbroken_accuracy_sem,fixation_breaks,misses,less_bptt,less_bptt_half_interval,less_vnc,\
                   less_vnc_half_interval,less_isotropic,less_isotropic_half_interval,mean_accuracy,mean_less_vnc,\
                   mean_less_vnc_half_interval,weight_cosine_less_vnc,weight_cosine_less_vnc_half_interval,cosine,weight_cosine,alpha,untrained_alpha,chance_alpha,seconds\n"
            .to_owned();
    let mean = |i: Option<Interval>| cell(i.map(|i| i.mean));
    let half = |i: Option<Interval>| cell(i.and_then(|i| i.half));
    for row in &results.rows {
        let cells = [
            row.task.clone(),
            row.condition.clone(),
            row.units.to_string(),
            cell(row.budget),
            row.accuracy.n.to_string(),
            row.probes.mean.to_string(),
            row.probes_per_trial.mean.to_string(),
            row.accuracy.mean.to_string(),
            cell(row.accuracy.sem),
            row.unbroken_accuracy.mean.to_string(),
            cell(row.unbroken_accuracy.sem),
            row.fixation_breaks.mean.to_string(),
            row.misses.mean.to_string(),
            mean(row.less_exact),
            half(row.less_exact),
            mean(row.less_vanilla),
            half(row.less_vanilla),
            mean(row.less_isotropic),
            half(row.less_isotropic),
            row.mean_accuracy.mean.to_string(),
            mean(row.mean_less_vanilla),
            half(row.mean_less_vanilla),
            mean(row.cosine_less_vanilla),
            half(row.cosine_less_vanilla),
            mean(row.cosine),
            mean(row.weight_cosine),
            mean(row.alpha),
            mean(row.untrained_alpha),
            row.chance_alpha.to_string(),
            row.seconds.to_string(),
        ];
        out += &(cells.join(",") + "\n");
    }
    out
}

/// One line a run.
pub(super) fn runs_csv(results: &Results) -> String {
    let mut out =
        "task,condition,units,budget,seed,probes,accuracy,mean_accuracy,unbroken_accuracy,fixation_breaks,misses,alpha,seconds\n"
            .to_owned();
    for (of, runs) in &results.cells {
        for (seed, run) in runs {
            let _ = writeln!(
                out,
                "{},{},{},{},{seed},{},{},{},{},{},{},{},{}",
                results.tasks[of.task],
                results.conditions[of.condition].name,
                of.units,
                cell(of.budget),
                run.probes,
                100.0 * run.accuracy,
                100.0 * run.mean_accuracy,
                100.0 * run.unbroken_accuracy,
                100.0 * run.fixation_breaks,
                100.0 * run.misses,
                cell(run.states.pooled[0]),
                run.seconds
            );
        }
    }
    out
}
