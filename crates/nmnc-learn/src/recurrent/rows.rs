//! Rows of sequences.

use burn::prelude::Int;
use burn::tensor::{Tensor, TensorData};

use super::network::SequencePass;

/// Rows of steps that belong to a trial.
pub fn live_rows(pass: &SequencePass, lengths: &[usize]) -> Vec<usize> {
    let batch = pass.sequence.batch;
    let live = |step: usize| {
        (0..batch).filter(move |&trial| step < lengths[trial]).map(move |trial| step * batch + trial)
    };
    (0..pass.sequence.steps).flat_map(live).collect()
}

/// The rows of `matrix` with the given numbers, at least one.
pub fn selected(matrix: &Tensor<2>, rows: &[usize]) -> Tensor<2> {
    let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    let count = rows.len();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &matrix.device());
    matrix.clone().select(0, indices)
}
