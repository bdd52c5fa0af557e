//! Mirrors of the shape of a map's weight.

use burn::tensor::Tensor;
use nmnc_kernels::blend;

use crate::net::Map;
use nmnc_core::device::{energy, values};
use nmnc_core::scale;

/// Steps of conjugate gradients for one update at the most.
pub(super) const ITERATIONS: usize = 12;
/// Squared error over squared response at which an update is good enough.
const PRECISION: f64 = 1e-5;
/// Squared error over squared response up to which a mirror needs no more than probes to stay right: a cosine of 0.99995.
pub(crate) const SETTLED: f64 = 1e-4;
/// Equations per unknown beyond which more probes of one update tell little more.
const ENOUGH: usize = 4;

/// A learned mirror B of one map's weight W.
#[derive(Clone, Debug)]
pub(crate) struct WeightMirror {
    weight: Tensor<2>,
    /// Positions at which each weight is used: what E[response noise^T] is in units of W, for isotropic noise.
    uses: Tensor<2>,
}

/// What the probes of one update said of the mirrors before they were corrected.
#[derive(Clone, Debug, Default)]
pub(crate) struct Innovation {
    /// Squared difference of each response from its prediction.
    pub error: Vec<f64>,
    /// Square of each response.
    pub response: Vec<f64>,
}

impl Innovation {
    /// Takes in what the same probes said of another mirror.
    pub fn join(&mut self, other: Self) {
        let sum = |own: &mut Vec<f64>, other: Vec<f64>| match own.is_empty() {
            true => *own = other,
            false => own.iter_mut().zip(other).for_each(|(own, other)| *own += other),
        };
        sum(&mut self.error, other.error);
        sum(&mut self.response, other.response);
    }
}

impl WeightMirror {
    /// A mirror that knows nothing of `map`.
    pub fn new(map: Map) -> Self {
        let weight = map.parameter.value.zeros_like();
        let ones = |units: usize| Tensor::ones([1, units], (&weight.device(), weight.dtype()));
        let operation = map.operation;
        // At least one, so that a weight that padding keeps from ever being used stays zero.
        let uses = operation.correlate(ones(operation.inputs()), ones(operation.outputs())).clamp_min(1.0);
        Self { weight, uses }
    }

    /// B.
    pub fn weight(&self) -> &Tensor<2> {
        &self.weight
    }

    /// Takes B back from a checkpoint.
    pub fn restore(&mut self, weight: Tensor<2>) {
        self.weight = weight;
    }

    /// Probes of one update that `map` has use for: all n for a dense one, few where weights are shared.
    pub fn useful(map: Map) -> usize {
        let [outputs, unknowns] = map.parameter.value.dims();
        let positions = map.operation.outputs() / outputs;
        (ENOUGH * unknowns).div_ceil(positions).clamp(1, map.operation.inputs())
    }

    /// What `noise` `[K, n]` shows, and the responses `[K, outputs of the map]`.
    fn observe(&self, map: Map, noise: &Tensor<2>) -> (Tensor<2>, Tensor<2>, Innovation) {
        let response = map.response(noise.clone());
        let residual = response.clone() - map.operation.response(noise.clone(), self.weight.clone());
        let innovation = Innovation {
            error: nmnc_kernels::row_energies(&residual),
            response: nmnc_kernels::row_energies(&response),
        };
        (response, residual, innovation)
    }

    /// B <- (1 - eta) B + eta mean(response noise^T): unbiased for isotropic noise, and W times the autocorrelation of the noise
    /// for any other.
    pub fn average(&mut self, map: Map, noise: Tensor<2>, eta: f64) -> Innovation {
        let count = noise.dims()[0] as f64;
        let (response, _, innovation) = self.observe(map, &noise);
        let estimate = map.operation.correlate(noise, response) / (self.uses.clone() * count);
        self.weight = blend(self.weight.clone(), estimate, eta);
        innovation
    }

    /// B moves by the smallest correction that explains the responses best (least squares by conjugate gradients, CGLS: Hestenes and
    /// Stiefel 1952). Directions that were not probed stay as they were.
    ///
    /// The solution is the same whatever the size of the noise, which is given the unit in which its squares can be summed.
    pub fn least_squares(&mut self, map: Map, noise: Tensor<2>) -> Innovation {
        let unit = scale::tensor_unit(&noise).unwrap_or(1.0);
        let noise = scale::over(noise, unit);
        let (_, mut residual, innovation) = self.observe(map, &noise);
        let enough = PRECISION * innovation.response.iter().sum::<f64>();
        if innovation.error.iter().sum::<f64>() <= enough {
            return innovation;
        }
        let mut gradient = map.operation.correlate(noise.clone(), residual.clone());
        let mut square = energy(&gradient);
        let mut direction = gradient.clone();
        for _ in 0..ITERATIONS {
            let change = map.operation.response(noise.clone(), direction.clone());
            let step = square / energy(&change);
            if !step.is_finite() {
                break;
            }
            self.weight = self.weight.clone() + direction.clone() * step;
            residual = residual - change * step;
            if energy(&residual) <= enough {
                break;
            }
            gradient = map.operation.correlate(noise.clone(), residual.clone());
            let previous = std::mem::replace(&mut square, energy(&gradient));
            direction = gradient.clone() + direction * (square / previous);
        }
        innovation
    }

    /// Squared response that B predicts to each unit vector of `axes` `[n, d]`.
    pub fn gains(&self, map: Map, axes: &Tensor<2>) -> Vec<f64> {
        let responses = map.operation.response(axes.clone().transpose(), self.weight.clone());
        let unit = scale::tensor_unit(&responses).unwrap_or(1.0);
        let squares = scale::over(responses, unit).powi_scalar(2).sum_dim(1);
        values::<f64>(&squares).into_iter().map(|square| square * unit * unit).collect()
    }
}
