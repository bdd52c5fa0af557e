//! What accuracies show, in sentences made from the numbers.

use super::super::contrast::compared;
use super::super::statistics::{Interval, pairs_to_show};
use super::conditions::Condition;
use super::results::{BACKPROP, Results, Row, VANILLA};
use nmnc_report::text::{count_tick, list, plural, with_half};

/// Points that a rule may be behind backprop to be called as good.
const CLOSE: f64 = 1.0;
/// Said where the places of a sentence are budgets.
const UNIT: &str = ", by probes per example";

pub(super) fn verdict(results: &Results) -> Vec<String> {
    let mut out = vec![heading(results.seeds())];
    let named = |name: &str| results.conditions.iter().find(|c| c.name == name);
    if let Some(row) = named(BACKPROP).and_then(|bp| results.over_probes(bp).first().copied()) {
        out.push(format!("BP: {} %.", with_half(Some(row.accuracy), 1)));
    }
    for condition in results.conditions.iter().filter(|c| c.name != BACKPROP) {
        let gaps = places(&results.over_probes(condition), |row| row.less_backprop);
        match gaps.first() {
            Some((_, gap)) if !condition.probes() => out.push(without_probes(&condition.label, gap)),
            Some(_) => out.push(compared(&condition.label, &format!("BP{UNIT}"), &gaps, 1)),
            None => {}
        }
    }
    if let Some(vanilla) = named(VANILLA) {
        for condition in results.conditions.iter().filter(|c| c.probes() && c.name != VANILLA) {
            let gains = places(&results.over_probes(condition), |row| row.less_vanilla);
            if !gains.is_empty() {
                out.push(compared(&condition.label, &format!("{}{UNIT}", vanilla.label), &gains, 1));
            }
        }
    }
    out.extend(close(results));
    out.extend(results.conditions.iter().filter_map(|condition| over_widths(results, condition)));
    out.extend(impossible(results));
    out
}

/// How far a rule that has no budget is from backprop, if that is shown.
fn without_probes(label: &str, gap: &Interval) -> String {
    let points = with_half(Some(*gap), 1);
    if gap.half.is_none() || gap.above(0.0) || gap.below(0.0) {
        return format!("{label} less BP: {points}.");
    }
    let more = pairs_to_show(gap).map_or_else(|| "more than 1000".to_owned(), |pairs| pairs.to_string());
    format!(
        "{label} and BP: no difference shown with {} ({points}; {more} would show one of this size).",
        plural(gap.n, "seed")
    )
}

fn heading(seeds: usize) -> String {
    if seeds < 2 {
        return "Test accuracy, one seed: differences, in points, have no interval, and nothing can be concluded.".to_owned();
    }
    format!(
        "Test accuracy, {}; differences, in points, are between runs of the same seed, and ± is half the 95 % t interval over seeds.",
        plural(seeds, "seed")
    )
}

/// Differences with where they were found.
fn places(rows: &[&Row], value: impl Fn(&Row) -> Option<Interval>) -> Vec<(String, Interval)> {
    rows.iter().filter_map(|row| Some((place(row), value(row)?))).collect()
}

/// Probes per example as measured.
fn place(row: &Row) -> String {
    count_tick(row.probes_per_example.mean)
}

/// The fewest probes with which each rule is shown to be close to backprop; nothing of one seed, which shows nothing.
fn close(results: &Results) -> Option<String> {
    let (mut near, mut never) = (Vec::new(), Vec::new());
    for condition in results.conditions.iter().filter(|c| c.probes()) {
        let rows = results.over_probes(condition);
        let gaps =
            || rows.iter().filter_map(|row| Some((row, row.less_backprop.filter(|gap| gap.half.is_some())?)));
        if gaps().next().is_none() {
            continue;
        }
        match gaps().find(|(_, gap)| gap.above(-CLOSE)) {
            Some((row, gap)) => {
                near.push(format!(
                    "{} from {} probes per example ({})",
                    condition.label,
                    place(row),
                    with_half(Some(gap), 1)
                ));
            }
            None => never.push(condition.label.clone()),
        }
    }
    let mut parts = Vec::new();
    if !near.is_empty() {
        parts.push(list(&near));
    }
    if !never.is_empty() {
        parts.push(format!("at none of their budgets: {}", list(&never)));
    }
    let point = plural(CLOSE as usize, "point");
    (!parts.is_empty()).then(|| format!("Shown to be less than {point} below BP: {}.", parts.join("; ")))
}

/// "NMNC against BP at 0.1 probes per example, by width: below: a at ×0.5 and b at ×2."
fn over_widths(results: &Results, condition: &Condition) -> Option<String> {
    if condition.name == BACKPROP {
        return None;
    }
    let rows = results.over_widths(condition);
    let gaps: Vec<(String, Interval)> =
        rows.iter().filter_map(|row| Some((format!("×{}", row.scale), row.less_backprop?))).collect();
    let with = match rows.first()?.budget {
        Some(_) => format!("BP by width, with {} probes per example", place(rows[0])),
        None => "BP by width".to_owned(),
    };
    (!gaps.is_empty()).then(|| compared(&condition.label, &with, &gaps, 1))
}

/// One sentence for each rule and reason.
fn impossible(results: &Results) -> Vec<String> {
    let mut grouped: Vec<(usize, &str, Vec<String>)> = Vec::new();
    for missing in results.impossible {
        let budget = count_tick(missing.budget);
        match grouped.iter_mut().find(|g| (g.0, g.1) == (missing.condition, missing.reason.as_str())) {
            Some((.., budgets)) => budgets.push(budget),
            None => grouped.push((missing.condition, &missing.reason, vec![budget])),
        }
    }
    let sentence = |(condition, reason, budgets): (usize, &str, Vec<String>)| {
        let label = &results.conditions[condition].label;
        format!("{label}: not possible with {} probes per example ({reason}).", list(&budgets))
    };
    grouped.into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::super::conditions::conditions;
    use super::super::results::Impossible;
    use super::super::results::tests::{cell, runs, table};
    use super::*;

    #[test]
    fn the_sentences_say_what_the_numbers_say() {
        let conditions =
            conditions(&["bp", "dfa", "vnc", "nmnc", "node-perturbation"].map(str::to_owned), false).unwrap();
        let cells = [
            cell(0, None, 1.0),
            cell(0, None, 2.0),
            cell(2, Some(0.1), 1.0),
            cell(3, Some(0.1), 1.0),
            cell(3, Some(1.0), 1.0),
            cell(3, Some(0.1), 2.0),
            cell(1, None, 1.0),
        ];
        let reason = "needs 3".to_owned();
        let impossible = [0.1, 1.0].map(|budget| Impossible { condition: 4, budget, reason: reason.clone() });
        let measured = [
            runs(0.0, &[0.60, 0.62, 0.61]),
            runs(0.0, &[0.70, 0.70, 0.70]),
            runs(0.1, &[0.40, 0.42, 0.41]),
            runs(0.1, &[0.50, 0.52, 0.51]),
            runs(1.0, &[0.60, 0.61, 0.60]),
            runs(0.1, &[0.50, 0.50, 0.50]),
            runs(0.0, &[0.60, 0.61, 0.60]),
        ];
        let table = table(&conditions, cells.iter().zip(measured));
        let found = verdict(&Results::new(&conditions, &impossible, &cells, &table));
        assert_eq!(
            found[1..],
            [
                "BP: 61.0 ± 2.5 %.",
                "DFA and BP: no difference shown with 3 seeds (−0.7 ± 1.4; 8 would show one of this size).",
                "VNC against BP, by probes per example: below: −20.0 ± 0.0 at 0.1.",
                "NMNC against BP, by probes per example: below: −10.0 ± 0.0 at 0.1; no difference shown with 3 seeds (seeds that would show one of this size): −0.7 ± 1.4 at 1 (8).",
                "NMNC against VNC, by probes per example: above: 10.0 ± 0.0 at 0.1.",
                "Shown to be less than 1 point below BP: at none of their budgets: VNC and NMNC.",
                "NMNC against BP by width, with 0.1 probes per example: below: −10.0 ± 0.0 at ×1 and −20.0 ± 0.0 at ×2.",
                "Node perturbation: not possible with 0.1 and 1 probes per example (needs 3).",
            ]
        );
        assert!(found[0].starts_with("Test accuracy, 3 seeds"));
    }
}
