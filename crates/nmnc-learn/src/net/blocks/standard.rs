//! What normalisations of single examples share: numbers less their mean, divided by their deviation.

use burn::tensor::Tensor;

/// Numbers standardised along the last axis of a view `[a, b, c]`. A variance is the biased one.
pub(super) struct Standard {
    /// (x - mean) precision.
    pub values: Tensor<3>,
    /// 1 / sqrt(variance + epsilon), `[a, b, 1]`.
    precision: Tensor<3>,
}

impl Standard {
    pub fn of(x: Tensor<3>, epsilon: f64) -> Self {
        let centered = x.clone() - x.mean_dim(2);
        let variance = (centered.clone() * centered.clone()).mean_dim(2);
        let precision = (variance + epsilon).sqrt().recip();
        Self { values: centered * precision.clone(), precision }
    }

    /// The derivative times `change`, which is also its transpose times `change`: a symmetric matrix for each row.
    pub fn derivative(&self, change: Tensor<3>) -> Tensor<3> {
        let level = change.clone().mean_dim(2);
        let along = (change.clone() * self.values.clone()).mean_dim(2);
        (change - level - self.values.clone() * along) * self.precision.clone()
    }
}
