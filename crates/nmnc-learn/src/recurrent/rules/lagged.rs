//! Feedback by lag: delta_t = sum over k of B_k^T e_{t+k}.

use burn::tensor::Tensor;

/// Errors `[T B, (K + 1) outputs]` of each step and the K steps after it, from those of each step `[T B, outputs]` of `batch` trials; zero
/// beyond the last step. Times the feedback of all lags, one under the other `[(K + 1) outputs, N]`, they are the signals.
///
/// # Panics
/// If there are not more than K steps.
pub(super) fn later_errors(error: &Tensor<2>, batch: usize, lags: usize) -> Tensor<2> {
    let rows = error.dims()[0];
    let shifted = |lag: usize| {
        let rest = error.clone().narrow(0, lag * batch, rows - lag * batch);
        if lag == 0 {
            rest
        } else {
            Tensor::cat(vec![rest, error.clone().narrow(0, 0, lag * batch).zeros_like()], 0)
        }
    };
    Tensor::cat((0..=lags).map(shifted).collect(), 1)
}
