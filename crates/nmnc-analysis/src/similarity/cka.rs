//! Centered kernel alignment with linear kernels (Kornblith et al. 2019).

use rayon::prelude::*;

use super::columns::dot;
use super::gram::Gram;
use nmnc_core::error::{Error, Result};

/// How dependence is estimated from samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// The plug-in estimate HSIC_0: ‖Yᵀ X‖² of centered features (Kornblith et al. 2019, equation 3). With fewer samples than
    /// features it is near 1 whatever the features are.
    Biased,
    /// The unbiased estimate HSIC_1 (Song et al. 2012, equation 4); its expectation is 0 for independent features, so that it can
    /// be negative.
    Unbiased,
}

/// Alignment of two representations of the same samples: HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)), 1 for features that are equal up to
/// rotation and scale. `None` where one of them does not vary (or not measurably so), which leaves it undefined.
///
/// # Errors
/// If the numbers of samples differ, or there are fewer than four for the unbiased estimate.
pub fn cka(a: &Gram, b: &Gram, estimator: Estimator) -> Result<Option<f64>> {
    let cross = relative(a, b, estimator)?;
    let (own_a, own_b) = (relative(a, a, estimator)?, relative(b, b, estimator)?);
    if own_a <= 0.0 || own_b <= 0.0 {
        return Ok(None);
    }
    Ok(Some(cross / (own_a.sqrt() * own_b.sqrt())))
}

/// Hilbert-Schmidt independence criterion of two linear kernels, up to the factor (n - 1)² of the biased one.
///
/// # Errors
/// As [`cka`]; if it is beyond the range of double precision.
pub fn hsic(a: &Gram, b: &Gram, estimator: Estimator) -> Result<f64> {
    let found = relative(a, b, estimator)? * a.unit() * a.unit() * b.unit() * b.unit();
    if found.is_finite() {
        return Ok(found);
    }
    Err(Error::data("features", "their dependence is above what double precision has numbers for")
        .mend("give them in a larger unit"))
}

/// The same in squares of both units.
fn relative(a: &Gram, b: &Gram, estimator: Estimator) -> Result<f64> {
    let n = a.samples();
    if n != b.samples() {
        return Err(Error::data(
            "samples",
            format!("{n} of one representation and {} of the other", b.samples()),
        )
        .mend("show both the same samples"));
    }
    let product: f64 = row_sums(a, b, dot).iter().sum();
    if estimator == Estimator::Biased {
        return Ok(product);
    }
    if n < 4 {
        return Err(Error::data("samples", format!("{n} for an unbiased estimate"))
            .mend("give at least four, better hundreds"));
    }
    // Both without their diagonals. Rows of a centered matrix sum to zero, so what is left of them is minus the diagonal.
    let diagonal = |gram: &Gram| gram.values().iter().step_by(n + 1).copied().collect::<Vec<f64>>();
    let (da, db) = (diagonal(a), diagonal(b));
    let both = dot(&da, &db);
    let trace = product - both;
    let (sum_a, sum_b): (f64, f64) = (da.iter().sum(), db.iter().sum());
    let n = n as f64;
    Ok((trace + sum_a * sum_b / ((n - 1.0) * (n - 2.0)) - 2.0 * both / (n - 2.0)) / (n * (n - 3.0)))
}

fn row_sums(a: &Gram, b: &Gram, of: impl Fn(&[f64], &[f64]) -> f64 + Sync) -> Vec<f64> {
    let n = a.samples();
    a.values().par_chunks_exact(n).zip(b.values().par_chunks_exact(n)).map(|(x, y)| of(x, y)).collect()
}
