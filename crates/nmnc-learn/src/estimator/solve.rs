//! From probes and responses, or sums of them, to a Jacobian in the coordinates of the probes.

use burn::tensor::{DType, Tensor, TensorData};
use nmnc_kernels::matmul;

use super::kalman::{Kalman, Shape};
use super::law::Estimator;
use super::sums::Evidence;
use super::uncertainty::Uncertainty;
use nmnc_core::device::values;
use nmnc_core::linalg::pseudo_inverse;

/// Probes z and the responses they caused.
#[derive(Clone, Debug)]
pub struct Responses {
    /// Coordinates of the probes, identity covariance, `[K, m]`.
    pub probes: Tensor<2>,
    /// Change of the output per unit of the coordinates, `[K, outputs]`.
    pub changes: Tensor<2>,
}

impl Estimator {
    /// Estimate of the Jacobian in the coordinates of the probes, `[outputs, m]`, by one that knew nothing (its norm the smallest
    /// where there are fewer probes than coordinates).
    pub fn estimate(self, responses: &Responses) -> Tensor<2> {
        match self {
            Self::Average => {
                let count = responses.probes.dims()[0] as f64;
                matmul(responses.changes.clone().transpose(), responses.probes.clone()) / count
            }
            Self::LeastSquares => solve(responses),
            Self::RecursiveLeastSquares => {
                let m = responses.probes.dims()[1];
                // Responses are all but exact compared with what is expected of the Jacobian.
                recursive_step(&mut Uncertainty::new(m, 1.0), responses, 1e-9)
            }
            Self::Kalman => {
                let m = responses.probes.dims()[1];
                let noise = Shape::new(None, None, m);
                Kalman::new(&noise, m, responses.probes.dtype()).learn(
                    [&responses.probes, &responses.changes],
                    noise,
                    None,
                    0,
                )
            }
        }
    }
}

/// What is added to the diagonal of a Gram matrix.
#[derive(Clone, Copy)]
pub(super) struct Ridge {
    /// Over the mean square of a probe.
    pub ridge: f64,
    /// Probes.
    pub count: usize,
}

/// A least-squares solution.
pub(super) struct Solution {
    /// J `[outputs, m]`, of the smallest norm where there are several.
    pub jacobian: Tensor<2>,
    /// innovations^T z `[outputs, m]`, where there are as many responses as coordinates.
    pub cross: Option<Tensor<2>>,
    /// What an independent error of unit variance in every response adds to ||J||^2: the trace of the pseudo-inverse of z^T z.
    pub response_noise: f64,
}

/// The least-squares solution J `[outputs, m]` of changes = probes J^T, of the smallest norm where there are several; NaN of probes that
/// are not finite.
pub(crate) fn solve(responses: &Responses) -> Tensor<2> {
    let Responses { probes, changes } = responses.clone();
    Evidence::of(Estimator::LeastSquares, probes, changes).solve(None).jacobian
}

impl Evidence {
    /// The least-squares solution of innovations = probes J^T, where `ridge` times the mean square of a probe is added to the Gram matrix.
    pub(super) fn solve(self, ridge: Option<Ridge>) -> Solution {
        let inverse = |gram: Tensor<2>| {
            let size = gram.dims()[0];
            let mut entries = values::<f64>(&gram);
            if let Some(Ridge { ridge, count }) = ridge {
                let trace = (0..size).map(|i| entries[i * size + i]).sum::<f64>();
                (0..size).for_each(|i| entries[i * size + i] += ridge * trace / count as f64);
            }
            // What rounding leaves of a zero eigenvalue in the precision of the responses.
            let rounding = if gram.dtype() == DType::F64 { 1e-13 } else { 1e-6 };
            // What is not finite teaches nothing that is.
            let inverse =
                pseudo_inverse(&entries, size, rounding).unwrap_or_else(|_| vec![f64::NAN; size * size]);
            let trace = (0..size).map(|i| inverse[i * size + i]).sum::<f64>();
            let options = (&gram.device(), gram.dtype());
            (Tensor::<2>::from_data(TensorData::new(inverse, [size, size]), options), trace)
        };
        let (jacobian, response_noise, cross) = match self {
            Self::Rows { probes, innovations } => {
                let (inverse, trace) = inverse(matmul(probes.clone(), probes.clone().transpose()));
                (matmul(matmul(innovations.transpose(), inverse), probes), trace, None)
            }
            Self::Normal { gram, cross } => {
                let (inverse, trace) = inverse(gram);
                (matmul(cross.clone(), inverse), trace, Some(cross))
            }
            Self::Correlation(_) => unreachable!("least squares keeps more than the correlation"),
        };
        Solution { jacobian, response_noise, cross }
    }
}

/// The correction `[outputs, m]` that recursive least squares makes for `innovations`: changes less their predictions. Each change
/// has an independent error of variance `noise`.
pub(crate) fn recursive_step(
    uncertainty: &mut Uncertainty,
    innovations: &Responses,
    noise: f64,
) -> Tensor<2> {
    let Responses { probes, changes } = innovations;
    let [count, m] = probes.dims();
    let gain = uncertainty.observe(&values::<f64>(probes), noise);
    let gain = Tensor::from_data(TensorData::new(gain, [m, count]), (&probes.device(), probes.dtype()));
    matmul(changes.clone().transpose(), gain.transpose())
}
