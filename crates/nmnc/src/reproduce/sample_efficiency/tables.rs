//! Tables of accuracy.

use super::super::statistics::Interval;
use super::results::{Results, Row};
use nmnc_report::Table;
use nmnc_report::text::{NONE, count_tick, fixed, significant, with_half, with_sem};

fn table<'r>(rows: impl IntoIterator<Item = &'r Row>) -> Table {
    Table::of(
        rows,
        &[
            ("Rule", &|row: &&Row| row.label.clone()),
            ("Width", &|row| format!("×{}", row.scale)),
            ("Budget", &|row| row.budget.map_or_else(|| NONE.to_owned(), count_tick)),
            ("Probes per example", &|row| significant(row.probes_per_example.mean, 3)),
            ("Test accuracy (%)", &|row| with_sem(Some(row.accuracy), 1)),
            ("Less BP", &|row| with_half(row.less_backprop, 1)),
            ("Less VNC", &|row| with_half(row.less_vanilla, 1)),
            ("Cosine to BP", &|row| by_stage(&row.cosines)),
            ("On the manifold", &|row| by_stage(&row.captured)),
        ],
    )
}

/// Means, stage after stage.
fn by_stage(values: &[Interval]) -> String {
    let means: Vec<String> = values.iter().map(|value| fixed(value.mean, 2)).collect();
    if means.is_empty() { NONE.to_owned() } else { means.join(" / ") }
}

/// Every rule at every budget, those it cannot have among them.
pub(super) fn budgets(results: &Results<'_>) -> Table {
    let mut out = table([]);
    for (index, condition) in results.conditions.iter().enumerate() {
        let own = results.over_probes(condition);
        let budgets = own.iter().map(|row| row.budget.unwrap_or(0.0)).collect::<Vec<_>>();
        let mut rows: Vec<(f64, Vec<String>)> = budgets.into_iter().zip(table(own).rows).collect();
        for missing in results.impossible.iter().filter(|missing| missing.condition == index) {
            // The reasons are in the sentences beside the table.
            let words = "not possible".to_owned();
            let mut row = vec![condition.label.clone(), "×1".to_owned(), count_tick(missing.budget), words];
            row.resize(out.headings.len(), String::new());
            rows.push((missing.budget, row));
        }
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        out.rows.extend(rows.into_iter().map(|(_, row)| row));
    }
    out
}

/// Every rule at every width, at one budget.
pub(super) fn widths(results: &Results<'_>) -> Table {
    table(results.conditions.iter().flat_map(|condition| results.over_widths(condition)))
}
