//! What correlation with noise of any covariance finds of a Jacobian.

use serde::{Deserialize, Serialize};

/// What the correlation of noise xi of covariance S with the change xi . j of an output depends on, for one row j of the Jacobian or
/// on average over rows.
///
/// Of K Gaussian trials, jhat = mean of xi (xi . j) has the mean S j and, by Isserlis' theorem,
/// E|jhat|^2 = |S j|^2 (1 + 1/K) + (j . S j) tr S / K.
///
/// Up to a factor, jhat is S j / (j . S j) + g, where g is orthogonal to j, independent of xi . j, and of variance (tr S - |S j|^2 /
/// (j . S j)) / sum of (xi . j)^2 (docs/maths.md): the cosine is one over the length of this vector and of j.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseMoments {
    /// Variance along j: j . S j over |j|^2.
    pub along: f64,
    /// |S j|^2 over |j|^2, at least the square of `along`.
    pub squared: f64,
    /// tr S, the variance in all directions.
    pub total: f64,
}

impl NoiseMoments {
    /// Those of the covariance `[n, n]`, row-major, for the row `[n]` of a Jacobian.
    ///
    /// # Panics
    /// If sizes disagree.
    pub fn of(covariance: &[f64], row: &[f64]) -> Self {
        let units = row.len();
        assert_eq!(covariance.len(), units * units, "a square covariance of {units} units");
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let image: Vec<f64> = covariance.chunks_exact(units).map(|of| dot(of, row)).collect();
        let energy = dot(row, row);
        Self {
            along: dot(row, &image) / energy,
            squared: dot(&image, &image) / energy,
            total: (0..units).map(|i| covariance[i * units + i]).sum(),
        }
    }

    /// Noise of equal variance in all of `dimension` directions, j among them.
    pub fn isotropic(dimension: usize) -> Self {
        Self { along: 1.0, squared: 1.0, total: dimension as f64 }
    }

    /// Expected cosine of jhat and j after `trials`, about 1 / sqrt(squared / along^2 + (total - squared / along) / (along K)); 0 without
    /// noise along j.
    ///
    /// Too large by about 1/(4K) of itself where noise has many dimensions, too small by as much where it has few.
    pub fn cosine(&self, trials: usize) -> f64 {
        let across = (self.along * self.total - self.squared).max(0.0);
        self.ratio(self.squared + across / trials as f64)
    }

    /// The same for any number of trials: what the bias of S leaves.
    pub fn limit(&self) -> f64 {
        self.ratio(self.squared)
    }

    fn ratio(&self, energy: f64) -> f64 {
        if self.along > 0.0 && energy > 0.0 { (self.along / energy.sqrt()).min(1.0) } else { 0.0 }
    }
}
