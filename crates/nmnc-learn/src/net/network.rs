//! A chain of stages and a linear readout.

use burn::tensor::{Device, Tensor};

use super::dense::Dense;
use super::gradients::Gradients;
use super::stage::{Parameter, Stage, Trace};
use nmnc_core::error::Result;

/// A chain x_l = f_l(x_{l-1}), l = 1..L, and a linear readout y = x_L W_o^T + b_o.
#[derive(Debug)]
pub struct Network {
    stages: Vec<Box<dyn Stage>>,
    readout: Dense,
}

/// What a forward pass leaves behind.
#[derive(Clone, Debug)]
pub struct ForwardPass {
    /// Activity `[batch, n_l]` of each stage.
    pub activities: Vec<Tensor<2>>,
    /// Output `[batch, n_o]`.
    pub output: Tensor<2>,
    traces: Vec<Trace>,
    readout_trace: Trace,
}

impl ForwardPass {
    /// What stage `stage` (from 0) kept.
    pub fn trace(&self, stage: usize) -> &Trace {
        &self.traces[stage]
    }

    /// What the readout kept.
    pub fn readout_trace(&self) -> &Trace {
        &self.readout_trace
    }
}

impl Network {
    /// Joins stages and readout.
    ///
    /// # Panics
    /// If one part's units are not the next one's inputs.
    pub fn new(stages: Vec<Box<dyn Stage>>, readout: Dense) -> Self {
        let network = Self { stages, readout };
        let parts: Vec<&dyn Stage> = network.parts().collect();
        for pair in parts.windows(2) {
            assert_eq!(
                pair[0].units(),
                pair[1].inputs(),
                "{} feeds {}",
                pair[0].describe(),
                pair[1].describe()
            );
        }
        network
    }

    /// The stages, first to last, without the readout.
    pub fn stages(&self) -> impl ExactSizeIterator<Item = &dyn Stage> {
        self.stages.iter().map(AsRef::as_ref)
    }

    /// Stage `index` (from 0).
    pub fn stage(&self, index: usize) -> &dyn Stage {
        self.stages[index].as_ref()
    }

    /// The linear readout.
    pub fn readout(&self) -> &Dense {
        &self.readout
    }

    /// The stages and then the readout.
    fn parts(&self) -> impl Iterator<Item = &dyn Stage> {
        self.stages().chain(std::iter::once(&self.readout as &dyn Stage))
    }

    /// Number of inputs of one example.
    pub fn inputs(&self) -> usize {
        self.parts().next().expect("the readout is a part").inputs()
    }

    /// Number n_o of outputs.
    pub fn outputs(&self) -> usize {
        self.readout.units()
    }

    /// Number n_l of units of each stage.
    pub fn stage_units(&self) -> Vec<usize> {
        self.stages().map(Stage::units).collect()
    }

    /// All parameters with their full names (`stage1.weight`, `readout.bias`), stages first.
    pub fn parameters(&self) -> Vec<(String, &Parameter)> {
        self.parts()
            .enumerate()
            .flat_map(|(i, part)| part.parameters().map(|p| (format!("{}.{}", self.part_name(i), p.name), p)))
            .collect()
    }

    /// The parameters' values, in the order of [`Network::parameters`].
    pub fn values_mut(&mut self) -> Vec<&mut Tensor<2>> {
        let Self { stages, readout } = self;
        let staged = stages.iter_mut().flat_map(|s| s.parameters_mut().map(|p| &mut p.value));
        staged.chain(readout.parameters_mut().map(|p| &mut p.value)).collect()
    }

    /// `stage1`, `stage2`, ..., `readout`.
    pub fn part_name(&self, index: usize) -> String {
        if index < self.stages.len() { format!("stage{}", index + 1) } else { "readout".to_owned() }
    }

    /// Number of trainable numbers.
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|(_, p)| p.shape.iter().product::<usize>()).sum()
    }

    /// Forward pass of `input` `[batch, inputs]` that keeps what local gradients need.
    pub fn forward(&self, input: Tensor<2>) -> ForwardPass {
        let (mut activities, mut traces) = (Vec::new(), Vec::new());
        let mut activity = input;
        for stage in self.stages() {
            let (next, trace) = stage.forward(activity);
            traces.push(trace);
            activities.push(next.clone());
            activity = next;
        }
        let (output, readout_trace) = self.readout.forward(activity);
        ForwardPass { activities, output, traces, readout_trace }
    }

    /// Activity of every stage, without traces.
    pub fn activities(&self, input: Tensor<2>) -> Vec<Tensor<2>> {
        self.each_activity(input).collect()
    }

    /// Activity of one stage after the other: the iterator itself keeps only the latest.
    pub fn each_activity(&self, input: Tensor<2>) -> impl Iterator<Item = Tensor<2>> {
        self.stages().scan(input, |activity, stage| {
            *activity = stage.activity(activity.clone());
            Some(activity.clone())
        })
    }

    /// Output `[batch, n_o]` for `input` `[batch, inputs]`.
    pub fn output(&self, input: Tensor<2>) -> Tensor<2> {
        self.run(0, input)
    }

    /// Output when stage `stage` (from 0) has the given activity `[batch, n_l]`: the pass that a perturbation needs.
    pub fn output_after(&self, stage: usize, activity: Tensor<2>) -> Tensor<2> {
        self.run(stage + 1, activity)
    }

    fn run(&self, first: usize, activity: Tensor<2>) -> Tensor<2> {
        let last = self.stages[first..].iter().fold(activity, |x, stage| stage.activity(x));
        self.readout.activity(last)
    }

    /// Gradient of every parameter, in the order of [`Network::parameters`], when stage l receives the error signal
    /// `signals[l]` `[batch, n_l]` and the readout the exact `output_error` dLoss/dy `[batch, n_o]`.
    pub fn gradients(
        &self,
        pass: &ForwardPass,
        signals: &[Tensor<2>],
        output_error: &Tensor<2>,
    ) -> Gradients {
        assert_eq!(signals.len(), self.stages.len(), "one error signal a stage");
        let local = self
            .stages()
            .zip(&pass.traces)
            .zip(signals)
            .flat_map(|((stage, trace), signal)| stage.parameter_gradient(trace, signal.clone()));
        let readout = self.readout.parameter_gradient(&pass.readout_trace, output_error.clone());
        self.named(local.chain(readout))
    }

    /// As [`Network::gradients`], but asks for a stage's signal, showing its activity, only when it is the stage's turn, and
    /// keeps neither that nor the stage's part of the forward pass any longer than the stage's gradients take.
    ///
    /// # Errors
    /// Those of `signal`.
    pub fn gradients_in_turn(
        &self,
        pass: ForwardPass,
        output_error: &Tensor<2>,
        mut signal: impl FnMut(usize, &Tensor<2>) -> Result<Tensor<2>>,
    ) -> Result<Gradients> {
        let mut gradients = Vec::new();
        let ForwardPass { activities, traces, readout_trace, .. } = pass;
        for (index, (activity, trace)) in activities.into_iter().zip(traces).enumerate() {
            gradients.extend(self.stage(index).parameter_gradient(&trace, signal(index, &activity)?));
        }
        gradients.extend(self.readout.parameter_gradient(&readout_trace, output_error.clone()));
        Ok(self.named(gradients))
    }

    /// As [`Network::gradients_in_turn`], of the forward pass of `input` `[batch, inputs]`, of which one stage exists at a time.
    ///
    /// # Errors
    /// Those of `signal`.
    pub fn gradients_streamed(
        &self,
        input: Tensor<2>,
        output_error: &Tensor<2>,
        mut signal: impl FnMut(usize, &Tensor<2>) -> Result<Tensor<2>>,
    ) -> Result<Gradients> {
        let mut gradients = Vec::new();
        let mut activity = input;
        for (index, stage) in self.stages().enumerate() {
            let (next, trace) = stage.forward(activity);
            gradients.extend(stage.parameter_gradient(&trace, signal(index, &next)?));
            activity = next;
        }
        let (_, readout_trace) = self.readout.forward(activity);
        gradients.extend(self.readout.parameter_gradient(&readout_trace, output_error.clone()));
        Ok(self.named(gradients))
    }

    /// Gradients in the order of [`Network::parameters`], with the parameters' names.
    fn named(&self, gradients: impl IntoIterator<Item = Tensor<2>>) -> Gradients {
        self.parameters().into_iter().map(|(name, _)| name).zip(gradients).collect()
    }

    /// Moves all parameters to `device`.
    pub fn move_to(&mut self, device: &Device) {
        self.stages.iter_mut().for_each(|stage| stage.move_to(device));
        self.readout.move_to(device);
    }
}
