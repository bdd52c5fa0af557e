//! Estimators: from probes and responses to a Jacobian, each with the law of its error.

use burn::tensor::Tensor;
use nmnc_kernels::matmul;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noise::Probe;

/// Probes z and the responses they caused.
#[derive(Clone, Debug)]
pub struct Responses {
    /// Coordinates of the probes, identity covariance, `[K, m]`.
    pub probes: Tensor<2>,
    /// Change of the output per unit of the coordinates, `[K, outputs]`.
    pub changes: Tensor<2>,
}

/// The declared error of an estimate from K probes in dimension m.
#[derive(Clone, Copy, Debug)]
pub struct ErrorLaw {
    /// E||jhat - j||^2 / ||j||^2 for one row j of the Jacobian when the output is linear in the noise, as a function of (m, K).
    pub variance: fn(usize, usize) -> f64,
    /// The bias that a smooth nonlinear output adds vanishes as this power of sigma.
    pub bias_order: i32,
}

/// How responses become an estimate of the Jacobian. Named in configuration as `estimator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// The sample mean of response times probe (method of correlation).
    Average,
}

impl Estimator {
    /// Every estimator: the shared test fits the declared law of each.
    pub const ALL: [Self; 1] = [Self::Average];

    /// Estimate of the Jacobian in the coordinates of the probes, `[outputs, m]`.
    pub fn estimate(self, responses: &Responses) -> Tensor<2> {
        match self {
            Self::Average => {
                let count = responses.probes.dims()[0] as f64;
                matmul(responses.changes.clone().transpose(), responses.probes.clone()) / count
            }
        }
    }

    /// The law this estimator declares for a distribution of probes.
    pub fn law(self, probe: Probe) -> ErrorLaw {
        match (self, probe) {
            // Var(z_i z.j) summed over i: (m + 1)||j||^2 for normal coordinates, (m - 1)||j||^2 for signs.
            (Self::Average, Probe::Gaussian) => {
                ErrorLaw { variance: |m, k| (m + 1) as f64 / k as f64, bias_order: 2 }
            }
            (Self::Average, Probe::Rademacher) => {
                ErrorLaw { variance: |m, k| (m - 1) as f64 / k as f64, bias_order: 2 }
            }
            // Whole blocks are exact; a remainder of r probes leaves r (m - r) / K^2.
            (Self::Average, Probe::Orthogonal) => ErrorLaw {
                variance: |m, k| {
                    let remainder = k % m;
                    (remainder * (m - remainder)) as f64 / (k * k) as f64
                },
                bias_order: 2,
            },
        }
    }
}
