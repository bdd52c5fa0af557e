//! The summary in words, computed from the numbers.

use super::aggregate::{Group, final_accuracy, final_error, probes};
use super::differences;
use super::overview::state;
use super::setup::data_set;
use super::text::{count, fixed, list, plural, plus_minus, rule_name, shortened};
use nmnc_core::records::{RunRecords, Status};
use nmnc_core::statistics::{MeanSem, mean_sem};

/// Groups with complete runs and their final test accuracy in %, from the best on.
pub fn ranked<'g, 'a>(groups: &'g [Group<'a>]) -> Vec<(&'g Group<'a>, MeanSem)> {
    let accuracy = |g: &'g Group<'a>| {
        Some((g, mean_sem(g.complete.iter().filter_map(|r| final_accuracy(r)).map(|a| 100.0 * a))?))
    };
    let mut ranked: Vec<_> = groups.iter().filter_map(accuracy).collect();
    ranked.sort_by(|a, b| b.1.mean.total_cmp(&a.1.mean));
    ranked
}

/// What came out of runs on one data set or task, in a few sentences; `place` is its name where there are several.
pub fn sentences(groups: &[Group<'_>], runs: &[&RunRecords], place: &str) -> Vec<String> {
    let ranked = ranked(groups);
    let mut sentences = Vec::new();
    let mut explained = false;
    // A sweep has too many settings for a sentence; its best ones and the range of the others say the most.
    let named = if ranked.len() > 5 { 3 } else { ranked.len() };
    let mut parts = Vec::new();
    for (group, accuracy) in &ranked[..named] {
        let value = plus_minus(accuracy, 1);
        let probes = mean_sem(group.complete.iter().map(|r| probes(r) as f64)).map_or(0.0, |p| p.mean);
        let verb = if parts.is_empty() { " reached" } else { "" };
        let what = if parts.is_empty() { " test accuracy" } else { "" };
        let cost = if probes > 0.0 {
            let meaning = if std::mem::replace(&mut explained, true) { "" } else { " (perturbed examples)" };
            format!("with {} probes{meaning}", count(probes.round()))
        } else {
            "without probes".to_owned()
        };
        parts.push(format!("{}{verb} {value} %{what} {cost}", group.label));
    }
    if let ([(_, best), .., (_, worst)], number) = (&ranked[named..], ranked.len() - named) {
        parts.push(format!(
            "the other {number} settings between {} and {} %",
            fixed(worst.mean, 1),
            fixed(best.mean, 1)
        ));
    }
    if !parts.is_empty() {
        let only = data_set(runs).unwrap_or_default();
        let place = if place.is_empty() { only.as_str() } else { place };
        let place = if place.is_empty() { String::new() } else { format!("On {place}, ") };
        sentences.push(format!("{place}{}.", list(&parts)));
    }
    if ranked.is_empty() {
        sentences.extend(groups.iter().flat_map(|g| &g.incomplete).take(4).filter_map(|run| {
            let accuracy = fixed(100.0 * final_accuracy(run)?, 1);
            Some(format!(
                "{}, seed {}: {accuracy} % test accuracy, {}.",
                shortened(&rule_name(&run.rule), 60),
                run.seed,
                state(run)
            ))
        }));
    }
    let best: Vec<&Group<'_>> = ranked.iter().map(|(group, _)| *group).collect();
    sentences.extend(differences::sentences(&best[..named]));
    sentences.extend(groups.iter().filter_map(|group| {
        let error = mean_sem(group.complete.iter().filter_map(|run| final_error(run)))?;
        Some(format!("{}: answers are off by {} (root mean square).", group.label, plus_minus(&error, 3)))
    }));
    let mut probing = best.iter().filter(|group| !group.without_probes());
    if let (Some(first), Some(next)) = (probing.next(), probing.next()) {
        sentences.extend(differences::economy(first, next));
    }
    sentences.extend(averaging(groups));
    sentences.extend(incomplete(groups));
    sentences
}

fn averaging(groups: &[Group<'_>]) -> Option<String> {
    let mut numbers: Vec<usize> = groups.iter().map(|g| g.complete.len()).filter(|&n| n > 0).collect();
    numbers.sort_unstable();
    numbers.dedup();
    match numbers[..] {
        [] => None,
        // That one seed shows no difference is said where there is one to be shown.
        [1] if groups.len() < 2 => Some("One seed, so no spread is known.".to_owned()),
        [1] => None,
        [n] => Some(format!("Values are means ± s.e.m. over {n} seeds.")),
        [low, .., high] => Some(format!("Values are means ± s.e.m. over {low} to {high} seeds.")),
    }
}

fn incomplete(groups: &[Group<'_>]) -> Option<String> {
    let all: Vec<&&RunRecords> = groups.iter().flat_map(|g| &g.incomplete).collect();
    let diverged = all.iter().filter(|r| r.status() == Some(Status::Diverged)).count();
    let unfinished = all.len() - diverged;
    let mut parts = Vec::new();
    if diverged > 0 {
        parts.push(format!("{} diverged", plural(diverged, "run")));
    }
    if unfinished > 0 {
        parts.push(format!(
            "{} {} not finished",
            plural(unfinished, "run"),
            if unfinished == 1 { "has" } else { "have" }
        ));
    }
    (!parts.is_empty()).then(|| format!("{}; such runs are in no mean.", list(&parts)))
}
