//! Singular vector canonical correlation analysis (Raghu et al. 2017).

use super::gram::Gram;
use crate::dimension::product::{add_product, view};
use nmnc_core::error::{Error, Result};
use nmnc_core::linalg::{singular_values, symmetric_eigen};

/// Eigenvalues of a Gram matrix this much smaller than the largest are rounding error.
const ROUNDING: f64 = 1e-12;

/// The leading left singular vectors of centered features.
#[derive(Clone, Debug)]
pub struct Leading {
    /// `[kept, samples]`, orthonormal rows.
    vectors: Vec<f64>,
    kept: usize,
    samples: usize,
}

impl Leading {
    /// The fewest singular vectors that hold `share` of the variance (the sum of the squared singular values): 0.99 in SVCCA, 1 in
    /// plain canonical correlation analysis.
    ///
    /// # Errors
    /// If `share` is not above 0 and at most 1, or nothing varies.
    pub fn of(gram: &Gram, share: f64) -> Result<Self> {
        if !(share > 0.0 && share <= 1.0) {
            return Err(Error::config("variance", format!("a share of {share}"))
                .mend("give a share of the variance above 0 and at most 1, such as 0.99"));
        }
        let samples = gram.samples();
        let (eigenvalues, vectors) = symmetric_eigen(gram.values(), samples)?;
        let sound = eigenvalues.iter().take_while(|v| **v > 0.0 && **v > ROUNDING * eigenvalues[0]).count();
        if sound == 0 {
            return Err(
                Error::data("features", "do not vary").mend("give features that differ between samples")
            );
        }
        let total: f64 = eigenvalues[..sound].iter().sum();
        let mut held = 0.0;
        let fewest = eigenvalues[..sound].iter().position(|v| {
            held += v;
            held >= share * total
        });
        let kept = if share < 1.0 { fewest.map_or(sound, |at| at + 1) } else { sound };
        Ok(Self { vectors: vectors[..kept].concat(), kept, samples })
    }

    /// The same of samples in another order: sample i is `order[i]` of these.
    ///
    /// # Panics
    /// If `order` names another number of samples.
    pub fn permuted(&self, order: &[usize]) -> Self {
        assert_eq!(order.len(), self.samples, "one entry a sample");
        let rows = self.vectors.chunks_exact(self.samples);
        let vectors = rows.flat_map(|row| order.iter().map(|&at| row[at])).collect();
        Self { vectors, ..*self }
    }

    /// Number of singular vectors.
    pub fn kept(&self) -> usize {
        self.kept
    }
}

/// Canonical correlations of two subspaces in descending order, as many as the smaller has dimensions.
///
/// # Errors
/// If the numbers of samples differ.
pub fn canonical_correlations(a: &Leading, b: &Leading) -> Result<Vec<f64>> {
    if a.samples != b.samples {
        let problem = format!("{} of one representation and {} of the other", a.samples, b.samples);
        return Err(Error::data("samples", problem).mend("show both the same samples"));
    }
    let mut product = vec![0.0; a.kept * b.kept];
    let (left, right) = (view(&a.vectors, a.kept, a.samples), view(&b.vectors, b.kept, b.samples));
    add_product(&mut product, left, right.transpose());
    // Correlations above 1 are rounding.
    Ok(singular_values(&product, a.kept, b.kept)?.into_iter().map(|r| r.min(1.0)).collect())
}

/// Mean canonical correlation, the similarity of SVCCA.
///
/// # Errors
/// As [`canonical_correlations`].
pub fn mean_correlation(a: &Leading, b: &Leading) -> Result<f64> {
    let all = canonical_correlations(a, b)?;
    Ok(all.iter().sum::<f64>() / all.len() as f64)
}
