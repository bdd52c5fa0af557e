//! Recurrent units on the processor: each task takes some trials through all steps, so that threads meet once a sequence.

mod gated;
mod panels;
mod rate;

pub(crate) use gated::{gru_backward, gru_gated, gru_pass};
pub(crate) use rate::{carry_backward, rate_backward, rate_pass};

use rayon::prelude::*;

use super::panels::ROWS;
use crate::recurrent::Sequence;

/// Runs `work` on blocks of trials: first trial and number of trials. Rows do not depend on each other, so the blocks may depend on
/// the number of threads.
fn over_trials(sequence: Sequence, work: impl Fn(usize, usize) + Sync) {
    let threads = rayon::current_num_threads();
    // Two blocks a thread even out what else the machine does; a large weight matrix is read once a block and step.
    let blocks = if sequence.units <= 512 { 2 * threads } else { threads };
    let size = sequence.batch.div_ceil(blocks).next_multiple_of(ROWS).max(1);
    (0..sequence.batch.div_ceil(size)).into_par_iter().for_each(|block| {
        let first = block * size;
        work(first, size.min(sequence.batch - first));
    });
}
