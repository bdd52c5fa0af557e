//! What the alignment experiment shows, in sentences made from the numbers.

use super::super::contrast::compared;
use super::super::statistics::Interval;
use super::{Found, facet};
use nmnc_report::measurements::Place;
use nmnc_report::text::plural;

/// One sentence or two a condition at the headline dimension, and the contrasts of optimizers.
pub(super) fn verdict(found: &Found<'_>) -> Vec<String> {
    let (mut out, d) = (Vec::new(), found.headline);
    let seeds = found.conditions.iter().map(|c| found.table.seeds(c.name)).min().unwrap_or(0);
    out.push(if seeds < 2 {
        format!("α of the mean Jacobian at d = {d}, one seed: differences have no interval, and nothing can be concluded.")
    } else {
        format!(
            "α of the mean Jacobian at d = {d}, {}; ± is half the 95 % t interval over seeds.",
            plural(seeds, "seed")
        )
    });
    let by_stage = |value: &dyn Fn(usize) -> Option<Interval>| -> Vec<(String, Interval)> {
        found
            .stages
            .iter()
            .filter_map(|(stage, _)| Some((format!("stage {stage}"), value(*stage)?)))
            .collect()
    };
    for &condition in &found.conditions {
        for (metric, other) in [
            ("gain_mean_jacobian", "the untrained network"),
            ("margin_mean_jacobian", "a random subspace (d/n)"),
        ] {
            let differences = by_stage(&|stage| found.over_seeds(condition, stage, d, metric));
            out.push(compared(condition.label, other, &differences, 3));
        }
    }
    let of = |name: &str| found.conditions.iter().find(|c| c.name == name);
    for (a, b) in [("sgd-decay", "sgd"), ("sgd", "adam")] {
        if let (Some(first), Some(second)) = (of(a), of(b)) {
            let differences = by_stage(&|stage| {
                let place = Place::new(a, facet(stage), d as f64);
                found.table.less(&place, &place.with(b), "alpha_mean_jacobian")
            });
            out.push(compared(first.label, &format!("“{}”", second.label), &differences, 3));
        }
    }
    out
}
