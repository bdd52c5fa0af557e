//! Losses and their error e = dLoss/dy.

use burn::tensor::{Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use nmnc_core::device::values;
use nmnc_kernels::{Criterion, Verdicts};

/// Places among the largest outputs, counted beside the first.
const FIVE: usize = 5;

/// Loss over outputs y `[batch, outputs]` and class labels, averaged over the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Softmax cross-entropy.
    CrossEntropy,
    /// Mean over batch and outputs of the squared difference to the one-hot label.
    MeanSquaredError,
}

/// What training makes small: a loss against targets, which are one-hot labels, or such of which a part is spread over all classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    loss: Loss,
    smoothing: f64,
}

/// A batch judged by a loss.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Mean loss per example.
    pub loss: f64,
    /// Examples by how large the label's output is.
    pub hits: Hits,
    /// dLoss/dy `[batch, outputs]`, for the mean loss.
    pub error: Tensor<2>,
}

/// Examples counted by how many outputs come before the label's: larger ones, and equal ones of a class with a lower number, so that ties
/// are the same everywhere. An output that is not a number comes before all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// None does: the decision is right.
    pub first: usize,
    /// At most four do.
    pub among_five: usize,
}

impl Hits {
    fn add(&mut self, before: usize) {
        self.first += usize::from(before == 0);
        self.among_five += usize::from(before < FIVE);
    }
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
    Known(f64, Hits),
    /// Of each example its loss, and how many outputs come before its label's.
    Examples(Box<Tensor<2>>),
}

impl Judging {
    /// Mean loss per example, and hits, where they are known already.
    pub fn known(&self) -> Option<(f64, Hits)> {
        match self.verdict {
            Verdict::Known(loss, hits) => Some((loss, hits)),
            Verdict::Examples(_) => None,
        }
    }

    /// Mean loss per example, and hits.
    pub fn wait(&self) -> (f64, Hits) {
        match &self.verdict {
            Verdict::Known(loss, hits) => (*loss, *hits),
            Verdict::Examples(examples) => {
                let numbers: Vec<f64> = values(examples.as_ref());
                let (mut loss, mut hits) = (0.0, Hits::default());
                for own in numbers.chunks_exact(2) {
                    loss += own[0];
                    // A loss that is no number has outputs that are none.
                    hits.add(if own[0].is_nan() { FIVE } else { own[1] as usize });
                }
                (loss / examples.dims()[0] as f64, hits)
            }
        }
    }
}

impl From<Loss> for Objective {
    fn from(loss: Loss) -> Self {
        Self { loss, smoothing: 0.0 }
    }
}

impl Loss {
    /// The same against targets of which `smoothing` is spread evenly over all classes: 1 - smoothing at the label's, and smoothing over
    /// the number of classes at each (Szegedy et al. 2016; PyTorch's `label_smoothing`).
    ///
    /// # Panics
    /// If it is not from 0 to 1.
    pub fn smoothed(self, smoothing: f64) -> Objective {
        assert!((0.0..=1.0).contains(&smoothing), "a part of a target is from 0 to 1");
        Objective { loss: self, smoothing }
    }

    /// Loss, hits and error against one-hot labels.
    pub fn judge(self, output: &Tensor<2>, labels: &[u32]) -> Judgement {
        Objective::from(self).judge(output, labels)
    }
}

impl Objective {
    /// The loss.
    pub fn loss(self) -> Loss {
        self.loss
    }

    /// The error at once; on an accelerator the loss only once it is waited for, in single precision.
    pub fn ask(self, output: &Tensor<2>, labels: &[u32]) -> Judging {
        let criterion = match self.loss {
            Loss::CrossEntropy => Criterion::CrossEntropy,
            Loss::MeanSquaredError => Criterion::MeanSquaredError,
        };
        match nmnc_kernels::judge(output, labels, criterion, self.smoothing) {
            Some(Verdicts { error, examples }) => {
                Judging { error, verdict: Verdict::Examples(Box::new(examples)) }
            }
            None => {
                let Judgement { loss, hits, error } = self.judge_here(output, labels);
                Judging { error, verdict: Verdict::Known(loss, hits) }
            }
        }
    }

    /// Loss, hits and error.
    pub fn judge(self, output: &Tensor<2>, labels: &[u32]) -> Judgement {
        let judging = self.ask(output, labels);
        let (loss, hits) = judging.wait();
        Judgement { loss, hits, error: judging.error }
    }

    /// On the host in f64: outputs are few.
    fn judge_here(self, output: &Tensor<2>, labels: &[u32]) -> Judgement {
        let [batch, outputs] = output.dims();
        let mut error: Vec<f64> = values(output);
        let (own, spread) = (1.0 - self.smoothing, self.smoothing / outputs as f64);
        let target = |index: usize, label: usize| if index == label { own + spread } else { spread };
        let (mut loss, mut hits) = (0.0, Hits::default());
        for (row, &label) in error.chunks_exact_mut(outputs).zip(labels) {
            let label = label as usize;
            hits.add(before(row, label));
            match self.loss {
                Loss::CrossEntropy => {
                    let scale = batch as f64;
                    let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let sum: f64 = row.iter().map(|y| (y - highest).exp()).sum();
                    let whole = highest + sum.ln();
                    loss += own * (whole - row[label]) / scale;
                    if self.smoothing > 0.0 {
                        loss += spread * row.iter().map(|y| whole - y).sum::<f64>() / scale;
                    }
                    for (index, y) in row.iter_mut().enumerate() {
                        *y = (*y - highest).exp() / sum / scale - target(index, label) / scale;
                    }
                }
                Loss::MeanSquaredError => {
                    let scale = (batch * outputs) as f64;
                    row.iter_mut().enumerate().for_each(|(index, y)| *y -= target(index, label));
                    loss += row.iter().map(|d| d * d).sum::<f64>() / scale;
                    row.iter_mut().for_each(|d| *d *= 2.0 / scale);
                }
            }
        }
        let options = (&output.device(), output.dtype());
        Judgement { loss, hits, error: Tensor::from_data(TensorData::new(error, [batch, outputs]), options) }
    }
}

/// Outputs of a row that come before the label's.
fn before(row: &[f64], label: usize) -> usize {
    let own = row[label];
    let others = row.iter().enumerate().filter(|&(index, _)| index != label);
    others.filter(|&(index, &y)| y > own || y.is_nan() || own.is_nan() || y == own && index < label).count()
}

#[cfg(test)]
mod tests {
    use super::{Loss, before};
    use burn::tensor::{Device, Tensor};
    use nmnc_core::Seed;
    use nmnc_core::device::values;
    use nmnc_core::seed::Role;

    /// What is alike in the feedback of all outputs reaches nobody, and the label is where the error is lowest.
    #[test]
    fn an_error_of_cross_entropy_sums_to_zero_over_outputs_and_is_negative_at_the_label_alone() {
        let normal = |shape: [usize; 2], index: usize| {
            Seed(2).stream(Role::Analysis, index, 0).normals(shape, &Device::flex())
        };
        let labels: Vec<u32> = (0..50).map(|i| i * 7 % 5).collect();
        let output = normal([50, 5], 0) * 3.0;
        let error = Loss::CrossEntropy.judge(&output, &labels).error;
        for (error, &label) in values::<f64>(&error).chunks(5).zip(&labels) {
            assert!(error.iter().sum::<f64>().abs() < 1e-8, "{error:?}");
            assert!((0..5).all(|i| (error[i] < 0.0) == (i == label as usize)), "{error:?}, {label}");
        }
        let feedback = normal([5, 30], 1) + normal([1, 30], 2) * 10.0;
        let without = feedback.clone() - feedback.clone().mean_dim(0);
        let signal = |feedback: Tensor<2>| values::<f64>(&error.clone().matmul(feedback));
        let apart = |a: Vec<f64>, b: Vec<f64>| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let size = signal(without.clone()).iter().map(|x| x * x).sum::<f64>();
        assert!(apart(signal(feedback.clone()), signal(without.clone())) < 1e-10 * size);
        // Squares have an error whose sum may be anything.
        let error = Loss::MeanSquaredError.judge(&output, &labels).error;
        let signal = |feedback: Tensor<2>| values::<f64>(&error.clone().matmul(feedback));
        assert!(apart(signal(feedback), signal(without)) > size * 1e-3);
    }

    #[test]
    fn of_equal_outputs_the_first_comes_before_the_others() {
        let row = [0.5, 2.0, 0.5, -1.0, 0.5];
        assert_eq!([0, 1, 2, 3, 4].map(|label| before(&row, label)), [1, 0, 2, 4, 3]);
    }

    #[test]
    fn what_is_no_number_is_no_hit() {
        assert_eq!([0, 1, 2].map(|label| before(&[f64::NAN, 1.0, 2.0], label)), [2, 2, 1]);
        assert_eq!(before(&[f64::NAN; 6], 0), 5);
    }
}
