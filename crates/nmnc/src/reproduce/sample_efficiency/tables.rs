//! Tables of accuracy.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::statistics::Interval;
use super::super::table::{Table, cell, with_half, with_sem};
use super::results::{Results, Row};
use nmnc_report::text::{NONE, count_tick, fixed, significant};

const HEADINGS: [&str; 8] = [
    "Rule",
    "Width",
    "Budget",
    "Probes per example",
    "Test accuracy (%)",
    "Less BP",
    "Less VNC",
    "Cosine to BP",
];

/// Every rule at every budget, those it cannot have among them.
pub(super) fn budgets(results: &Results) -> Table {
    let mut rows = Vec::new();
    for (index, condition) in results.conditions.iter().enumerate() {
        let own = results.over_probes(condition);
        let mut cells: Vec<(f64, Vec<String>)> =
            own.iter().map(|row| (row.budget.unwrap_or(0.0), cells(row))).collect();
        for missing in results.impossible.iter().filter(|missing| missing.condition == index) {
            // The reasons are in the sentences beside the table.
            let words = "not possible".to_owned();
            let mut row = vec![condition.label.clone(), "×1".to_owned(), count_tick(missing.budget), words];
            row.resize(HEADINGS.len(), String::new());
            cells.push((missing.budget, row));
        }
        cells.sort_by(|a, b| a.0.total_cmp(&b.0));
        rows.extend(cells.into_iter().map(|(_, row)| row));
    }
    Table { headings: HEADINGS.to_vec(), rows }
}

/// Every rule at every width, at one budget.
pub(super) fn widths(results: &Results) -> Table {
    let rows = results.conditions.iter().flat_map(|condition| results.over_widths(condition)).map(cells);
    Table { headings: HEADINGS.to_vec(), rows: rows.collect() }
}

/// Both, less the rows that both have.
pub(super) fn joined(budgets: Table, widths: Table) -> Table {
    let mut rows = budgets.rows;
    let others: Vec<Vec<String>> = widths.rows.into_iter().filter(|row| !rows.contains(row)).collect();
    rows.extend(others);
    Table { headings: budgets.headings, rows }
}

fn cells(row: &Row) -> Vec<String> {
    let difference = |value: Option<Interval>| with_half(value, 1);
    let cosines: Vec<String> = row.cosines.iter().map(|c| fixed(c.mean, 2)).collect();
    vec![
        row.label.clone(),
        format!("×{}", row.scale),
        row.budget.map_or_else(|| NONE.to_owned(), count_tick),
        significant(row.probes_per_example.mean, 3),
        with_sem(Some(row.accuracy), 1),
        difference(row.less_backprop),
        difference(row.less_vanilla),
        if cosines.is_empty() { NONE.to_owned() } else { cosines.join(" / ") },
    ]
}

/// One line a rule, budget and width, and one for each budget that a rule cannot have.
pub(super) fn csv(results: &Results) -> String {
    let mut out = "condition,rule,scale,budget,possible,seeds,probes_per_example,accuracy,accuracy_sem,accuracy_half_interval,\
                   less_backprop,less_backprop_half_interval,less_vanilla,less_vanilla_half_interval,seconds\n"
        .to_owned();
    let mean = |i: Option<Interval>| cell(i.map(|i| i.mean));
    let half = |i: Option<Interval>| cell(i.and_then(|i| i.half));
    for row in &results.rows {
        let accuracy = Some(row.accuracy);
        let cells = [
            row.condition.clone(),
            row.rule.clone(),
            row.scale.to_string(),
            cell(row.budget),
            "true".to_owned(),
            row.accuracy.n.to_string(),
            row.probes_per_example.mean.to_string(),
            mean(accuracy),
            cell(row.accuracy.sem),
            half(accuracy),
            mean(row.less_backprop),
            half(row.less_backprop),
            mean(row.less_vanilla),
            half(row.less_vanilla),
            row.seconds.to_string(),
        ];
        out += &(cells.join(",") + "\n");
    }
    for missing in results.impossible {
        let condition = &results.conditions[missing.condition];
        let _ = writeln!(out, "{},{},1,{},false,0,,,,,,,,,", condition.name, condition.rule, missing.budget);
    }
    out
}

/// One line a run.
pub(super) fn runs_csv(results: &Results) -> String {
    let mut out = "condition,scale,budget,seed,probes_per_example,accuracy,seconds,cosines\n".to_owned();
    for (of, runs) in &results.cells {
        let condition = &results.conditions[of.condition].name;
        for (seed, run) in runs {
            let cosines: Vec<String> = run.cosines.iter().map(f64::to_string).collect();
            let _ = writeln!(
                out,
                "{condition},{},{},{seed},{},{},{},{}",
                of.scale,
                cell(of.budget),
                run.probes_per_example,
                100.0 * run.accuracy,
                run.seconds,
                cosines.join(" ")
            );
        }
    }
    out
}

pub(super) fn json(results: &Results) -> Value {
    serde_json::to_value(&results.rows).expect("numbers are representable in JSON")
}

pub(super) fn impossible_json(results: &Results) -> Vec<Value> {
    let entry = |missing: &super::results::Impossible| {
        let condition = &results.conditions[missing.condition].name;
        json!({ "condition": condition, "budget": missing.budget, "reason": missing.reason })
    };
    results.impossible.iter().map(entry).collect()
}
