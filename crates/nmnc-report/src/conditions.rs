//! How conditions of a task were answered.

use super::aggregate::Group;
use super::table::Table;
use super::text::plus_minus;
use nmnc_core::records::{ConditionRecord, RunRecords};
use nmnc_core::statistics::mean_sem;

/// The most rows that a reader is shown.
const MOST_ROWS: usize = 256;

/// What stands below the table.
pub const CONDITIONS_NOTE: &str =
    "Of the last evaluation, mean ± s.e.m. over the seeds of complete runs; trials are those of one seed.";

fn last(run: &RunRecords) -> &[ConditionRecord] {
    run.records.iter().rev().map(|r| r.conditions.as_slice()).find(|c| !c.is_empty()).unwrap_or_default()
}

/// A row for each rule and condition; none where runs tell of none, or of too many.
pub fn by_condition(groups: &[Group<'_>]) -> Table {
    let mut table = Table::of(
        Vec::<[String; 4]>::new(),
        &[
            ("Condition", &|r| r[0].clone()),
            ("Rule", &|r| r[1].clone()),
            ("Trials", &|r| r[2].clone()),
            ("Accuracy (%)", &|r| r[3].clone()),
        ],
    );
    for group in groups {
        let Some(first) = group.complete.first() else { continue };
        // What values are off by is no accuracy.
        if super::aggregate::final_error(first).is_some() {
            continue;
        }
        for named in last(first) {
            let of = |run: &&RunRecords| {
                let found = last(run).iter().find(|own| own.condition == named.condition)?;
                Some(100.0 * found.accuracy)
            };
            let Some(accuracy) = mean_sem(group.complete.iter().filter_map(of)) else { continue };
            table.rows.push(vec![
                named.condition.clone(),
                group.label.clone(),
                named.trials.to_string(),
                plus_minus(&accuracy, 1),
            ]);
        }
    }
    if table.rows.len() > MOST_ROWS {
        table.rows.clear();
    }
    table
}
