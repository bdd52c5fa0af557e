//! Activity as principal component analysis needs it: centered, and of a size whose products do not overflow.

use burn::tensor::Tensor;
use nmnc_kernels::{column_moments, matmul};

use super::Sample;
use super::columns::mirror_product;
use crate::workers::Share;
use nmnc_core::device::{energy, values};
use nmnc_core::error::{Error, Result};
use nmnc_core::scale;

/// Beyond this energy of the mean over the variance, products of raw activity would lose to the mean too many of the digits that
/// centering them afterwards should leave.
const FAR_FROM_ZERO: f64 = 64.0;

/// Activity `[samples, units]`, in products centered without a centered copy of it wherever rounding allows.
///
/// Whatever is made of it is in units of [`Activity::unit`], a power of two near the root of the variance: products of activity
/// with itself overflow long before the activity does, and a power of two changes no other bit. Activity that is too large or too small
/// to be squared as it is is first brought to a moderate size.
///
/// Where workers share the samples, each has its own in `matrix`, and whatever is a sum over samples is one over all workers'.
pub(super) struct Activity<'a> {
    /// Raw, or centered where the mean is far from zero, over `taken`.
    matrix: Tensor<2>,
    share: Share<'a>,
    /// Mean over the samples, `[1, units]`.
    pub mean: Tensor<2>,
    /// Variance in all directions together.
    pub variance: f64,
    /// What one is in the numbers of this activity.
    pub unit: f64,
    /// Variance in all directions together, in squares of the unit.
    pub relative_variance: f64,
    /// What one is in the numbers of `matrix`.
    inner: f64,
    varies: bool,
}

impl<'a> Activity<'a> {
    /// # Errors
    /// If a number is not finite, or the variance is beyond the range of double precision; a worker that cannot be reached.
    pub fn new(sample: Sample<'a>) -> Result<Self> {
        let Sample { own: activity, share } = sample;
        let diverged = |problem| Error::new(nmnc_core::ErrorKind::Diverged, "manifold", problem);
        let (mut activity, mut taken) = (activity, 1.0);
        let (mut mean, mut variance, mut offset) = moments(&activity, &share)?;
        if !scale::is_moderate(offset + variance) {
            let largest = share.numbers(vec![scale::largest(values::<f64>(&activity))])?;
            let largest = scale::largest(largest);
            if !largest.is_finite() {
                return Err(diverged("the activity is not finite"));
            }
            taken = scale::power(largest);
            activity = scale::over(activity, taken);
            (mean, variance, offset) = moments(&activity, &share)?;
        }
        // Mean square of an example, which says how much of the variance is rounding error of a constant.
        let square = offset + variance;
        let matrix = if offset > FAR_FROM_ZERO * variance { activity - mean.clone() } else { activity };
        let varies = share.whole() >= 2 && variance > square * 1e-12;
        let inner = power_of_two(variance);
        let relative_variance = variance / (inner * inner);
        let (unit, variance) = (inner * taken, variance * taken * taken);
        if !variance.is_finite() {
            return Err(diverged("the variance of the activity is beyond the range of numbers"));
        }
        let mean = scale::over(mean, 1.0 / taken);
        Ok(Self { matrix, share, mean, variance, unit, relative_variance, inner, varies })
    }

    /// Whether the samples differ by more than rounding.
    pub fn varies(&self) -> bool {
        self.varies
    }

    /// Samples b of all workers.
    pub fn samples(&self) -> usize {
        self.share.whole()
    }

    /// Units n.
    pub fn units(&self) -> usize {
        self.matrix.dims()[1]
    }

    /// An empty matrix's neighbor: device and precision for new ones.
    pub fn like(&self) -> &Tensor<2> {
        &self.mean
    }

    /// A centered copy `[samples, units]` of a sample that is not shared.
    pub fn centered(&self) -> Tensor<2> {
        (self.matrix.clone() - self.matrix.clone().mean_dim(0)) * self.inner.recip()
    }

    /// X A `[samples, k]` of the centered activity X, for A `[units, k]`, of a sample that is not shared.
    pub fn project(&self, axes: Tensor<2>) -> Tensor<2> {
        center(matmul(self.matrix.clone(), axes)) * self.inner.recip()
    }

    /// X^T C `[units, k]` of the centered activity X, for C `[samples, k]`.
    ///
    /// # Errors
    /// A worker that cannot be reached.
    pub fn combine(&self, coefficients: Tensor<2>) -> Result<Tensor<2>> {
        // The mean drops out of sums whose coefficients add to zero.
        let (rows, coefficients) = (self.share.rows(), center(coefficients) * self.inner.recip());
        let own = coefficients.narrow(0, rows.start, rows.len());
        self.share.sum(matmul(self.matrix.clone().transpose(), own))
    }

    /// X^T X A `[units, k]` of the centered activity X, for A `[units, k]`: two passes over the activity.
    ///
    /// # Errors
    /// A worker that cannot be reached.
    pub fn power(&self, axes: Tensor<2>) -> Result<Tensor<2>> {
        let mut coordinates = matmul(self.matrix.clone(), axes);
        coordinates = if self.share.is_alone() {
            center(coordinates)
        } else {
            let mean = self.share.sum(coordinates.clone().sum_dim(0))? / self.samples() as f64;
            coordinates - mean
        };
        let scaled = coordinates * (self.inner * self.inner).recip();
        self.share.sum(matmul(self.matrix.clone().transpose(), scaled))
    }

    /// X X^T of the centered activity X, row-major, `samples` rows, of a sample that is not shared.
    pub fn gram(&self) -> Vec<f64> {
        let samples = self.samples();
        // Within this range the products themselves do not overflow, and need no scaled copy.
        let moderate = self.inner.log2().abs() <= 30.0;
        let mut gram = if moderate {
            mirror_product(&self.matrix)
        } else {
            mirror_product(&(self.matrix.clone() * self.inner.recip()))
        };
        if moderate {
            gram.iter_mut().for_each(|value| *value /= self.inner * self.inner);
        }
        let means: Vec<f64> =
            gram.chunks_exact(samples).map(|row| row.iter().sum::<f64>() / samples as f64).collect();
        let mean = means.iter().sum::<f64>() / samples as f64;
        for (i, row) in gram.chunks_exact_mut(samples).enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                *value += mean - means[i] - means[j];
            }
        }
        gram
    }
}

/// Mean over the samples, variance in all directions together, and energy of the mean.
fn moments(activity: &Tensor<2>, share: &Share) -> Result<(Tensor<2>, f64, f64)> {
    let (mut mean, squares) = column_moments(activity);
    let mut squares = values::<f64>(&squares).iter().sum::<f64>();
    if !share.is_alone() {
        // Squared deviations from the mean of all are those within the parts and those of their means.
        let (own, part) = (mean, activity.dims()[0] as f64);
        mean = share.sum(own.clone() * part)? / share.whole() as f64;
        let between = part * energy(&(own - mean.clone()));
        squares = share.numbers(vec![squares + between])?.into_iter().sum();
    }
    let variance = squares / share.whole().saturating_sub(1).max(1) as f64;
    let offset = energy(&mean);
    Ok((mean, variance, offset))
}

/// The power of two nearest to the root of a variance.
pub(super) fn power_of_two(variance: f64) -> f64 {
    if variance > 0.0 { (0.5 * variance.log2()).round().exp2() } else { 1.0 }
}

/// Subtracts from each column its mean.
fn center(matrix: Tensor<2>) -> Tensor<2> {
    let mean = matrix.clone().mean_dim(0);
    matrix - mean
}
