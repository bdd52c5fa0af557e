//! Mirrors in coordinates of the manifold.

use burn::tensor::Tensor;
use nmnc_kernels::{blend, matmul};

use super::weights::Innovation;
use crate::estimator::{Estimator, Responses, Uncertainty, recursive_step, solve};
use crate::manifold::Subspace;
use crate::net::Map;
use nmnc_core::device::{energy, values};
use nmnc_core::error::Result;
use nmnc_core::state::State;

/// Variance of a direction that nothing is known of.
const PRIOR: f64 = 1.0;
/// Variance of a response: rounding alone.
const NOISE: f64 = 1e-9;

/// The responses M `[outputs of the map, d]` of a map to the axes of a manifold.
#[derive(Clone, Debug)]
pub(super) struct CoordinateMirror {
    responses: Tensor<2>,
    /// What is known of M direction by direction (recursive least squares).
    uncertainty: Option<Uncertainty>,
}

impl CoordinateMirror {
    /// A mirror that knows nothing of `map` on the axes of `manifold`.
    pub fn new(map: Map, manifold: &Subspace, estimator: Estimator) -> Self {
        let (basis, d) = (manifold.basis(), manifold.dimension());
        Self {
            responses: Tensor::zeros([map.operation.outputs(), d], (&basis.device(), basis.dtype())),
            uncertainty: (estimator == Estimator::RecursiveLeastSquares).then(|| Uncertainty::new(d, PRIOR)),
        }
    }

    /// M.
    pub fn responses(&self) -> &Tensor<2> {
        &self.responses
    }

    /// The mirror on the axes of `new`, knowing what it knew on those of `old`, and which fraction of M's energy the new axes do not
    /// span.
    pub fn carry_over(&mut self, old: &Subspace, new: &Subspace) -> f64 {
        let overlap = matmul(old.basis().clone().transpose(), new.basis().clone());
        let before = energy(&self.responses);
        self.responses = matmul(self.responses.clone(), overlap.clone());
        if let Some(uncertainty) = &mut self.uncertainty {
            *uncertainty = uncertainty.carried(&values::<f64>(&overlap), PRIOR);
        }
        if before > 0.0 { (1.0 - energy(&self.responses) / before).max(0.0) } else { 0.0 }
    }

    /// The training step may have moved M: by `drift` of the prior, shared among the axes as the `variances` of the activity are. The
    /// change of a weight is a sum of errors times activities, so that its square along an axis goes with the activity's.
    pub fn drift(&mut self, drift: f64, variances: &[f64]) {
        let mean = variances.iter().sum::<f64>() / variances.len() as f64;
        if mean <= 0.0 {
            return;
        }
        if let Some(uncertainty) = &mut self.uncertainty {
            let rates: Vec<f64> = variances.iter().map(|v| PRIOR * drift * v / mean).collect();
            uncertainty.drift(&rates);
        }
    }

    /// The `count` directions `[count, d]` that are least known, if the estimator knows which.
    ///
    /// # Errors
    /// If what is known is not finite.
    pub fn least_known(&self, count: usize) -> Result<Option<Vec<f64>>> {
        self.uncertainty.as_ref().map(|uncertainty| uncertainty.least_known(count)).transpose()
    }

    /// Takes in what probes `[K, d]` on the manifold cause in `map`.
    pub fn update(
        &mut self,
        map: Map,
        manifold: &Subspace,
        probes: Tensor<2>,
        eta: Option<f64>,
    ) -> Innovation {
        let response = map.response(manifold.embed(probes.clone()));
        let residual = response.clone() - matmul(probes.clone(), self.responses.clone().transpose());
        let innovation = Innovation {
            error: nmnc_kernels::row_energies(&residual),
            response: nmnc_kernels::row_energies(&response),
        };
        self.responses = match (eta, &mut self.uncertainty) {
            (Some(eta), _) => {
                let estimate = Estimator::Average.estimate(&Responses { probes, changes: response });
                blend(self.responses.clone(), estimate, eta)
            }
            (None, Some(uncertainty)) => {
                let innovations = Responses { probes, changes: residual };
                self.responses.clone() + recursive_step(uncertainty, &innovations, NOISE)
            }
            (None, None) => self.responses.clone() + solve(&Responses { probes, changes: residual }),
        };
        innovation
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> State {
        let mut state = State::default();
        state.tensors.insert("responses".into(), self.responses.clone());
        if let Some(uncertainty) = &self.uncertainty {
            state.nest("uncertainty", uncertainty.state());
        }
        state
    }

    /// What [`CoordinateMirror::state`] came from, of a map with so many outputs, on the axes of `manifold`.
    ///
    /// # Errors
    /// If something is missing or has the wrong shape.
    pub fn restore(state: &State, outputs: usize, manifold: &Subspace, estimator: Estimator) -> Result<Self> {
        let d = manifold.dimension();
        let responses = state.shaped("responses", [outputs, d])?;
        let uncertainty = match estimator {
            Estimator::RecursiveLeastSquares => Some(Uncertainty::restore(&state.nested("uncertainty"), d)?),
            _ => None,
        };
        Ok(Self { responses, uncertainty })
    }
}
