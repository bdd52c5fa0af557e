//! Student's t distribution with a whole number of degrees of freedom.

use std::f64::consts::PI;

/// Probability of a |t| at least as large, by the finite series of Abramowitz and Stegun (26.7.3 and 26.7.4).
pub fn two_sided(t: f64, freedom: usize) -> f64 {
    let angle = (t.abs() / (freedom as f64).sqrt()).atan();
    let (sin, cos) = angle.sin_cos();
    // sum of cos^k with coefficients (2 4 ... / 3 5 ...) or (1 3 ... / 2 4 ...).
    let series = |first: usize| {
        let (mut term, mut sum) = (1.0, 0.0);
        for k in (first..freedom - 1).step_by(2) {
            sum += term;
            term *= k as f64 / (k + 1) as f64 * cos * cos;
        }
        sum + if freedom > first { term } else { 0.0 }
    };
    let inside = match freedom {
        0 => return f64::NAN,
        1 => 2.0 * angle / PI,
        odd if odd % 2 == 1 => 2.0 / PI * (angle + sin * cos * series(2)),
        _ => sin * series(1),
    };
    (1.0 - inside).max(0.0)
}

/// The 97.5 % quantile of Student's t with `freedom` degrees of freedom (at least 1).
pub fn t95(freedom: usize) -> f64 {
    quantile(0.05, freedom)
}

/// The t that a larger |t| has the probability `both` (at least 0.05) of, by bisection of [`two_sided`].
pub(super) fn quantile(both: f64, freedom: usize) -> f64 {
    let freedom = freedom.max(1);
    let (mut low, mut high) = (0.0, 13.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if two_sided(middle, freedom) > both { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_tables() {
        for (freedom, expected) in [
            (1, 12.706_204_736),
            (2, 4.302_652_73),
            (3, 3.182_446_305),
            (4, 2.776_445_105),
            (9, 2.262_157_163),
            (91, 1.986_377_154),
        ] {
            assert!((t95(freedom) - expected).abs() < 1e-7, "{freedom} {}", t95(freedom));
        }
        assert!((two_sided(2.0, 5) - 0.101_939_479).abs() < 1e-8);
        assert!((two_sided(-2.0, 4) - 0.116_116_524).abs() < 1e-8);
    }
}
