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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_apart_by_the_sign_that_takes_the_fewest_animals() {
        let hypothesis = |name: &str| Hypothesis {
            name: name.to_owned(),
            label: name.to_uppercase(),
            idle_on_manifold: None,
            settings: toml::Table::new(),
            quick: false,
        };
        let [first, second] = ["nmnc", "vnc"].map(hypothesis);
        let mut table = Measurements::default();
        // Values of five seeds: far apart by the first sign, less far by the second, the same by the third.
        for (name, means) in [("nmnc", [20.0, 4.0, 0.0]), ("vnc", [0.0, 0.0, 0.0])] {
            for (seed, deviation) in [-1.0, -0.5, 0.0, 0.5, 1.0].into_iter().enumerate() {
                let signs = SIGNS.iter().zip(means).map(|(sign, mean)| (sign.name, Some(mean + deviation)));
                table.add(&Place::new(name, SESSIONS, 4.0), seed as u64, signs);
            }
        }
        let pairs = apart(&[&first, &second], &[4], &table);
        assert_eq!(pairs.len(), 3);
        for (pair, difference) in pairs.iter().zip([20.0, 4.0, 0.0]) {
            // Variance 0.625 of each.
            assert!(
                (pair.difference - difference).abs() < 1e-12 && (pair.spread - 1.25_f64.sqrt()).abs() < 1e-12
            );
        }
        // t = 4 sqrt(5) / sqrt(1.25) = 8 with four degrees of freedom, p = 0.001324, for each of five signs.
        assert!((pairs[1].p - 5.0 * 0.001_323_5).abs() < 1e-4, "{}", pairs[1].p);
        // (t(0.975) + t(0.8)) sqrt(1.25 / n), 11.1 of two pairs and 3.5 of three.
        assert_eq!(pairs[0].animals, Some(2));
        assert_eq!((pairs[1].animals, pairs[2].animals), (Some(3), None));
        let best = best(&pairs, 4);
        assert_eq!((best.len(), best[0].sign), (1, SIGNS[0].name));
        assert!(best[0].labels == ["NMNC", "VNC"] && super::best(&pairs, 8).is_empty());
    }
}
