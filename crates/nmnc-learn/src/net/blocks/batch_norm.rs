//! Batch normalisation (Ioffe & Szegedy 2015).

use burn::tensor::{Device, Tensor};

use super::affine::Affine;
use super::standard::Standard;
use crate::net::block::{Block, Mode};
use crate::net::parameter::{Buffer, Parameter};
use crate::net::trace::Trace;

/// Batch normalisation of images `[c, positions]`: every channel has mean 0 and variance 1 over all positions of
/// all examples of a training step, and in evaluation over what was seen of them. A perturbed pass keeps the statistics of the clean
/// one; derivatives of a training pass are those of the batch's own statistics, so that an example's error reaches the others.
///
/// Buffers `running_mean` and `running_var` `[c]`: leaky averages of means and of unbiased variances.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    affine: Affine,
    buffers: [Buffer; 2],
    epsilon: f64,
    momentum: f64,
}

impl BatchNorm {
    /// Of images of `channels` maps with `positions` numbers each, beginning with gain 1, bias 0, running mean 0 and variance 1.
    /// `epsilon` is added to variances; a step counts for `momentum` in the running statistics.
    ///
    /// # Panics
    /// If there are no channels or positions.
    pub fn new(channels: usize, positions: usize, epsilon: f64, momentum: f64, device: &Device) -> Self {
        let row = |value: f32| Tensor::ones([1, channels], device) * value;
        let buffers = [Buffer::vector("running_mean", row(0.0)), Buffer::vector("running_var", row(1.0))];
        Self { affine: Affine::new([channels, positions], false, device), buffers, epsilon, momentum }
    }

    fn evaluated(&self, x: &Tensor<2>) -> Standard {
        let [mean, variance] = &self.buffers;
        let (mean, variance) = (self.affine.spread(&mean.value), self.affine.spread(&variance.value));
        Standard::given(self.affine.view(x), mean, variance, self.epsilon)
    }
}

impl Block for BatchNorm {
    fn inputs(&self) -> Vec<usize> {
        vec![self.units()]
    }

    fn units(&self) -> usize {
        self.affine.units()
    }

    fn describe(&self) -> String {
        let [channels, positions] = self.affine.view;
        format!("batch normalisation of {channels} channels of {positions}")
    }

    fn parameters(&self) -> Vec<&Parameter> {
        self.affine.parameters()
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        self.affine.parameters_mut()
    }

    fn buffers(&self) -> Vec<&Buffer> {
        self.buffers.iter().collect()
    }

    fn buffers_mut(&mut self) -> Vec<&mut Buffer> {
        self.buffers.iter_mut().collect()
    }

    fn updated_buffers(&self, trace: &Trace) -> Vec<Tensor<2>> {
        let standard: &Standard = trace.of();
        let kept = self.buffers.iter().map(|buffer| buffer.value.clone());
        if !standard.is_own() {
            return kept.collect();
        }
        let [rows, channels, positions] = standard.values.dims();
        let count = (rows * positions) as f64;
        // One number alone has no unbiased variance; its biased one, 0, says as much.
        let unbiased = count / (count - 1.0).max(1.0);
        let row = |x: &Tensor<3>| x.clone().reshape([1, channels]);
        let seen = [row(&standard.mean), row(&standard.variance) * unbiased];
        kept.zip(seen).map(|(kept, seen)| kept * (1.0 - self.momentum) + seen * self.momentum).collect()
    }

    fn forward(&self, inputs: &[Tensor<2>], mode: Mode) -> (Tensor<2>, Trace) {
        let standard = match mode {
            Mode::Training { .. } => Standard::of(self.affine.view(&inputs[0]), self.epsilon, true),
            Mode::Evaluation => self.evaluated(&inputs[0]),
        };
        (self.affine.apply(standard.values.clone()), Trace::new(standard))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        self.affine.apply(self.evaluated(&inputs[0]).values)
    }

    fn replay(&self, inputs: &[Tensor<2>], trace: &Trace) -> Tensor<2> {
        self.affine.apply(trace.of::<Standard>().apply(self.affine.view(&inputs[0])))
    }

    fn replay_needs_trace(&self) -> bool {
        true
    }

    fn parameter_vjp(&self, trace: &Trace, error: Tensor<2>) -> Vec<Tensor<2>> {
        self.affine.vjp(trace.of::<Standard>().values.clone(), &error)
    }

    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, _input: usize, _weights: &[Tensor<2>]) -> Tensor<2> {
        let scaled = self.affine.view(&self.affine.scale(&error));
        self.affine.flat(trace.of::<Standard>().derivative(scaled))
    }

    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], _weights: &[Tensor<2>]) -> Tensor<2> {
        let change = trace.of::<Standard>().derivative(self.affine.view(&changes[0]));
        self.affine.scale(&self.affine.flat(change))
    }
}
