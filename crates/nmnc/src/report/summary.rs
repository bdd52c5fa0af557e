//! The summary in words, computed from the numbers.

use super::aggregate::{Group, MeanSem, curve, final_accuracy, mean_sem, probes, settings};
use super::table::state;
use super::text::{count, fixed, list, plural, plus_minus, rule_name, significant};
use crate::records::{RunRecords, Status};

/// What came out, in a few sentences.
pub fn paragraph(groups: &[Group<'_>], runs: &[RunRecords]) -> String {
    let mut ranked: Vec<(&Group<'_>, MeanSem)> = groups
        .iter()
        .filter_map(|g| {
            Some((g, mean_sem(g.complete.iter().filter_map(|r| final_accuracy(r)).map(|a| 100.0 * a))?))
        })
        .collect();
    ranked.sort_by(|a, b| b.1.mean.total_cmp(&a.1.mean));
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
        let place = data_set(runs).map_or_else(String::new, |name| format!("On {name}, "));
        sentences.push(format!("{place}{}.", list(&parts)));
    }
    if ranked.is_empty() {
        sentences.extend(groups.iter().flat_map(|g| &g.incomplete).take(4).filter_map(|run| {
            let accuracy = fixed(100.0 * final_accuracy(run)?, 1);
            Some(format!(
                "{}, seed {}: {accuracy} % test accuracy, {}.",
                rule_name(&run.rule),
                run.seed,
                state(run)
            ))
        }));
    }
    sentences.extend(economy(&ranked));
    sentences.extend(averaging(groups));
    sentences.extend(incomplete(groups));
    sentences.join(" ")
}

/// How many probes the best rule that probes needs for what the next one reaches.
fn economy(ranked: &[(&Group<'_>, MeanSem)]) -> Option<String> {
    let mut probing = ranked.iter().filter(|(g, _)| !g.without_probes());
    let ((best, _), (next, goal)) = (probing.next()?, probing.next()?);
    let accuracy = curve(&best.complete, &|r| r.probes as f64, &|r| r.test.map(|s| 100.0 * s.accuracy));
    let reached = accuracy.iter().find(|p| p.y >= goal.mean)?.x;
    let spent = mean_sem(next.complete.iter().map(|r| probes(r) as f64))?.mean;
    // Less than a factor of two is within the spacing of the evaluations.
    (spent >= 2.0 * reached && reached > 0.0).then(|| {
        format!(
            "{} first matched {}’s final accuracy after {} probes, {} times fewer.",
            best.label,
            next.label,
            count(reached.round()),
            significant(spent / reached, 2)
        )
    })
}

fn averaging(groups: &[Group<'_>]) -> Option<String> {
    let mut numbers: Vec<usize> = groups.iter().map(|g| g.complete.len()).filter(|&n| n > 0).collect();
    numbers.sort_unstable();
    numbers.dedup();
    match numbers[..] {
        [] => None,
        [1] => Some("One seed each, so no spread is known.".to_owned()),
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

/// What all runs share: data set, network, length; for the header.
pub fn setup(runs: &[RunRecords]) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    let configs: Vec<_> = runs.iter().filter_map(|r| settings(&r.config_text)).collect();
    for (name, sections) in
        [("Data set", &["data", "dataset"][..]), ("Network", &["network", "net", "model", "architecture"])]
    {
        if let Some(text) = sections.iter().find_map(|s| section(&configs, s)) {
            out.push((name, text));
        }
    }
    let summaries: Vec<_> = runs.iter().filter_map(|r| r.summary.as_ref()).collect();
    let same = |text: &dyn Fn(&crate::records::Summary) -> String| {
        let mut texts: Vec<String> = summaries.iter().map(|s| text(s)).collect();
        texts.sort_unstable();
        texts.dedup();
        (texts.len() == 1).then(|| texts.remove(0))
    };
    let units = |s: &crate::records::Summary| {
        let sizes: Vec<String> = s.stage_units.iter().map(usize::to_string).collect();
        format!("{} units; {} parameters", list(&sizes), count(s.parameters as f64))
    };
    out.extend(same(&units).map(|text| ("Stages", text)));
    out.extend(same(&|s| s.device.clone()).map(|text| ("Device", text)));
    out.extend(same(&|s| format!("nmnc {}", s.version)).map(|text| ("Version", text)));
    out
}

/// Name of the data set, if all runs have the same.
fn data_set(runs: &[RunRecords]) -> Option<String> {
    let configs: Vec<_> = runs.iter().filter_map(|r| settings(&r.config_text)).collect();
    let first = configs.first()?;
    let keys = ["data", "dataset", "data.name", "data.preset", "data.set", "data.dataset", "data.kind"];
    let key = keys.into_iter().find(|k| first.contains_key(*k))?;
    configs.iter().all(|c| c.get(key) == first.get(key)).then(|| first[key].clone())
}

/// A section of the configuration in words where all runs agree on it: its name first, then its other entries.
fn section(configs: &[std::collections::BTreeMap<String, String>], section: &str) -> Option<String> {
    const NAMES: [&str; 5] = ["name", "preset", "set", "dataset", "kind"];
    let first = configs.first()?;
    if let Some(value) = first.get(section) {
        return configs.iter().all(|c| c.get(section) == Some(value)).then(|| value.clone());
    }
    let prefix = format!("{section}.");
    let entries: Vec<(&str, &String)> =
        first.iter().filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?, value))).collect();
    let agreed = |key: &str| {
        let key = format!("{prefix}{key}");
        configs.iter().all(|c| c.get(&key) == first.get(&key))
    };
    let entries: Vec<_> = entries.into_iter().filter(|(key, _)| agreed(key)).collect();
    let name = NAMES.iter().find_map(|n| entries.iter().find(|(key, _)| key == n)).map(|(_, v)| (*v).clone());
    let others: Vec<String> = entries
        .iter()
        .filter(|(key, _)| !NAMES.contains(key) && *key != "seed")
        .map(|(key, value)| format!("{} {value}", key.replace(['_', '.'], " ")))
        .collect();
    match (name, others.is_empty()) {
        (Some(name), true) => Some(name),
        (Some(name), false) => Some(format!("{name} ({})", others.join(", "))),
        (None, true) => None,
        (None, false) => Some(others.join(", ")),
    }
}
