//! Runs grouped by rule, and means over the seeds of a group.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::measurements::{Measurements, Place, Point, Seeds};
use super::naming::{self, Entries, LONGEST};
use super::text::{rule_name, shortened};
use nmnc_core::records::{Record, RunRecords, Status};

/// The curve of `y` against `x` averaged over `runs` step by step.
///
/// Only steps at which every run has a finite value make a point, so that the mean is over the same seeds everywhere.
pub fn curve(
    runs: &[&RunRecords],
    x: &dyn Fn(&Record) -> f64,
    y: &dyn Fn(&Record) -> Option<f64>,
) -> Vec<Point> {
    let mut found = Measurements::default();
    for (seed, run) in (0..).zip(runs) {
        for record in &run.records {
            let place = Place::new("", "", record.step as f64);
            found.add(&place, seed, [("x", Some(x(record))), ("y", y(record))]);
        }
    }
    found.curve("", "", Some("x"), "y", Seeds::All)
}

/// The runs of one rule in one configuration, over seeds.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// Name for readers: the rule, and what tells it from other configurations of the same rule.
    pub label: String,
    /// The rule as configured.
    pub rule: &'a str,
    /// The entries that tell it from other configurations of the rule, and their values; the same entries for all of them.
    pub differs: Vec<(String, String)>,
    /// Runs that ended well; only these enter means.
    pub complete: Vec<&'a RunRecords>,
    /// Diverged and unfinished runs, shown singly.
    pub incomplete: Vec<&'a RunRecords>,
    /// Runs whose seed is in the group already; left out.
    pub repeated: Vec<&'a RunRecords>,
}

impl<'a> Group<'a> {
    /// All of its runs.
    pub fn runs(&self) -> impl Iterator<Item = &'a RunRecords> {
        self.complete.iter().chain(&self.incomplete).chain(&self.repeated).copied()
    }

    /// Whether this is backprop itself.
    pub fn is_backprop(&self) -> bool {
        matches!(self.rule, "bp" | "bptt")
    }

    /// Whether no complete run perturbed any example.
    pub fn without_probes(&self) -> bool {
        !self.complete.is_empty() && self.complete.iter().all(|run| probes(run) == 0)
    }
}

/// Perturbed examples of the whole run.
pub fn probes(run: &RunRecords) -> u64 {
    let last = run.records.last().map_or(0, |r| r.probes);
    run.summary.as_ref().map_or(last, |s| s.probes)
}

/// The last value of a metric in a run.
pub fn last(run: &RunRecords, value: &dyn Fn(&Record) -> Option<f64>) -> Option<f64> {
    run.records.iter().rev().find_map(value)
}

/// How far answers that are values were off at the end of the run (root mean square).
pub fn final_error(run: &RunRecords) -> Option<f64> {
    let summary = run.summary.as_ref().and_then(|s| s.trials);
    summary.and_then(|t| t.answer_error).or_else(|| last(run, &|r| r.trials.and_then(|t| t.answer_error)))
}

/// Test accuracy at the end of the run; none where answers are values, which are off by more or less.
pub fn final_accuracy(run: &RunRecords) -> Option<f64> {
    if final_error(run).is_some() {
        return None;
    }
    let summary = run.summary.as_ref().and_then(|s| s.test);
    summary.map(|s| s.accuracy).or_else(|| last(run, &|r| r.test.map(|s| s.accuracy)))
}

/// How often the label was among the five largest outputs at the end of the run, where that was measured.
pub fn final_top5(run: &RunRecords) -> Option<f64> {
    let summary = run.summary.as_ref().and_then(|s| s.test);
    summary.and_then(|s| s.top5).or_else(|| last(run, &|r| r.test.and_then(|s| s.top5)))
}

/// Configuration entries by dotted key; none if it does not parse.
pub fn settings(config: &str) -> Option<Entries> {
    fn flatten(prefix: &str, table: &toml::Table, into: &mut BTreeMap<String, String>) {
        for (key, value) in table {
            let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                toml::Value::Table(inner) => flatten(&key, inner, into),
                toml::Value::String(text) => drop(into.insert(key, text.clone())),
                other => drop(into.insert(key, other.to_string())),
            }
        }
    }
    let mut entries = BTreeMap::new();
    flatten("", &config.parse().ok()?, &mut entries);
    Some(entries)
}

/// Configuration entries that make a difference between rules or settings, not between repetitions.
pub fn identity(run: &RunRecords) -> Entries {
    let mut entries = settings(&run.config_text)
        .unwrap_or_else(|| BTreeMap::from([("config".to_owned(), run.config_text.clone())]));
    entries.retain(|key, _| {
        let name = key.rsplit('.').next().unwrap_or(key);
        !["seed", "folder", "out", "output"].contains(&name)
    });
    if let Some((widths, stages)) = widths(&run.config_text) {
        entries.insert("network.width".to_owned(), widths);
        entries.insert("network.stages".to_owned(), stages);
    }
    entries
}

/// How wide the stages are, as "32-64-128", and what they are beside that, where a list of them says so: networks that differ in width alone
/// are told apart by it.
fn widths(config: &str) -> Option<(String, String)> {
    let config: toml::Table = config.parse().ok()?;
    let mut widths = Vec::new();
    let of = |stage: &toml::Value| {
        let mut stage = stage.as_table()?.clone();
        widths.push(["channels", "units"].iter().find_map(|key| stage.remove(*key))?.to_string());
        Some(toml::Value::Table(stage))
    };
    let stages = config.get("network")?.get("stages")?.as_array()?;
    let stages: Option<Vec<toml::Value>> = stages.iter().map(of).collect();
    stages.map(|stages| (widths.join("-"), toml::Value::Array(stages).to_string()))
}

/// Groups runs by rule and, within a rule, by configuration but for the seed: rules in order of first appearance, their settings by the
/// values that tell them apart, numbers as numbers.
///
/// Averaging two settings of the same rule as if they were seeds would be wrong, so they are told apart by the entries
/// they differ in.
pub fn groups<'a>(runs: &[&'a RunRecords]) -> Vec<Group<'a>> {
    let mut found: Vec<(Entries, Group<'a>)> = Vec::new();
    for &run in runs {
        let entries = identity(run);
        let at = found.iter().position(|(e, g)| g.rule == run.rule && *e == entries).unwrap_or_else(|| {
            let group = Group {
                label: shortened(&rule_name(&run.rule), LONGEST),
                rule: &run.rule,
                differs: Vec::new(),
                complete: Vec::new(),
                incomplete: Vec::new(),
                repeated: Vec::new(),
            };
            found.push((entries, group));
            found.len() - 1
        });
        let group = &mut found[at].1;
        if group.complete.iter().chain(&group.incomplete).any(|other| other.seed == run.seed) {
            group.repeated.push(run);
        } else if run.status() == Some(Status::Complete) {
            group.complete.push(run);
        } else {
            group.incomplete.push(run);
        }
    }
    let stems: Vec<Option<String>> = found.iter().map(|(_, group)| stem(group)).collect();
    let mut rules: Vec<&str> = Vec::new();
    for (_, group) in &found {
        if !rules.contains(&group.rule) {
            rules.push(group.rule);
        }
    }
    let mut out: Vec<Group<'a>> = Vec::new();
    for rule in rules {
        let own: Vec<usize> = (0..found.len()).filter(|at| found[*at].1.rule == rule).collect();
        let siblings: Vec<&Entries> = own.iter().map(|at| &found[*at].0).collect();
        let keys = naming::distinguishing(&siblings);
        let mut named: Vec<Group<'a>> = own
            .iter()
            .map(|&at| {
                let (entries, group) = &found[at];
                let differs = naming::values(entries, &keys);
                // A name that two groups share tells nothing.
                let stem = stems[at]
                    .as_deref()
                    .filter(|own| stems.iter().filter(|other| other.as_deref() == Some(own)).count() == 1);
                let label = naming::label((&group.label, group.rule), &differs, stem, &siblings);
                Group { label, differs, ..group.clone() }
            })
            .collect();
        named.sort_by(|a, b| {
            let pairs = a.differs.iter().zip(&b.differs);
            pairs
                .map(|((_, a), (_, b))| naming::order(a, b))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        });
        out.extend(named);
    }
    for group in &mut out {
        for runs in [&mut group.complete, &mut group.incomplete, &mut group.repeated] {
            runs.sort_by_key(|run| run.seed);
        }
    }
    // Values that differ only behind what a label shows may still share one; numbers keep them apart.
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for group in &mut out {
        let nth = *seen.entry(group.label.clone()).and_modify(|n| *n += 1).or_insert(1);
        if nth > 1 {
            group.label = format!("{} no. {nth}", group.label);
        }
    }
    out
}

/// What the names of a group's folders have in common before the seed, as in `wide` for `wide-seed0` and `wide-seed1`.
fn stem(group: &Group<'_>) -> Option<String> {
    let mut runs = group.complete.iter().chain(&group.incomplete).chain(&group.repeated);
    let of = |run: &RunRecords| {
        let name = run.folder.file_name()?.to_str()?;
        name.strip_suffix(&format!("-seed{}", run.seed)).map(str::to_owned)
    };
    let first = of(runs.next()?)?;
    runs.all(|run| of(run).as_ref() == Some(&first)).then(|| shortened(&first, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nmnc_core::statistics::{MeanSem, mean_sem};

    fn run(config: &str, seed: u64, losses: &[(u64, f64)]) -> RunRecords {
        let record = |&(step, loss): &(u64, f64)| {
            let text = format!(
                "{{\"step\":{step},\"epoch\":{step},\"probes\":0,\"learning_rate\":1,\"seconds\":1,\
                 \"images_per_second\":1,\"train\":{{\"loss\":{loss},\"accuracy\":0}}}}"
            );
            serde_json::from_str(&text).unwrap()
        };
        RunRecords {
            folder: format!("runs/{seed}").into(),
            config_text: format!("{config}\nseed = {seed}\n"),
            rule: "nmnc".into(),
            seed,
            records: losses.iter().map(record).collect(),
            summary: None,
        }
    }

    #[test]
    fn report_mean_and_standard_error_are_those_of_a_textbook() {
        // sd of 2, 4, 9 with n - 1: sqrt((9 + 1 + 16) / 2) = sqrt(13).
        let got = mean_sem([2.0, 4.0, 9.0, f64::NAN]).unwrap();
        assert_eq!((got.mean, got.n), (5.0, 3));
        assert!((got.sem.unwrap() - (13.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(mean_sem([7.0]), Some(MeanSem { mean: 7.0, sem: None, n: 1 }));
        assert_eq!(mean_sem([f64::INFINITY]), None);
    }

    #[test]
    fn report_curves_hold_only_steps_that_every_seed_has() {
        let a = run("", 1, &[(1, 4.0), (2, 2.0), (3, 1.0)]);
        let b = run("", 2, &[(1, 2.0), (3, 3.0), (4, 9.0)]);
        let curve = curve(&[&a, &b], &|r| r.epoch, &|r| r.train.map(|s| s.loss));
        let points: Vec<_> = curve.iter().map(|p| (p.x, p.y, p.sem.unwrap())).collect();
        let expected = [(1.0, 3.0, 1.0), (3.0, 2.0, 1.0)];
        for (got, want) in points.iter().zip(expected) {
            assert!(
                (got.0 - want.0).abs() + (got.1 - want.1).abs() + (got.2 - want.2).abs() < 1e-12,
                "{got:?}"
            );
        }
        assert_eq!(points.len(), 2);
    }

    #[test]
    fn report_groups_tell_settings_of_one_rule_apart_and_leave_repeated_seeds_out() {
        let runs = [
            run("[rule]\ndimension = 8", 1, &[]),
            run("[rule]\ndimension = 32", 1, &[]),
            run("[rule]\ndimension = 8", 2, &[]),
            run("[rule]\ndimension = 8", 2, &[]),
        ];
        // `seed` lands in the section here; what matters is that it is not an identity.
        let groups = groups(&runs.each_ref());
        let labels: Vec<&str> = groups.iter().map(|g| g.label.as_str()).collect();
        assert_eq!(labels, ["NMNC (dimension 8)", "NMNC (dimension 32)"]);
        assert_eq!((groups[0].incomplete.len(), groups[0].repeated.len()), (2, 1));
    }

    fn labels(runs: &[RunRecords]) -> Vec<String> {
        groups(&runs.iter().collect::<Vec<_>>()).into_iter().map(|g| g.label).collect()
    }

    #[test]
    fn report_groups_are_called_by_what_tells_them_apart() {
        let named = |name: &str, seed, settings: &str| RunRecords {
            folder: format!("runs/{name}-seed{seed}").into(),
            ..run(settings, seed, &[])
        };
        // Twenty entries go along with one: it tells them apart alone.
        let all = |value: u8| (0..20).map(|i| format!("key{i:02} = {value}\n")).collect::<String>();
        let along = |name, seed, value| {
            named(name, seed, &format!("[credit]\nprobes = {value}\n[other]\n{}", all(value)))
        };
        let runs = [along("few", 0, 1), along("few", 1, 1), along("many", 0, 2)];
        assert_eq!(labels(&runs), ["NMNC (probes 1)", "NMNC (probes 2)"]);
        // Two settings crossed need both; equal last names are written out.
        let crossed = |a, b| named("x", 0, &format!("[a]\nrate = {a}\n[b]\nrate = {b}"));
        let found = labels(&[crossed(1, 1), crossed(1, 2), crossed(2, 1)]);
        assert_eq!(
            found,
            ["NMNC (a.rate 1, b.rate 1)", "NMNC (a.rate 1, b.rate 2)", "NMNC (a.rate 2, b.rate 1)"]
        );
        // What needs many entries is called as its folders, if those tell it; nothing is left to "and 2 more".
        let corner = |name: &str, at: usize| {
            let settings = ["a", "b", "c", "d"].into_iter().enumerate();
            named(
                name,
                0,
                &settings.map(|(i, key)| format!("{key} = {}\n", usize::from(i == at))).collect::<String>(),
            )
        };
        let runs = [corner("p", 0), corner("q", 1), corner("r", 2), corner("s", 3), corner("t", 4)];
        assert_eq!(labels(&runs), ["NMNC (t)", "NMNC (s)", "NMNC (r)", "NMNC (q)", "NMNC (p)"]);
        let runs = [corner("p", 0), corner("p", 1), corner("p", 2), corner("p", 3), corner("p", 4)];
        assert!(labels(&runs).contains(&"NMNC (a 1, b 0, c 0, d 0)".to_owned()), "{:?}", labels(&runs));
    }

    #[test]
    fn report_groups_are_in_the_order_of_their_numbers() {
        let dimension = |value: &str| run(&format!("[rule]\ndimension = {value}"), 0, &[]);
        let runs = ["128", "16", "1_000", "8", "0.9", "\"all\""].map(dimension);
        let expected = ["0.9", "8", "16", "128", "1000", "all"].map(|d| format!("NMNC (dimension {d})"));
        assert_eq!(labels(&runs), expected);
        let seeds = [10, 9, 2].map(|seed| run("", seed, &[]));
        let found = groups(&seeds.each_ref());
        assert_eq!(found[0].incomplete.iter().map(|r| r.seed).collect::<Vec<_>>(), [2, 9, 10]);
    }
}
