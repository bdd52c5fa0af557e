//! What is not yet known of a matrix that is learned from probes, direction by direction.
//!
//! The matrix M `[rows, m]` is seen through responses r = M z. Its rows have independent errors with the same covariance P
//! `[m, m]`, the recursion of least squares (Plackett 1950; with forgetting, Ljung 1999, section 11.2; the Kalman filter of a
//! random walk where P grows by what the truth may have moved).

use faer::Mat;

use super::dense::times;
use nmnc_core::error::Result;
use nmnc_core::linalg::{pseudo_inverse, symmetric_eigen};
use nmnc_core::state::State;

/// Covariance P `[m, m]` of the error of each row of a learned matrix.
#[derive(Clone, Debug)]
pub struct Uncertainty {
    covariance: Mat<f64>,
}

impl Uncertainty {
    /// Nothing known: every direction has the variance `prior`.
    pub fn new(dimension: usize, prior: f64) -> Self {
        Self { covariance: Mat::from_fn(dimension, dimension, |i, j| if i == j { prior } else { 0.0 }) }
    }

    /// Number m of directions.
    pub fn dimension(&self) -> usize {
        self.covariance.nrows()
    }

    /// Expected squared error of a row.
    pub fn total(&self) -> f64 {
        (0..self.dimension()).map(|i| self.covariance[(i, i)]).sum()
    }

    /// Earlier responses count `forgetting` times as much, in (0, 1], but nothing becomes less known than `prior`.
    pub fn forget(&mut self, forgetting: f64, prior: f64) {
        let m = self.dimension();
        let largest = (0..m).map(|i| self.covariance[(i, i)]).fold(0.0, f64::max);
        let growth = (1.0 / forgetting).min((prior / largest).max(1.0));
        self.covariance *= faer::Scale(growth);
    }

    /// The truth may have moved by a variance `rates[i]` along axis i.
    pub fn drift(&mut self, rates: &[f64]) {
        for (i, rate) in rates.iter().enumerate() {
            self.covariance[(i, i)] += rate;
        }
    }

    /// Takes in responses to `probes` `[K, m]` (row-major), each with independent noise of variance `noise`, and gives the gain
    /// G `[m, K]` (row-major): the estimate moves by (r - M z) G^T. Probes that are not finite have a gain that is NaN.
    pub fn observe(&mut self, probes: &[f64], noise: f64) -> Vec<f64> {
        let m = self.dimension();
        let count = probes.len() / m;
        let z = Mat::from_fn(count, m, |i, j| probes[i * m + j]);
        let projected = times(&z, &self.covariance);
        let spread = times(&projected, &z.transpose().to_owned());
        let entries: Vec<f64> = (0..count * count)
            .map(|ij| spread[(ij / count, ij % count)] + if ij / count == ij % count { noise } else { 0.0 })
            .collect();
        let inverse =
            pseudo_inverse(&entries, count, 1e-13).unwrap_or_else(|_| vec![f64::NAN; count * count]);
        let inverse = Mat::from_fn(count, count, |i, j| inverse[i * count + j]);
        let gain = times(&projected.transpose().to_owned(), &inverse);
        let explained = times(&gain, &projected);
        // Symmetric in exact arithmetic, and to be kept so.
        self.covariance = Mat::from_fn(m, m, |i, j| {
            let mean = 0.5 * (self.covariance[(i, j)] + self.covariance[(j, i)]);
            mean - 0.5 * (explained[(i, j)] + explained[(j, i)])
        });
        (0..m * count).map(|ij| gain[(ij / count, ij % count)]).collect()
    }

    /// The `count` orthonormal directions that are least known, `[count, m]` (row-major): probing them lowers the total the most.
    ///
    /// # Errors
    /// A covariance that is not finite.
    pub fn least_known(&self, count: usize) -> Result<Vec<f64>> {
        let m = self.dimension();
        let entries: Vec<f64> = (0..m * m).map(|ij| self.covariance[(ij / m, ij % m)]).collect();
        Ok(symmetric_eigen(&entries, m)?.1.into_iter().take(count).flatten().collect())
    }

    /// What is known when the axes U `[n, m]` become U' `[n, m']`, with `overlap` = U^T U' `[m, m']` (row-major): a new axis is known
    /// as far as the old ones span it, and has the variance `prior` beyond.
    pub fn carried(&self, overlap: &[f64], prior: f64) -> Self {
        let m = self.dimension();
        let new = overlap.len() / m;
        let overlap = Mat::from_fn(m, new, |i, j| overlap[i * new + j]);
        let transposed = overlap.transpose().to_owned();
        let inside = times(&times(&transposed, &self.covariance), &overlap);
        let spanned = times(&transposed, &overlap);
        let covariance = Mat::from_fn(new, new, |i, j| {
            let one = if i == j { 1.0 } else { 0.0 };
            inside[(i, j)] + prior * (one - spanned[(i, j)])
        });
        Self { covariance }
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> State {
        let m = self.dimension();
        let entries = (0..m * m).map(|ij| self.covariance[(ij / m, ij % m)]).collect();
        State { numbers: [("covariance".to_owned(), entries)].into(), ..State::default() }
    }

    /// What [`Uncertainty::state`] came from, in `dimension` directions.
    ///
    /// # Errors
    /// If it is missing or has another size.
    pub fn restore(state: &State, dimension: usize) -> Result<Self> {
        let entries = state.numbers("covariance", dimension * dimension)?;
        let covariance = Mat::from_fn(dimension, dimension, |i, j| entries[i * dimension + j]);
        Ok(Self { covariance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nmnc_core::seed::{Role, Seed};

    const M: usize = 5;

    fn normal(count: usize, index: usize) -> Vec<f64> {
        let mut numbers = vec![0.0; count];
        Seed(4).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
        numbers.into_iter().map(f64::from).collect()
    }

    fn along(uncertainty: &Uncertainty, direction: &[f64]) -> f64 {
        let entry = |i: usize, j: usize| direction[i] * uncertainty.covariance[(i, j)] * direction[j];
        (0..M * M).map(|ij| entry(ij / M, ij % M)).sum()
    }

    /// Moves an estimate `[M]` by the gain times the innovation.
    fn update(
        uncertainty: &mut Uncertainty,
        estimate: &mut [f64],
        probes: &[f64],
        responses: &[f64],
        noise: f64,
    ) {
        let gain = uncertainty.observe(probes, noise);
        let count = responses.len();
        let predicted = |k: usize| (0..M).map(|i| probes[k * M + i] * estimate[i]).sum::<f64>();
        let innovations: Vec<f64> = (0..count).map(|k| responses[k] - predicted(k)).collect();
        for (i, value) in estimate.iter_mut().enumerate() {
            *value += (0..count).map(|k| gain[i * count + k] * innovations[k]).sum::<f64>();
        }
    }

    #[test]
    fn recursion_is_ridge_regression_with_forgotten_weights() {
        const FORGETTING: f64 = 0.8;
        let truth = normal(M, 0);
        let (mut recursive, mut estimate) = (Uncertainty::new(M, 1e3), vec![0.0; M]);
        // Normal equations of sum over updates of weight * (response - z . j)^2 + |j|^2 / prior.
        let mut gram: Vec<f64> = (0..M * M).map(|ij| if ij / M == ij % M { 1e-3 } else { 0.0 }).collect();
        let mut right = vec![0.0; M];
        for step in 0..12 {
            let (probes, error) = (normal(3 * M, 10 + step), normal(3, 100 + step));
            let responses: Vec<f64> = (0..3)
                .map(|k| error[k] + (0..M).map(|i| probes[k * M + i] * truth[i]).sum::<f64>())
                .collect();
            recursive.forget(FORGETTING, f64::INFINITY);
            update(&mut recursive, &mut estimate, &probes, &responses, 1.0);
            gram.iter_mut().chain(&mut right).for_each(|x| *x *= FORGETTING);
            for k in 0..3 {
                for i in 0..M {
                    right[i] += probes[k * M + i] * responses[k];
                    (0..M).for_each(|j| gram[i * M + j] += probes[k * M + i] * probes[k * M + j]);
                }
            }
        }
        let inverse = pseudo_inverse(&gram, M, 1e-15).unwrap();
        for i in 0..M {
            let solved: f64 = (0..M).map(|j| inverse[i * M + j] * right[j]).sum();
            // Of sixteen digits a prior of a thousand against responses of one takes about six.
            assert!((estimate[i] - solved).abs() < 1e-8, "{} {solved}", estimate[i]);
        }
    }

    #[test]
    fn exact_responses_leave_nothing_unknown_along_their_probes_and_all_across() {
        let mut uncertainty = Uncertainty::new(M, 2.0);
        uncertainty.observe(&[3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0], 0.0);
        for (direction, left) in [
            ([1.0, 0.0, 0.0, 0.0, 0.0], 0.0),
            ([0.0, 1.0, 1.0, 0.0, 0.0], 0.0),
            ([0.0, 1.0, -1.0, 0.0, 0.0], 4.0),
            ([0.0, 0.0, 0.0, 0.0, 1.0], 2.0),
        ] {
            assert!((along(&uncertainty, &direction) - left).abs() < 1e-12, "{direction:?}");
        }
        uncertainty.drift(&[0.5, 0.0, 0.0, 9.0, 0.0]);
        let least = uncertainty.least_known(2).unwrap();
        assert!((least[3].abs() - 1.0).abs() < 1e-12, "the axis that drifted most: {least:?}");
        assert!((along(&uncertainty, &[1.0, 0.0, 0.0, 0.0, 0.0]) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn what_is_known_moves_with_the_axes() {
        let mut uncertainty = Uncertainty::new(2, 1.0);
        uncertainty.observe(&[1.0, 0.0], 0.0);
        // Two axes turned by 30 degrees in their own plane, and then one of them replaced by a third direction.
        let (c, s) = (0.75f64.sqrt(), 0.5);
        let turned = uncertainty.carried(&[c, -s, s, c], 1.0);
        let entry = |u: &Uncertainty, i: usize, j: usize| u.covariance[(i, j)];
        assert!((entry(&turned, 0, 0) - s * s).abs() < 1e-12);
        assert!((entry(&turned, 1, 1) - c * c).abs() < 1e-12);
        assert!((entry(&turned, 0, 1) - s * c).abs() < 1e-12);
        let replaced = uncertainty.carried(&[1.0, 0.0, 0.0, 0.0], 1.0);
        assert!(entry(&replaced, 0, 0).abs() < 1e-12 && (entry(&replaced, 1, 1) - 1.0).abs() < 1e-12);
        let restored = Uncertainty::restore(&turned.state(), 2).unwrap();
        assert_eq!(restored.covariance, turned.covariance);
        assert!(Uncertainty::restore(&turned.state(), 3).is_err());
    }

    #[test]
    fn forgetting_stops_at_the_prior() {
        let mut uncertainty = Uncertainty::new(M, 1.0);
        uncertainty.observe(&[1.0, 0.0, 0.0, 0.0, 0.0], 1.0);
        (0..50).for_each(|_| uncertainty.forget(0.5, 1.0));
        assert!((along(&uncertainty, &[0.0, 1.0, 0.0, 0.0, 0.0]) - 1.0).abs() < 1e-12);
    }
}
