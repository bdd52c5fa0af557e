//! Means over seeds with intervals, and exponents.

use serde::{Deserialize, Serialize};

use crate::report::aggregate::mean_sem;

/// A mean over seeds with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Standard error of the mean; none for one seed.
    pub sem: Option<f64>,
    /// Half the width of the 95 % interval by Student's t with one degree of freedom less than seeds; none for one seed.
    pub half: Option<f64>,
    /// Number of seeds.
    pub n: usize,
}

impl Interval {
    /// Whether the whole interval lies above `value`; never for one seed.
    pub fn above(&self, value: f64) -> bool {
        self.half.is_some_and(|half| self.mean - half > value)
    }

    /// Whether the whole interval lies below `value`; never for one seed.
    pub fn below(&self, value: f64) -> bool {
        self.half.is_some_and(|half| self.mean + half < value)
    }
}

/// Mean and interval of one value a seed; none without values.
pub fn interval(values: impl IntoIterator<Item = f64>) -> Option<Interval> {
    let found = mean_sem(values)?;
    let half = found.sem.map(|sem| sem * t95(found.n - 1));
    Some(Interval { mean: found.mean, sem: found.sem, half, n: found.n })
}

/// The 97.5 % quantile of Student's t with `freedom` degrees of freedom (at least 1): tabulated up to 30, then Hill's expansion
/// about the normal quantile.
pub fn t95(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
        2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048,
        2.045, 2.042,
    ];
    const Z: f64 = 1.959_964;
    match TABLE.get(freedom.max(1) - 1) {
        Some(&t) => t,
        None => Z + (Z.powi(3) + Z) / (4.0 * freedom as f64),
    }
}

/// Exponent b of y = a x^b by least squares of ln y on ln x; none with fewer than two different x.
pub fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    line(points).map(|(slope, _)| slope)
}

/// Slope and intercept in logarithms.
pub(super) fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let logs: Vec<(f64, f64)> =
        points.iter().filter(|p| p.0 > 0.0 && p.1 > 0.0).map(|p| (p.0.ln(), p.1.ln())).collect();
    let mean = |f: fn(&(f64, f64)) -> f64| logs.iter().map(f).sum::<f64>() / logs.len() as f64;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let spread: f64 = logs.iter().map(|p| (p.0 - x).powi(2)).sum();
    let cross: f64 = logs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    (spread > 1e-12).then(|| (cross / spread, y - cross / spread * x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_a_textbook() {
        // Mean 5, sd sqrt(13), three values: half = 4.303 sqrt(13 / 3).
        let found = interval([2.0, 4.0, 9.0]).unwrap();
        assert_eq!((found.mean, found.n), (5.0, 3));
        assert!((found.half.unwrap() - 4.303 * (13.0f64 / 3.0).sqrt()).abs() < 1e-9);
        assert!(!found.above(0.0) && !found.below(10.0) && found.above(-4.0) && found.below(14.0));
        let one = interval([3.0]).unwrap();
        assert!(one.half.is_none() && !one.above(0.0));
        // Quantiles from tables: 40 and 120 degrees of freedom.
        assert!((t95(40) - 2.021).abs() < 2e-3 && (t95(120) - 1.980).abs() < 1e-3);
    }

    #[test]
    fn exponents_are_those_of_power_laws() {
        let law = |x: f64| (x, 3.0 * x.powf(0.3));
        let found = exponent(&[1.0, 4.0, 9.0, 100.0].map(law)).unwrap();
        assert!((found - 0.3).abs() < 1e-12);
        assert_eq!(exponent(&[law(2.0), law(2.0)]), None);
        assert_eq!(exponent(&[]), None);
    }
}
