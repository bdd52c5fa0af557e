//! What the alignment experiment shows, in sentences made from the numbers.

use super::super::statistics::{Interval, interval};
use super::super::table::with_half;
use super::{Condition, Seeded, over_seeds};
use crate::report::text::{list, plural};

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
        out.push(compared(condition.label, "the untrained network", &gains));
        let margins = by_stage(runs, &|stage| over_seeds(runs, stage, d, |r| Some(r.margin)));
        out.push(compared(condition.label, "a random subspace (d/n)", &margins));
    }
    let of = |name: &str| conditions.iter().find(|(c, _)| c.name == name);
    for (a, b) in [("sgd-decay", "sgd"), ("sgd", "adam")] {
        if let (Some((first, one)), Some((second, other))) = (of(a), of(b)) {
            let differences = by_stage(one, &|stage| paired(one, other, stage, d));
            out.push(compared(first.label, &format!("“{}”", second.label), &differences));
        }
    }
    out
}

fn by_stage(runs: &[Seeded], value: &dyn Fn(usize) -> Option<Interval>) -> Vec<(usize, Interval)> {
    let stages = runs.first().into_iter().flat_map(Seeded::stages);
    stages.filter_map(|s| Some((s.stage, value(s.stage)?))).collect()
}

/// Difference of two conditions over the seeds that both have.
fn paired(one: &[Seeded], other: &[Seeded], stage: usize, d: usize) -> Option<Interval> {
    interval(one.iter().filter_map(|run| {
        let twin = other.iter().find(|t| t.seed == run.seed)?;
        Some(run.at(stage, d)?.mean_jacobian - twin.at(stage, d)?.mean_jacobian)
    }))
}

/// "X against Y: above: a at stage 1; below: b at stage 3; no difference shown: c at stage 2."
fn compared(name: &str, with: &str, differences: &[(usize, Interval)]) -> String {
    let pick = |keep: &dyn Fn(&Interval) -> bool| -> Vec<String> {
        let kept = differences.iter().filter(|(_, value)| keep(value));
        kept.map(|(stage, value)| format!("{} at stage {stage}", with_half(value, 3))).collect()
    };
    if differences.is_empty() {
        return format!("{name} against {with}: nothing was measured.");
    }
    if differences.iter().all(|(_, value)| value.half.is_none()) {
        return format!("{name} less {with}: {}.", list(&pick(&|_| true)));
    }
    let groups = [
        ("above:", pick(&|v| v.above(0.0))),
        ("below:", pick(&|v| v.below(0.0))),
        ("no difference shown:", pick(&|v| !v.above(0.0) && !v.below(0.0))),
    ];
    let parts: Vec<String> = groups
        .into_iter()
        .filter(|(_, stages)| !stages.is_empty())
        .map(|(word, stages)| format!("{word} {}", list(&stages)))
        .collect();
    format!("{name} against {with}: {}.", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_what_the_intervals_say() {
        let stage = |values: [f64; 3]| interval(values).unwrap();
        let differences = [
            (1, stage([0.30, 0.31, 0.32])),
            (2, stage([0.30, -0.31, 0.32])),
            (3, stage([-0.11, -0.10, -0.12])),
        ];
        assert_eq!(
            compared("SGD", "the untrained network", &differences),
            "SGD against the untrained network: above: 0.310 ± 0.025 at stage 1; below: −0.110 ± 0.025 at stage 3; no \
             difference shown: 0.103 ± 0.890 at stage 2."
        );
        let one = [(1, interval([0.5]).unwrap())];
        assert_eq!(compared("SGD", "chance", &one), "SGD less chance: 0.500 at stage 1.");
    }
}
