//! The summary table: one row for the complete runs of a rule, one for each other run.

use std::collections::BTreeSet;

use super::aggregate::{Group, final_accuracy, final_error, final_top5, groups, last, probes};
use super::figures::styles;
use super::look::Style;
use super::parts::parts;
use super::psychometric::last_fit;
use super::table::{self, LONGEST_CELL, blocks};
use super::text::{NONE, count, count_tick, duration, fixed, plus_minus, significant, spread};
use nmnc_core::printable;
use nmnc_core::records::{Record, RunRecords, StageRecord, Status};
use nmnc_core::statistics::{MeanSem, mean_sem};

/// Stages whose values stand in one cell.
const MOST_STAGES: usize = 16;

/// One row.
#[derive(Debug)]
pub struct Row {
    /// The rule.
    pub label: String,
    /// Its look in the figures.
    pub style: Style,
    /// Whether these runs ended well.
    pub complete: bool,
    /// Values in the order of [`COLUMNS`].
    pub cells: Vec<String>,
}

/// A column: its heading, and its cell for the runs of a row.
type Column = (&'static str, fn(&[&RunRecords]) -> String);

/// The columns after the rule.
pub const COLUMNS: [Column; 14] = [
    ("Seeds", seeds),
    ("Test accuracy (%)", |runs| over(runs, |r| final_accuracy(r).map(|a| 100.0 * a), |v| plus_minus(v, 1))),
    ("Top-5 accuracy (%)", |runs| over(runs, |r| final_top5(r).map(|a| 100.0 * a), |v| plus_minus(v, 1))),
    ("Error of answers (r.m.s.)", |runs| over(runs, final_error, |v| plus_minus(v, 3))),
    ("Threshold σ", |runs| over(runs, |r| last_fit(r).map(|fit| fit.sigma), |v| significant(v.mean, 3))),
    ("Lapses (%)", |runs| {
        over(runs, |r| last_fit(r).map(|fit| 50.0 * (fit.lapse_low + fit.lapse_high)), |v| fixed(v.mean, 1))
    }),
    ("Train loss", |runs| {
        over(
            runs,
            |r| last(r, &|r| r.train.map(|s| s.loss)),
            |v| match v.sem {
                Some(sem) if sem > 0.0 => plus_minus(v, 3),
                _ => significant(v.mean, 3),
            },
        )
    }),
    ("Probes", |runs| over(runs, |r| Some(probes(r) as f64), |v| count(v.mean.round()))),
    ("Probes per example", |runs| {
        over(runs, |r| r.summary.as_ref().map(|s| s.probes_per_example), |v| count(v.mean))
    }),
    ("Cosine to BP by stage", |runs| by_stage(runs, |s| Some(s.cosine))),
    ("Cosine to mean J by stage", |runs| by_stage(runs, |s| s.mean_cosine)),
    ("Captured energy by stage", |runs| by_stage(runs, |s| s.captured_energy)),
    ("Examples/s", |runs| over(runs, images_per_second, |v| count(v.mean.round()))),
    ("Time", |runs| over(runs, seconds, |v| duration(v.mean))),
];

/// The rows, and for each of [`COLUMNS`] whether any row has a value in it.
pub fn rows(groups: &[Group<'_>]) -> (Vec<Row>, Vec<bool>) {
    let mut rows = Vec::new();
    for (group, style) in groups.iter().zip(styles(groups)) {
        let mut push = |runs: &[&RunRecords], complete| {
            rows.push(Row {
                label: group.label.clone(),
                style,
                complete,
                cells: COLUMNS.map(|(_, cell)| cell(runs)).into(),
            });
        };
        if !group.complete.is_empty() {
            push(&group.complete, true);
        }
        for run in &group.incomplete {
            push(&[run], false);
        }
    }
    let used =
        (0..COLUMNS.len()).map(|i| rows.iter().any(|r| r.cells[i] != NONE && r.cells[i] != "0")).collect();
    (rows, used)
}

/// How a run ended, for readers.
pub fn state(run: &RunRecords) -> String {
    let epoch = run.summary.as_ref().map(|s| s.epochs).or(run.records.last().map(|r| r.epoch));
    let at =
        epoch.map_or_else(String::new, |e| format!(" at epoch {}", count_tick((e * 10.0).round() / 10.0)));
    match run.status() {
        Some(Status::Complete) => match run.summary.as_ref().and_then(|s| s.loss_factor) {
            Some(factor) => format!("complete; loss {} times its start", significant(factor, 2)),
            None => "complete".to_owned(),
        },
        Some(Status::Diverged) => format!("diverged{at}"),
        None => format!("unfinished{at}"),
    }
}

/// A mean over the runs as `write` writes it.
fn over(
    runs: &[&RunRecords],
    value: impl Fn(&RunRecords) -> Option<f64>,
    write: impl Fn(&MeanSem) -> String,
) -> String {
    let mean = mean_sem(runs.iter().filter_map(|r| value(r)));
    mean.as_ref().map_or_else(|| NONE.to_owned(), write)
}

/// The last value of every stage, of deep networks of some.
fn by_stage(runs: &[&RunRecords], metric: fn(&StageRecord) -> Option<f64>) -> String {
    let stages = runs.iter().flat_map(|r| &r.records).flat_map(|r| &r.stages).map(|s| s.stage);
    let stages: Vec<usize> = stages.collect::<BTreeSet<_>>().into_iter().collect();
    let value = |number: usize| {
        let of = move |r: &Record| r.stages.iter().find(|s| s.stage == number).and_then(metric);
        over(runs, |run| last(run, &of), |v| fixed(v.mean, 2))
    };
    let shown = spread(stages.len(), MOST_STAGES);
    let values: Vec<String> = shown.iter().map(|&at| value(stages[at])).collect();
    let between = if shown.len() < stages.len() { " … " } else { " / " };
    if values.iter().all(|v| v == NONE) { NONE.to_owned() } else { values.join(between) }
}

fn seeds(runs: &[&RunRecords]) -> String {
    let mut seeds: Vec<u64> = runs.iter().map(|r| r.seed).collect();
    seeds.sort_unstable();
    let seeds = seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    match runs {
        [run] if run.status() != Some(Status::Complete) => format!("{seeds} ({})", state(run)),
        _ => seeds,
    }
}

/// Seconds of training.
pub fn seconds(run: &RunRecords) -> Option<f64> {
    run.summary.as_ref().map(|s| s.seconds).or(run.records.last().map(|r| r.seconds))
}

/// The median over the run, which a slow first step (kernels being compiled) does not shift.
fn images_per_second(run: &RunRecords) -> Option<f64> {
    let finite = |v: &f64| v.is_finite() && *v > 0.0;
    let mut rates: Vec<f64> = run.records.iter().map(|r| r.images_per_second).filter(finite).collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied()
}

/// The summary table in Markdown, aligned to be read as plain text, in lines of 80 characters where names allow it: columns that have no
/// room stand in a table below. Runs of different data or tasks are in tables of their own.
///
/// Accuracy and loss are mean ± s.e.m. over the seeds of the complete runs; the other columns are means. Diverged and
/// unfinished runs have rows of their own.
pub fn table(runs: &[RunRecords]) -> String {
    let mut out = String::new();
    for part in parts(runs) {
        if !part.name.is_empty() {
            let gap = if out.is_empty() { "" } else { "\n" };
            out += &format!("{gap}{}:\n\n", printable::line(&part.name, LONGEST_CELL));
        }
        out += &of_part(&part.runs);
    }
    out
}

fn of_part(runs: &[&RunRecords]) -> String {
    let groups = groups(runs);
    let (rows, used) = rows(&groups);
    let columns: Vec<usize> = (0..COLUMNS.len()).filter(|&i| used[i]).collect();
    let heading = std::iter::once("Rule").chain(columns.iter().map(|&i| COLUMNS[i].0));
    let mut lines: Vec<Vec<String>> = vec![heading.map(str::to_owned).collect()];
    for row in &rows {
        let cells = columns.iter().map(|&i| row.cells[i].clone());
        // A bar would end the cell, a line break the row.
        let safe = |cell: String| printable::line(&cell, LONGEST_CELL).replace('|', "\\|");
        lines.push(std::iter::once(row.label.clone()).chain(cells).map(safe).collect());
    }
    let width = |column: usize| lines.iter().map(|l| l[column].chars().count()).max().unwrap_or(0).max(3);
    let widths: Vec<usize> = (0..=columns.len()).map(width).collect();
    let mut out = String::new();
    // A bar and a space before the first cell, a space and a bar behind the last.
    for (at, block) in blocks(&widths, 1, 3, table::COLUMNS - 4).into_iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        for (number, line) in lines.iter().enumerate() {
            for &column in &block {
                let (cell, width) = (&line[column], widths[column]);
                // Names to the left, numbers to the right.
                let text = if column < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
                out.push_str(&format!("| {text} "));
            }
            out.push_str("|\n");
            if number == 0 {
                for &column in &block {
                    let dashes = "-".repeat(widths[column] + 1);
                    out.push_str(&if column < 2 { format!("|{dashes}-") } else { format!("|{dashes}:") });
                }
                out.push_str("|\n");
            }
        }
    }
    out
}
