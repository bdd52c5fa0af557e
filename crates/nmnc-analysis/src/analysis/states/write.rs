//! The folder of an analysis of states.

use std::path::Path;

use serde::Serialize;

use super::figures::figures;
use super::{LagAlpha, StateAnalysis};
use nmnc_core::error::Result;
use nmnc_core::files::replace_folder;
use nmnc_report::text::{NONE, fixed};
use nmnc_report::{Number, Page, Table, csv};

/// Writes `states.json`, `dimension.csv`, `lags.csv`, `curves.csv` and `report.html` to `folder`, whole or not at all.
///
/// # Errors
/// If the file system refuses, or `folder` holds something else.
pub fn write_states(folder: &Path, found: &StateAnalysis, command: &str) -> Result<()> {
    let json = serde_json::to_string_pretty(found).expect("numbers are representable in JSON") + "\n";
    let files = [
        ("states.json", json),
        ("dimension.csv", dimension_csv(found)),
        ("lags.csv", lags_csv(found)),
        ("curves.csv", curves_csv(found)),
        ("report.html", page(found, command)),
    ];
    let files: Vec<(String, Vec<u8>)> =
        files.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect();
    let known = ["states.json", "dimension.csv", "lags.csv", "curves.csv", "report.html"];
    replace_folder(folder, &files, &known, "an analysis of states")
}

/// `dimension.csv`.
#[derive(Default, Serialize)]
struct MomentRow {
    ms: Number,
    trials: usize,
    variance: Number,
    participation: Number,
    components90: Option<usize>,
}

fn dimension_csv(found: &StateAnalysis) -> String {
    csv(found.over_time.iter().map(|m| MomentRow {
        ms: m.ms.into(),
        trials: m.trials,
        variance: m.variance.into(),
        participation: m.participation.into(),
        components90: m.components,
    }))
}

/// `lags.csv`.
#[derive(Default, Serialize)]
struct LagRow {
    lag: usize,
    ms: Number,
    alpha: Number,
    untrained: Number,
    chance: Number,
    share: Number,
}

fn lags_csv(found: &StateAnalysis) -> String {
    csv(found.lags.iter().map(|l| LagRow {
        lag: l.lag,
        ms: l.ms.into(),
        alpha: l.alpha.into(),
        untrained: l.untrained.into(),
        chance: found.chance().into(),
        share: l.share.into(),
    }))
}

/// `curves.csv`.
#[derive(Default, Serialize)]
struct CurveRow<'a> {
    condition: &'a str,
    trials: usize,
    ms: Number,
    pc1: Number,
    pc2: Number,
    pc3: Number,
}

fn curves_csv(found: &StateAnalysis) -> String {
    csv(found.curves.iter().flat_map(|curve| {
        curve.ms.iter().zip(&curve.points).map(|(&ms, &[a, b, c])| CurveRow {
            condition: &curve.condition,
            trials: curve.trials,
            ms: ms.into(),
            pc1: a.into(),
            pc2: b.into(),
            pc3: c.into(),
        })
    }))
}

fn table(found: &StateAnalysis) -> Table {
    let cell = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), |v| fixed(v, 3));
    Table::of(
        &found.lags,
        &[
            ("Lag", &|l: &&LagAlpha| l.lag.to_string()),
            ("ms", &|l| fixed(l.ms, 0)),
            ("Captured energy", &|l| cell(l.alpha)),
            ("Untrained", &|l| cell(l.untrained)),
            ("Share of energy", &|l| fixed(l.share, 3)),
        ],
    )
}

/// The numbers by lag, for the terminal.
pub fn states_table(found: &StateAnalysis) -> String {
    format!("{}\n{}", lead(found), table(found).text())
}

fn lead(found: &StateAnalysis) -> String {
    let cell = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |v| fixed(v, 3));
    let dims: Vec<f64> = found.over_time.iter().filter_map(|m| m.participation).collect();
    let span = dims.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), d| (low.min(*d), high.max(*d)));
    let dimension = match dims.is_empty() {
        true => "States do not vary over trials".to_owned(),
        false => format!(
            "The participation ratio of states over trials goes from {} to {} over trial time",
            fixed(span.0, 1),
            fixed(span.1, 1)
        ),
    };
    format!(
        "{dimension}; the captured energy of lagged Jacobians on {} components is {} over all lags, {} before training, {} by chance.",
        found.dimension,
        cell(found.pooled[0]),
        cell(found.pooled[1]),
        fixed(found.chance(), 3)
    )
}

fn page(found: &StateAnalysis, command: &str) -> String {
    Page::new(format!("States of {}", found.subject))
        .sentences(&[lead(found)])
        .setup([
            ("Task", found.task.clone()),
            ("Units", found.units.to_string()),
            ("Trials", format!("{} of the evaluation split, without noise of the state", found.trials)),
            ("Version", format!("nmnc {}", env!("CARGO_PKG_VERSION"))),
        ])
        .notices("To note", &found.warnings)
        .figures("", &figures(found))
        .table("Numbers", &table(found), "")
        .command(command)
        .html()
}
