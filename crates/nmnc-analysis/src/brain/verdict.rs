//! What came out, in a sentence: which differences there are. All of them stand in the table of contrasts.

use super::contrasts::Contrast;
use super::scores::{Scores, TargetScores};
use nmnc_report::text::{fixed, list, plural};

/// Differences that are told one by one.
const MOST: usize = 4;

/// How many of the differences at the chosen stages are shown, and the largest of these.
pub fn verdict(scores: &Scores) -> Vec<String> {
    let chosen: Vec<(&TargetScores, &Contrast)> = scores
        .targets
        .iter()
        .flat_map(|target| target.contrasts.iter().map(move |contrast| (target, contrast)))
        .filter(|(_, contrast)| contrast.stage.is_none())
        .collect();
    let Some((_, first)) = chosen.first() else {
        let networks = plural(scores.conditions.len(), "kind of network");
        return vec![format!(
            "{networks}, no pair of them to compare: similarities stand below, beside controls."
        )];
    };
    let mut shown: Vec<&(&TargetScores, &Contrast)> = chosen.iter().filter(|(_, c)| c.shown()).collect();
    shown.sort_by(|a, b| b.1.seeds.mean.abs().total_cmp(&a.1.seeds.mean.abs()));
    let seeds = chosen.iter().map(|(_, c)| c.seeds.n).max().unwrap_or(first.seeds.n);
    let of = format!(
        "differences between conditions at the chosen stages, with {} and corrected for their number",
        plural(seeds, "seed")
    );
    if shown.is_empty() {
        return vec![format!("No difference shown: none of {} {of}.", chosen.len())];
    }
    let one = |(target, c): &&(&TargetScores, &Contrast)| {
        let (a, b) = (label(scores, &c.condition), label(scores, &c.less));
        format!("{a} less {b} {} with {}", fixed(c.seeds.mean, 3), target.target)
    };
    let told = list(&shown.iter().take(MOST).map(one).collect::<Vec<_>>());
    let largest = if shown.len() > MOST { "the largest: " } else { "" };
    vec![format!("Shown: {} of {} {of} ({largest}{told}).", shown.len(), chosen.len())]
}

/// What a condition is called.
pub(super) fn label<'a>(scores: &'a Scores, name: &'a str) -> &'a str {
    scores.conditions.iter().find(|c| c.name == name).map_or(name, |c| c.label.as_str())
}
