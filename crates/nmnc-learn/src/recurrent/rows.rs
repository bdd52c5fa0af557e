//! Rows of sequences.

/// Rows of steps that belong to a trial, in a matrix `[T B, ..]` of B trials of the given lengths.
pub fn live_rows(lengths: &[usize]) -> Vec<usize> {
    let batch = lengths.len();
    let live = |step: usize| {
        (0..batch).filter(move |&trial| step < lengths[trial]).map(move |trial| step * batch + trial)
    };
    (0..lengths.iter().copied().max().unwrap_or(0)).flat_map(live).collect()
}
