//! The loss over a batch of trials and its error e = dLoss/dy.

use burn::tensor::{Tensor, TensorData};

use nmnc_core::device::values;
use nmnc_data::tasks::{Outcome, Targets, TrialBatch, judge};

/// A batch judged.
#[derive(Clone, Debug)]
pub struct SequenceJudgement {
    /// Mean loss of a step, weighted.
    pub loss: f64,
    /// Sum of the weights of all steps.
    pub weight: f64,
    /// dLoss/dy `[T B, outputs]`.
    pub error: Tensor<2>,
    /// What each trial is worth.
    pub outcomes: Vec<Outcome>,
}

/// Whether the loss over `batch` does not see a shift common to all outputs: cross-entropy, of more than one class.
pub fn is_centered(batch: &TrialBatch) -> bool {
    matches!(batch.targets, Targets::Labels(_)) && batch.outputs > 1
}

/// Softmax cross-entropy of classes, or the mean squared error over outputs of values, averaged over the steps of all trials
/// with the batch's weights; steps of the response period weigh `response_weight` times as much.
///
/// Computed on the host in f64: outputs are few, and the loss has to come to the host anyway.
///
/// # Panics
/// If `output` is not `[T B, outputs]`.
pub fn judge_sequence(batch: &TrialBatch, output: &Tensor<2>, response_weight: f64) -> SequenceJudgement {
    let (size, width) = (batch.size(), batch.outputs);
    assert_eq!(output.dims(), [batch.steps * size, width], "shape of the output");
    let mut error: Vec<f64> = values(output);
    let outcomes = judge(batch, &error);
    let weights: Vec<f64> = (0..batch.steps * size)
        .map(|row| {
            let responding = batch.info[row % size].response.contains(&(row / size));
            f64::from(batch.mask[row]) * if responding { response_weight } else { 1.0 }
        })
        .collect();
    let total: f64 = weights.iter().sum();
    let mut loss = 0.0;
    for (row, (y, weight)) in error.chunks_exact_mut(width).zip(&weights).enumerate() {
        if *weight == 0.0 {
            y.fill(0.0);
            continue;
        }
        let scale = weight / total;
        match &batch.targets {
            Targets::Labels(labels) => {
                let label = labels[row] as usize;
                let highest = y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = y.iter().map(|y| (y - highest).exp()).sum();
                loss += scale * (highest + sum.ln() - y[label]);
                y.iter_mut().for_each(|y| *y = scale * (*y - highest).exp() / sum);
                y[label] -= scale;
            }
            Targets::Values(targets) => {
                let scale = scale / width as f64;
                for (y, target) in y.iter_mut().zip(&targets[row * width..]) {
                    *y -= f64::from(*target);
                    loss += scale * *y * *y;
                    *y *= 2.0 * scale;
                }
            }
        }
    }
    let options = (&output.device(), output.dtype());
    let error = Tensor::from_data(TensorData::new(error, [batch.steps * size, width]), options);
    SequenceJudgement { loss, weight: total, error, outcomes }
}
