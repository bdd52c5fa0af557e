//! The HTML page.

use super::benchmark::Benchmark;
use super::figures::{figures, undrawn};
use super::network::NetworkRdms;
use super::power::{power_note, power_table};
use super::scores::Scores;
use super::tables::{OF_CEILING, contrasts, differences, predictivity, summary};
use super::verdict::verdict;
use nmnc_report::Page;
use nmnc_report::text::grouped;

/// One self-contained page. `setup` is what else to say of how the networks came about; `command` the command line that made it.
pub fn page(
    scores: &Scores,
    benchmark: &Benchmark,
    networks: &[NetworkRdms],
    setup: &[(&str, String)],
    command: &str,
) -> String {
    let settings = &scores.settings;
    let bootstrap = &settings.bootstrap;
    let mut own = vec![
        ("Benchmark", benchmark.description.clone()),
        ("Citation", benchmark.citation.clone()),
        ("Stimuli", format!("{}; stages chosen by {}", scores.stimuli, scores.selection.len())),
        ("Dissimilarity", settings.distance.name().to_owned()),
        ("Similarity", settings.comparison.title().to_owned()),
        ("Intervals", format!("{} draws, seed {}", grouped(bootstrap.draws as u64), bootstrap.seed.0)),
        ("Networks", networks.len().to_string()),
    ];
    own.extend(setup.iter().cloned());
    own.push(("Version", format!("nmnc {}", env!("CARGO_PKG_VERSION"))));
    let similarities = summary(scores);
    let ceiling = if similarities.headings.contains(&OF_CEILING) {
        "; of the ceiling: as a share of its lower end, where that is above 0"
    } else {
        ""
    };
    let notes: Vec<String> = scores.warnings.iter().cloned().chain(undrawn(benchmark)).collect();
    let page = Page::new(format!("Networks and brains: {}", benchmark.name))
        .sentences(&verdict(scores))
        .setup(own)
        .notices("To note", &notes)
        .table(
            "Contrasts",
            &contrasts(scores),
            "Similarity of one condition less that of another, networks of one seed subtracted, each at its chosen stage. Shown: at 5 %, for \
             other seeds and other stimuli, corrected by Holm for all contrasts of the target. Seeds for this size: with which a paired t test \
             shows a difference of the size and spread found in four of five experiments.",
        )
        .figures("", &figures(scores, benchmark, networks))
        .table(
            "Similarity",
            &similarities,
            &format!(
                "Mean ± s.e.m. over seeds. Chosen stage: the stage most similar over one half of the stimuli, scored over the other \
                 half{ceiling}. Stages: over all stimuli."
            ),
        )
        .table(
            "Predictivity",
            &predictivity(scores),
            "How well a regression from a stage’s activity predicts recorded units on held-out stimuli: r |r| / ceiling with the median \
             over units of Pearson’s r and of split-half reliability (Spearman-Brown), r |r| without repetitions. Mean ± s.e.m. over \
             seeds. Chosen stage: by one half of the stimuli, scored over the other, fitted and tested within each; stages: over all.",
        )
        .table(
            "Differences",
            &differences(scores),
            "Networks of one seed are subtracted; 95 % intervals over seeds (Student’s t) and over stimuli drawn anew (the same draw for \
             both). p: the larger of the two two-sided probabilities, so that a small one holds for other seeds and other stimuli. Holm: \
             corrected for all differences of the target at the chosen stages, or at given stages.",
        );
    let page = match settings.power {
        Some(size) => page.table("Power", &power_table(scores, size, |_| true), &power_note(size)),
        None => page,
    };
    page.command(command).html()
}
