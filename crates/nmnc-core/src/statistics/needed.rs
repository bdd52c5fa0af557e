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
    pairs_for(found.mean, found.sem? * (found.n as f64).sqrt(), 0.8)
}

/// Pairs of runs with which a paired t test at 5 % shows a mean difference of `size` with probability `power`, from 0.5 to 0.97, if differences
/// have the standard deviation `spread`; none for no difference, or more than a thousand pairs.
pub fn pairs_for(size: f64, spread: f64, power: f64) -> Option<usize> {
    if size == 0.0 || !size.is_finite() || !spread.is_finite() {
        return None;
    }
    let shows = |pairs: usize| detectable(spread, pairs, power) <= size.abs();
    // Whether a number shows it rises with the number.
    let (mut low, mut high) = (1, MOST + 1);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if shows(middle) { high = middle } else { low = middle }
    }
    (high <= MOST).then_some(high)
}

/// The mean difference that a paired t test of so many pairs, at least two, shows at 5 % with probability `power`, if differences have the
/// standard deviation `spread`.
pub fn detectable(spread: f64, pairs: usize, power: f64) -> f64 {
    let quantiles = |freedom: usize| quantile(0.05, freedom) + quantile(2.0 * (1.0 - power), freedom);
    quantiles(pairs - 1) * spread / (pairs as f64).sqrt()
}

/// The difference that a test at 5 % shows with probability `power`, if what is found is normal with the standard error `error`.
pub fn detectable_at(error: f64, power: f64) -> f64 {
    // Student's t with a hundred thousand degrees of freedom is the normal law to five digits.
    let freedom = 100_000;
    (quantile(0.05, freedom) + quantile(2.0 * (1.0 - power), freedom)) * error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_tests_succeed_as_often_as_said() {
        let mut stream = crate::Seed(5).stream(crate::seed::Role::Analysis, 0, 0);
        for (size, spread, power) in [(0.02, 0.03, 0.9), (0.02, 0.01, 0.9), (0.5, 1.0, 0.8)] {
            let pairs = pairs_for(size, spread, power).unwrap();
            let (mut shown, tests) = (0, 4000);
            for _ in 0..tests {
                let mut noise = vec![0.0; pairs];
                stream.fill_normal(&mut noise);
                let found = super::super::interval(noise.iter().map(|z| size + spread * f64::from(*z)));
                shown += usize::from(found.unwrap().p().unwrap() < 0.05);
            }
            let share = shown as f64 / f64::from(tests);
            // The number is the least that will do, so that few pairs do somewhat better.
            assert!((power - 0.02..power + 0.08).contains(&share), "{pairs} pairs: {share}, {power}");
        }
        assert!((detectable_at(1.0, 0.9) - (1.959_96 + 1.281_55)).abs() < 1e-3);
        assert_eq!(pairs_for(0.02, 1.0, 0.9), None);
    }

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
