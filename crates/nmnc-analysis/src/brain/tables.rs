//! Scores as tables.

use super::predicted::{Predicted, Prediction};
use super::scores::{Mean, Scores};
use crate::similarity::Range;
use nmnc_core::statistics::{Interval, interval};
use nmnc_report::Table;
use nmnc_report::text::{NONE, fixed};

/// Headings of stages.
const STAGES: [&str; 8] =
    ["Stage 1", "Stage 2", "Stage 3", "Stage 4", "Stage 5", "Stage 6", "Stage 7", "Stage 8"];

/// A row for each condition and control of each target.
pub fn summary(scores: &Scores) -> Table {
    let stages = scores.targets.iter().flat_map(|t| &t.conditions).map(|c| c.stages.len()).max().unwrap_or(0);
    let mut headings = vec!["", "Target", "Chosen stage", "95 % of it", "Of the ceiling"];
    headings.extend(&STAGES[..stages.min(STAGES.len())]);
    let mut rows = Vec::new();
    for target in &scores.targets {
        let share = |value: f64| match target.reported_ceiling {
            Some(ceiling) => format!("{} %", fixed(100.0 * value / ceiling.lower, 0)),
            None => NONE.to_owned(),
        };
        for condition in &target.conditions {
            let label = scores.conditions.iter().find(|c| c.name == condition.condition);
            let Mean { seeds, stimuli } = &condition.reported;
            let mut row = vec![
                label.map_or_else(String::new, |c| c.label.clone()),
                target.target.clone(),
                with_sem(seeds),
                ends(stimuli),
                share(seeds.mean),
            ];
            row.extend(condition.stages.iter().take(STAGES.len()).map(|(_, mean)| with_sem(&mean.seeds)));
            row.resize(headings.len(), NONE.to_owned());
            rows.push(row);
        }
        for control in &target.controls {
            let mut row = vec![
                control.control.clone(),
                target.target.clone(),
                fixed(control.reported.value, 3),
                ends(&control.reported),
                share(control.reported.value),
            ];
            row.resize(headings.len(), NONE.to_owned());
            rows.push(row);
        }
    }
    Table { headings, rows }
}

/// A row for each difference.
pub fn differences(scores: &Scores) -> Table {
    let label = |name: &str| {
        scores.conditions.iter().find(|c| c.name == name).map_or_else(|| name.to_owned(), |c| c.label.clone())
    };
    let rows = scores.targets.iter().flat_map(|target| {
        target.contrasts.iter().map(move |c| {
            vec![
                format!("{} less {}", label(&c.condition), label(&c.less)),
                target.target.clone(),
                c.stage.map_or_else(|| "chosen".to_owned(), |stage| stage.to_string()),
                fixed(c.seeds.mean, 3),
                c.seeds.half.map_or_else(
                    || NONE.to_owned(),
                    |half| format!("{} to {}", fixed(c.seeds.mean - half, 3), fixed(c.seeds.mean + half, 3)),
                ),
                ends(&c.stimuli),
                fixed(c.p, 3),
                fixed(c.p_holm, 3),
            ]
        })
    });
    let headings =
        vec!["", "Target", "Stage", "Difference", "95 % over seeds", "95 % over stimuli", "p", "p (Holm)"];
    Table { headings, rows: rows.collect() }
}

/// `networks.csv`: a row for each stage of each network, and the chosen one.
pub fn networks_csv(scores: &Scores) -> String {
    let mut out = String::from(
        "target,condition,seed,stage,chosen,similarity,low,high,selection,reported,reported_low,reported_high\n",
    );
    for target in &scores.targets {
        for network in &target.networks {
            for stage in &network.stages {
                let chosen = stage.stage == network.chosen;
                let reported = if chosen { numbers(&network.reported) } else { ",,".to_owned() };
                out += &format!(
                    "{},{},{},{},{chosen},{},{},{reported}\n",
                    quoted(&target.target),
                    quoted(&network.condition),
                    network.seed,
                    stage.stage,
                    numbers(&stage.all),
                    stage.selection
                );
            }
        }
        for control in &target.controls {
            out += &format!(
                "{},{},,,,{},,{}\n",
                quoted(&target.target),
                quoted(&control.control),
                numbers(&control.all),
                numbers(&control.reported)
            );
        }
    }
    out
}

/// `contrasts.csv`: a row for each difference; an empty stage is the chosen one.
pub fn contrasts_csv(scores: &Scores) -> String {
    let mut out = String::from(
        "target,condition,less,stage,difference,seeds,sem,seeds_low,seeds_high,stimuli_low,stimuli_high,p,p_holm\n",
    );
    for target in &scores.targets {
        for c in &target.contrasts {
            let Interval { mean, sem, half, n } = c.seeds;
            let cell = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
            out += &format!(
                "{},{},{},{},{mean},{n},{},{},{},{},{},{},{}\n",
                quoted(&target.target),
                quoted(&c.condition),
                quoted(&c.less),
                cell(c.stage.map(|stage| stage as f64)),
                cell(sem),
                cell(half.map(|half| mean - half)),
                cell(half.map(|half| mean + half)),
                c.stimuli.low,
                c.stimuli.high,
                c.p,
                c.p_holm
            );
        }
    }
    out
}

fn with_sem(value: &Interval) -> String {
    match value.sem {
        Some(sem) => format!("{} ± {}", fixed(value.mean, 3), fixed(sem, 3)),
        None => fixed(value.mean, 3),
    }
}

fn ends(range: &Range) -> String {
    format!("{} to {}", fixed(range.low, 3), fixed(range.high, 3))
}

fn numbers(range: &Range) -> String {
    format!("{},{},{}", range.value, range.low, range.high)
}

/// A cell of a CSV file.
fn quoted(text: &str) -> String {
    let plain = !text.contains([',', '"', '\n']);
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

/// A row for each condition and control of each target with responses.
pub fn predictivity(scores: &Scores) -> Table {
    let count =
        scores.predictivity.iter().flat_map(|t| &t.conditions).map(|c| c.stages.len()).max().unwrap_or(0);
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
                .filter_map(|n| n.stages.iter().find(|(stage, _)| *stage == n.chosen))
                .map(|(_, p)| &p.reported)
                .collect();
            let stages = condition.stages.iter().map(|(_, score)| with_sem(score)).collect();
            let label = label.map_or_else(String::new, |c| c.label.clone());
            rows.push(row(label, with_sem(&condition.reported), &chosen, stages));
        }
        for (name, control) in &target.controls {
            rows.push(row(name.clone(), fixed(control.reported.score, 3), &[&control.reported], Vec::new()));
        }
    }
    Table { headings, rows }
}

/// `predictivity.csv`: a row for each stage of each network.
pub fn predictivity_csv(scores: &Scores) -> String {
    let mut out = String::from(
        "target,condition,seed,stage,chosen,score,sem,r,ceiling,units,left_out,selection,reported,reported_sem,reported_r,reported_ceiling\n",
    );
    let cell = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
    let numbers = |p: &Predicted| {
        let Prediction { score, sem, r, ceiling, units, left_out } = p.all;
        let reported = &p.reported;
        format!(
            "{score},{},{r},{},{units},{left_out},{},{},{},{},{}",
            cell(sem),
            cell(ceiling),
            p.selection,
            reported.score,
            cell(reported.sem),
            reported.r,
            cell(reported.ceiling)
        )
    };
    for target in &scores.predictivity {
        let name = quoted(&target.target);
        for network in &target.networks {
            for (stage, predicted) in &network.stages {
                let (condition, seed) = (quoted(&network.condition), network.seed);
                out += &format!(
                    "{name},{condition},{seed},{stage},{},{}\n",
                    *stage == network.chosen,
                    numbers(predicted)
                );
            }
        }
        for (control, predicted) in &target.controls {
            out += &format!("{name},{},,,,{}\n", quoted(control), numbers(predicted));
        }
    }
    out
}
