//! Tables of accuracy.

use super::super::statistics::Interval;
use super::results::{Results, Row};
use nmnc_report::Table;
use nmnc_report::text::{NONE, count_tick, fixed, with_half, with_sem};

/// Every rule on every task, at every budget.
pub(super) fn tasks(results: &Results<'_>) -> Table {
    table(results, results.by_task())
}

/// Every rule at every width, on the tasks that have several.
pub(super) fn widths(results: &Results<'_>) -> Table {
    let rows = results.scaled().into_iter().flat_map(|task| {
        (0..results.conditions.len()).flat_map(move |condition| results.over_widths(task, condition))
    });
    table(results, rows)
}

fn table<'r>(results: &Results<'_>, rows: impl Iterator<Item = &'r Row>) -> Table {
    let counted = |row: &Row, value: f64| {
        if row.budget.is_some() { count_tick(value) } else { NONE.to_owned() }
    };
    let or_none = |value: Option<Interval>| value.map_or_else(|| NONE.to_owned(), |v| fixed(v.mean, 2));
    Table::of(
        rows,
        &[
            ("Task and rule", &|row: &&Row| {
                format!("{}: {}", row.task, results.conditions[row.cell.condition].label)
            }),
            ("N", &|row| row.units.to_string()),
            ("Probes per trial", &|row| counted(row, row.probes_per_trial.mean)),
            ("Probes", &|row| counted(row, row.probes.mean)),
            ("Accuracy (%)", &|row| with_sem(Some(row.accuracy), 1)),
            ("Breaks as errors (%)", &|row| with_sem(Some(row.unbroken_accuracy), 1)),
            ("Breaks (%)", &|row| fixed(row.fixation_breaks.mean, 1)),
            ("Over training (%)", &|row| with_sem(Some(row.mean_accuracy), 1)),
            ("Less BPTT", &|row| with_half(row.less_exact, 1)),
            ("Less VNC", &|row| with_half(row.less_vanilla, 1)),
            ("Cosine", &|row| or_none(row.cosine)),
            ("Weight cosine", &|row| or_none(row.weight_cosine)),
            ("α", &|row| or_none(row.alpha)),
        ],
    )
}
