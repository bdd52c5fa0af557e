//! What all normalisations share: numbers less their mean, divided by their deviation.

use burn::tensor::Tensor;

/// Numbers standardised within the groups of a view `[a, b, c]`: over the last axis, or over first and last. A mean and a variance are
/// the biased ones, over the numbers of a group.
pub(super) struct Standard {
    /// (x - mean) precision.
    pub values: Tensor<3>,
    /// 1 / sqrt(variance + epsilon), 1 along the axes of the group.
    pub precision: Tensor<3>,
    /// Mean of each group, of the shape of `precision`.
    pub mean: Tensor<3>,
    /// Variance of each group, likewise.
    pub variance: Tensor<3>,
    /// Whether mean and variance are those of the numbers themselves.
    own: bool,
    across_rows: bool,
}

impl Standard {
    /// `x` with statistics of its own: of each `[i, j, :]`, or with `across_rows` of each `[:, j, :]`.
    pub fn of(x: Tensor<3>, epsilon: f64, across_rows: bool) -> Self {
        let mean = average(x.clone(), across_rows);
        let centered = x - mean.clone();
        let variance = average(centered.clone() * centered.clone(), across_rows);
        let precision = (variance.clone() + epsilon).sqrt().recip();
        Self { values: centered * precision.clone(), precision, mean, variance, own: true, across_rows }
    }

    /// `x` with statistics that are given.
    pub fn given(x: Tensor<3>, mean: Tensor<3>, variance: Tensor<3>, epsilon: f64) -> Self {
        let precision = (variance.clone() + epsilon).sqrt().recip();
        let values = (x - mean.clone()) * precision.clone();
        Self { values, precision, mean, variance, own: false, across_rows: true }
    }

    /// Whether mean and variance are those of the numbers themselves.
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// What other numbers become under the same mean and variance.
    pub fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        (x - self.mean.clone()) * self.precision.clone()
    }

    /// The derivative times `change`, which is also its transpose times `change`: a symmetric matrix for each group.
    pub fn derivative(&self, change: Tensor<3>) -> Tensor<3> {
        if !self.own {
            return change * self.precision.clone();
        }
        let level = average(change.clone(), self.across_rows);
        let along = average(change.clone() * self.values.clone(), self.across_rows);
        (change - level - self.values.clone() * along) * self.precision.clone()
    }
}

fn average(x: Tensor<3>, across_rows: bool) -> Tensor<3> {
    let mean = x.mean_dim(2);
    if across_rows { mean.mean_dim(0) } else { mean }
}
