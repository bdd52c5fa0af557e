//! What the experiment shows, in sentences made from the numbers.

use super::apart::{Apart, POWER, best};
use super::signs::SIGNS;
use super::{Hypothesis, SESSIONS};
use nmnc_report::Measurements;
use nmnc_report::measurements::Place;
use nmnc_report::text::{list, plural, with_half};

pub(super) fn verdict(
    hypotheses: &[&Hypothesis],
    pairs: &[Apart],
    repeats: &[usize],
    table: &Measurements,
) -> Vec<String> {
    let (Some(&fewest), Some(&most)) = (repeats.first(), repeats.last()) else { return Vec::new() };
    let seeds = hypotheses.iter().map(|h| table.seeds(&h.name)).min().unwrap_or(0);
    let mut out = vec![if seeds < 2 {
        "One seed: nothing tells how much networks of one rule differ, and so none how many would tell rules apart.".to_owned()
    } else {
        format!(
            "{} by {}, {} each; ± is half the 95 % t interval over seeds.",
            plural(hypotheses.len(), "rule"),
            plural(SIGNS.len(), "sign"),
            plural(seeds, "seed")
        )
    }];
    for sign in &SIGNS {
        let value = |hypothesis: &&Hypothesis| {
            let place = Place::new(hypothesis.name.as_str(), SESSIONS, most as f64);
            let found = table.over_seeds(&place, sign.name)?;
            Some((found.mean, format!("{} {}", hypothesis.label, with_half(Some(found), 2))))
        };
        let mut values: Vec<(f64, String)> = hypotheses.iter().filter_map(value).collect();
        values.sort_by(|a, b| b.0.total_cmp(&a.0));
        let told: Vec<String> = values.into_iter().map(|(_, text)| text).collect();
        if !told.is_empty() {
            out.push(format!("{}, with {most} trials of each condition: {}.", sign.label, list(&told)));
        }
    }
    let mut ends = vec![fewest, most];
    ends.dedup();
    for trials in ends {
        let found = best(pairs, trials);
        let shown: Vec<&&Apart> = found.iter().filter(|pair| pair.animals.is_some()).collect();
        if let Some(hardest) = shown.iter().max_by_key(|pair| pair.animals) {
            let few = shown.iter().filter(|pair| pair.animals.is_some_and(|animals| animals <= 5)).count();
            out.push(format!(
                "With {trials} trials of each condition, {} of {} differ by a sign (at 5 %, corrected for the number of signs), {few} of them so \
                 that five animals of each kind or fewer show it (probability {POWER}); {} and {} take the most, {} by “{}”.",
                shown.len(),
                plural(found.len(), "pair"),
                hardest.labels[0],
                hardest.labels[1],
                hardest.animals.unwrap_or(0),
                hardest.label
            ));
        }
        let never: Vec<String> = found
            .iter()
            .filter(|pair| pair.animals.is_none())
            .map(|pair| format!("{} and {}", pair.labels[0], pair.labels[1]))
            .collect();
        if !never.is_empty() {
            out.push(format!("With {trials} trials, no sign is shown to tell apart {}.", list(&never)));
        }
    }
    out
}
