//! Intervals of a probability from counts.

/// The 97.5 % quantile of the standard normal law.
const QUANTILE: f64 = 1.959_963_984_540_054;

/// Ends of the 95 % interval of a probability of which `successes` of `trials` came out, by Wilson's score (1927; Newcombe 1998 compares it
/// with others). From 0 to 1 without trials.
pub fn wilson95(successes: usize, trials: usize) -> [f64; 2] {
    if trials == 0 {
        return [0.0, 1.0];
    }
    let (k, n, square) = (successes as f64, trials as f64, QUANTILE * QUANTILE);
    let middle = (k + 0.5 * square) / (n + square);
    let half = QUANTILE / (n + square) * (k * (n - k) / n + 0.25 * square).sqrt();
    // Exactly, where rounding would not have it so.
    let low = if successes == 0 { 0.0 } else { middle - half };
    let high = if successes == trials { 1.0 } else { middle + half };
    [low, high]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_newcombe() {
        // Table I of Newcombe (1998), method 3.
        for (k, n, expected) in [
            (81, 263, [0.2553, 0.3662]),
            (15, 148, [0.0624, 0.1605]),
            (0, 20, [0.0, 0.1611]),
            (1, 29, [0.0061, 0.1718]),
        ] {
            let found = wilson95(k, n);
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 5e-5), "{k} of {n}: {found:?}");
            let [low, high] = wilson95(n - k, n);
            assert!((low - (1.0 - found[1])).abs() < 1e-12 && (high - (1.0 - found[0])).abs() < 1e-12);
        }
        assert_eq!(wilson95(0, 0), [0.0, 1.0]);
        assert_eq!((wilson95(0, 65)[0], wilson95(65, 65)[1]), (0.0, 1.0));
    }
}
