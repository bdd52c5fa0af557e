//! Estimators by name, each with the law of its error.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noise::Probe;

/// The declared error of an estimate from K probes in dimension m.
#[derive(Clone, Copy, Debug)]
pub struct ErrorLaw {
    /// E||jhat - j||^2 / ||j||^2 for one row j of the Jacobian when the output is linear in the noise, as a function of (m, K).
    pub variance: fn(usize, usize) -> f64,
    /// What is added for each unit of variance of an independent error of every response (another stage's noise in the same pass, an
    /// example's own Jacobian), as a function of (m, K): E||jhat - j||^2 per unit. Nothing where no closed form is known or the
    /// expectation is infinite.
    pub response_noise: fn(usize, usize) -> Option<f64>,
    /// The bias that a smooth nonlinear output adds vanishes as this power of sigma.
    pub bias_order: i32,
    /// By how much `variance` may be too small, as a function of (m, K): for probes that may by chance depend on each other.
    pub slack: fn(usize, usize) -> f64,
}

/// How responses become an estimate of the Jacobian. Named in configuration as `estimator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// The sample mean of response times probe (method of correlation).
    Average,
    /// The smallest change of what is known that explains the responses best. K >= m independent probes of a linear response give it
    /// exactly; what fewer did not probe stays as it was.
    LeastSquares,
    /// Least squares over all responses so far, earlier ones counting less.
    RecursiveLeastSquares,
    /// The posterior mean of a Jacobian that moves: how much, and how large errors responses have, is found by maximum likelihood.
    Kalman,
}

impl Estimator {
    /// Every estimator whose error follows a law of the numbers of coordinates and responses alone: the shared test fits the declared law
    /// of each. That of `Kalman` depends on what it finds.
    pub const ALL: [Self; 3] = [Self::Average, Self::LeastSquares, Self::RecursiveLeastSquares];

    /// The law this estimator declares for a distribution of probes; of `Kalman`, the law of exact responses that leave no doubt of it.
    pub fn law(self, probe: Probe) -> ErrorLaw {
        let blocks = matches!(probe, Probe::Orthogonal | Probe::Hadamard);
        let none = |_, _| 0.0;
        match self {
            // Independent errors of unit variance, averaged with weights z / K of mean square m / K^2.
            Self::Average => ErrorLaw {
                variance: match probe {
                    // Var(z_i z.j) summed over i: (m + 1)||j||^2 for normal coordinates, (m - 1)||j||^2 for signs.
                    Probe::Gaussian => |m, k| (m + 1) as f64 / k as f64,
                    Probe::Rademacher => |m, k| (m - 1) as f64 / k as f64,
                    // Whole blocks are exact; a remainder of r probes leaves r (m - r) / K^2.
                    Probe::Orthogonal | Probe::Hadamard => |m, k| {
                        let remainder = k % m;
                        (remainder * (m - remainder)) as f64 / (k * k) as f64
                    },
                },
                response_noise: |m, k| Some(m as f64 / k as f64),
                bias_order: 2,
                slack: none,
            },
            Self::LeastSquares | Self::RecursiveLeastSquares | Self::Kalman => ErrorLaw {
                // What K < m independent directions leave unseen of a row, on average over orientations.
                variance: |m, k| m.saturating_sub(k) as f64 / m as f64,
                response_noise: match (blocks, probe) {
                    // The trace of the pseudo-inverse of Z^T Z: K eigenvalues m, or whole blocks.
                    (true, _) => |m, k| match k {
                        _ if k < m => Some(k as f64 / m as f64),
                        _ if k.is_multiple_of(m) => Some(m as f64 / k as f64),
                        _ => None,
                    },
                    // The same of a Wishart matrix.
                    (false, Probe::Gaussian) => |m, k| {
                        let (small, large) = (m.min(k), m.max(k));
                        (large > small + 1).then(|| small as f64 / (large - small - 1) as f64)
                    },
                    (false, _) => |_, _| None,
                },
                bias_order: 2,
                slack: match probe {
                    // Two of the rows (or, of a square, the columns) may be equal or opposite, which loses a direction of m. Four times
                    // the chance, for the rarer coincidences of more.
                    Probe::Rademacher => |m, k| {
                        let (few, length) = (m.min(k), m.max(k));
                        let chance = 2.0 * (few * (few - 1)) as f64 * 0.5f64.powi(length as i32);
                        4.0 * chance / m as f64
                    },
                    _ => none,
                },
            },
        }
    }
}

/// Expected squared error of the leaky average after `updates` estimates, over ||j||^2, when each estimate has the relative
/// variance `variance` and the true Jacobian j stays put: what is left of the start at zero, plus the averaged noise.
pub fn leaky_average_law(eta: f64, updates: u32, variance: f64) -> f64 {
    let forgotten = (1.0 - eta).powi(2 * updates as i32);
    forgotten + variance * eta / (2.0 - eta) * (1.0 - forgotten)
}
