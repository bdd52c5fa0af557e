//! Rows of sequences.

use super::network::SequencePass;

/// Rows of steps that belong to a trial.
pub fn live_rows(pass: &SequencePass, lengths: &[usize]) -> Vec<usize> {
    let batch = pass.sequence.batch;
    let live = |step: usize| {
        (0..batch).filter(move |&trial| step < lengths[trial]).map(move |trial| step * batch + trial)
    };
    (0..pass.sequence.steps).flat_map(live).collect()
}
