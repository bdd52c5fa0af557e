//! The control of a random subspace, in closed form and simulated.

use rayon::prelude::*;

use super::result::RandomControl;
use nmnc_core::linalg::orthonormalize_rows;
use nmnc_core::seed::{Role, Seed};

/// Captured energy of random subspaces of 1, 2, ... `most` of n = `units` dimensions, for a Jacobian with the given singular values.
///
/// A random subspace against fixed rows is fixed axes against randomly turned rows: each draw is an orthonormal frame of as many
/// rows as the Jacobian's rank, of which the first d coordinates are taken. `stage` and `seed` name the draws.
pub fn random_control(
    singular: &[f64],
    units: usize,
    most: usize,
    draws: usize,
    stage: usize,
    seed: Seed,
) -> RandomControl {
    let total: f64 = singular.iter().map(|s| s * s).sum();
    let shares: Vec<f64> = singular.iter().filter(|s| **s > 0.0).map(|s| s * s / total).collect();
    let n = units as f64;
    let concentration: f64 = shares.iter().map(|w| w * w).sum();
    let dimensions = || (1..=most).map(|d| d as f64);
    let deviation = |d: f64| {
        let single = 2.0 * d * (n - d) / (n * n * (n + 2.0));
        (single * (concentration - (1.0 - concentration) / (n - 1.0).max(1.0))).max(0.0).sqrt()
    };
    let draw = |index: u64| -> Vec<f64> {
        let mut frame = vec![0.0f32; shares.len() * units];
        seed.stream(Role::Analysis, 16 + stage, index).fill_normal(&mut frame);
        orthonormalize_rows(&mut frame, units);
        let mut inside = 0.0;
        let mut along = |d: usize| {
            let energy = |(row, share): (&[f32], &f64)| share * f64::from(row[d]).powi(2);
            inside += frame.chunks_exact(units).zip(&shares).map(energy).sum::<f64>();
            inside
        };
        (0..most).map(&mut along).collect()
    };
    let curves: Vec<Vec<f64>> = (0..draws as u64).into_par_iter().map(draw).collect();
    let mean = |d: usize| curves.iter().map(|c| c[d]).sum::<f64>() / draws as f64;
    let spread = |d: usize| {
        let mean = mean(d);
        (curves.iter().map(|c| (c[d] - mean).powi(2)).sum::<f64>() / (draws - 1) as f64).sqrt()
    };
    RandomControl {
        mean: dimensions().map(|d| d / n).collect(),
        sd: dimensions().map(deviation).collect(),
        simulated_mean: (0..most).map(mean).collect(),
        simulated_sd: (0..most).map(spread).collect(),
        draws,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_form_is_what_random_subspaces_give() {
        const DRAWS: usize = 4000;
        for singular in [vec![1.0], vec![3.0, 2.0, 1.0, 0.0], vec![1.0; 6]] {
            let control = random_control(&singular, 12, 11, DRAWS, 0, Seed(3));
            for d in 0..11 {
                let error = control.sd[d] / (DRAWS as f64).sqrt();
                assert!(
                    (control.simulated_mean[d] - control.mean[d]).abs() < 5.0 * error,
                    "{singular:?} {d}"
                );
                // Standard error of a standard deviation, with room for the distribution's kurtosis.
                let ratio = control.simulated_sd[d] / control.sd[d];
                assert!((ratio - 1.0).abs() < 0.06, "{singular:?} {d} {ratio}");
            }
        }
    }

    #[test]
    fn one_direction_has_the_variance_of_the_beta_distribution() {
        let (d, n) = (3.0f64, 10.0f64);
        let (a, b) = (d / 2.0, (n - d) / 2.0);
        let beta = a * b / ((a + b).powi(2) * (a + b + 1.0));
        let control = random_control(&[2.0], 10, 3, 2, 0, Seed(0));
        assert!((control.sd[2].powi(2) / beta - 1.0).abs() < 1e-12);
    }
}
