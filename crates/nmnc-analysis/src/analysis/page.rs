//! The HTML page of an analysis.

use std::fmt::Write as _;

use super::figures::figures;
use super::result::Analysis;
use super::tables::{energies, summary};
use nmnc_report::Page;
use nmnc_report::text::plural;

/// One self-contained page. `command` is the command line that made the analysis.
pub fn page(analysis: &Analysis, command: &str) -> String {
    let settings = &analysis.settings;
    let samples = analysis.stages.first().map_or(0, |s| s.dimensions.samples);
    let mut setup = vec![("Samples", samples.to_string())];
    if let Some(a) = analysis.stages.iter().find_map(|s| s.alignment.as_ref()) {
        setup.push(("Jacobians", format!("{} of {} outputs", a.examples, a.outputs)));
        let centered = if settings.centered { "mean over outputs removed" } else { "as they are" };
        setup.push(("Jacobian rows", centered.to_owned()));
        if analysis.stages.iter().any(|s| !s.probes.is_empty()) {
            let text = format!(
                "up to {}, {} repetitions, d = {}, noise {} of the activity’s norm",
                settings.probes,
                settings.repetitions,
                settings.headline(settings.curve),
                settings.sigma
            );
            setup.push(("Probes", text));
        }
    }
    setup.push(("Seed", settings.seed.0.to_string()));
    setup.push(("Version", format!("nmnc {}", analysis.version)));
    let dimension = format!(
        "Components that explain 90, 95 and 99 % of the variance. PR: participation ratio (Σλ)² / Σλ², plain and corrected for the \
         number of samples (ratio of unbiased estimates of (tr C)² and tr C²). TwoNN and MLE (k = {}): intrinsic dimension from nearest \
         neighbors, ± half the 95 % interval by the delete-half jackknife. Rank J: exp of the entropy of the singular values, of the \
         mean Jacobian and averaged over examples.",
        settings.neighbors
    );
    Page::new(format!("Analysis of {}", analysis.subject))
        .sentences(&[lead(analysis)])
        .setup(setup)
        .notices("To note", &analysis.warnings)
        .table("Dimension", &summary(analysis), &dimension)
        .table(
            "Alignment",
            &energies(analysis),
            "α: energy of the Jacobian on the top d principal axes. Margin: α of the mean Jacobian less d/n. Untrained and shuffled: the \
             controls. Break-even K: number of probes below which noise on the manifold estimates an example’s Jacobian better than \
             isotropic noise, where α = (K + d + 1) / (K + n + 1).",
        )
        .figures("", &figures(analysis))
        .command(command)
        .html()
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
