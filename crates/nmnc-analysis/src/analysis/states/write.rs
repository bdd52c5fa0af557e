//! The folder of an analysis of states.

use std::path::Path;

use serde::Serialize;

use super::figures::figures;
use super::{ConditionAccuracy, LagAlpha, StateAnalysis, StateArrays};
use crate::analysis::write::Format;
use nmnc_core::error::{Error, Result};
use nmnc_core::files::replace_folder;
use nmnc_data::NpzWriter;
use nmnc_data::tasks::put_trials;
use nmnc_report::text::{NONE, fixed};
use nmnc_report::{Number, Page, Table, csv};

/// What the folder may hold.
const FILES: [&str; 7] =
    ["states.json", "dimension.csv", "lags.csv", "curves.csv", "conditions.csv", "arrays.npz", "report.html"];

/// Writes to `folder`, whole or not at all and in the given formats: `states.json`; `dimension.csv`, `lags.csv`, `curves.csv` and
/// `conditions.csv`; `arrays.npz` (an archive of trials, with `states`, `network_outputs`, `correct` and `components` beside them); and
/// `report.html`.
///
/// # Errors
/// If the file system refuses, or `folder` holds something else.
pub fn write_states(
    folder: &Path,
    found: &StateAnalysis,
    arrays: &StateArrays,
    formats: &[Format],
    command: &str,
) -> Result<()> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>| files.push((name.to_owned(), bytes));
    for format in formats {
        match format {
            Format::Json => {
                let json = serde_json::to_string_pretty(found).expect("numbers are representable in JSON");
                add("states.json", (json + "\n").into_bytes());
            }
            Format::Csv => {
                add("dimension.csv", dimension_csv(found).into_bytes());
                add("lags.csv", lags_csv(found).into_bytes());
                add("curves.csv", curves_csv(found).into_bytes());
                add("conditions.csv", csv(found.conditions.iter().cloned()).into_bytes());
            }
            Format::Npz => {
                let bytes = npz(found, arrays).map_err(|e| Error::io(folder, "write", e))?;
                add("arrays.npz", bytes);
            }
            Format::Html => add("report.html", page(found, command).into_bytes()),
        }
    }
    replace_folder(folder, &files, &FILES, "an analysis of states")
}

fn npz(found: &StateAnalysis, arrays: &StateArrays) -> std::io::Result<Vec<u8>> {
    let StateArrays { trials, states, output, correct, components } = arrays;
    let [steps, size] = [trials.steps, trials.size()];
    let mut writer = NpzWriter::new();
    put_trials(&mut writer, trials)?;
    writer.put("states", &[steps, size, found.units], states)?;
    writer.put("network_outputs", &[steps, size, trials.outputs], output)?;
    writer.put("correct", &[size], correct)?;
    writer.put("components", &[found.dimension, found.units], components)?;
    writer.finish()
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

fn conditions(found: &StateAnalysis) -> Table {
    let percent = |value: f64| fixed(100.0 * value, 1);
    let values = found.conditions.iter().any(|c| c.answer_error.is_some());
    let judged: (&'static str, &dyn Fn(&&ConditionAccuracy) -> String) = match values {
        true => ("Error (r.m.s.)", &|c| c.answer_error.map_or_else(|| NONE.to_owned(), |e| fixed(e, 4))),
        false => ("Accuracy (%)", &|c| percent(c.accuracy)),
    };
    Table::of(
        &found.conditions,
        &[
            ("Condition", &|c: &&ConditionAccuracy| c.condition.clone()),
            ("Trials", &|c| c.trials.to_string()),
            judged,
            ("Misses (%)", &|c| percent(c.misses)),
            ("Fixation breaks (%)", &|c| percent(c.fixation_breaks)),
        ],
    )
}

/// The numbers by condition and by lag, for the terminal.
pub fn states_table(found: &StateAnalysis) -> String {
    format!("{}\n{}\n{}", lead(found), conditions(found).text(), table(found).text())
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
        .table("Accuracy by condition", &conditions(found), "")
        .table("Numbers", &table(found), "")
        .command(command)
        .html()
}
