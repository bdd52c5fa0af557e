//! Differences with intervals, in a sentence.

use super::statistics::{Interval, pairs_to_show};
use nmnc_report::text::{list, plural, with_half};

/// "X against Y: above: a at stage 1; below: b at stage 3; no difference shown with 3 seeds (seeds that would show one of this size): c at
/// stage 2 (52)."
///
/// `differences` are places ("stage 1") and values of X less Y.
pub(super) fn compared(
    name: &str,
    with: &str,
    differences: &[(String, Interval)],
    decimals: usize,
) -> String {
    let pick = |keep: &dyn Fn(&Interval) -> bool| -> Vec<String> {
        let kept = differences.iter().filter(|(_, value)| keep(value));
        kept.map(|(place, value)| format!("{} at {place}", with_half(Some(*value), decimals))).collect()
    };
    if differences.is_empty() {
        return format!("{name} against {with}: nothing was measured.");
    }
    if differences.iter().all(|(_, value)| value.half.is_none()) {
        return format!("{name} less {with}: {}.", list(&pick(&|_| true)));
    }
    let open = |v: &Interval| !v.above(0.0) && !v.below(0.0);
    let seeds: Vec<usize> = differences.iter().filter(|(_, v)| open(v)).map(|(_, v)| v.n).collect();
    let number = match (seeds.iter().min(), seeds.iter().max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most} seeds"),
        (Some(only), _) => plural(*only, "seed"),
        _ => String::new(),
    };
    let open_places: Vec<String> = differences
        .iter()
        .filter(|(_, v)| open(v))
        .map(|(place, v)| {
            let more = pairs_to_show(v).map_or_else(|| "> 1000".to_owned(), |pairs| pairs.to_string());
            format!("{} at {place} ({more})", with_half(Some(*v), decimals))
        })
        .collect();
    let unseen = format!("no difference shown with {number} (seeds that would show one of this size):");
    let groups = [
        ("above:", pick(&|v| v.above(0.0))),
        ("below:", pick(&|v| v.below(0.0))),
        (unseen.as_str(), open_places),
    ];
    let parts: Vec<String> = groups
        .into_iter()
        .filter(|(_, places)| !places.is_empty())
        .map(|(word, places)| format!("{word} {}", list(&places)))
        .collect();
    format!("{name} against {with}: {}.", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::statistics::interval;
    use super::*;

    #[test]
    fn the_sentence_says_what_the_intervals_say() {
        let stage = |number: usize, values: [f64; 3]| (format!("stage {number}"), interval(values).unwrap());
        let differences =
            [stage(1, [0.30, 0.31, 0.32]), stage(2, [0.30, -0.31, 0.32]), stage(3, [-0.11, -0.10, -0.12])];
        assert_eq!(
            compared("SGD", "the untrained network", &differences, 3),
            "SGD against the untrained network: above: 0.310 ± 0.025 at stage 1; below: −0.110 ± 0.025 at stage 3; no \
             difference shown with 3 seeds (seeds that would show one of this size): 0.103 ± 0.890 at stage 2 (97)."
        );
        let one = [("stage 1".to_owned(), interval([0.5]).unwrap())];
        assert_eq!(compared("SGD", "chance", &one, 3), "SGD less chance: 0.500 at stage 1.");
    }
}
