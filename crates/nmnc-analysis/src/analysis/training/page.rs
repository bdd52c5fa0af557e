//! The HTML page of a run over its training.

use std::fmt::Write as _;

use super::figures::figures;
use super::tables::table;
use super::{OverTraining, RunMoment};
use nmnc_report::Page;

/// One self-contained page.
pub(super) fn page(found: &OverTraining, command: &str) -> String {
    let optimizer = toml::to_string(&found.optimizer).unwrap_or_default().trim().replace('\n', ", ");
    let settings = &found.settings;
    Page::new(format!("{} over training", found.subject))
        .sentences(&[lead(found)])
        .setup([
            ("Rule", format!("{}, seed {}", found.rule, found.seed)),
            ("Optimizer", optimizer),
            ("Samples", format!("{}, Jacobians of {} of them", settings.examples, settings.jacobians)),
            ("Version", format!("nmnc {}", found.version)),
        ])
        .notices("To note", &found.warnings)
        .figures("", &figures(found))
        .table("Numbers", &table(found), "")
        .command(command)
        .html()
}

/// What came out, in words.
fn lead(found: &OverTraining) -> String {
    let [first, .., last] = &found.moments[..] else { return "Only one moment was kept.".to_owned() };
    let mut text = format!("{} moments from step 0 to step {}.", found.moments.len(), last.step);
    for (at, stage) in last.stages.iter().enumerate() {
        let alpha = |m: &RunMoment| {
            m.stages[at]
                .table
                .iter()
                .min_by_key(|row| row.dimension.abs_diff(64))
                .map(|row| row.mean_jacobian)
        };
        let row = stage.table.iter().min_by_key(|row| row.dimension.abs_diff(64));
        if let (Some(before), Some(after), Some(row)) = (alpha(first), alpha(last), row) {
            let _ = write!(
                text,
                " Stage {}: α at d = {} goes from {before:.3} to {after:.3} (chance {:.3}).",
                stage.stage, row.dimension, row.chance
            );
        }
    }
    text
}
