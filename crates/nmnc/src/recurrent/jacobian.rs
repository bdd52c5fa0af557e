//! Energies of lagged Jacobians dy_t/dh_{t-k} on a subspace.

use burn::tensor::{Tensor, TensorData};

use super::network::{RecurrentNetwork, SequencePass};
use super::rows::selected;
use crate::manifold::Subspace;

/// Energies of lagged Jacobians, by lag: on a subspace, and in all.
#[derive(Clone, Debug)]
pub(crate) struct LaggedEnergies {
    pub(crate) inside: Vec<f64>,
    pub(crate) total: Vec<f64>,
}

impl LaggedEnergies {
    /// The captured energy over all lags together; none where there is no energy.
    pub(crate) fn pooled(&self) -> Option<f64> {
        let (inside, total): (f64, f64) = (self.inside.iter().sum(), self.total.iter().sum());
        (total > 0.0).then(|| inside / total)
    }
}

/// The energies of dy_t/dh_{t-k} at the last step t of each trial, on `subspace` and in all.
///
/// One pass back a output gives the Jacobians of all lags.
pub(crate) fn lagged_energies(
    network: &RecurrentNetwork,
    pass: &SequencePass,
    lengths: &[usize],
    subspace: &Subspace,
    lags: usize,
    centered: bool,
) -> LaggedEnergies {
    let (batch, rows, outputs) = (pass.sequence.batch, pass.sequence.rows(), network.outputs());
    let lags = lags.min(pass.sequence.steps - 1);
    let mut energies = LaggedEnergies { inside: vec![0.0; lags + 1], total: vec![0.0; lags + 1] };
    for output in 0..outputs {
        let mut errors = vec![0.0_f32; rows * outputs];
        for (trial, length) in lengths.iter().enumerate() {
            let row = &mut errors[((length - 1) * batch + trial) * outputs..][..outputs];
            row[output] = 1.0;
            if centered {
                row.iter_mut().for_each(|e| *e -= 1.0 / outputs as f32);
            }
        }
        let errors = Tensor::from_data(
            TensorData::new(errors, [rows, outputs]),
            (&pass.output.device(), pass.output.dtype()),
        );
        let jacobians = network.backpropagate(pass, &errors, None);
        for lag in 0..=lags {
            let at = lengths.iter().enumerate().filter(|(_, length)| **length > lag);
            let at: Vec<usize> = at.map(|(trial, length)| (length - 1 - lag) * batch + trial).collect();
            if at.is_empty() {
                continue;
            }
            let rows = selected(&jacobians, &at);
            energies.total[lag] += crate::device::energy(&rows);
            energies.inside[lag] += crate::device::energy(&subspace.coordinates(rows));
        }
    }
    energies
}
