//! The HTML page.

use std::fmt::Write as _;

use super::benchmark::Benchmark;
use super::figures;
use super::scores::{Network, Scores};
use super::tables::{differences, predictivity, summary};
use super::verdict::verdict;
use nmnc_report::document;
use nmnc_report::text::{escape, grouped};

/// One self-contained page. `setup` is what else to say of how the networks came about; `command` the command line that made it.
pub fn page(
    scores: &Scores,
    benchmark: &Benchmark,
    networks: &[Network],
    setup: &[(&str, String)],
    command: &str,
) -> String {
    let title = format!("Networks and brains: {}", benchmark.name);
    let mut out = document::open(&title);
    let sentences = verdict(scores);
    let _ = writeln!(out, "<header>\n<h1>{}</h1>", escape(&title));
    if let Some((first, rest)) = sentences.split_first() {
        let _ = writeln!(out, "<p class=\"lead\">{}</p>", escape(first));
        let items: String = rest.iter().map(|text| format!("<li>{}</li>\n", escape(text))).collect();
        let _ = writeln!(out, "<ul>\n{items}</ul>");
    }
    let settings = &scores.settings;
    let mut own = vec![
        ("Benchmark", benchmark.description.clone()),
        ("Citation", benchmark.citation.clone()),
        ("Stimuli", format!("{}; stages chosen by {}", scores.stimuli, scores.selection.len())),
        ("Dissimilarity", settings.distance.name().to_owned()),
        ("Similarity", settings.comparison.title().to_owned()),
        (
            "Intervals",
            format!("{} draws, seed {}", grouped(settings.bootstrap.draws as u64), settings.bootstrap.seed.0),
        ),
        ("Networks", networks.len().to_string()),
    ];
    own.extend(setup.iter().cloned());
    own.push(("Version", format!("nmnc {}", env!("CARGO_PKG_VERSION"))));
    out.push_str("<dl class=\"setup\">\n");
    for (name, text) in own.iter().filter(|(_, text)| !text.is_empty()) {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(text));
    }
    out.push_str("</dl>\n</header>\n");
    document::notice(&mut out, &scores.warnings);
    figures::write(&mut out, scores, benchmark, networks);
    let tables = [
        (
            "Similarity",
            summary(scores),
            "Mean ± s.e.m. over seeds. Chosen stage: the stage most similar over one half of the stimuli, scored over the other half; \
             of the ceiling: as a share of its lower end. Stages: over all stimuli.",
        ),
        (
            "Predictivity",
            predictivity(scores),
            "How well a regression from a stage’s activity predicts recorded units on held-out stimuli: r |r| / ceiling with the median \
             over units of Pearson’s r and of split-half reliability (Spearman-Brown), r |r| without repetitions. Mean ± s.e.m. over \
             seeds. Chosen stage: by one half of the stimuli, scored over the other, fitted and tested within each; stages: over all.",
        ),
        (
            "Differences",
            differences(scores),
            "Networks of one seed are subtracted; 95 % intervals over seeds (Student’s t) and over stimuli drawn anew (the same draw for \
             both). p: the larger of the two two-sided probabilities, so that a small one holds for other seeds and other stimuli. Holm: \
             corrected for all differences of the target at the chosen stages, or at given stages.",
        ),
    ];
    for (name, table, note) in tables {
        if table.rows.is_empty() {
            continue;
        }
        let _ = writeln!(out, "<section>\n<h2>{name}</h2>");
        document::table(&mut out, name, &table.headings, &table.rows);
        let _ = writeln!(out, "<p class=\"small\">{}</p>\n</section>", escape(note));
    }
    let _ = write!(
        out,
        "<section>\n<h2>How to reproduce</h2>\n<pre tabindex=\"0\">{}</pre>\n</section>\n",
        escape(command)
    );
    out.push_str(document::CLOSE);
    out
}
