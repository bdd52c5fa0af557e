//! One trial, and the tools that tasks make it with.

use std::ops::Range;

use super::timing::Timing;
use nmnc_core::seed::Stream;

/// What the outputs should be.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// The class of each step.
    Labels(Vec<u32>),
    /// The value of each output at each step, `[steps, outputs]`.
    Values(Vec<f32>),
}

/// How a trial is judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Class 0 is to withhold an answer. The first other class in the response period is the answer; it must be this one and come
    /// within the window of steps.
    Choice {
        /// The right class, not 0.
        label: u32,
        /// When it may come.
        window: Range<usize>,
    },
    /// The class at the last step of the response period: there is no withholding.
    Class(u32),
    /// As much of the answer counts as steps of the response period have the target's class.
    Sequence,
    /// Every output at the last step of the response period is within the tolerance of its target.
    Value {
        /// Largest admissible deviation.
        tolerance: f64,
    },
}

/// One trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Number of steps.
    pub steps: usize,
    /// Inputs `[steps, inputs]`.
    pub inputs: Vec<f32>,
    /// Targets of every step.
    pub targets: Targets,
    /// Weight of each step in the loss, `[steps]`.
    pub mask: Vec<f32>,
    /// The response period.
    pub response: Range<usize>,
    /// How it is judged.
    pub answer: Answer,
    /// Number of its condition in [`Task::conditions`](super::Task::conditions).
    pub condition: usize,
    /// Strength of the evidence, positive where it is for choice 1, in the unit of [`Task::strength`](super::Task::strength); none of tasks
    /// without one.
    pub strength: Option<f64>,
}

impl Trial {
    /// The same with evidence of `size` (at least 0) for choice 1, or against it.
    #[must_use]
    pub(super) fn with_evidence(self, size: f64, for_first: bool) -> Self {
        Self { strength: Some(if for_first { size } else { -size }), ..self }
    }
}

/// A trial in the making: periods one after the other, inputs, labels.
pub(super) struct Sketch {
    width: usize,
    periods: Vec<(&'static str, Range<usize>)>,
    steps: usize,
    inputs: Vec<f32>,
    labels: Vec<u32>,
}

impl Sketch {
    /// Periods of the given durations, one after the other.
    pub(super) fn new(width: usize, periods: &[(&'static str, usize)]) -> Self {
        let mut start = 0;
        let periods: Vec<_> = periods
            .iter()
            .map(|&(name, steps)| {
                start += steps;
                (name, start - steps..start)
            })
            .collect();
        Self { width, periods, steps: start, inputs: vec![0.0; start * width], labels: vec![0; start] }
    }

    /// As [`Sketch::new`], with durations drawn from `timing` in the order of `names`.
    pub(super) fn timed(
        width: usize,
        timing: &Timing,
        names: &[&'static str],
        dt: f64,
        stream: &mut Stream,
    ) -> Self {
        let periods: Vec<_> = names.iter().map(|&name| (name, timing[name].steps(dt, stream))).collect();
        Self::new(width, &periods)
    }

    /// All steps.
    pub(super) fn all(&self) -> Range<usize> {
        0..self.steps
    }

    /// The steps of a period.
    pub(super) fn period(&self, name: &str) -> Range<usize> {
        let found = self.periods.iter().find(|(own, _)| *own == name);
        found.unwrap_or_else(|| panic!("no period {name}")).1.clone()
    }

    /// Adds to the channels from `first` on, one value each, at the given steps.
    pub(super) fn add(&mut self, steps: Range<usize>, first: usize, values: &[f64]) {
        for row in self.inputs.chunks_exact_mut(self.width).skip(steps.start).take(steps.len()) {
            row[first..first + values.len()].iter_mut().zip(values).for_each(|(x, v)| *x += *v as f32);
        }
    }

    /// Adds independent normal noise of the given deviation to the channels at the given steps.
    pub(super) fn noise(
        &mut self,
        steps: Range<usize>,
        channels: Range<usize>,
        deviation: f64,
        stream: &mut Stream,
    ) {
        let mut numbers = vec![0.0; steps.len() * channels.len()];
        stream.fill_normal(&mut numbers);
        let rows = self.inputs.chunks_exact_mut(self.width).skip(steps.start).take(steps.len());
        for (row, numbers) in rows.zip(numbers.chunks_exact(channels.len().max(1))) {
            row[channels.clone()].iter_mut().zip(numbers).for_each(|(x, z)| *x += deviation as f32 * z);
        }
    }

    /// Sets the label of the given steps.
    pub(super) fn label(&mut self, steps: Range<usize>, label: u32) {
        self.labels[steps].fill(label);
    }

    /// The trial: every step counts alike, and the answer is the class `label` at any time of the period `response`.
    pub(super) fn choice(self, response: &str, label: u32, condition: usize) -> Trial {
        let response = self.period(response);
        let answer = Answer::Choice { label, window: response.clone() };
        self.finish(response, answer, condition)
    }

    /// The trial, judged in another way.
    pub(super) fn finish(self, response: Range<usize>, answer: Answer, condition: usize) -> Trial {
        Trial {
            steps: self.steps,
            inputs: self.inputs,
            targets: Targets::Labels(self.labels),
            mask: vec![1.0; self.steps],
            response,
            answer,
            condition,
            strength: None,
        }
    }
}

/// The angles of a ring of `size` directions.
pub(super) fn ring(size: usize) -> Vec<f64> {
    (0..size).map(|i| 2.0 * std::f64::consts::PI * i as f64 / size as f64).collect()
}

/// `offset + gain cos(theta - direction)` for each direction of a ring.
pub(super) fn tuned(ring: &[f64], direction: f64, gain: f64, offset: f64) -> Vec<f64> {
    ring.iter().map(|theta| offset + gain * (theta - direction).cos()).collect()
}
