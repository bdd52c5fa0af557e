//! How many seeds would show a difference.

use super::Interval;
use super::student::quantile;

/// Most seeds that are worth naming.
const MOST: usize = 1000;

/// Pairs of runs with which a paired t test at 5 % shows a mean difference of the size found with probability 0.8, if differences spread as
/// those found do; none for one pair, no difference, or more than a thousand pairs.
///
/// Student's quantiles t(0.975) + t(0.8) stand for the noncentral t, which moves the number by one at most.
pub fn pairs_to_show(found: &Interval) -> Option<usize> {
    let spread = found.sem? * (found.n as f64).sqrt();
    if found.mean == 0.0 || !found.mean.is_finite() || !spread.is_finite() {
        return None;
    }
    let shows = |pairs: usize| {
        (quantile(0.05, pairs - 1) + quantile(0.4, pairs - 1)) * spread
            <= found.mean.abs() * (pairs as f64).sqrt()
    };
    // Whether a number shows it rises with the number.
    let (mut low, mut high) = (1, MOST + 1);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if shows(middle) { high = middle } else { low = middle }
    }
    (high <= MOST).then_some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_power_tables() {
        // Differences of mean `effect` and standard deviation 1; numbers of the exact power analysis (G*Power, paired t test, two tails).
        for (effect, pairs) in [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10), (-1.0, 10)] {
            let sem = Some(1.0 / 3f64.sqrt());
            let found = Interval { mean: effect, sem, half: None, n: 3 };
            assert_eq!(pairs_to_show(&found), Some(pairs), "{effect}");
        }
        let found = |mean: f64, sem: Option<f64>| Interval { mean, sem, half: None, n: 2 };
        assert_eq!(pairs_to_show(&found(0.01, Some(1.0))), None, "thousands");
        assert_eq!(pairs_to_show(&found(0.0, Some(1.0))), None);
        assert_eq!(pairs_to_show(&found(1.0, None)), None);
        assert_eq!(pairs_to_show(&found(1.0, Some(0.0))), Some(2));
    }
}
