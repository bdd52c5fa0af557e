//! What is measured of recordings.

use crate::dimension::{self, Matrix};
use crate::trials::remove_gain;
use nmnc_core::error::Result;
use nmnc_core::seed::Seed;

/// Activity of recorded units over trials, row-major `[repeats, conditions, units]`: all conditions once, then again.
pub(super) struct Recording {
    pub values: Vec<f64>,
    pub conditions: usize,
    pub units: usize,
}

impl Recording {
    pub fn repeats(&self) -> usize {
        self.values.len() / (self.conditions * self.units)
    }

    pub fn trial(&self, condition: usize, repeat: usize) -> &[f64] {
        let start = (repeat * self.conditions + condition) * self.units;
        &self.values[start..start + self.units]
    }

    /// Mean over the given repeats of a condition.
    fn mean(&self, condition: usize, repeats: std::ops::Range<usize>) -> Vec<f64> {
        let mut mean = vec![0.0; self.units];
        let over = 1.0 / repeats.len() as f64;
        for repeat in repeats {
            mean.iter_mut().zip(self.trial(condition, repeat)).for_each(|(m, v)| *m += over * v);
        }
        mean
    }

    /// The same without the gain that each trial seems to have ([`remove_gain`]).
    pub fn without_gain(&self) -> Self {
        let (units, row) = (self.units, self.conditions * self.units);
        let mut ordered = self.by_condition();
        ordered.chunks_exact_mut(self.repeats() * units).for_each(|trials| remove_gain(trials, units));
        let mut values = vec![0.0; ordered.len()];
        for (at, trial) in ordered.chunks_exact(units).enumerate() {
            let (condition, repeat) = (at / self.repeats(), at % self.repeats());
            values[repeat * row + condition * units..][..units].copy_from_slice(trial);
        }
        Self { values, ..*self }
    }

    /// The same numbers as `[conditions, repeats, units]`.
    pub fn by_condition(&self) -> Vec<f64> {
        let pairs = (0..self.conditions).flat_map(|c| (0..self.repeats()).map(move |r| (c, r)));
        pairs.flat_map(|(c, r)| self.trial(c, r).iter().copied()).collect()
    }
}

/// Covariance over the trials of a condition of each unit's activity and of `success` `[repeats, conditions]`, with the denominator of trials.
fn credit(recording: &Recording, success: &[f64], condition: usize) -> Vec<f64> {
    let repeats = recording.repeats();
    let of = |repeat: usize| success[repeat * recording.conditions + condition];
    let mean = (0..repeats).map(of).sum::<f64>() / repeats as f64;
    let mut sum = vec![0.0; recording.units];
    for repeat in 0..repeats {
        // The mean of activity goes with deviations of success that sum to zero.
        let weight = (of(repeat) - mean) / repeats as f64;
        sum.iter_mut().zip(recording.trial(condition, repeat)).for_each(|(s, v)| *s += weight * v);
    }
    sum
}

/// Cosine of the change of each condition's mean, `changes` `[conditions, units]`, and of the change that [`credit`] foretells, averaged over the
/// conditions that have both.
///
/// Conditions that come by the same synapses learn from each other: what is foretold of one is the sum over all of their credit, times the
/// product of their mean activities.
pub(super) fn follows(recording: &Recording, success: &[f64], changes: &[f64]) -> f64 {
    let all = 0..recording.conditions;
    let credits: Vec<Vec<f64>> = all.clone().map(|c| credit(recording, success, c)).collect();
    let means: Vec<Vec<f64>> = all.map(|c| recording.mean(c, 0..recording.repeats())).collect();
    let cosines = changes.chunks_exact(recording.units).zip(&means).filter_map(|(change, mean)| {
        let mut foretold = vec![0.0; recording.units];
        for (credit, other) in credits.iter().zip(&means) {
            let shared = dot(mean, other);
            foretold.iter_mut().zip(credit).for_each(|(f, c)| *f += shared * c);
        }
        let norms = (dot(&foretold, &foretold) * dot(change, change)).sqrt();
        (norms > 0.0).then(|| dot(&foretold, change) / norms)
    });
    let cosines: Vec<f64> = cosines.collect();
    cosines.iter().sum::<f64>() / cosines.len().max(1) as f64
}

/// Fraction of the change of condition means from `before` to `after` on the leading `dimension` components of the means before, less what a
/// random subspace has.
///
/// Components are those of one half of the conditions and changes those of the other, and both ways; squares of changes are products of
/// those in two halves of the trials: what noise does to the one is independent of what it does to the other. None where so taken together no
/// change is left, because there was none or noise is far larger.
///
/// # Errors
/// Activity that is not finite.
pub(super) fn on_manifold(before: &Recording, after: &Recording, dimension: usize) -> Result<Option<f64>> {
    let units = before.units;
    let (mut inside, mut whole, mut chance) = (0.0, 0.0, 0.0);
    for half in 0..2 {
        let (own, other): (Vec<usize>, Vec<usize>) = (0..before.conditions).partition(|c| c % 2 == half);
        let means: Vec<f64> = own.iter().flat_map(|&c| before.mean(c, 0..before.repeats())).collect();
        let axes = dimension::components(&Matrix::new(means, units), dimension, Seed(0))?;
        chance += 0.5 * axes.dimension as f64 / units as f64;
        let along = |change: &[f64]| -> Vec<f64> {
            let axis = |k: usize| {
                change
                    .iter()
                    .enumerate()
                    .map(|(i, v)| f64::from(axes.basis[i * axes.dimension + k]) * v)
                    .sum()
            };
            (0..axes.dimension).map(axis).collect()
        };
        for condition in other {
            let change = |recorded: [&Recording; 2], part: usize| -> Vec<f64> {
                let [before, after] = recorded.map(|recording| {
                    let middle = recording.repeats() / 2;
                    let repeats = if part == 0 { 0..middle } else { middle..recording.repeats() };
                    recording.mean(condition, repeats)
                });
                after.iter().zip(&before).map(|(a, b)| a - b).collect()
            };
            let [first, second] = [0, 1].map(|part| change([before, after], part));
            inside += dot(&along(&first), &along(&second));
            whole += dot(&first, &second);
        }
    }
    Ok((whole > 0.0).then(|| inside / whole - chance))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nmnc_core::seed::Role;

    /// `means` `[conditions, units]` over `repeats`, with normal noise of the given deviation.
    fn recorded(means: &[f64], units: usize, repeats: usize, noise: f64, draw: u64) -> Recording {
        let mut stream = Seed(7).stream(Role::Analysis, 90, draw);
        let mut values: Vec<f64> = means.repeat(repeats);
        let mut normals = vec![0.0f32; values.len()];
        stream.fill_normal(&mut normals);
        values.iter_mut().zip(normals).for_each(|(v, z)| *v += noise * f64::from(z));
        Recording { values, conditions: means.len() / units, units }
    }

    #[test]
    fn credit_is_the_covariance_written_out() {
        let recording =
            Recording { values: (0..24).map(|v| f64::from(v * v % 7)).collect(), conditions: 2, units: 3 };
        let success = [0.5, 1.0, -0.5, 0.0, 2.0, 1.0, 1.5, -3.0];
        for condition in 0..2 {
            let own: Vec<f64> = (0..4).map(|r| success[2 * r + condition]).collect();
            let found = credit(&recording, &success, condition);
            for (unit, credit) in found.iter().enumerate() {
                let activity: Vec<f64> = (0..4).map(|r| recording.trial(condition, r)[unit]).collect();
                let mean = |values: &[f64]| values.iter().sum::<f64>() / 4.0;
                let (a, s) = (mean(&activity), mean(&own));
                let covariance: f64 =
                    activity.iter().zip(&own).map(|(x, y)| (x - a) * (y - s)).sum::<f64>() / 4.0;
                assert!((credit - covariance).abs() < 1e-12);
            }
        }
        let credits = [0, 1].map(|c| credit(&recording, &success, c));
        let means = [0, 1].map(|c| recording.mean(c, 0..4));
        let foretold = |c: usize, unit: usize| -> f64 {
            (0..2).map(|o| dot(&means[c], &means[o]) * credits[o][unit]).sum()
        };
        let changes: Vec<f64> = (0..6).map(|at| foretold(at / 3, at % 3)).collect();
        assert!((follows(&recording, &success, &changes) - 1.0).abs() < 1e-12);
        let back: Vec<f64> = changes.iter().map(|v| -v).collect();
        assert!((follows(&recording, &success, &back) + 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_recording_without_gain_has_each_condition_without_its_own() {
        let recording = recorded(&[1.0, 2.0, 3.0, 5.0, -4.0, 0.5], 3, 6, 0.3, 5);
        let mut expected = recording.by_condition();
        expected.chunks_exact_mut(6 * 3).for_each(|trials| remove_gain(trials, 3));
        let found = recording.without_gain();
        assert_eq!((found.conditions, found.units, found.repeats()), (2, 3, 6));
        assert_eq!(found.by_condition(), expected);
        assert_ne!(expected, recording.by_condition());
    }

    #[test]
    fn a_change_is_found_on_the_manifold_and_off_it_whatever_the_noise() {
        let (conditions, units, dimension) = (40, 30, 3);
        let mut stream = Seed(3).stream(Role::Analysis, 91, 0);
        let mut draw = |count: usize| -> Vec<f64> {
            let mut values = vec![0.0f32; count];
            stream.fill_normal(&mut values);
            values.into_iter().map(f64::from).collect()
        };
        // The manifold is that of the first three units.
        let mut means = vec![0.0; conditions * units];
        for (condition, mean) in means.chunks_exact_mut(units).enumerate() {
            mean[..dimension].copy_from_slice(&draw(dimension));
            mean[dimension] = 1e-3 * condition as f64;
        }
        for share in [0.0, 0.3, 1.0] {
            let mut after = means.clone();
            for mean in after.chunks_exact_mut(units) {
                let changes = draw(units);
                let energy = |part: &[f64]| part.iter().map(|v| v * v).sum::<f64>();
                let [on, off] = [&changes[..dimension], &changes[dimension..]].map(energy);
                for (unit, change) in changes.iter().enumerate() {
                    let scale = if unit < dimension { share / on } else { (1.0 - share) / off };
                    mean[unit] += change * f64::sqrt(scale);
                }
            }
            let truth = share - dimension as f64 / units as f64;
            let exact = [&means, &after].map(|values| recorded(values, units, 4, 0.0, 0));
            let found = on_manifold(&exact[0], &exact[1], dimension).unwrap().unwrap();
            assert!((found - truth).abs() < 0.01, "{share}: {found}");
            assert_eq!(on_manifold(&exact[0], &exact[0], dimension).unwrap(), None);
            // Noise of the size of the change adds nothing on average.
            let noisy = (0..20).map(|n| {
                let [before, after] = [(&means, 2 * n), (&after, 2 * n + 1)]
                    .map(|(values, draw)| recorded(values, units, 8, 0.1, draw));
                on_manifold(&before, &after, dimension).unwrap().unwrap()
            });
            let mean = noisy.sum::<f64>() / 20.0;
            assert!((mean - truth).abs() < 0.02, "{share}: {mean} for {truth}");
        }
    }
}
