//! Measurements against backpropagation through time, and of lagged Jacobians against the manifold of states.

use burn::tensor::{Tensor, TensorData};

use super::config::SequenceConfig;
use super::trainer::{SequenceOutcome, SequenceTrainer};
use crate::alignment::{agreement, agreement_of_rows};
use crate::error::Result;
use crate::manifold::{self, Dimension, PcaMethod, Subspace};
use crate::records::StageRecord;
use crate::recurrent::{RecurrentNetwork, SequencePass, live_rows, selected};
use crate::seed::Role;
use crate::tasks::{Task, TaskConfig};

/// Agreement of signals and of the recurrent weight's gradient with backpropagation through time, and the energy of the lagged
/// Jacobians dy_t/dh_{t-k}, k = 0 .. `metrics.lags`, on the manifold of this batch's states.
///
/// # Errors
/// States that are not finite.
pub(super) fn align(
    trainer: &SequenceTrainer,
    outcome: &SequenceOutcome,
    config: &SequenceConfig,
    task: &dyn Task,
) -> Result<Vec<StageRecord>> {
    let SequenceOutcome { pass, error, signals, lengths, gradients, .. } = outcome;
    let (network, step) = (trainer.network(), trainer.step());
    let exact = network.backpropagate(pass, error, None);
    let exact_gradients = network.gradients(pass, exact.clone(), crate::recurrent::Trace::None, error);
    let signals = signals.clone().expect("the step was worked out to be measured");
    let own = network.traced(pass, signals, trainer.rule().trace());
    let live = live_rows(pass, lengths);
    let activity = agreement_of_rows(&selected(&own, &live), &selected(&exact, &live));
    // The recurrent weight is the second parameter.
    let weight = agreement(&gradients[1], &exact_gradients[1]);
    let mut stream = config.seed.stream(Role::Analysis, 0, step);
    let dimension = Dimension::Count(config.metrics.dimension);
    let states = selected(&pass.activity(), &live);
    let subspace = manifold::fit(states, dimension, PcaMethod::Randomized, &mut stream)
        .map_err(|e| e.within(format!("step {step}, states")))?
        .subspace;
    // Cross-entropy does not see a shift common to all outputs.
    let centered = !matches!(config.task, TaskConfig::Adding(_)) && task.channels().outputs.len() > 1;
    let energy = subspace.as_ref().and_then(|subspace| {
        captured(network, pass, lengths, subspace, config.metrics.lags, centered).pooled()
    });
    let units = network.units();
    let measured = subspace.as_ref().map(Subspace::dimension);
    Ok(vec![StageRecord {
        feedback_error: None,
        probe_rate: None,
        manifold_share: None,
        stage: 1,
        units,
        cosine: activity.cosine,
        angle_degrees: activity.angle_degrees,
        norm_ratio: activity.norm_ratio,
        weight_cosine: weight.cosine,
        weight_angle_degrees: weight.angle_degrees,
        weight_norm_ratio: weight.norm_ratio,
        rule_dimension: trainer.rule().manifold().map(Subspace::dimension),
        dimension: measured,
        captured_energy: energy,
        margin: energy.zip(measured).map(|(alpha, d)| alpha - d as f64 / units as f64),
    }])
}

/// Energies of lagged Jacobians, by lag: on a subspace, and in all.
#[derive(Clone, Debug)]
pub(super) struct LaggedEnergies {
    pub(super) inside: Vec<f64>,
    pub(super) total: Vec<f64>,
}

impl LaggedEnergies {
    /// The captured energy over all lags together; none where there is no energy.
    pub(super) fn pooled(&self) -> Option<f64> {
        let (inside, total): (f64, f64) = (self.inside.iter().sum(), self.total.iter().sum());
        (total > 0.0).then(|| inside / total)
    }
}

/// The energies of dy_t/dh_{t-k} at the last step t of each trial, on `subspace` and in all.
///
/// One pass back a output gives the Jacobians of all lags.
pub(super) fn captured(
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
