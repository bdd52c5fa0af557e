//! How many probes the law asks for, and where measured cosines cross a fraction.

use super::super::probes::{ESTIMATOR, PROBE};

/// Numbers of probes in steps of sqrt(2) from 1 to `most`.
pub(super) fn grid(most: usize) -> Vec<usize> {
    let steps = (0..).map(|i| 2f64.powf(f64::from(i) / 2.0).round() as usize);
    let mut grid: Vec<usize> = steps.take_while(|k| *k < most).chain([most]).collect();
    grid.dedup();
    grid
}

/// The variance of one probe's estimate of a row, over ||mean j U||^2.
pub(super) fn single(dimension: usize, variation: f64) -> f64 {
    ((ESTIMATOR.law(PROBE).variance)(dimension, 1) + 1.0) * variation - 1.0
}

/// The mean over rows of the expected cosine, over the attainable, when one probe has these variances.
pub(super) fn law(singles: &[f64], probes: f64) -> f64 {
    singles.iter().map(|v| 1.0 / (1.0 + v / probes).sqrt()).sum::<f64>() / singles.len() as f64
}

/// The K at which [`law`] reaches `fraction`: the law rises with K, and no row needs fewer than the least or more than the most that
/// a row alone would.
pub(super) fn needed_by_law(singles: &[f64], fraction: f64) -> f64 {
    let odds = fraction * fraction / (1.0 - fraction * fraction);
    let alone = singles.iter().map(|v| odds * v);
    let (mut low, mut high) = alone.fold((f64::INFINITY, 0.0f64), |(low, high), k| (low.min(k), high.max(k)));
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if law(singles, middle) < fraction {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The first K at which the cosine c reaches `fraction`, between measured points (K, c) by a straight line of the logarithm of
/// c^2 / (1 - c^2) against that of K: the law is such a line. None if it is not reached.
pub(super) fn crossing(points: &[(f64, f64)], fraction: f64) -> Option<f64> {
    let at = points.iter().position(|(_, cosine)| *cosine >= fraction)?;
    let (k, reached) = points[at];
    let Some(&(before, below)) = at.checked_sub(1).and_then(|before| points.get(before)) else {
        return Some(k);
    };
    // A cosine of 0 or less, or of 1, has no odds.
    let odds = |c: f64| {
        let square = c.clamp(1e-9, 1.0 - 1e-9).powi(2);
        (square / (1.0 - square)).ln()
    };
    let share = (odds(fraction) - odds(below)) / (odds(reached) - odds(below));
    Some((before.ln() + share.clamp(0.0, 1.0) * (k / before).ln()).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crossing_of_the_law_is_found_exactly() {
        // K / (K + m + 1) = 0.81 at K = (m + 1) 0.81 / 0.19.
        for m in [1.0, 64.0, 16_384.0f64] {
            let points: Vec<(f64, f64)> = grid(1 << 20)
                .into_iter()
                .map(|k| (k as f64, (k as f64 / (k as f64 + m + 1.0)).sqrt()))
                .collect();
            let expected = (m + 1.0) * 0.81 / 0.19;
            assert!((crossing(&points, 0.9).unwrap() / expected - 1.0).abs() < 1e-9, "{m}");
        }
        assert_eq!(crossing(&[(1.0, 0.2), (2.0, 0.5)], 0.9), None);
        assert_eq!(crossing(&[(1.0, 0.95)], 0.9), Some(1.0));
        assert_eq!(crossing(&[], 0.9), None);
        // A cosine that chance made negative does not spoil the interpolation.
        let found = crossing(&[(1.0, -0.1), (2.0, 0.95)], 0.9).unwrap();
        assert!(found > 1.0 && found < 2.0);
    }

    #[test]
    fn the_law_of_equal_rows_is_that_of_one_and_of_unequal_rows_between_theirs() {
        let odds = 0.81 / 0.19;
        assert_eq!(single(64, 1.0), 65.0);
        assert!((needed_by_law(&[65.0, 65.0], 0.9) - 65.0 * odds).abs() < 1e-6);
        let between = needed_by_law(&[10.0, 90.0], 0.9);
        assert!(between > 10.0 * odds && between < 90.0 * odds, "{between}");
        assert!((law(&[10.0, 90.0], between) - 0.9).abs() < 1e-9);
    }

    #[test]
    fn the_grid_rises_to_the_most() {
        assert_eq!(grid(10), [1, 2, 3, 4, 6, 8, 10]);
        assert_eq!(grid(1), [1]);
        assert!(grid(5000).windows(2).all(|w| w[0] < w[1]));
    }
}
