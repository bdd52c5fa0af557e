//! Scores as tables.

use super::contrasts::Contrast;
use super::prediction::Prediction;
use super::scores::{Mean, Scores, TargetScores};
use super::verdict::label;
use crate::similarity::Range;
use nmnc_core::statistics::{Interval, interval, pairs_to_show};
use nmnc_report::Table;
use nmnc_report::text::{NONE, fixed, with_sem};

/// Headings of stages.
const STAGES: [&str; 8] =
    ["Stage 1", "Stage 2", "Stage 3", "Stage 4", "Stage 5", "Stage 6", "Stage 7", "Stage 8"];

/// The heading of shares of the ceiling, which [`summary`] has where a ceiling is above 0.
pub(super) const OF_CEILING: &str = "Of the ceiling";

/// A row for each pair of conditions and each target: the difference at the chosen stages, whether it is shown, and at which stages.
pub fn contrasts(scores: &Scores) -> Table {
    let all = || scores.targets.iter().flat_map(|target| target.contrasts.iter().map(move |c| (target, c)));
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for (_, contrast) in all() {
        let pair = (contrast.condition.as_str(), contrast.less.as_str());
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    let chosen = pairs.iter().flat_map(|pair| {
        all().filter(move |(_, c)| c.stage.is_none() && (c.condition.as_str(), c.less.as_str()) == *pair)
    });
    type Row<'a> = (&'a TargetScores, &'a Contrast);
    let stages = |(target, contrast): &Row<'_>| {
        let own =
            target.contrasts.iter().filter(|c| c.condition == contrast.condition && c.less == contrast.less);
        let shown: Vec<String> =
            own.filter(|c| c.shown()).filter_map(|c| Some(c.stage?.to_string())).collect();
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    };
    Table::of(
        chosen,
        &[
            ("Contrast", &|(_, c): &Row<'_>| {
                format!("{} less {}", label(scores, &c.condition), label(scores, &c.less))
            }),
            ("Target", &|(target, _)| target.target.clone()),
            ("Chosen stage", &|(_, c)| fixed(c.seeds.mean, 3)),
            ("95 % over seeds", &|(_, c)| over_seeds(c)),
            ("95 % over stimuli", &|(_, c)| ends(&c.stimuli)),
            ("p (Holm)", &|(_, c)| fixed(c.p_holm, 3)),
            ("Shown", &|(_, c)| if c.shown() { "yes" } else { "no" }.to_owned()),
            ("Shown at stages", &stages),
            ("Seeds for this size", &|(_, c)| {
                let more = c.seeds.half.is_some().then(|| pairs_to_show(&c.seeds));
                more.map_or_else(
                    || NONE.to_owned(),
                    |more| more.map_or_else(|| "> 1000".to_owned(), |pairs| pairs.to_string()),
                )
            }),
        ],
    )
}

/// A row for each condition and control of each target.
pub fn summary(scores: &Scores) -> Table {
    let numbers = scores.targets.iter().flat_map(|t| &t.conditions).flat_map(|c| &c.stages);
    let stages = numbers.map(|(stage, _)| *stage).max().unwrap_or(0);
    let mut headings = vec!["", "Target", "Chosen stage", "95 % of it"];
    // Of a ceiling that is not above 0 there are no shares: subjects agree no more than by chance.
    let ceilings = scores.targets.iter().any(|t| t.reported_ceiling.is_some_and(|c| c.lower > 0.0));
    if ceilings {
        headings.push(OF_CEILING);
    }
    headings.extend(&STAGES[..stages.min(STAGES.len())]);
    let mut rows = Vec::new();
    for target in &scores.targets {
        let share = |value: f64| {
            let text = match target.reported_ceiling.filter(|ceiling| ceiling.lower > 0.0) {
                Some(ceiling) => format!("{} %", fixed(100.0 * value / ceiling.lower, 0)),
                None => NONE.to_owned(),
            };
            ceilings.then_some(text)
        };
        for condition in &target.conditions {
            let label = scores.conditions.iter().find(|c| c.name == condition.condition);
            let Mean { seeds, stimuli } = &condition.reported;
            let mut row = vec![
                label.map_or_else(String::new, |c| c.label.clone()),
                target.target.clone(),
                with_sem(Some(*seeds), 3),
                ends(stimuli),
            ];
            row.extend(share(seeds.mean));
            // A stage without dissimilarities has no entry.
            let at = |stage: usize| condition.stages.iter().find(|(number, _)| *number == stage);
            row.extend(
                (1..=stages.min(STAGES.len()))
                    .map(|stage| with_sem(at(stage).map(|(_, mean)| mean.seeds), 3)),
            );
            row.resize(headings.len(), NONE.to_owned());
            rows.push(row);
        }
        for control in &target.controls {
            let mut row = vec![
                control.control.clone(),
                target.target.clone(),
                fixed(control.reported.value, 3),
                ends(&control.reported),
            ];
            row.extend(share(control.reported.value));
            row.resize(headings.len(), NONE.to_owned());
            rows.push(row);
        }
    }
    Table { headings, rows }
}

/// A row for each difference.
pub fn differences(scores: &Scores) -> Table {
    let label = |name: &str| label(scores, name).to_owned();
    let rows =
        scores.targets.iter().flat_map(|target| target.contrasts.iter().map(|c| (target.target.clone(), c)));
    Table::of(
        rows,
        &[
            ("", &|(_, c): &(String, &Contrast)| format!("{} less {}", label(&c.condition), label(&c.less))),
            ("Target", &|(target, _)| target.clone()),
            ("Stage", &|(_, c)| c.stage.map_or_else(|| "chosen".to_owned(), |stage| stage.to_string())),
            ("Difference", &|(_, c)| fixed(c.seeds.mean, 3)),
            ("95 % over seeds", &|(_, c)| over_seeds(c)),
            ("95 % over stimuli", &|(_, c)| ends(&c.stimuli)),
            ("p", &|(_, c)| fixed(c.p, 3)),
            ("p (Holm)", &|(_, c)| fixed(c.p_holm, 3)),
        ],
    )
}

fn over_seeds(contrast: &Contrast) -> String {
    let Interval { mean, half, .. } = contrast.seeds;
    half.map_or_else(
        || NONE.to_owned(),
        |half| format!("{} to {}", fixed(mean - half, 3), fixed(mean + half, 3)),
    )
}

fn ends(range: &Range) -> String {
    format!("{} to {}", fixed(range.low, 3), fixed(range.high, 3))
}

/// A row for each condition and control of each target with responses.
pub fn predictivity(scores: &Scores) -> Table {
    let numbers = scores.predictivity.iter().flat_map(|t| &t.conditions).flat_map(|c| &c.stages);
    let count = numbers.map(|(stage, _)| *stage).max().unwrap_or(0);
    let mut headings = vec!["", "Target", "Chosen stage", "Median r", "Ceiling", "Units"];
    headings.extend(&STAGES[..count.min(STAGES.len())]);
    let mut rows = Vec::new();
    for target in &scores.predictivity {
        let row = |label: String, score: String, of: &[&Prediction], stages: Vec<String>| {
            let mean = |value: &dyn Fn(&Prediction) -> Option<f64>| {
                interval(of.iter().filter_map(|p| value(p)))
                    .map_or_else(|| NONE.to_owned(), |m| fixed(m.mean, 3))
            };
            let units = of.first().map_or(0, |p| p.units);
            let mut row = vec![
                label,
                target.target.clone(),
                score,
                mean(&|p| Some(p.r)),
                mean(&|p| p.ceiling),
                units.to_string(),
            ];
            row.extend(stages.into_iter().take(STAGES.len()));
            row.resize(headings.len(), NONE.to_owned());
            row
        };
        for condition in &target.conditions {
            let label = scores.conditions.iter().find(|c| c.name == condition.condition);
            let chosen: Vec<&Prediction> = target
                .networks
                .iter()
                .filter(|n| n.condition == condition.condition)
                .filter_map(|n| n.stages.iter().find(|(stage, _)| Some(*stage) == n.chosen))
                .map(|(_, p)| &p.reported)
                .collect();
            let at = |stage: usize| condition.stages.iter().find(|(number, _)| *number == stage);
            let stages = (1..=count).map(|stage| with_sem(at(stage).map(|(_, score)| *score), 3)).collect();
            let label = label.map_or_else(String::new, |c| c.label.clone());
            rows.push(row(label, with_sem(Some(condition.reported), 3), &chosen, stages));
        }
        for (name, control) in &target.controls {
            rows.push(row(name.clone(), fixed(control.reported.score, 3), &[&control.reported], Vec::new()));
        }
    }
    Table { headings, rows }
}
