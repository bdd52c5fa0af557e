//! Losses and their error e = dLoss/dy.

use burn::tensor::{Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use nmnc_core::device::values;
use nmnc_kernels::{Criterion, Verdicts};

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

/// A batch whose loss an accelerator may still be working out.
#[derive(Clone, Debug)]
pub struct Judging {
    /// dLoss/dy `[batch, outputs]`, for the mean loss.
    pub error: Tensor<2>,
    verdict: Verdict,
}

#[derive(Clone, Debug)]
enum Verdict {
    Known(f64, usize),
    /// Of each example its loss, and one where it is right.
    Examples(Box<Tensor<2>>),
}

impl Judging {
    /// Mean loss per example, and examples whose largest output is the label's, where they are known already.
    pub fn known(&self) -> Option<(f64, usize)> {
        match self.verdict {
            Verdict::Known(loss, correct) => Some((loss, correct)),
            Verdict::Examples(_) => None,
        }
    }

    /// Mean loss per example, and examples whose largest output is the label's.
    pub fn wait(&self) -> (f64, usize) {
        match &self.verdict {
            Verdict::Known(loss, correct) => (*loss, *correct),
            Verdict::Examples(examples) => {
                let numbers: Vec<f64> = values(examples.as_ref());
                let (loss, correct) =
                    numbers.chunks_exact(2).fold((0.0, 0.0), |sums, own| (sums.0 + own[0], sums.1 + own[1]));
                (loss / examples.dims()[0] as f64, correct as usize)
            }
        }
    }
}

impl Loss {
    /// The error at once; on an accelerator the loss only once it is waited for, in single precision.
    pub fn ask(self, output: &Tensor<2>, labels: &[u32]) -> Judging {
        let criterion = match self {
            Self::CrossEntropy => Criterion::CrossEntropy,
            Self::MeanSquaredError => Criterion::MeanSquaredError,
        };
        match nmnc_kernels::judge(output, labels, criterion) {
            Some(Verdicts { error, examples }) => {
                Judging { error, verdict: Verdict::Examples(Box::new(examples)) }
            }
            None => {
                let Judgement { loss, correct, error } = self.judge_here(output, labels);
                Judging { error, verdict: Verdict::Known(loss, correct) }
            }
        }
    }

    /// Loss, hits and error.
    pub fn judge(self, output: &Tensor<2>, labels: &[u32]) -> Judgement {
        let judging = self.ask(output, labels);
        let (loss, correct) = judging.wait();
        Judgement { loss, correct, error: judging.error }
    }

    /// On the host in f64: outputs are few.
    fn judge_here(self, output: &Tensor<2>, labels: &[u32]) -> Judgement {
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
