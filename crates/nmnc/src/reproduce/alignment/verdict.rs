//! What the alignment experiment shows, in sentences made from the numbers.

use super::super::contrast::compared;
use super::super::statistics::{Interval, interval};
use super::{Condition, Seeded, over_seeds};
use nmnc_report::text::plural;

/// One sentence or two a condition at dimension `d`, and the contrasts of optimizers.
pub(super) fn verdict(conditions: &[(Condition, Vec<Seeded>)], d: usize) -> Vec<String> {
    let mut out = Vec::new();
    let seeds = conditions.iter().map(|(_, runs)| runs.len()).min().unwrap_or(0);
    out.push(if seeds < 2 {
        format!("α of the mean Jacobian at d = {d}, one seed: differences have no interval, and nothing can be concluded.")
    } else {
        format!(
            "α of the mean Jacobian at d = {d}, {}; ± is half the 95 % t interval over seeds.",
            plural(seeds, "seed")
        )
    });
    for (condition, runs) in conditions {
        let gains =
            by_stage(runs, &|stage| over_seeds(runs, stage, d, |r| Some(r.mean_jacobian - r.untrained?)));
        out.push(compared(condition.label, "the untrained network", &gains, 3));
        let margins = by_stage(runs, &|stage| over_seeds(runs, stage, d, |r| Some(r.margin)));
        out.push(compared(condition.label, "a random subspace (d/n)", &margins, 3));
    }
    let of = |name: &str| conditions.iter().find(|(c, _)| c.name == name);
    for (a, b) in [("sgd-decay", "sgd"), ("sgd", "adam")] {
        if let (Some((first, one)), Some((second, other))) = (of(a), of(b)) {
            let differences = by_stage(one, &|stage| paired(one, other, stage, d));
            out.push(compared(first.label, &format!("“{}”", second.label), &differences, 3));
        }
    }
    out
}

fn by_stage(runs: &[Seeded], value: &dyn Fn(usize) -> Option<Interval>) -> Vec<(String, Interval)> {
    let stages = runs.first().into_iter().flat_map(Seeded::stages);
    stages.filter_map(|s| Some((format!("stage {}", s.stage), value(s.stage)?))).collect()
}

/// Difference of two conditions over the seeds that both have.
fn paired(one: &[Seeded], other: &[Seeded], stage: usize, d: usize) -> Option<Interval> {
    interval(one.iter().filter_map(|run| {
        let twin = other.iter().find(|t| t.seed == run.seed)?;
        Some(run.at(stage, d)?.mean_jacobian - twin.at(stage, d)?.mean_jacobian)
    }))
}
