//! Participation ratio of the covariance spectrum, plain and corrected for the number of samples.

use serde::{Deserialize, Serialize};

use super::product::{add_gram, view};
use super::rows::Centered;

/// Sums over m samples that both ratios are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    /// Number m of samples.
    pub samples: usize,
    /// Trace t of the Gram matrix G of the centered samples.
    pub trace: f64,
    /// Sum of the squares of all elements of G.
    pub square: f64,
    /// Sum of the squares of its diagonal.
    pub diagonal: f64,
}

impl Sums {
    /// Those of all samples, by the smaller of Gram and scatter matrix.
    pub fn of(x: &Centered) -> Self {
        let (samples, units) = (x.samples(), x.units());
        let lengths = x.squares();
        let size = samples.min(units);
        let mut lower = vec![0.0; size * size];
        if units <= samples {
            for block in x.row_blocks() {
                let values = x.read(block.clone(), 0..units);
                add_gram(&mut lower, view(&values, block.len(), units).transpose());
            }
        } else {
            for block in x.column_blocks() {
                let values = x.read(0..samples, block.clone());
                add_gram(&mut lower, view(&values, samples, block.len()));
            }
        }
        // Both matrices have the same sum of squares.
        let row = |i: usize| {
            let below = lower[i * size..i * size + i].iter().map(|v| v * v).sum::<f64>();
            2.0 * below + lower[i * size + i].powi(2)
        };
        Self {
            samples,
            trace: lengths.iter().sum(),
            square: (0..size).map(row).sum(),
            diagonal: lengths.iter().map(|l| l * l).sum(),
        }
    }
}

/// Participation ratio tr(C)^2 / tr(C^2) of the covariance C.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Participation {
    /// (sum of variances)^2 / sum of their squares, of the sample covariance: too small for few samples.
    pub plain: f64,
    /// The ratio of unbiased estimates of tr(C)^2 and tr(C^2); none with fewer than four samples or when noise
    /// leaves the estimate of tr(C^2) at or below zero.
    pub corrected: Option<f64>,
    /// Samples it was found from.
    pub samples: usize,
}

/// Both ratios; none without variance.
///
/// The estimates are the U-statistics over distinct samples i, j, k, l, which are unbiased for any distribution with fourth moments:
///
/// tr(C)^2: mean of |x_i - x_j|^2 |x_k - x_l|^2 / 4;
/// tr(C^2): mean of ((x_i - x_j).(x_k - x_l))^2 / 4 (Chen, Zhang and Zhong 2010, J. Am. Stat. Assoc. 105:810, their T_2;
/// both: Himeno and Yamada 2014, J. Multivariate Anal. 130:27).
///
/// With samples centered on their mean the rows of G sum to zero, and the sums over distinct samples come down to t = tr G,
/// S = sum of G_ij^2 and Q = sum of G_ii^2. Their ratio is not itself unbiased; its bias is of order 1/m of what remains.
pub(super) fn participation(sums: Sums) -> Option<Participation> {
    let Sums { samples, trace: t, square: s, diagonal: q } = sums;
    if s <= 0.0 || samples < 2 {
        return None;
    }
    let plain = t * t / s;
    let m = samples as f64;
    let corrected = (samples >= 4).then(|| {
        let (two, three) = (m * (m - 1.0), m * (m - 1.0) * (m - 2.0));
        let four = three * (m - 3.0);
        // Sums over distinct indices of G_ij^2, of G_ij G_jk and of G_ij G_kl.
        let pairs = s - q;
        let chains = q - pairs;
        let apart = t * t - 4.0 * q + 2.0 * pairs;
        let square = pairs / two - 2.0 * chains / three + apart / four;
        // Squared distances: sum over pairs 2 m t, sum of squared row sums m^2 q + 3 m t^2, sum of squares.
        let distances = 2.0 * m * t;
        let rows = m * m * q + 3.0 * m * t * t;
        let squares = 2.0 * m * q + 2.0 * t * t + 4.0 * s;
        let squared_trace = (distances * distances - 4.0 * rows + 2.0 * squares) / (4.0 * four);
        (square > 0.0 && squared_trace > 0.0).then(|| squared_trace / square)
    });
    Some(Participation { plain, corrected: corrected.flatten(), samples })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nmnc_core::seed::{Role, Seed};

    #[test]
    fn the_shortcut_is_the_sum_over_distinct_samples() {
        const M: usize = 6;
        const N: usize = 4;
        let mut x = vec![0.0f32; M * N];
        Seed(4).stream(Role::Analysis, 0, 0).fill_normal(&mut x);
        let x: Vec<f64> = x.iter().enumerate().map(|(i, &v)| f64::from(v) * (1 + i % N) as f64).collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let difference =
            |i: usize, j: usize| -> Vec<f64> { (0..N).map(|u| x[i * N + u] - x[j * N + u]).collect() };
        let (mut trace, mut square, mut count) = (0.0, 0.0, 0.0);
        for (i, j, k, l) in (0..M.pow(4))
            .map(|c| (c % M, c / M % M, c / M / M % M, c / M / M / M))
            .filter(|&(i, j, k, l)| i != j && i != k && i != l && j != k && j != l && k != l)
        {
            let (u, v) = (difference(i, j), difference(k, l));
            trace += dot(&u, &u) * dot(&v, &v) / 4.0;
            square += dot(&u, &v).powi(2) / 4.0;
            count += 1.0;
        }
        let mean: Vec<f64> = (0..N).map(|u| (0..M).map(|i| x[i * N + u]).sum::<f64>() / M as f64).collect();
        let centered: Vec<Vec<f64>> =
            (0..M).map(|i| (0..N).map(|u| x[i * N + u] - mean[u]).collect()).collect();
        let gram = |i: usize, j: usize| dot(&centered[i], &centered[j]);
        let sums = Sums {
            samples: M,
            trace: (0..M).map(|i| gram(i, i)).sum(),
            square: (0..M * M).map(|c| gram(c / M, c % M).powi(2)).sum(),
            diagonal: (0..M).map(|i| gram(i, i).powi(2)).sum(),
        };
        let found = participation(sums).unwrap().corrected.unwrap();
        let expected = (trace / count) / (square / count);
        assert!((found / expected - 1.0).abs() < 1e-10, "{found} {expected}");
    }
}
