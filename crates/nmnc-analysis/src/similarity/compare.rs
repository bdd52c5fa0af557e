//! How alike two dissimilarity matrices are.

use serde::{Deserialize, Serialize};

use super::rdm::Rdm;
use nmnc_core::scale;
use nmnc_core::statistics::ranks;

/// A measure of similarity of two matrices, on their upper triangles. All are at most 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    /// Spearman's rank correlation, ties by their mean rank.
    #[default]
    Spearman,
    /// Kendall's tau-a: concordant less discordant pairs over all pairs. For models that predict ties (Nili et al. 2014).
    KendallTauA,
    /// Pearson's correlation.
    Pearson,
    /// Cosine.
    Cosine,
    /// Cosine after whitening by the covariance that dissimilarities have for sharing stimuli, with independent noise (Diedrichsen
    /// et al. 2021).
    WhitenedCosine,
    /// Pearson's correlation whitened in the same way.
    WhitenedPearson,
}

impl Comparison {
    /// Every measure with its name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("spearman", Self::Spearman),
        ("kendall-tau-a", Self::KendallTauA),
        ("pearson", Self::Pearson),
        ("cosine", Self::Cosine),
        ("whitened-cosine", Self::WhitenedCosine),
        ("whitened-pearson", Self::WhitenedPearson),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, c)| *c == self).map_or("", |(name, _)| name)
    }

    /// Its name in a sentence or on an axis.
    pub fn title(self) -> &'static str {
        match self {
            Self::Spearman => "Spearman’s ρ",
            Self::KendallTauA => "Kendall’s τ-a",
            Self::Pearson => "Pearson’s r",
            Self::Cosine => "Cosine",
            Self::WhitenedCosine => "Whitened cosine",
            Self::WhitenedPearson => "Whitened Pearson’s r",
        }
    }

    /// Whether stimuli cannot be left out of a matrix pair by pair.
    pub(super) fn whole(self) -> bool {
        matches!(self, Self::WhitenedCosine | Self::WhitenedPearson)
    }
}

/// Similarity of two matrices of the same stimuli; NaN where one of them does not vary.
///
/// # Panics
/// If they are of different sizes.
pub fn compare(a: &Rdm, b: &Rdm, how: Comparison) -> f64 {
    assert_eq!(a.size(), b.size(), "matrices of the same stimuli");
    match how {
        Comparison::WhitenedCosine => whitened(&moderate(a.values()), &moderate(b.values()), a.size()),
        Comparison::WhitenedPearson => {
            let [x, y] = [a, b].map(|rdm| centered(rdm.values()));
            if !varies(a.values(), &x) || !varies(b.values(), &y) {
                return f64::NAN;
            }
            whitened(&moderate(&x), &moderate(&y), a.size())
        }
        _ => similarity(&prepared(a.values(), how), &prepared(b.values(), how), how),
    }
}

/// What of a list of dissimilarities a comparison looks at, so that work on one list serves many comparisons. Not for whitened ones.
pub(super) fn prepared(values: &[f64], how: Comparison) -> Vec<f64> {
    let unit = |values: Vec<f64>| {
        let values = moderate(&values);
        let norm = values.iter().map(|v| v * v).sum::<f64>().sqrt();
        // Rounding leaves something of a constant list.
        let level = values.iter().fold(0.0f64, |m, v| m.max(v.abs())) * (values.len() as f64).sqrt();
        let norm = if norm > 1e-12 * level { norm } else { f64::NAN };
        values.into_iter().map(|v| v / norm).collect()
    };
    match how {
        Comparison::Spearman => unit(centered(&ranks(values))),
        Comparison::Pearson => {
            let centered = centered(values);
            if varies(values, &centered) { unit(centered) } else { vec![f64::NAN; values.len()] }
        }
        Comparison::Cosine => unit(values.to_vec()),
        _ => values.to_vec(),
    }
}

/// Similarity of two prepared lists.
pub(super) fn similarity(a: &[f64], b: &[f64], how: Comparison) -> f64 {
    match how {
        Comparison::KendallTauA => tau_a(a, b),
        _ => a.iter().zip(b).map(|(a, b)| a * b).sum(),
    }
}

/// In a unit in which they can be squared and summed.
fn moderate(values: &[f64]) -> Vec<f64> {
    let unit = scale::unit(scale::largest(values.iter().copied()));
    values.iter().map(|v| v / unit).collect()
}

/// Whether a list is more than a constant and its rounding.
fn varies(values: &[f64], centered: &[f64]) -> bool {
    let level = scale::largest(values.iter().copied());
    centered.iter().any(|v| v.abs() > 1e-13 * level)
}

fn centered(values: &[f64]) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|v| v - mean).collect()
}

/// Kendall's tau-a by counting exchanges in a merge sort (Knight 1966).
fn tau_a(a: &[f64], b: &[f64]) -> f64 {
    let pairs = |n: usize| (n as f64) * (n as f64 - 1.0) / 2.0;
    let tied = |same: &dyn Fn(usize, usize) -> bool, order: &[usize]| {
        let mut total = 0.0;
        let mut first = 0;
        while first < order.len() {
            let count = order[first..].iter().take_while(|&&at| same(order[first], at)).count();
            total += pairs(count);
            first += count;
        }
        total
    };
    let mut order: Vec<usize> = (0..a.len()).collect();
    order.sort_unstable_by(|&i, &j| a[i].total_cmp(&a[j]).then(b[i].total_cmp(&b[j])));
    let ties_a = tied(&|i, j| a[i] == a[j], &order);
    let ties_both = tied(&|i, j| a[i] == a[j] && b[i] == b[j], &order);
    let mut by_a: Vec<f64> = order.iter().map(|&at| b[at]).collect();
    let discordant = exchanges(&mut by_a, &mut vec![0.0; b.len()]) as f64;
    let mut by_b: Vec<usize> = (0..b.len()).collect();
    by_b.sort_unstable_by(|&i, &j| b[i].total_cmp(&b[j]));
    let ties_b = tied(&|i, j| b[i] == b[j], &by_b);
    let all = pairs(a.len());
    (all - ties_a - ties_b + ties_both - 2.0 * discordant) / all
}

/// Sorts `values` and counts how many pairs were out of order.
fn exchanges(values: &mut [f64], spare: &mut [f64]) -> u64 {
    let length = values.len();
    if length < 2 {
        return 0;
    }
    let middle = length / 2;
    let mut count = exchanges(&mut values[..middle], &mut spare[..middle]);
    count += exchanges(&mut values[middle..], &mut spare[middle..]);
    let (mut left, mut right) = (0, middle);
    for slot in spare.iter_mut() {
        if right == length || (left < middle && values[left] <= values[right]) {
            *slot = values[left];
            left += 1;
        } else {
            *slot = values[right];
            right += 1;
            count += (middle - left) as u64;
        }
    }
    values.copy_from_slice(spare);
    count
}

/// Cosine of V^-1/2 a and V^-1/2 b for the covariance V of dissimilarities of independent patterns.
///
/// V of pairs (i, j) and (k, l) is 4, 1 or 0 for two, one or no stimulus in common; V^-1 applied to d is in closed form, since
/// V d = 2 d_ij + r_i + r_j with the row sums r: a^T V^-1 b = (sum_ij a_ij b_ij - 2/n sum_i r_i s_i + R S / n^2) / 4 over the
/// full matrices with row sums r, s and sums R, S, which is the product of the doubly centered matrices.
fn whitened(a: &[f64], b: &[f64], size: usize) -> f64 {
    let sums = |values: &[f64]| {
        let mut sums = vec![0.0; size];
        let mut at = 0;
        for i in 0..size {
            for j in i + 1..size {
                sums[i] += values[at];
                sums[j] += values[at];
                at += 1;
            }
        }
        sums
    };
    let (rows_a, rows_b) = (sums(a), sums(b));
    let n = size as f64;
    let product = |a: &[f64], b: &[f64], r: &[f64], s: &[f64]| {
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        2.0 * dot(a, b) - 2.0 / n * dot(r, s) + r.iter().sum::<f64>() * s.iter().sum::<f64>() / (n * n)
    };
    let (aa, bb) = (product(a, a, &rows_a, &rows_a), product(b, b, &rows_b, &rows_b));
    product(a, b, &rows_a, &rows_b) / (aa * bb).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn random(size: usize, salt: f64) -> Rdm {
        let values = (0..size * (size - 1) / 2).map(|i| (i as f64 * 1.7 + salt).sin().abs()).collect();
        Rdm::new(size, values).unwrap()
    }

    #[test]
    fn the_closed_form_of_whitening_is_a_solve_with_the_covariance() {
        let size = 6;
        let (a, b) = (random(size, 0.3), random(size, 2.1));
        let pairs: Vec<(usize, usize)> = (0..size).flat_map(|i| (i + 1..size).map(move |j| (i, j))).collect();
        let delta = |i: usize, j: usize| f64::from(u8::from(i == j));
        let covariance: Vec<f64> = pairs
            .iter()
            .flat_map(|&(i, j)| {
                pairs
                    .iter()
                    .map(move |&(k, l)| (delta(i, k) + delta(j, l) - delta(i, l) - delta(j, k)).powi(2))
            })
            .collect();
        let inverse = nmnc_core::linalg::pseudo_inverse(&covariance, pairs.len(), 1e-12).unwrap();
        let product = |x: &[f64], y: &[f64]| -> f64 {
            let row =
                |i: usize| inverse[i * pairs.len()..(i + 1) * pairs.len()].iter().zip(y).map(|(v, y)| v * y);
            x.iter().enumerate().map(|(i, x)| x * row(i).sum::<f64>()).sum()
        };
        let (x, y) = (a.values(), b.values());
        let expected = product(x, y) / (product(x, x) * product(y, y)).sqrt();
        assert!((compare(&a, &b, Comparison::WhitenedCosine) - expected).abs() < 1e-10);
    }

    #[test]
    fn a_constant_matrix_is_like_nothing() {
        let constant = Rdm::new(4, vec![0.1; 6]).unwrap();
        for how in [Comparison::Spearman, Comparison::Pearson] {
            assert!(compare(&constant, &random(4, 0.1), how).is_nan());
        }
        assert_eq!(compare(&constant, &random(4, 0.1), Comparison::KendallTauA), 0.0);
    }

    proptest! {
        #[test]
        fn tau_a_is_its_definition_with_any_ties(values in prop::collection::vec((0i8..5, 0i8..5), 6..=15)) {
            let size = if values.len() < 10 { 4 } else if values.len() < 15 { 5 } else { 6 };
            let pairs = size * (size - 1) / 2;
            let list = |f: fn(&(i8, i8)) -> i8| -> Vec<f64> { values[..pairs].iter().map(|v| f64::from(f(v))).collect() };
            let (a, b) = (list(|v| v.0), list(|v| v.1));
            let mut expected = 0.0;
            for i in 0..pairs {
                for j in 0..i {
                    let sign = |x: f64| if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { 0.0 };
                    expected += sign(a[i] - a[j]) * sign(b[i] - b[j]);
                }
            }
            expected /= (pairs * (pairs - 1) / 2) as f64;
            prop_assert!((tau_a(&a, &b) - expected).abs() < 1e-12);
        }

        #[test]
        fn every_measure_is_symmetric_and_one_for_the_same(salt in 0.0f64..50.0, other in 0.0f64..50.0) {
            let (a, b) = (random(7, salt), random(7, other));
            for (name, how) in Comparison::ALL {
                let (ab, ba) = (compare(&a, &b, how), compare(&b, &a, how));
                prop_assert!((ab - ba).abs() < 1e-12 && ab <= 1.0 + 1e-12, "{name} {ab} {ba}");
                prop_assert!((compare(&a, &a, how) - 1.0).abs() < 1e-12, "{name}");
            }
        }
    }
}
