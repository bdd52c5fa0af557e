//! Energies of lagged Jacobians dy_t/dh_{t-k} on a subspace.

use burn::tensor::{Tensor, TensorData};

use super::network::{RecurrentNetwork, SequencePass};
use crate::manifold::Subspace;
use nmnc_core::device::selected;

/// Energies of lagged Jacobians, by lag: on a subspace, and in all.
#[derive(Clone, Debug)]
pub struct LaggedEnergies {
    /// On the subspace.
    pub inside: Vec<f64>,
    /// In all directions.
    pub total: Vec<f64>,
}

impl LaggedEnergies {
    /// The captured energy over all lags together; none where there is no energy.
    pub fn pooled(&self) -> Option<f64> {
        let (inside, total): (f64, f64) = (self.inside.iter().sum(), self.total.iter().sum());
        (total > 0.0).then(|| inside / total)
    }
}

/// dy/dh_t `[T B, N]` of one output y, from 0, at the step `ends` of each trial, from 0, by every state h_t; zero after that step. With
/// `centered`, of the output less the mean of all of them.
pub(super) fn output_jacobians(
    network: &RecurrentNetwork,
    pass: &SequencePass,
    ends: &[usize],
    output: usize,
    centered: bool,
) -> Tensor<2> {
    let (rows, outputs) = (pass.sequence.rows(), network.outputs());
    let mut errors = vec![0.0_f32; rows * outputs];
    for (trial, end) in ends.iter().enumerate() {
        let row = &mut errors[(end * ends.len() + trial) * outputs..][..outputs];
        row[output] = 1.0;
        if centered {
            row.iter_mut().for_each(|e| *e -= 1.0 / outputs as f32);
        }
    }
    let like = (&pass.output.device(), pass.output.dtype());
    let errors = Tensor::from_data(TensorData::new(errors, [rows, outputs]), like);
    network.backpropagate(pass, &errors, None)
}

/// The energies of dy_t/dh_{t-k} at the last step t of each trial, on `subspace` and in all.
///
/// One pass back a output gives the Jacobians of all lags.
pub fn lagged_energies(
    network: &RecurrentNetwork,
    pass: &SequencePass,
    lengths: &[usize],
    subspace: &Subspace,
    lags: usize,
    centered: bool,
) -> LaggedEnergies {
    let (batch, outputs) = (pass.sequence.batch, network.outputs());
    let lags = lags.min(pass.sequence.steps - 1);
    let mut energies = LaggedEnergies { inside: vec![0.0; lags + 1], total: vec![0.0; lags + 1] };
    let ends: Vec<usize> = lengths.iter().map(|length| length - 1).collect();
    for output in 0..outputs {
        let jacobians = output_jacobians(network, pass, &ends, output, centered);
        for lag in 0..=lags {
            let at = lengths.iter().enumerate().filter(|(_, length)| **length > lag);
            let at: Vec<usize> = at.map(|(trial, length)| (length - 1 - lag) * batch + trial).collect();
            if at.is_empty() {
                continue;
            }
            let rows = selected(&jacobians, &at);
            energies.total[lag] += nmnc_core::device::energy(&rows);
            energies.inside[lag] += nmnc_core::device::energy(&subspace.coordinates(rows));
        }
    }
    energies
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device};

    use super::*;
    use crate::net::Weights;
    use crate::recurrent::RecurrentConfig;
    use nmnc_core::Seed;
    use nmnc_core::device::values;
    use nmnc_core::seed::Role;

    /// Against differences of outputs after each state was pushed along each unit, in f64, for trials of different lengths.
    #[test]
    fn energies_are_those_of_differences() {
        const UNITS: usize = 7;
        const OUTPUTS: usize = 3;
        const PUSH: f64 = 1e-5;
        let (steps, batch, lengths, lags) = (6, 2, [6, 4], 4);
        for text in ["units = 7\ntau = 200\ngain = 1.5", "units = 7\nkind = 'gru'"] {
            let config = toml::from_str::<RecurrentConfig>(text).unwrap().resolve().unwrap();
            let mut network = config.build([2, OUTPUTS], 100.0, Seed(4), &Device::flex()).unwrap();
            for value in network.values_mut() {
                *value = value.clone().cast(DType::F64);
            }
            let mut inputs = vec![0.0f32; steps * batch * 2];
            Seed(5).stream(Role::Analysis, 0, 0).fill_normal(&mut inputs);
            let pass = network.forward(&inputs, [steps, batch], None);
            let tensor = |values: Vec<f64>, columns: usize| -> Tensor<2> {
                let data = TensorData::new(values.clone(), [values.len() / columns, columns]);
                Tensor::from_data(data, (&Device::flex(), DType::F64))
            };
            // The plane of two unit vectors that lie askew to the units.
            let angle = 0.7f64;
            let mut basis = vec![0.0; UNITS * 2];
            (basis[0], basis[2 * 2], basis[3]) = (angle.cos(), angle.sin(), 1.0);
            let subspace = Subspace::new(tensor(basis.clone(), 2), vec![1.0, 1.0], 3.0);
            let outputs = |kick: Vec<f64>| -> Vec<f64> {
                values(&network.readout(network.run_kicked(&pass, &tensor(kick, UNITS))))
            };
            for centered in [false, true] {
                let found = lagged_energies(&network, &pass, &lengths, &subspace, lags, centered);
                for lag in 0..=lags {
                    let (mut total, mut inside) = (0.0, 0.0);
                    for (trial, &length) in lengths.iter().enumerate().filter(|(_, length)| **length > lag) {
                        let column = |unit: usize| -> Vec<f64> {
                            let pushed = |size: f64| {
                                let mut kick = vec![0.0; steps * batch * UNITS];
                                kick[((length - 1 - lag) * batch + trial) * UNITS + unit] = size;
                                let row = ((length - 1) * batch + trial) * OUTPUTS;
                                outputs(kick)[row..row + OUTPUTS].to_vec()
                            };
                            let (up, down) = (pushed(PUSH), pushed(-PUSH));
                            let mut column: Vec<f64> =
                                up.iter().zip(&down).map(|(up, down)| (up - down) / (2.0 * PUSH)).collect();
                            let mean = column.iter().sum::<f64>() / OUTPUTS as f64;
                            column.iter_mut().for_each(|v| *v -= if centered { mean } else { 0.0 });
                            column
                        };
                        let jacobian: Vec<Vec<f64>> = (0..UNITS).map(column).collect();
                        total += jacobian.iter().flatten().map(|v| v * v).sum::<f64>();
                        let along = |axis: usize, output: usize| -> f64 {
                            (0..UNITS).map(|unit| jacobian[unit][output] * basis[unit * 2 + axis]).sum()
                        };
                        let pairs = [0, 1]
                            .into_iter()
                            .flat_map(|axis| (0..OUTPUTS).map(move |output| (axis, output)));
                        inside += pairs.map(|(axis, output)| along(axis, output).powi(2)).sum::<f64>();
                    }
                    let close =
                        |found: f64, expected: f64| (found - expected).abs() < 1e-7 * expected.max(1e-3);
                    assert!(close(found.total[lag], total), "{text} {lag}: {} {total}", found.total[lag]);
                    assert!(close(found.inside[lag], inside), "{text} {lag}: {} {inside}", found.inside[lag]);
                    assert!(total > 0.0 && inside < total);
                }
            }
        }
    }
}
