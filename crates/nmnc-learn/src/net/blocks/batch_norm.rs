//! Batch normalisation (Ioffe & Szegedy 2015).

use burn::tensor::{Device, Tensor};
use nmnc_kernels::{channel_affine, channel_combine, channel_moments, channel_sums};

use crate::net::block::{Block, Mode};
use crate::net::parameter::{Buffer, Parameter};
use crate::net::trace::Trace;

/// Every channel of images `[c, positions]` gets mean 0 and variance 1 over all positions of all examples of a training step, and in
/// evaluation over what was seen of them; then a gain and a bias. A perturbed pass keeps the statistics of the clean one; derivatives of
/// a training pass are those of the batch's own statistics, so that an example's error reaches the others.
///
/// Parameters `weight` (the gain) and `bias`, buffers `running_mean` and `running_var`, each `[c]`: leaky averages of means and of
/// unbiased variances.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    gain: Parameter,
    bias: Parameter,
    buffers: [Buffer; 2],
    positions: usize,
    epsilon: f64,
    momentum: f64,
}

/// The input and what it was standardised by, rows `[1, c]`.
struct Kept {
    x: Tensor<2>,
    mean: Tensor<2>,
    variance: Tensor<2>,
    /// 1 / sqrt(variance + epsilon).
    precision: Tensor<2>,
    /// Whether mean and variance are those of the input itself.
    own: bool,
}

impl BatchNorm {
    /// Of images of `channels` maps with `positions` numbers each, beginning with gain 1, bias 0, running mean 0 and variance 1.
    /// `epsilon` is added to variances; a step counts for `momentum` in the running statistics.
    ///
    /// # Panics
    /// If there are no channels or positions.
    pub fn new(channels: usize, positions: usize, epsilon: f64, momentum: f64, device: &Device) -> Self {
        assert!(channels > 0 && positions > 0, "there is nothing to normalise");
        let row = |value: f32| Tensor::ones([1, channels], device) * value;
        Self {
            gain: Parameter::vector("weight", row(1.0)),
            bias: Parameter::vector("bias", row(0.0)),
            buffers: [Buffer::vector("running_mean", row(0.0)), Buffer::vector("running_var", row(1.0))],
            positions,
            epsilon,
            momentum,
        }
    }

    fn channels(&self) -> usize {
        self.gain.value.dims()[1]
    }

    fn kept(&self, x: Tensor<2>, mode: Mode) -> Kept {
        let own = matches!(mode, Mode::Training { .. });
        let [mean, variance] = match own {
            true => channel_moments(&x, self.channels()),
            false => self.buffers.each_ref().map(|buffer| buffer.value.clone()),
        };
        let precision = (variance.clone() + self.epsilon).sqrt().recip();
        Kept { x, mean, variance, precision, own }
    }

    /// gain (x - mean) precision + bias.
    fn apply(&self, x: &Tensor<2>, kept: &Kept) -> Tensor<2> {
        channel_affine(x, [&kept.mean, &self.scale(kept), &self.bias.value])
    }

    fn scale(&self, kept: &Kept) -> Tensor<2> {
        self.gain.value.clone() * kept.precision.clone()
    }

    /// The derivative times `change` but for the gain, whatever the side of it: a symmetric matrix for each channel, scaled by `scale`.
    fn derivative(kept: &Kept, change: &Tensor<2>, scale: Tensor<2>) -> Tensor<2> {
        let nothing = scale.zeros_like();
        if !kept.own {
            return channel_affine(change, [&nothing, &scale, &nothing]);
        }
        let [rows, columns] = change.dims();
        let count = (rows * columns / scale.dims()[1]) as f64;
        let [sum, along] = channel_sums(change, &kept.x, &kept.mean);
        let squared = kept.precision.clone() * kept.precision.clone();
        let by_x = (scale.clone() * squared * along / count).neg();
        let shift = (scale.clone() * sum / count).neg();
        channel_combine(change, &kept.x, [&kept.mean, &scale, &by_x, &shift])
    }
}

impl Block for BatchNorm {
    fn inputs(&self) -> Vec<usize> {
        vec![self.units()]
    }

    fn units(&self) -> usize {
        self.channels() * self.positions
    }

    fn describe(&self) -> String {
        format!("batch normalisation of {} channels of {}", self.channels(), self.positions)
    }

    fn parameters(&self) -> Vec<&Parameter> {
        vec![&self.gain, &self.bias]
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        vec![&mut self.gain, &mut self.bias]
    }

    fn buffers(&self) -> Vec<&Buffer> {
        self.buffers.iter().collect()
    }

    fn buffers_mut(&mut self) -> Vec<&mut Buffer> {
        self.buffers.iter_mut().collect()
    }

    fn updated_buffers(&self, trace: &Trace) -> Vec<Tensor<2>> {
        let kept: &Kept = trace.of();
        let known = self.buffers.iter().map(|buffer| buffer.value.clone());
        if !kept.own {
            return known.collect();
        }
        let count = (kept.x.dims()[0] * self.positions) as f64;
        // One number alone has no unbiased variance; its biased one, 0, says as much.
        let unbiased = count / (count - 1.0).max(1.0);
        let seen = [kept.mean.clone(), kept.variance.clone() * unbiased];
        known.zip(seen).map(|(known, seen)| known * (1.0 - self.momentum) + seen * self.momentum).collect()
    }

    fn forward(&self, inputs: &[Tensor<2>], mode: Mode) -> (Tensor<2>, Trace) {
        let kept = self.kept(inputs[0].clone(), mode);
        (self.apply(&inputs[0], &kept), Trace::new(kept))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        let kept = self.kept(inputs[0].clone(), Mode::Evaluation);
        self.apply(&inputs[0], &kept)
    }

    fn replay(&self, inputs: &[Tensor<2>], trace: &Trace) -> Tensor<2> {
        self.apply(&inputs[0], trace.of())
    }

    fn replay_needs_trace(&self) -> bool {
        true
    }

    fn parameter_vjp(&self, trace: &Trace, error: Tensor<2>) -> Vec<Tensor<2>> {
        let kept: &Kept = trace.of();
        let [sum, along] = channel_sums(&error, &kept.x, &kept.mean);
        vec![along * kept.precision.clone(), sum]
    }

    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, _input: usize, _weights: &[Tensor<2>]) -> Tensor<2> {
        let kept: &Kept = trace.of();
        Self::derivative(kept, &error, self.scale(kept))
    }

    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], _weights: &[Tensor<2>]) -> Tensor<2> {
        // A gain is the same number for a channel's error and for its change.
        let kept: &Kept = trace.of();
        Self::derivative(kept, &changes[0], self.scale(kept))
    }
}
