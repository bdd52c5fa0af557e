//! Differences of rules between runs of the same seed: said where their interval excludes none, and how many seeds would show the others.

use std::collections::BTreeMap;

use super::aggregate::{Group, final_accuracy};
use super::table::Table;
use super::text::{NONE, count, fixed, plural, seeds_needed, significant, with_half};
use nmnc_core::records::{Record, RunRecords};
use nmnc_core::statistics::{BOOTSTRAP_LEAST, Interval, bootstrap95, interval, pairs_to_show};

/// Groups of which all pairs stand in the table; of more, each beside the best.
const ALL_PAIRS: usize = 6;

/// Complete runs of both groups with the same seed, one's and the other's.
fn paired<'a>(one: &Group<'a>, other: &Group<'a>) -> Vec<(&'a RunRecords, &'a RunRecords)> {
    let partner = |run: &&'a RunRecords| {
        let same = other.complete.iter().find(|o| o.seed == run.seed)?;
        (final_accuracy(run).is_some() && final_accuracy(same).is_some()).then_some((*run, *same))
    };
    one.complete.iter().filter_map(partner).collect()
}

/// Test accuracy of one less that of the other at the end, in points, over seeds that both have; none without such a seed.
pub fn difference(one: &Group<'_>, other: &Group<'_>) -> Option<Interval> {
    let points = |(a, b): (&RunRecords, &RunRecords)| Some(100.0 * (final_accuracy(a)? - final_accuracy(b)?));
    interval(paired(one, other).into_iter().filter_map(points))
}

/// What neighbours in the order of accuracy differ by, one sentence or two; `ranked` from the best on. Nothing for fewer than two.
pub fn sentences(ranked: &[&Group<'_>]) -> Vec<String> {
    let pairs: Vec<(&Group<'_>, &Group<'_>, Option<Interval>)> =
        ranked.windows(2).map(|pair| (pair[0], pair[1], difference(pair[0], pair[1]))).collect();
    if pairs.is_empty() {
        return Vec::new();
    }
    if pairs.iter().all(|(.., found)| found.is_none_or(|f| f.half.is_none())) {
        return vec![
            "With one seed no difference can be shown: runs of one setting differ from seed to seed."
                .to_owned(),
        ];
    }
    let (mut shown, mut open) = (Vec::new(), Vec::new());
    for (one, other, found) in pairs {
        let (one, other) = (&one.label, &other.label);
        match found {
            Some(found) if found.above(0.0) => {
                shown.push(format!("{one} above {other} by {} points", with_half(Some(found), 1)));
            }
            // The mean over shared seeds may turn the order around.
            Some(found) if found.below(0.0) => {
                let turned = Interval { mean: -found.mean, ..found };
                shown.push(format!("{other} above {one} by {} points", with_half(Some(turned), 1)));
            }
            Some(found) if found.half.is_some() => open.push(format!(
                "{one} and {other}: no difference shown with {} ({} points; {})",
                plural(found.n, "seed"),
                with_half(Some(found), 1),
                seeds_needed(&found)
            )),
            Some(_) => open
                .push(format!("{one} and {other}: no difference can be shown with one seed that both have")),
            None => open.push(format!("{one} and {other}: no seed that both have")),
        }
    }
    let mut out = Vec::new();
    if !shown.is_empty() {
        out.push(format!("Shown, by seed, with half the 95 % t interval: {}.", shown.join("; ")));
    }
    out.extend(open.into_iter().map(|text| text + "."));
    out
}

/// Every pair of `ranked`, the better first; of many, each and the best. Without rows where no pair has two seeds.
pub fn table(ranked: &[&Group<'_>]) -> Table {
    let count = ranked.len();
    let firsts = if count > ALL_PAIRS { count.min(1) } else { count };
    let pairs = (0..firsts).flat_map(|i| (i + 1..count).map(move |j| (i, j)));
    let rows: Vec<(String, Interval)> = pairs
        .filter_map(|(i, j)| {
            let found = difference(ranked[i], ranked[j]).filter(|found| found.half.is_some())?;
            Some((format!("{} less {}", ranked[i].label, ranked[j].label), found))
        })
        .collect();
    let ends = |found: &Interval| {
        found.half.map_or_else(
            || NONE.to_owned(),
            |half| format!("{} to {}", fixed(found.mean - half, 1), fixed(found.mean + half, 1)),
        )
    };
    let shown = |found: &Interval| found.above(0.0) || found.below(0.0);
    Table::of(
        rows,
        &[
            ("Test accuracy of", &|(pair, _): &(String, Interval)| pair.clone()),
            ("Difference (points)", &|(_, found)| fixed(found.mean, 1)),
            ("95 % interval", &|(_, found)| ends(found)),
            ("Seeds", &|(_, found)| found.n.to_string()),
            ("Shown", &|(_, found)| if shown(found) { "yes" } else { "no" }.to_owned()),
            ("Seeds for this size", &|(_, found)| {
                pairs_to_show(found).map_or_else(|| "> 1000".to_owned(), |pairs| pairs.to_string())
            }),
        ],
    )
}

/// How to read [`table`].
pub const NOTE: &str = "Runs of the same seed are subtracted; the interval is Student’s t over seeds, not corrected for their number: of \
    twenty rows without any difference one is shown by chance. Seeds for this size: with which a paired t test at 5 % shows a difference \
    of the size and spread found in four of five experiments; from two or three seeds itself a rough guess.";

/// Probes and test accuracy (%) of one rule's runs where all of them were evaluated, and the accuracy at their end.
struct Course {
    /// A row for each run: probes and accuracy at each evaluation.
    runs: Vec<Vec<(f64, f64)>>,
    finals: Vec<f64>,
}

impl Course {
    fn of(runs: &[&RunRecords]) -> Option<Self> {
        let evaluated = |run: &RunRecords| -> BTreeMap<u64, (f64, f64)> {
            let point = |r: &Record| Some((r.step, (r.probes as f64, 100.0 * r.test?.accuracy)));
            run.records.iter().filter_map(point).filter(|(_, (_, accuracy))| accuracy.is_finite()).collect()
        };
        let all: Vec<_> = runs.iter().copied().map(evaluated).collect();
        let shared: Vec<u64> = all
            .first()?
            .keys()
            .copied()
            .filter(|step| all.iter().all(|run| run.contains_key(step)))
            .collect();
        let finals = runs.iter().map(|run| final_accuracy(run).map(|a| 100.0 * a)).collect::<Option<_>>()?;
        Some(Self {
            runs: all.iter().map(|run| shared.iter().map(|step| run[step]).collect()).collect(),
            finals,
        })
    }

    /// Mean accuracy at the end over the runs in `places`.
    fn goal(&self, places: &[usize]) -> f64 {
        places.iter().map(|at| self.finals[*at]).sum::<f64>() / places.len() as f64
    }

    /// Mean probes at the evaluation at which the mean accuracy over the runs in `places` is first `goal` or more.
    fn reached(&self, places: &[usize], goal: f64) -> Option<f64> {
        let mean = |at: usize, of: fn(&(f64, f64)) -> f64| {
            places.iter().map(|run| of(&self.runs[*run][at])).sum::<f64>() / places.len() as f64
        };
        let first = (0..self.runs[0].len()).find(|at| mean(*at, |p| p.1) >= goal)?;
        Some(mean(first, |p| p.0)).filter(|probes| *probes > 0.0)
    }
}

/// The final mean accuracy (%) of the other, and how many probes one and the other take until they first have it.
///
/// Both are followed to where they first are there: were the other followed to its end, every rule would seem late that wavers.
fn race(one: &Course, other: &Course, places: &[usize]) -> Option<(f64, f64, f64)> {
    let goal = other.goal(places);
    // Rounding may keep a mean below itself.
    let goal = goal - 1e-9 * goal.abs();
    Some((goal, one.reached(places, goal)?, other.reached(places, goal)?))
}

/// How many probes `best` needs for what `next` reaches, where the bootstrap over seeds that both have shows a difference; else how many
/// seeds would, if the means differ by a factor of at least 1.5. Nothing where one of them does not probe.
pub fn economy(best: &Group<'_>, next: &Group<'_>) -> Option<String> {
    let pairs = paired(best, next);
    let (one, other): (Vec<&RunRecords>, Vec<&RunRecords>) = pairs.iter().copied().unzip();
    let (first, second) = (Course::of(&one)?, Course::of(&other)?);
    let every: Vec<usize> = (0..pairs.len()).collect();
    let (goal, one, other) = race(&first, &second, &every)?;
    // A rule that does not get there takes more probes than can be told.
    let ratio = |places: &[usize]| race(&first, &second, places).map_or(0.0, |(_, one, other)| other / one);
    let (names, factor) = ((&best.label, &next.label), other / one);
    let found = bootstrap95(pairs.len(), ratio);
    if let Some((low, high)) = found.filter(|(low, _)| *low > 1.0) {
        return Some(format!(
            "{} first matched {}’s final accuracy ({} %) after {} probes, {} itself after {}: {} times fewer (95 % {} to {}, bootstrap \
             over {}).",
            names.0,
            names.1,
            fixed(goal, 1),
            count(one.round()),
            names.1,
            count(other.round()),
            significant(factor, 2),
            significant(low, 2),
            significant(high, 2),
            plural(pairs.len(), "seed")
        ));
    }
    let seed = |at: &usize| Some(ratio(&[*at])).filter(|each| *each > 0.0).map(f64::ln);
    let logs: Option<Vec<f64>> = every.iter().map(seed).collect();
    let more =
        logs.and_then(interval).and_then(|found| pairs_to_show(&found)).map(|n| n.max(BOOTSTRAP_LEAST));
    let more = more
        .filter(|n| *n > pairs.len())
        .map_or_else(String::new, |n| format!("; about {n} seeds would show a factor of this size"));
    let range = found.map_or_else(String::new, |(low, high)| {
        format!(", 95 % {} to {}", significant(low, 2), significant(high, 2))
    });
    (factor >= 1.5).then(|| {
        format!(
            "Probes until {}’s final accuracy, {} and {}: no difference shown with {} (a factor of {}{range}{more}).",
            names.1,
            names.0,
            names.1,
            plural(pairs.len(), "seed"),
            significant(factor, 2)
        )
    })
}
