//! The folder of an analysis of states.

use std::fmt::Write as _;
use std::path::Path;

use super::StateAnalysis;
use super::figures::figures;
use nmnc_core::error::Result;
use nmnc_core::files::replace_folder;
use nmnc_report::text::{NONE, escape, fixed};
use nmnc_report::{Table, document, grid};

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

fn number<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}

fn dimension_csv(found: &StateAnalysis) -> String {
    let mut out = "ms,trials,variance,participation,components90\n".to_owned();
    for m in &found.over_time {
        let (ratio, count) = (number(m.participation), number(m.components));
        let _ = writeln!(out, "{},{},{},{ratio},{count}", m.ms, m.trials, m.variance);
    }
    out
}

fn lags_csv(found: &StateAnalysis) -> String {
    let mut out = "lag,ms,alpha,untrained,chance,share\n".to_owned();
    for l in &found.lags {
        let (alpha, before) = (number(l.alpha), number(l.untrained));
        let _ = writeln!(out, "{},{},{alpha},{before},{},{}", l.lag, l.ms, found.chance(), l.share);
    }
    out
}

fn curves_csv(found: &StateAnalysis) -> String {
    let mut out = "condition,trials,ms,pc1,pc2,pc3\n".to_owned();
    for curve in &found.curves {
        for (ms, [a, b, c]) in curve.ms.iter().zip(&curve.points) {
            let name = curve.condition.replace('"', "\"\"");
            let _ = writeln!(out, "\"{name}\",{},{ms},{a},{b},{c}", curve.trials);
        }
    }
    out
}

fn table(found: &StateAnalysis) -> Table {
    let cell = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), |v| fixed(v, 3));
    let row = |l: &super::LagAlpha| {
        vec![l.lag.to_string(), fixed(l.ms, 0), cell(l.alpha), cell(l.untrained), fixed(l.share, 3)]
    };
    Table {
        headings: vec!["Lag", "ms", "Captured energy", "Untrained", "Share of energy"],
        rows: found.lags.iter().map(row).collect(),
    }
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
    let title = format!("States of {}", found.subject);
    let mut out = document::open(&title);
    let _ = writeln!(
        out,
        "<header>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<dl class=\"setup\">",
        escape(&title),
        escape(&lead(found))
    );
    let setup = [
        ("Task", found.task.clone()),
        ("Units", found.units.to_string()),
        ("Trials", format!("{} of the evaluation split, without noise of the state", found.trials)),
        ("Version", format!("nmnc {}", env!("CARGO_PKG_VERSION"))),
    ];
    for (name, text) in setup {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&text));
    }
    out.push_str("</dl>\n</header>\n");
    document::notice(&mut out, &found.warnings);
    grid::write(&mut out, &figures(found));
    let table = table(found);
    out.push_str("<section>\n<h2>Numbers</h2>\n");
    document::table(&mut out, "By lag", &table.headings, &table.rows);
    let _ = write!(
        out,
        "</section>\n<section>\n<h2>How to reproduce</h2>\n<pre tabindex=\"0\">{}</pre>\n</section>\n",
        escape(command)
    );
    out.push_str(document::CLOSE);
    out
}
