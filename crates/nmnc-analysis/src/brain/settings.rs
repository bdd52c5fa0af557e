//! How networks are compared with brains.

use serde::{Deserialize, Serialize};

use crate::similarity::{Bootstrap, Comparison, Distance};

/// How to compare.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrainSettings {
    /// Dissimilarity of two patterns.
    pub distance: Distance,
    /// Similarity of two matrices.
    pub comparison: Comparison,
    /// Draws for intervals; its seed parts the stimuli, too, where the benchmark does not.
    pub bootstrap: Bootstrap,
    /// How responses are predicted, where there are any.
    pub regression: RegressionName,
    /// Most features of a regression: activity of more units is projected to as many at random.
    pub components: usize,
    /// Size of a difference that is asked how many seeds and stimuli it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<f64>,
}

impl Default for BrainSettings {
    /// 1 - Pearson's r, Spearman's rank correlation, partial least squares on 1000 features.
    fn default() -> Self {
        Self {
            distance: Distance::default(),
            comparison: Comparison::default(),
            bootstrap: Bootstrap::default(),
            regression: RegressionName::Pls,
            components: 1000,
            power: None,
        }
    }
}

/// A regression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegressionName {
    /// Partial least squares of 25 components.
    Pls,
    /// Ridge regression, its penalty by nested cross-validation.
    Ridge,
    /// None: responses are compared by their dissimilarities only.
    None,
}
