//! Recurrent networks over time: whole sequences in one call.
//!
//! A sequence of `T` steps of `B` trials is a matrix `[T·B, columns]`, row `t·B + b` being step `t` of trial `b`. Trials do not
//! depend on each other, so on the processor every thread takes some trials through all steps; a row is the same to the bit whatever
//! the number of threads.
//!
//! ```text
//! rate units    z_t = W h_{t−1} + d_t             drive d_t: input, bias, noise
//!               h_t = (1 − α) h_{t−1} + α φ(z_t) + k_t      kick k_t: a perturbation
//!               g_t = α φ'(z_t)                   gate
//! gated units   r, z, n as in PyTorch's GRU
//! ```

pub mod composed;

use burn::tensor::Tensor;

use crate::cpu;
use crate::spec::{Activation, check_area};

/// Size of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Steps T.
    pub steps: usize,
    /// Trials B.
    pub batch: usize,
    /// Units N.
    pub units: usize,
}

impl Sequence {
    /// Rows `T·B` of all steps.
    ///
    /// Meaningful only for a sequence that passes [`check`](Self::check).
    pub fn rows(&self) -> usize {
        self.steps * self.batch
    }

    /// Whether there are such sequences: at least one step and one unit, and no more states and gates than memory can address.
    ///
    /// # Errors
    /// A sentence naming what is at fault.
    pub fn check(&self) -> Result<(), String> {
        let Self { steps, batch, units } = *self;
        if steps == 0 || units == 0 {
            return Err("a sequence has at least one step and one unit".to_owned());
        }
        let rows = steps.checked_add(1).and_then(|steps| steps.checked_mul(batch));
        let columns = units.checked_mul(3);
        match rows.zip(columns) {
            Some((rows, columns)) => check_area(rows, columns).and(check_area(columns, units)),
            None => Err("sizes are more than can be addressed".to_owned()),
        }
        .map_err(|problem| format!("{steps} steps of {batch} trials and {units} units: {problem}"))
    }
}

/// Dynamics of rate units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Nonlinearity φ.
    pub activation: Activation,
    /// α = dt / tau, in (0, 1].
    pub alpha: f64,
}

/// What gated recurrent units keep of a pass, each `[T·B, N]`.
#[derive(Clone, Debug)]
pub struct GruGates {
    /// Reset gate r.
    pub reset: Tensor<2>,
    /// Update gate z.
    pub update: Tensor<2>,
    /// Candidate n.
    pub candidate: Tensor<2>,
    /// What the reset gate multiplies: W_hn h + b_hn.
    pub hidden: Tensor<2>,
}

/// What an error is multiplied by, unit by unit, on its way from the state of one step to that of the step before.
#[derive(Clone, Copy, Debug)]
pub enum Carry<'a> {
    /// The same number everywhere.
    Uniform(f64),
    /// From row `t` to row `t − 1` by the entries of row `t`, `[T·B, N]`.
    Units(&'a Tensor<2>),
}

/// States `[(T + 1)·B, N]` from the state `start` `[B, N]` before the first step, which are the first B rows, and gates `[T·B, N]`.
///
/// `drive` is `[T·B, N]`, `weight` `[N, N]` (to, from).
///
/// # Panics
/// If the sequence is impossible ([`Sequence::check`]) or a shape does not fit it.
pub fn rate_forward(
    sequence: Sequence,
    rate: Rate,
    start: &Tensor<2>,
    drive: &Tensor<2>,
    weight: &Tensor<2>,
) -> (Tensor<2>, Tensor<2>) {
    check(sequence, start, drive, weight, 1);
    match cpu::contiguous([start, drive, weight]) {
        Some([start, drive, weight]) => {
            let (states, gates) = cpu::rate_pass(sequence, rate, &start, &drive, &weight, None, true);
            (states, gates.expect("gates were asked for"))
        }
        None => {
            let (states, gates) = composed::rate_pass(sequence, rate, start, drive, weight, None);
            (states, gates)
        }
    }
}

/// The states of [`rate_forward`] alone, to the same bits when there is no `kick` `[T·B, N]`: for perturbed passes.
///
/// # Panics
/// If the sequence is impossible ([`Sequence::check`]) or a shape does not fit it.
pub fn rate_states(
    sequence: Sequence,
    rate: Rate,
    start: &Tensor<2>,
    drive: &Tensor<2>,
    weight: &Tensor<2>,
    kick: Option<&Tensor<2>>,
) -> Tensor<2> {
    check(sequence, start, drive, weight, 1);
    if let Some(kick) = kick {
        assert_eq!(kick.dims(), [sequence.rows(), sequence.units], "shape of the kick");
    }
    match (cpu::contiguous([start, drive, weight]), kick.map(|kick| cpu::contiguous([kick]))) {
        (Some([start, drive, weight]), None) => {
            cpu::rate_pass(sequence, rate, &start, &drive, &weight, None, false).0
        }
        (Some([start, drive, weight]), Some(Some([kick]))) => {
            cpu::rate_pass(sequence, rate, &start, &drive, &weight, Some(&kick), false).0
        }
        _ => composed::rate_pass(sequence, rate, start, drive, weight, kick).0,
    }
}

/// Backpropagation through time: signals `δ_t = e_t + (1 − α) δ_{t+1} + Wᵀ (g_{t+1} δ_{t+1})`, `[T·B, N]`, for errors `e_t` at the
/// states, `[T·B, N]`. Nothing is carried back into a step whose number, from 1, is a multiple of `period`.
///
/// # Panics
/// If the sequence is impossible ([`Sequence::check`]) or a shape does not fit it, or the period is 0.
pub fn rate_backward(
    sequence: Sequence,
    alpha: f64,
    gates: &Tensor<2>,
    weight: &Tensor<2>,
    errors: Tensor<2>,
    period: usize,
) -> Tensor<2> {
    check_rows(sequence, &errors, 1);
    check_rows(sequence, gates, 1);
    check_weight(sequence, weight, 1);
    assert!(period > 0, "a period of 0 steps");
    match (cpu::contiguous([gates, weight]), cpu::owned_operands([errors])) {
        (Some([gates, weight]), Ok([errors])) => {
            cpu::rate_backward(sequence, alpha, &gates, &weight, errors, period)
        }
        (_, errors) => composed::rate_backward(sequence, alpha, gates, weight, &given_back(errors), period),
    }
}

/// Signals `δ_t = e_t + c_{t+1} δ_{t+1}` with the carry c of each unit alone, all `[T·B, N]`: eligibility traces, with the order of
/// sums exchanged.
///
/// # Panics
/// If the sequence is impossible ([`Sequence::check`]) or a shape does not fit it.
pub fn carry_backward(sequence: Sequence, carry: Carry, errors: Tensor<2>) -> Tensor<2> {
    check_rows(sequence, &errors, 1);
    let (uniform, units) = match carry {
        Carry::Uniform(value) => (value as f32, None),
        Carry::Units(units) => {
            check_rows(sequence, units, 1);
            (0.0, Some(units))
        }
    };
    let units = units.map(|units| cpu::contiguous([units]));
    match (units, cpu::owned_operands([errors])) {
        (None, Ok([errors])) => cpu::carry_backward(sequence, uniform, None, errors),
        (Some(Some([units])), Ok([errors])) => cpu::carry_backward(sequence, uniform, Some(&units), errors),
        (_, errors) => composed::carry_backward(sequence, carry, &given_back(errors)),
    }
}

/// The tensor that was to be changed in place.
fn given_back(errors: Result<[cpu::Operand; 1], [Tensor<2>; 1]>) -> Tensor<2> {
    match errors {
        Ok([errors]) => cpu::whole(errors),
        Err([errors]) => errors,
    }
}

/// States `[(T + 1)·B, N]` and gates of gated recurrent units (Cho et al. 2014, with PyTorch's biases): `drive` `[T·B, 3N]` is
/// `W_i u + b_i`, `weight` `[3N, N]` and `bias` `[1, 3N]` belong to the state; rows are reset, update, candidate.
///
/// # Panics
/// If the sequence is impossible ([`Sequence::check`]) or a shape does not fit it.
pub fn gru_forward(
    sequence: Sequence,
    start: &Tensor<2>,
    drive: &Tensor<2>,
    weight: &Tensor<2>,
    bias: &Tensor<2>,
) -> (Tensor<2>, GruGates) {
    check(sequence, start, drive, weight, 3);
    assert_eq!(bias.dims(), [1, 3 * sequence.units], "shape of the bias");
    match cpu::contiguous([start, drive, weight, bias]) {
        Some([start, drive, weight, bias]) => {
            let (states, gates) = cpu::gru_pass(sequence, &start, &drive, &weight, &bias, None, true);
            (states, gates.expect("gates were asked for"))
        }
        None => composed::gru_pass(sequence, start, drive, weight, bias, None),
    }
}

/// The states of [`gru_forward`] alone, with a `kick` `[T·B, N]` added to each.
///
/// # Panics
/// If the sequence is impossible ([`Sequence::check`]) or a shape does not fit it.
pub fn gru_states(
    sequence: Sequence,
    start: &Tensor<2>,
    drive: &Tensor<2>,
    weight: &Tensor<2>,
    bias: &Tensor<2>,
    kick: Option<&Tensor<2>>,
) -> Tensor<2> {
    check(sequence, start, drive, weight, 3);
    if let Some(kick) = kick {
        assert_eq!(kick.dims(), [sequence.rows(), sequence.units], "shape of the kick");
    }
    match (cpu::contiguous([start, drive, weight, bias]), kick.map(|kick| cpu::contiguous([kick]))) {
        (Some([start, drive, weight, bias]), None) => {
            cpu::gru_pass(sequence, &start, &drive, &weight, &bias, None, false).0
        }
        (Some([start, drive, weight, bias]), Some(Some([kick]))) => {
            cpu::gru_pass(sequence, &start, &drive, &weight, &bias, Some(&kick), false).0
        }
        _ => composed::gru_pass(sequence, start, drive, weight, bias, kick).0,
    }
}

/// The errors at the pre-activations for errors `signals` at the states: of the input's side and of the state's side, both
/// `[T·B, 3N]`. `before` `[T·B, N]` is the state before each step.
///
/// # Panics
/// If the sequence is impossible ([`Sequence::check`]) or a shape does not fit it.
pub fn gru_gated(
    sequence: Sequence,
    gates: &GruGates,
    before: &Tensor<2>,
    signals: &Tensor<2>,
) -> [Tensor<2>; 2] {
    check_rows(sequence, signals, 1);
    check_gates(sequence, gates, before);
    let GruGates { reset, update, candidate, hidden } = gates;
    match cpu::contiguous([reset, update, candidate, hidden, before, signals]) {
        Some([reset, update, candidate, hidden, before, signals]) => {
            cpu::gru_gated(sequence, [&reset, &update, &candidate, &hidden], &before, &signals)
        }
        None => composed::gru_gated(gates, before, signals),
    }
}

/// Backpropagation through time of gated recurrent units; see [`rate_backward`].
///
/// # Panics
/// If the sequence is impossible ([`Sequence::check`]) or a shape does not fit it, or the period is 0.
pub fn gru_backward(
    sequence: Sequence,
    gates: &GruGates,
    before: &Tensor<2>,
    weight: &Tensor<2>,
    errors: Tensor<2>,
    period: usize,
) -> Tensor<2> {
    check_rows(sequence, &errors, 1);
    check_gates(sequence, gates, before);
    check_weight(sequence, weight, 3);
    assert!(period > 0, "a period of 0 steps");
    let GruGates { reset, update, candidate, hidden } = gates;
    let read = cpu::contiguous([reset, update, candidate, hidden, before, weight]);
    match (read, cpu::owned_operands([errors])) {
        (Some([reset, update, candidate, hidden, before, weight]), Ok([errors])) => {
            let gates = [&reset, &update, &candidate, &hidden];
            cpu::gru_backward(sequence, gates, &before, &weight, errors, period)
        }
        (_, errors) => composed::gru_backward(sequence, gates, before, weight, &given_back(errors), period),
    }
}

/// The element-wise product of two matrices, in place of the first where nothing else owns it.
///
/// # Panics
/// If the shapes differ.
pub fn product(a: Tensor<2>, b: &Tensor<2>) -> Tensor<2> {
    assert_eq!(a.dims(), b.dims(), "shapes of a product");
    match (cpu::contiguous([b]), cpu::owned_operands([a])) {
        (Some([b]), Ok([a])) => cpu::product(a, &b),
        (_, a) => given_back(a) * b.clone(),
    }
}

fn check(sequence: Sequence, start: &Tensor<2>, drive: &Tensor<2>, weight: &Tensor<2>, gates: usize) {
    let Sequence { batch, units, .. } = sequence;
    check_rows(sequence, drive, gates);
    assert_eq!(start.dims(), [batch, units], "shape of the start");
    check_weight(sequence, weight, gates);
}

/// A matrix of all steps. The kernels trust a sequence that passes this: no size that follows from it leaves its type.
fn check_rows(sequence: Sequence, matrix: &Tensor<2>, gates: usize) {
    if let Err(problem) = sequence.check() {
        panic!("impossible sequence: {problem}");
    }
    assert_eq!(matrix.dims(), [sequence.rows(), gates * sequence.units], "shape of a sequence");
}

fn check_weight(sequence: Sequence, weight: &Tensor<2>, gates: usize) {
    assert_eq!(weight.dims(), [gates * sequence.units, sequence.units], "shape of the weight");
}

fn check_gates(sequence: Sequence, gates: &GruGates, before: &Tensor<2>) {
    let GruGates { reset, update, candidate, hidden } = gates;
    for matrix in [reset, update, candidate, hidden, before] {
        check_rows(sequence, matrix, 1);
    }
}
