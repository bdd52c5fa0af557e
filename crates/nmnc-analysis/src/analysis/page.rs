//! The HTML page of an analysis.

use std::fmt::Write as _;

use super::figures::figures;
use super::result::Analysis;
use super::tables::{energies, summary};
use nmnc_report::text::{escape, plural};
use nmnc_report::{document, grid};

/// One self-contained page. `command` is the command line that made the analysis.
pub fn page(analysis: &Analysis, command: &str) -> String {
    let title = format!("Analysis of {}", analysis.subject);
    let mut out = document::open(&title);
    let settings = &analysis.settings;
    let samples = analysis.stages.first().map_or(0, |s| s.dimensions.samples);
    let _ = write!(
        out,
        "<header>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n",
        escape(&title),
        escape(&lead(analysis))
    );
    out.push_str("<dl class=\"setup\">\n");
    let probes = settings.headline(settings.curve);
    let mut setup = vec![("Samples", samples.to_string())];
    if let Some(a) = analysis.stages.iter().find_map(|s| s.alignment.as_ref()) {
        setup.push(("Jacobians", format!("{} of {} outputs", a.examples, a.outputs)));
        let centered = if settings.centered { "mean over outputs removed" } else { "as they are" };
        setup.push(("Jacobian rows", centered.to_owned()));
        if analysis.stages.iter().any(|s| !s.probes.is_empty()) {
            let text = format!(
                "up to {}, {} repetitions, d = {probes}, noise {} of the activity’s norm",
                settings.probes, settings.repetitions, settings.sigma
            );
            setup.push(("Probes", text));
        }
    }
    setup.push(("Seed", settings.seed.0.to_string()));
    setup.push(("Version", format!("nmnc {}", analysis.version)));
    for (name, text) in setup {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&text));
    }
    out.push_str("</dl>\n</header>\n");
    document::notice(&mut out, &analysis.warnings);
    let (headings, rows) = summary(analysis);
    out.push_str("<section>\n<h2>Dimension</h2>\n");
    document::table(&mut out, "Dimension", &headings, &rows);
    let k = settings.neighbors;
    let _ = writeln!(
        out,
        "<p class=\"small\">Components that explain 90, 95 and 99 % of the variance. PR: participation ratio (Σλ)² / Σλ², plain and \
         corrected for the number of samples (ratio of unbiased estimates of (tr C)² and tr C²). TwoNN and MLE (k = {k}): \
         intrinsic dimension from nearest neighbors, ± half the 95 % interval by the delete-half jackknife. Rank J: exp of the \
         entropy of the singular values, of the mean Jacobian and averaged over examples.</p>\n</section>"
    );
    let (headings, rows) = energies(analysis);
    if !rows.is_empty() {
        out.push_str("<section>\n<h2>Alignment</h2>\n");
        document::table(&mut out, "Alignment", &headings, &rows);
        out.push_str(
            "<p class=\"small\">α: energy of the Jacobian on the top d principal axes. Margin: α of the mean Jacobian less d/n. \
             Untrained and shuffled: the controls. Break-even K: number of probes below which noise on the manifold \
             estimates an example’s Jacobian better than isotropic noise, where α = (K + d + 1) / (K + n + 1).</p>\n</section>\n",
        );
    }
    grid::write(&mut out, &figures(analysis));
    let _ = write!(
        out,
        "<section>\n<h2>How to reproduce</h2>\n<pre tabindex=\"0\">{}</pre>\n</section>\n",
        escape(command)
    );
    out.push_str(document::CLOSE);
    out
}

/// What came out, in words.
fn lead(analysis: &Analysis) -> String {
    let mut text = format!("{} analyzed.", plural(analysis.stages.len(), "stage"));
    for stage in &analysis.stages {
        let Some(a) = &stage.alignment else { continue };
        let nearest = a.table.iter().min_by_key(|row| row.dimension.abs_diff(64));
        let Some(row) = nearest else { continue };
        let untrained =
            row.untrained.map_or_else(String::new, |alpha| format!(", {alpha:.2} before training"));
        let _ = write!(
            text,
            " Stage {}: {} of {} dimensions hold {:.2} of the mean Jacobian’s energy (chance {:.3}{untrained}).",
            stage.stage, row.dimension, stage.units, row.mean_jacobian, row.chance
        );
    }
    text
}
