//! Losses and their error e = dLoss/dy.

use burn::tensor::{Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use nmnc_core::device::values;

/// Loss over outputs y `[batch, outputs]` and class labels, averaged over the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Softmax cross-entropy.
    CrossEntropy,
    /// Mean over batch and outputs of the squared difference to the one-hot label.
    MeanSquaredError,
}

/// A batch judged by a loss.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Mean loss per example.
    pub loss: f64,
    /// Examples whose largest output is the label's.
    pub correct: usize,
    /// dLoss/dy `[batch, outputs]`, for the mean loss.
    pub error: Tensor<2>,
}

impl Loss {
    /// Loss, hits and error. Computed on the host in f64: outputs are few, and the loss has to come to the host anyway.
    pub fn judge(self, output: &Tensor<2>, labels: &[u32]) -> Judgement {
        let [batch, outputs] = output.dims();
        let mut error: Vec<f64> = values(output);
        let (mut loss, mut correct) = (0.0, 0);
        for (row, &label) in error.chunks_exact_mut(outputs).zip(labels) {
            let label = label as usize;
            let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            // The first of equal outputs counts as the decision, as argmax has it.
            correct += usize::from(row.iter().position(|&y| y == highest) == Some(label));
            match self {
                Self::CrossEntropy => {
                    let scale = batch as f64;
                    let sum: f64 = row.iter().map(|y| (y - highest).exp()).sum();
                    loss += (highest + sum.ln() - row[label]) / scale;
                    row.iter_mut().for_each(|y| *y = (*y - highest).exp() / sum / scale);
                    row[label] -= 1.0 / scale;
                }
                Self::MeanSquaredError => {
                    let scale = (batch * outputs) as f64;
                    row[label] -= 1.0;
                    loss += row.iter().map(|d| d * d).sum::<f64>() / scale;
                    row.iter_mut().for_each(|d| *d *= 2.0 / scale);
                }
            }
        }
        let options = (&output.device(), output.dtype());
        Judgement {
            loss,
            correct,
            error: Tensor::from_data(TensorData::new(error, [batch, outputs]), options),
        }
    }
}
