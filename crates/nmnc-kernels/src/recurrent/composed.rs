//! The recurrent functions composed of tensor operations, step by step, for any device and float type.

use burn::tensor::{Tensor, activation};

use super::{Carry, GruGates, Rate, Sequence};
use crate::composed::{activate, slope};

/// Row block `step` of a sequence.
fn at(matrix: &Tensor<2>, step: usize, batch: usize) -> Tensor<2> {
    matrix.clone().narrow(0, step * batch, batch)
}

/// See [`rate_forward`](super::rate_forward): states and gates.
pub fn rate_pass(
    sequence: Sequence,
    rate: Rate,
    start: &Tensor<2>,
    drive: &Tensor<2>,
    weight: &Tensor<2>,
    kick: Option<&Tensor<2>>,
) -> (Tensor<2>, Tensor<2>) {
    let (mut states, mut gates) = (vec![start.clone()], Vec::new());
    for step in 0..sequence.steps {
        let state = states.last().expect("there is a first state").clone();
        let z = state.clone().matmul(weight.clone().transpose()) + at(drive, step, sequence.batch);
        gates.push(slope(rate.activation, z.clone()) * rate.alpha);
        let mut next = state * (1.0 - rate.alpha) + activate(rate.activation, z) * rate.alpha;
        if let Some(kick) = kick {
            next = next + at(kick, step, sequence.batch);
        }
        states.push(next);
    }
    (Tensor::cat(states, 0), Tensor::cat(gates, 0))
}

/// See [`rate_backward`](super::rate_backward).
pub fn rate_backward(
    sequence: Sequence,
    alpha: f64,
    gates: &Tensor<2>,
    weight: &Tensor<2>,
    errors: &Tensor<2>,
    period: usize,
) -> Tensor<2> {
    backward(sequence, errors, period, |step, signal| {
        let gated = signal.clone() * at(gates, step, sequence.batch);
        signal * (1.0 - alpha) + gated.matmul(weight.clone())
    })
}

/// See [`carry_backward`](super::carry_backward).
pub fn carry_backward(sequence: Sequence, carry: Carry, errors: &Tensor<2>) -> Tensor<2> {
    backward(sequence, errors, usize::MAX, |step, signal| match carry {
        Carry::Uniform(value) => signal * value,
        Carry::Units(units) => signal * at(units, step, sequence.batch),
    })
}

/// Signals from the last step to the first: the error of each, and what `carry` makes of the signal of the step after.
fn backward(
    sequence: Sequence,
    errors: &Tensor<2>,
    period: usize,
    carry: impl Fn(usize, Tensor<2>) -> Tensor<2>,
) -> Tensor<2> {
    let mut signals: Vec<Tensor<2>> = Vec::new();
    for step in (0..sequence.steps).rev() {
        let error = at(errors, step, sequence.batch);
        signals.push(match signals.last() {
            Some(after) if !(step + 1).is_multiple_of(period) => error + carry(step + 1, after.clone()),
            _ => error,
        });
    }
    signals.reverse();
    Tensor::cat(signals, 0)
}

/// See [`gru_forward`](super::gru_forward).
pub fn gru_pass(
    sequence: Sequence,
    start: &Tensor<2>,
    drive: &Tensor<2>,
    weight: &Tensor<2>,
    bias: &Tensor<2>,
    kick: Option<&Tensor<2>>,
) -> (Tensor<2>, GruGates) {
    let (units, mut states) = (sequence.units, vec![start.clone()]);
    let [mut resets, mut updates, mut candidates, mut hiddens] = [(); 4].map(|()| Vec::new());
    for step in 0..sequence.steps {
        let state = states.last().expect("there is a first state").clone();
        let own = state.clone().matmul(weight.clone().transpose()) + bias.clone();
        let driven = at(drive, step, sequence.batch);
        let part = |matrix: &Tensor<2>, gate: usize| matrix.clone().narrow(1, gate * units, units);
        let reset = activation::sigmoid(part(&driven, 0) + part(&own, 0));
        let update = activation::sigmoid(part(&driven, 1) + part(&own, 1));
        let hidden = part(&own, 2);
        let candidate = (part(&driven, 2) + reset.clone() * hidden.clone()).tanh();
        let mut next = candidate.clone() + update.clone() * (state - candidate.clone());
        if let Some(kick) = kick {
            next = next + at(kick, step, sequence.batch);
        }
        states.push(next);
        resets.push(reset);
        updates.push(update);
        candidates.push(candidate);
        hiddens.push(hidden);
    }
    let [reset, update, candidate, hidden] =
        [resets, updates, candidates, hiddens].map(|parts| Tensor::cat(parts, 0));
    (Tensor::cat(states, 0), GruGates { reset, update, candidate, hidden })
}

/// See [`gru_gated`](super::gru_gated).
pub fn gru_gated(gates: &GruGates, before: &Tensor<2>, signals: &Tensor<2>) -> [Tensor<2>; 2] {
    let one_minus = |x: Tensor<2>| x.neg().add_scalar(1.0);
    let GruGates { reset: r, update: z, candidate: n, hidden } = gates.clone();
    let candidate = signals.clone() * one_minus(z.clone()) * one_minus(n.clone() * n.clone());
    let update = signals.clone() * (before.clone() - n) * z.clone() * one_minus(z);
    let reset = candidate.clone() * hidden * r.clone() * one_minus(r.clone());
    let own = candidate.clone() * r;
    [Tensor::cat(vec![reset.clone(), update.clone(), candidate], 1), Tensor::cat(vec![reset, update, own], 1)]
}

/// See [`gru_backward`](super::gru_backward).
pub fn gru_backward(
    sequence: Sequence,
    gates: &GruGates,
    before: &Tensor<2>,
    weight: &Tensor<2>,
    errors: &Tensor<2>,
    period: usize,
) -> Tensor<2> {
    let batch = sequence.batch;
    backward(sequence, errors, period, |step, signal| {
        let part = |matrix: &Tensor<2>| at(matrix, step, batch);
        let own = GruGates {
            reset: part(&gates.reset),
            update: part(&gates.update),
            candidate: part(&gates.candidate),
            hidden: part(&gates.hidden),
        };
        let [_, gated] = gru_gated(&own, &part(before), &signal);
        signal * own.update + gated.matmul(weight.clone())
    })
}
