//! Losses of a classifier on an accelerator, which need not be waited for.

use burn::tensor::Tensor;

use crate::kinds::Criterion;

/// What a batch was judged to be.
#[derive(Clone, Debug)]
pub struct Verdicts {
    /// dLoss/dy `[batch, outputs]`, for the mean loss.
    pub error: Tensor<2>,
    /// Of each example its loss and how many outputs come before its label's, larger ones and equal ones of a lower number, `[batch, 2]`;
    /// to be read when it is needed.
    pub examples: Tensor<2>,
}

/// Judges `output` `[batch, outputs]` by `labels`, in single precision; a fraction `smoothing` of each example's target is spread evenly over all
/// outputs. Nothing where the output is in the processor's memory, or in another
/// precision.
///
/// # Panics
/// If a label is no output.
pub fn judge(output: &Tensor<2>, labels: &[u32], criterion: Criterion, smoothing: f64) -> Option<Verdicts> {
    assert_eq!(output.dims()[0], labels.len(), "one label an example");
    #[cfg(feature = "accelerator")]
    if let Some([output]) = crate::accelerator::operands([output]) {
        let [error, examples] = crate::accelerator::judge(&output, labels, criterion, smoothing as f32);
        return Some(Verdicts { error, examples });
    }
    let _ = (criterion, smoothing);
    None
}
