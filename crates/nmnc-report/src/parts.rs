//! Runs that can be compared: those that were scored on the same data or task.

use super::aggregate::settings;
use super::text::shortened;
use nmnc_core::records::RunRecords;

/// Characters of a name that are shown.
const LONGEST: usize = 60;

/// Runs scored on the same examples.
pub struct Part<'a> {
    /// Data or task, with what else tells it from the others; empty for the only part.
    pub name: String,
    /// The runs, in the order given.
    pub runs: Vec<&'a RunRecords>,
}

/// What the score of a run is of: data or task, and which examples of it.
fn scored_on(run: &RunRecords) -> Vec<(String, String)> {
    let entries = settings(&run.config_text).unwrap_or_default();
    let says = |key: &str| {
        matches!(key, "data.source" | "data.test_limit" | "data.validation")
            || key == "task"
            || key.starts_with("task.")
    };
    let value = |key: &str, value: &str| match key {
        "data.source" => value.trim_end_matches('/').rsplit('/').next().unwrap_or(value).to_owned(),
        _ => value.to_owned(),
    };
    entries.iter().filter(|(key, _)| says(key)).map(|(key, v)| (key.clone(), value(key, v))).collect()
}

/// The parts, in the order in which they appear. Runs of different data or tasks are in different ones: their scores have no order.
pub fn parts(runs: &[RunRecords]) -> Vec<Part<'_>> {
    let mut found: Vec<(Vec<(String, String)>, Part<'_>)> = Vec::new();
    for run in runs {
        let key = scored_on(run);
        match found.iter_mut().find(|(other, _)| *other == key) {
            Some((_, part)) => part.runs.push(run),
            None => found.push((key, Part { name: String::new(), runs: vec![run] })),
        }
    }
    if let [(_, only)] = &mut found[..] {
        return vec![Part { name: String::new(), runs: std::mem::take(&mut only.runs) }];
    }
    let keys: Vec<Vec<(String, String)>> = found.iter().map(|(key, _)| key.clone()).collect();
    let differs = |entry: &(String, String)| keys.iter().any(|key| !key.contains(entry));
    for (at, (_, part)) in found.iter_mut().enumerate() {
        let own = keys[at].iter();
        let main = own.clone().find(|(key, _)| matches!(key.as_str(), "data.source" | "task" | "task.name"));
        let name = main.map_or("no data named", |(_, value)| value.as_str());
        let shares = |key: &Vec<(String, String)>| main.is_none_or(|main| key.contains(main));
        let others: Vec<String> = if keys.iter().filter(|key| shares(key)).count() > 1 {
            let told = own.filter(|entry| Some(*entry) != main && differs(entry));
            told.map(|(key, value)| format!("{} {value}", key.rsplit('.').next().unwrap_or(key))).collect()
        } else {
            Vec::new()
        };
        part.name = shortened(name, LONGEST);
        if !others.is_empty() {
            part.name += &format!(" ({})", shortened(&others.join(", "), LONGEST));
        }
    }
    found.into_iter().map(|(_, part)| part).collect()
}
