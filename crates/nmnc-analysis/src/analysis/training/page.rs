//! The HTML page of a run over its training.

use std::fmt::Write as _;

use super::figures::figures;
use super::tables::table;
use super::{Moment, OverTraining};
use nmnc_report::text::escape;
use nmnc_report::{document, grid};

/// One self-contained page.
pub(super) fn page(found: &OverTraining, command: &str) -> String {
    let title = format!("{} over training", found.subject);
    let mut out = document::open(&title);
    let _ = writeln!(
        out,
        "<header>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<dl class=\"setup\">",
        escape(&title),
        escape(&lead(found))
    );
    let optimizer = toml::to_string(&found.optimizer).unwrap_or_default().trim().replace('\n', ", ");
    let settings = &found.settings;
    let setup = [
        ("Rule", format!("{}, seed {}", found.rule, found.seed)),
        ("Optimizer", optimizer),
        ("Samples", format!("{}, Jacobians of {} of them", settings.examples, settings.jacobians)),
        ("Version", format!("nmnc {}", found.version)),
    ];
    for (name, text) in setup {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&text));
    }
    out.push_str("</dl>\n</header>\n");
    document::notice(&mut out, &found.warnings);
    grid::write(&mut out, &figures(found));
    let (headings, rows) = table(found);
    out.push_str("<section>\n<h2>Numbers</h2>\n");
    document::table(&mut out, "Over training", &headings, &rows);
    let _ = write!(
        out,
        "</section>\n<section>\n<h2>How to reproduce</h2>\n<pre tabindex=\"0\">{}</pre>\n</section>\n",
        escape(command)
    );
    out.push_str(document::CLOSE);
    out
}

/// What came out, in words.
fn lead(found: &OverTraining) -> String {
    let [first, .., last] = &found.moments[..] else { return "Only one moment was kept.".to_owned() };
    let mut text = format!("{} moments from step 0 to step {}.", found.moments.len(), last.step);
    for (at, stage) in last.stages.iter().enumerate() {
        let alpha = |m: &Moment| {
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
