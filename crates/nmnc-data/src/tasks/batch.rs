//! Many trials side by side.

use std::ops::Range;

use rayon::prelude::*;

use super::trial::{Answer, Targets, Trial};
use super::{Task, TrialId, TrialSet};
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::{Role, Seed};

/// Trials side by side. Shorter ones are followed by steps without input and of weight 0.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialBatch {
    /// Steps T of the longest trial.
    pub steps: usize,
    /// Number of inputs.
    pub inputs: usize,
    /// Number of outputs.
    pub outputs: usize,
    /// Inputs `[T, B, inputs]`.
    pub values: Vec<f32>,
    /// Targets: labels `[T, B]`, or values `[T, B, outputs]`.
    pub targets: Targets,
    /// Weight of each step in the loss, `[T, B]`; 0 after the end of a trial.
    pub mask: Vec<f32>,
    /// What else there is to know of each trial, `[B]`.
    pub info: Vec<TrialInfo>,
}

/// One trial of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialInfo {
    /// Its number of steps.
    pub steps: usize,
    /// Its response period.
    pub response: Range<usize>,
    /// How it is judged.
    pub answer: Answer,
    /// Number of its condition.
    pub condition: usize,
    /// Strength of the evidence, positive where it is for choice 1; none of tasks without one.
    pub strength: Option<f64>,
}

impl TrialBatch {
    /// Number B of trials.
    pub fn size(&self) -> usize {
        self.info.len()
    }

    /// The trials `range` of it, counted from 0, in as many steps.
    ///
    /// # Panics
    /// If it has fewer.
    pub fn part(&self, range: Range<usize>) -> Self {
        fn rows<T: Copy>(all: &[T], size: usize, range: &Range<usize>, width: usize) -> Vec<T> {
            let steps = all.chunks_exact(size * width);
            steps.flat_map(|step| &step[range.start * width..range.end * width]).copied().collect()
        }
        let (size, inputs, outputs) = (self.size(), self.inputs, self.outputs);
        Self {
            steps: self.steps,
            inputs,
            outputs,
            values: rows(&self.values, size, &range, inputs),
            targets: match &self.targets {
                Targets::Labels(labels) => Targets::Labels(rows(labels, size, &range, 1)),
                Targets::Values(values) => Targets::Values(rows(values, size, &range, outputs)),
            },
            mask: rows(&self.mask, size, &range, 1),
            info: self.info[range].to_vec(),
        }
    }

    /// Puts `trials` of `[inputs, outputs]` channels side by side.
    pub(super) fn of(trials: Vec<Trial>, [inputs, outputs]: [usize; 2]) -> Self {
        let (size, steps) = (trials.len(), trials.iter().map(|t| t.steps).max().unwrap_or(0));
        let mut batch = Self {
            steps,
            inputs,
            outputs,
            values: vec![0.0; steps * size * inputs],
            targets: match trials.first().map(|t| &t.targets) {
                Some(Targets::Values(_)) => Targets::Values(vec![0.0; steps * size * outputs]),
                _ => Targets::Labels(vec![0; steps * size]),
            },
            mask: vec![0.0; steps * size],
            info: Vec::with_capacity(size),
        };
        for (index, trial) in trials.into_iter().enumerate() {
            for step in 0..trial.steps {
                let row = step * size + index;
                batch.values[row * inputs..][..inputs]
                    .copy_from_slice(&trial.inputs[step * inputs..][..inputs]);
                batch.mask[row] = trial.mask[step];
                match (&mut batch.targets, &trial.targets) {
                    (Targets::Labels(to), Targets::Labels(from)) => to[row] = from[step],
                    (Targets::Values(to), Targets::Values(from)) => {
                        to[row * outputs..][..outputs].copy_from_slice(&from[step * outputs..][..outputs])
                    }
                    _ => unreachable!("a task has one kind of target"),
                }
            }
            let Trial { steps, response, answer, condition, strength, .. } = trial;
            batch.info.push(TrialInfo { steps, response, answer, condition, strength });
        }
        batch
    }
}

/// The trials of the given numbers. Trial n is a pure function of task, seed, split and n.
///
/// # Errors
/// Data that cannot be read; a trial without steps.
pub fn generate(task: &dyn Task, seed: Seed, split: TrialSet, numbers: Range<u64>) -> Result<TrialBatch> {
    let role = match split {
        TrialSet::Training => Role::Trial,
        TrialSet::Evaluation => Role::EvaluationTrial,
    };
    let make = |number: u64| {
        let trial = task.trial(TrialId { split, number }, &mut seed.stream(role, 0, number))?;
        if trial.steps == 0 || trial.response.is_empty() {
            let problem = "a trial without steps or without a response period";
            return Err(Error::config("task.timing", problem).mend("use longer periods or a smaller dt"));
        }
        Ok(trial)
    };
    let numbers: Vec<u64> = numbers.collect();
    let trials: Vec<Trial> = numbers.into_par_iter().map(make).collect::<Result<_>>()?;
    let channels = task.channels();
    Ok(TrialBatch::of(trials, [channels.inputs.len(), channels.outputs.len()]))
}
