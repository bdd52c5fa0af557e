//! Some of the repeats of every condition.

use super::recorded::{Trials, mean};
use nmnc_core::seed::Stream;

/// Some repeats of one condition: their mean, and what is left around it.
///
/// What is left has lost the error of the mean: its squares sum to repeats - 1 times the variance.
pub(super) struct Condition {
    pub mean: Vec<f64>,
    /// `[repeats, units]`.
    pub residuals: Vec<f64>,
    pub repeats: usize,
}

impl Condition {
    fn of(mut trials: Vec<f64>, units: usize) -> Self {
        let mean = mean(&trials, units);
        for trial in trials.chunks_exact_mut(units) {
            trial.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m);
        }
        Self { repeats: trials.len() / units, mean, residuals: trials }
    }
}

/// All repeats.
pub(super) fn whole(trials: &Trials) -> Vec<Condition> {
    (0..trials.conditions()).map(|c| Condition::of(trials.of(c).to_vec(), trials.units())).collect()
}

/// Two random halves of the repeats of every condition; of an odd number the second has one more.
pub(super) fn halves(trials: &Trials, stream: &mut Stream) -> [Vec<Condition>; 2] {
    let units = trials.units();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for condition in 0..trials.conditions() {
        let values = trials.of(condition);
        let repeats = values.len() / units;
        let order = stream.permutation(repeats);
        let of = |chosen: &[usize]| {
            let chosen = chosen.iter().flat_map(|r| &values[r * units..(r + 1) * units]);
            Condition::of(chosen.copied().collect(), units)
        };
        first.push(of(&order[..repeats / 2]));
        second.push(of(&order[repeats / 2..]));
    }
    [first, second]
}
