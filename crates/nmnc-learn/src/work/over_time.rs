//! The work on a recurrent network.

use super::job::{Job, Operation, SequencePart, Work};
use crate::recurrent::{Cell, EligibilityTrace, RecurrentNetwork};

/// An operation on sequences of `rows` trials of `steps` steps, counted.
pub fn sequence_job(network: &RecurrentNetwork, part: SequencePart, rows: usize, steps: usize) -> Job {
    let gates = match network.cell() {
        Cell::Rate { .. } => 1.0,
        Cell::Gru => 3.0,
    };
    let [n, inputs, outputs] = [network.units(), network.inputs(), network.outputs()].map(|size| size as f64);
    let all = rows as f64 * steps as f64;
    // Weights by what reads them; each bias stands beside an input of one.
    let [driving, recurrent, readout] = [gates * n * (inputs + 1.0), gates * n * n, n * outputs];
    let (weights, numbers) = match part {
        SequencePart::Forward => {
            (driving + recurrent + readout, all * (inputs + 1.0 + (gates + 1.0) * n + n + outputs))
        }
        SequencePart::States | SequencePart::Kicked => {
            (recurrent, all * ((gates + 1.0) * n + if part == SequencePart::Kicked { n } else { 0.0 }))
        }
        SequencePart::Readout => (readout, all * (n + outputs)),
        SequencePart::Backpropagate => (readout + recurrent, all * (outputs + (gates + 2.0) * n)),
        SequencePart::Traced(EligibilityTrace::None) => (0.0, 0.0),
        SequencePart::Traced(_) => (0.0, all * (gates + 2.0) * n),
        SequencePart::Gradients => {
            (driving + recurrent + readout, all * (inputs + 1.0 + (gates + 3.0) * n + outputs))
        }
    };
    Job::new(Operation::Sequence { part, rows, steps }, 2.0 * all * weights, numbers + weights)
}

/// What every training step does, whatever gives the signals, of `rows` trials of `steps` steps: the forward pass and the gradients.
pub fn over_time(network: &RecurrentNetwork, [rows, steps]: [usize; 2]) -> Work {
    let job = |part| sequence_job(network, part, rows, steps);
    Work { step: vec![job(SequencePart::Forward), job(SequencePart::Gradients)], ..Work::default() }
}
