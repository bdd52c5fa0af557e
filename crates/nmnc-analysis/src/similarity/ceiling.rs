//! How similar a model could be to data that differ between subjects.

use serde::{Deserialize, Serialize};

use super::compare::{Comparison, compare, prepared};
use super::rdm::Rdm;
use nmnc_core::statistics::ranks;

/// Bounds of the similarity that the true model of the data would reach (Nili et al. 2014).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// Mean similarity of each subject's matrix with the mean over the others: the true model may well exceed it.
    pub lower: f64,
    /// Mean similarity of each subject's matrix with the mean over all, itself included: hardly any model exceeds it.
    pub upper: f64,
}

/// The ceiling of the matrices of several subjects; none with fewer than two.
pub fn ceiling(subjects: &[Rdm], how: Comparison) -> Option<Ceiling> {
    if subjects.len() < 2 {
        return None;
    }
    let count = subjects.len() as f64;
    let mean = |similarity: &dyn Fn(usize) -> f64| (0..subjects.len()).map(similarity).sum::<f64>() / count;
    let all = pooled(&subjects.iter().collect::<Vec<_>>(), how);
    let without = |left: usize| {
        let others: Vec<&Rdm> =
            subjects.iter().enumerate().filter(|(at, _)| *at != left).map(|(_, s)| s).collect();
        pooled(&others, how)
    };
    Some(Ceiling {
        lower: mean(&|at| compare(&subjects[at], &without(at), how)),
        upper: mean(&|at| compare(&subjects[at], &all, how)),
    })
}

/// The matrix that is most similar to those of all subjects on average: the mean after what the measure does not see is made
/// equal (ranks; mean and scale; scale).
pub fn pooled(subjects: &[&Rdm], how: Comparison) -> Rdm {
    let alike = |values: &[f64]| match how {
        Comparison::Spearman | Comparison::KendallTauA => ranks(values),
        Comparison::Pearson | Comparison::WhitenedPearson => prepared(values, Comparison::Pearson),
        Comparison::Cosine | Comparison::WhitenedCosine => prepared(values, Comparison::Cosine),
    };
    let size = subjects[0].size();
    let mut sum = vec![0.0; subjects[0].values().len()];
    for subject in subjects {
        sum.iter_mut().zip(alike(subject.values())).for_each(|(s, v)| *s += v);
    }
    let count = subjects.len() as f64;
    Rdm::new(size, sum.into_iter().map(|s| s / count).collect()).unwrap_or_else(|_| Rdm::mean(subjects))
}
