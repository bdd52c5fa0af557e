//! Correlations of two lists of numbers.

use crate::scale;

/// Pearson's r; NaN where one of the lists does not vary, or holds what is not a number.
///
/// # Panics
/// If the lists are not of one length.
pub fn pearson(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "pairs");
    let (a, b) = (unit(a), unit(b));
    a.iter().zip(&b).map(|(a, b)| a * b).sum()
}

/// Spearman's rho: Pearson's r of [`ranks`].
///
/// # Panics
/// If the lists are not of one length.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    pearson(&ranks(a), &ranks(b))
}

/// Ranks from 1, ties by their mean rank.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    while first < order.len() {
        let same = order[first..].iter().take_while(|&&at| values[at] == values[order[first]]).count();
        let rank = first as f64 + 0.5 * (same + 1) as f64;
        order[first..first + same].iter().for_each(|&at| ranks[at] = rank);
        first += same;
    }
    ranks
}

/// Deviations from the mean over their norm; NaN where they are no more than rounding.
fn unit(values: &[f64]) -> Vec<f64> {
    let level = scale::unit(scale::largest(values.iter().copied()));
    let values: Vec<f64> = values.iter().map(|v| v / level).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let norm = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>().sqrt();
    let norm = if norm > 1e-12 * (values.len() as f64).sqrt() { norm } else { f64::NAN };
    values.into_iter().map(|v| (v - mean) / norm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_are_those_of_scipy() {
        // scipy.stats.pearsonr and spearmanr of the same lists, SciPy 1.17.
        let (a, b) = ([1.0, 2.0, 2.0, 4.0, 7.0], [0.5, 0.1, 0.4, 2.0, 1.0]);
        assert!((pearson(&a, &b) - 0.520_065_223_080_057_4).abs() < 1e-12, "{}", pearson(&a, &b));
        assert!((spearman(&a, &b) - 0.564_288_093_646_834_7).abs() < 1e-12, "{}", spearman(&a, &b));
        assert_eq!(ranks(&a), [1.0, 2.5, 2.5, 4.0, 5.0]);
        assert!((spearman(&a, &a.map(|v| -(v * v * v))) + 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_does_not_vary_correlates_with_nothing_and_units_do_not_matter() {
        let (a, b) = ([1.0, 2.0, 4.0], [3.0, 1.0, 2.0]);
        assert!(pearson(&[0.1; 3], &a).is_nan() && spearman(&a, &[7.0; 3]).is_nan());
        assert!(pearson(&[f64::NAN, 1.0, 2.0], &a).is_nan());
        let r = pearson(&a, &b);
        assert!((pearson(&a.map(|v| v * 1e300), &b.map(|v| v * 1e-300)) - r).abs() < 1e-12);
    }
}
