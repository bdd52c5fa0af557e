//! How many animals tell two rules apart.

use serde::Serialize;

use super::signs::SIGNS;
use super::{Hypothesis, SESSIONS};
use nmnc_core::statistics::{pairs_for, two_sided};
use nmnc_report::Measurements;
use nmnc_report::measurements::Place;

/// Probability with which the animals named show the difference.
pub(super) const POWER: f64 = 0.8;

/// Two rules, by one sign and number of trials.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Apart {
    pub first: String,
    pub second: String,
    #[serde(skip)]
    pub labels: [String; 2],
    pub sign: &'static str,
    #[serde(skip)]
    pub label: &'static str,
    /// Trials of each condition.
    pub repeats: usize,
    /// Mean of the first less that of the second.
    pub difference: f64,
    /// Standard deviation over seeds of each rule's value, root of the sum of squares.
    pub spread: f64,
    /// Probability of a difference so large by seeds alone, by Student's t with one degree of freedom less than seeds, times the number of signs.
    pub p: f64,
    /// Animals of each kind that show it; none where it is not shown here, or more than a thousand would not.
    pub animals: Option<usize>,
}

/// Every pair of rules by every sign at every number of trials, where two seeds or more were measured.
pub(super) fn apart(hypotheses: &[&Hypothesis], repeats: &[usize], table: &Measurements) -> Vec<Apart> {
    let mut out = Vec::new();
    for (at, first) in hypotheses.iter().enumerate() {
        for second in &hypotheses[at + 1..] {
            for sign in &SIGNS {
                for &repeats in repeats {
                    let of = |hypothesis: &Hypothesis| {
                        let place = Place::new(hypothesis.name.as_str(), SESSIONS, repeats as f64);
                        let found = table.over_seeds(&place, sign.name)?;
                        Some((found.mean, found.sem? * (found.n as f64).sqrt(), found.n))
                    };
                    let (Some((a, sd_a, n_a)), Some((b, sd_b, n_b))) = (of(first), of(second)) else {
                        continue;
                    };
                    let (difference, spread, seeds) = (a - b, sd_a.hypot(sd_b), n_a.min(n_b));
                    // The best of several signs is taken, so that each has to stand for all.
                    let t = difference.abs() * (seeds as f64).sqrt() / spread.max(f64::MIN_POSITIVE);
                    let p = (SIGNS.len() as f64 * two_sided(t, seeds - 1)).min(1.0);
                    out.push(Apart {
                        first: first.name.clone(),
                        second: second.name.clone(),
                        labels: [first.label.clone(), second.label.clone()],
                        sign: sign.name,
                        label: sign.label,
                        repeats,
                        difference,
                        spread,
                        // Of animals with one rule and of as many with another, differences of pairs spread as much.
                        animals: pairs_for(difference, spread, POWER).filter(|_| p < 0.05),
                        p,
                    });
                }
            }
        }
    }
    out
}

/// For each pair, the sign by which the fewest animals tell it apart at so many trials; the pairs in their order.
pub(super) fn best(pairs: &[Apart], repeats: usize) -> Vec<&Apart> {
    let mut out: Vec<&Apart> = Vec::new();
    for pair in pairs.iter().filter(|pair| pair.repeats == repeats) {
        let cost = |pair: &Apart| {
            let effect = pair.difference.abs() / pair.spread.max(f64::MIN_POSITIVE);
            (pair.animals.unwrap_or(usize::MAX), -effect)
        };
        match out.iter_mut().find(|own| own.first == pair.first && own.second == pair.second) {
            Some(own) if cost(pair) < cost(own) => *own = pair,
            Some(_) => {}
            None => out.push(pair),
        }
    }
    out
}
