//! Means over seeds with intervals, Student's t, the bootstrap, how many seeds a difference takes; correlations; shares and psychometric
//! curves.

mod binomial;
mod bootstrap;
mod correlation;
mod needed;
mod normal;
pub mod psychometric;
mod student;

use serde::{Deserialize, Serialize};

pub use binomial::wilson95;
pub use bootstrap::{LEAST as BOOTSTRAP_LEAST, bootstrap95};
pub use correlation::{pearson, ranks, spearman};
pub use needed::{detectable, detectable_at, pairs_for, pairs_to_show};
pub use normal::{normal_density, normal_distribution};
pub use student::{t95, two_sided};

use crate::scale;

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

    /// Two-sided probability of a mean so far from 0, were it 0, by Student's t; none for one seed.
    pub fn p(&self) -> Option<f64> {
        let p = |sem: f64| {
            if sem > 0.0 { two_sided(self.mean / sem, self.n - 1) } else { f64::from(self.mean == 0.0) }
        };
        self.sem.map(p)
    }
}

/// Mean and interval of one value a seed; none without values.
pub fn interval(values: impl IntoIterator<Item = f64>) -> Option<Interval> {
    let found = mean_sem(values)?;
    let half = found.sem.map(|sem| sem * t95(found.n - 1));
    Some(Interval { mean: found.mean, sem: found.sem, half, n: found.n })
}

/// A mean over seeds and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanSem {
    /// The mean.
    pub mean: f64,
    /// Standard deviation (with n - 1) over the square root of n; none for n = 1.
    pub sem: Option<f64>,
    /// Number of seeds.
    pub n: usize,
}

/// Mean and s.e.m. of the finite `values`; none when there is none.
pub fn mean_sem(values: impl IntoIterator<Item = f64>) -> Option<MeanSem> {
    let values: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
    let n = values.len();
    if n == 0 {
        return None;
    }
    let unit = scale::unit(scale::largest(values.iter().copied()));
    let mean = values.iter().map(|v| v / unit).sum::<f64>() / n as f64;
    let squares: f64 = values.iter().map(|v| (v / unit - mean).powi(2)).sum();
    let sem = (n > 1).then(|| (squares / (n - 1) as f64 / n as f64).sqrt() * unit);
    Some(MeanSem { mean: mean * unit, sem, n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_a_textbook() {
        // Mean 5, sd sqrt(13), three values: half = 4.303 sqrt(13 / 3).
        let found = interval([2.0, 4.0, 9.0]).unwrap();
        assert_eq!((found.mean, found.n), (5.0, 3));
        assert!((found.half.unwrap() - 4.302_652_73 * (13.0f64 / 3.0).sqrt()).abs() < 1e-7);
        assert!(!found.above(0.0) && !found.below(10.0) && found.above(-4.0) && found.below(14.0));
        // t = 5 / sqrt(13 / 3) = 2.402 with two degrees of freedom: 1 - t / sqrt(t^2 + 2).
        let t = 5.0 / (13.0f64 / 3.0).sqrt();
        assert!((found.p().unwrap() - (1.0 - t / (t * t + 2.0).sqrt())).abs() < 1e-12);
        for scale in [1e-300, 1e-160, 1e160, 1e307] {
            let scaled = mean_sem([2.0, 4.0, 9.0].map(|v| v * scale)).unwrap();
            assert!((scaled.mean / scale - 5.0).abs() < 1e-12);
            assert!((scaled.sem.unwrap() / scale - (13.0f64 / 3.0).sqrt()).abs() < 1e-12);
        }
        let opposite = mean_sem([f64::MAX, -f64::MAX]).unwrap();
        assert_eq!((opposite.mean, opposite.sem), (0.0, Some(f64::MAX)));
        let one = interval([3.0]).unwrap();
        assert!(one.half.is_none() && !one.above(0.0) && one.p().is_none());
    }
}
