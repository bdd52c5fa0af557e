//! Gain that all units have in common, and how a laboratory takes it out.

/// Takes out of each of a condition's `trials` `[repeats, units]` how its gain seems to differ from that of the others: what of its deviation from
/// the condition's mean lies along the mean over the *other* trials. A trial's own noise has no part in that direction; whatever else lies along
/// it goes as well.
///
/// Activity must be as recorded, without any mean taken away.
pub(crate) fn remove_gain(trials: &mut [f64], units: usize) {
    let repeats = (trials.len() / units) as f64;
    let mut sum = vec![0.0; units];
    trials.chunks_exact(units).for_each(|trial| sum.iter_mut().zip(trial).for_each(|(s, v)| *s += v));
    for trial in trials.chunks_exact_mut(units) {
        // The sum is of trials as they were recorded.
        let others: Vec<f64> = sum.iter().zip(&*trial).map(|(s, v)| s - v).collect();
        let energy: f64 = others.iter().map(|m| m * m).sum();
        // A condition without activity has no gain.
        if energy > 0.0 {
            let deviations = trial.iter().zip(&sum).map(|(v, s)| v - s / repeats);
            let along = deviations.zip(&others).map(|(d, m)| d * m).sum::<f64>() / energy;
            trial.iter_mut().zip(&others).for_each(|(v, m)| *v -= along * m);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nmnc_core::seed::{Role, Seed};

    fn draw(count: usize, index: u64) -> Vec<f64> {
        let mut values = vec![0.0f32; count];
        Seed(6).stream(Role::Analysis, 93, index).fill_normal(&mut values);
        values.into_iter().map(f64::from).collect()
    }

    /// Trials of one condition: `1 + size z` times its mean, and noise.
    fn trials(mean: &[f64], gains: &[f64], size: f64, noise: &[f64], deviation: f64) -> Vec<f64> {
        let units = mean.len();
        let value = |at: usize| (1.0 + size * gains[at / units]) * mean[at % units] + deviation * noise[at];
        (0..noise.len()).map(value).collect()
    }

    #[test]
    fn trials_that_differ_by_their_gain_alone_become_their_mean() {
        let (mean, gains, noise) = (draw(5, 0), draw(8, 1), [0.0; 40]);
        let mut found = trials(&mean, &gains, 0.3, &noise, 0.0);
        remove_gain(&mut found, 5);
        let sum: f64 = gains.iter().sum();
        let of = 1.0 + 0.3 * sum / 8.0;
        assert!(found.iter().enumerate().all(|(at, v)| (v - of * mean[at % 5]).abs() < 1e-12));
        let mut silent = vec![0.0; 40];
        remove_gain(&mut silent, 5);
        assert!(silent.iter().all(|v| *v == 0.0));
    }

    #[test]
    fn what_is_left_of_noise_is_what_lay_off_the_mean_whatever_the_gain() {
        let (units, repeats) = (50, 200);
        let (mean, gains, noise) = (draw(units, 2), draw(repeats, 3), draw(repeats * units, 4));
        let variance = |trials: &[f64], along: bool| -> f64 {
            let length = mean.iter().map(|m| m * m).sum::<f64>();
            let parts = trials.chunks_exact(units).map(|trial| {
                let dot = trial.iter().zip(&mean).map(|(v, m)| v * m).sum::<f64>() / length.sqrt();
                if along { dot * dot } else { trial.iter().map(|v| v * v).sum::<f64>() - dot * dot }
            });
            let sums = || (0..units).map(|u| trials.iter().skip(u).step_by(units).sum::<f64>());
            let dot = sums().zip(&mean).map(|(s, m)| s * m).sum::<f64>() / length.sqrt();
            let square = if along { dot * dot } else { sums().map(|s| s * s).sum::<f64>() - dot * dot };
            (parts.sum::<f64>() - square / repeats as f64) / (repeats - 1) as f64
        };
        for size in [0.0, 0.5] {
            let recorded = trials(&mean, &gains, size, &noise, 0.1);
            let mut found = recorded.clone();
            remove_gain(&mut found, units);
            // Off the mean all of it is left, and along it what the error of the mean makes.
            let [off, before] = [&found, &recorded].map(|trials| variance(trials, false));
            assert!((off / before - 1.0).abs() < 0.02, "{off} of {before}");
            assert!(variance(&found, true) < 0.01 * variance(&recorded, true), "{size}");
        }
    }
}
