//! Gated recurrent units.

use burn::tensor::Tensor;

use super::over_trials;
use super::panels::Packed;
use crate::cpu::product::Shared;
use crate::cpu::special::{sigmoid, tanh};
use crate::cpu::wide::wide;
use crate::cpu::{Operand, scratch, tensor, values, whole};
use crate::recurrent::{GruGates, Sequence};

/// States `[(T + 1)·B, N]`, and gates if asked for.
pub(crate) fn gru_pass(
    sequence: Sequence,
    start: &Operand,
    drive: &Operand,
    weight: &Operand,
    bias: &Operand,
    kick: Option<&Operand>,
    gated: bool,
) -> (Tensor<2>, Option<GruGates>) {
    let Sequence { steps, batch, units } = sequence;
    let (weight, bias) = (values(weight), values(bias));
    let packed = Packed::new(units, 3 * units, |k, j| weight[j * units + k]);
    let (start, drive, kick) = (values(start), values(drive), kick.map(values));
    let mut states = vec![0.0; (steps + 1) * batch * units];
    states[..batch * units].copy_from_slice(start);
    let kept = if gated { steps * batch * units } else { 0 };
    let mut gates = [(); 4].map(|()| vec![0.0_f32; kept]);
    let shared = Shared(states.as_mut_ptr());
    let shared_gates = gates.each_mut().map(|gate| Shared(gate.as_mut_ptr()));
    over_trials(sequence, |first, rows| {
        scratch::with(scratch::Use::Group, [rows * packed.whole, 4 * units], |[sums, unkept]| {
            for step in 0..steps {
                let at = (step * batch + first) * units;
                // SAFETY: the rows of these trials, which no other task touches: those of the step before have been written and
                // are only read, those of this step are only written here, and the buffers outlive the tasks.
                let (before, after) = unsafe {
                    (
                        std::slice::from_raw_parts(shared.at(at).cast_const(), rows * units),
                        std::slice::from_raw_parts_mut(shared.at(at + batch * units), rows * units),
                    )
                };
                packed.multiply(before, sums);
                for row in 0..rows {
                    let own = row * units..(row + 1) * units;
                    let place = at + row * units;
                    let mut spare = unkept.chunks_exact_mut(units);
                    let gates = shared_gates.each_ref().map(|gate| match gated {
                        // SAFETY: as above.
                        true => unsafe { std::slice::from_raw_parts_mut(gate.at(place), units) },
                        false => spare.next().expect("four gates"),
                    });
                    let sums = &sums[row * packed.whole..][..3 * units];
                    let drive = &drive[3 * place..][..3 * units];
                    advance([sums, bias, drive], &before[own.clone()], &mut after[own], gates);
                }
                if let Some(kick) = kick {
                    let kick = &kick[at..][..rows * units];
                    after.iter_mut().zip(kick).for_each(|(state, kick)| *state += kick);
                }
            }
        });
    });
    let gates = gated.then(|| {
        let [reset, update, candidate, hidden] = gates.map(|gate| tensor(gate, steps * batch, units));
        GruGates { reset, update, candidate, hidden }
    });
    (tensor(states, (steps + 1) * batch, units), gates)
}

/// One step of one trial.
fn advance([sums, bias, drive]: [&[f32]; 3], before: &[f32], after: &mut [f32], gates: [&mut [f32]; 4]) {
    let units = before.len();
    // Slices of one length, so that the loops have no bounds to check.
    let [reset, update, candidate, hidden] = gates.map(|gate| &mut gate[..units]);
    let after = &mut after[..units];
    let part = |gate: usize| [sums, bias, drive].map(|all| &all[gate * units..][..units]);
    let ([rs, rb, rd], [zs, zb, zd], [ns, nb, nd]) = (part(0), part(1), part(2));
    wide(
        #[inline(always)]
        move || {
            for i in 0..units {
                reset[i] = sigmoid(rs[i] + rb[i] + rd[i]);
                update[i] = sigmoid(zs[i] + zb[i] + zd[i]);
            }
            for i in 0..units {
                hidden[i] = ns[i] + nb[i];
                candidate[i] = tanh(nd[i] + reset[i] * hidden[i]);
                after[i] = candidate[i] + update[i] * (before[i] - candidate[i]);
            }
        },
    );
}

/// Errors at the pre-activations of one trial's step: the input's side, and the state's.
fn gated(gates: [&[f32]; 4], before: &[f32], signal: &[f32], input: Option<&mut [f32]>, own: &mut [f32]) {
    let units = before.len();
    // Slices of one length, so that the loops have no bounds to check.
    let [r, z, n, hidden] = gates.map(|gate| &gate[..units]);
    let signal = &signal[..units];
    let (own_reset, rest) = own.split_at_mut(units);
    let (own_update, rest) = rest.split_at_mut(units);
    let own_candidate = &mut rest[..units];
    wide(
        #[inline(always)]
        move || {
            for i in 0..units {
                let candidate = signal[i] * (1.0 - z[i]) * (1.0 - n[i] * n[i]);
                own_update[i] = signal[i] * (before[i] - n[i]) * z[i] * (1.0 - z[i]);
                own_reset[i] = candidate * hidden[i] * r[i] * (1.0 - r[i]);
                own_candidate[i] = candidate * r[i];
            }
        },
    );
    if let Some(input) = input {
        let (reset, rest) = input.split_at_mut(units);
        let (update, rest) = rest.split_at_mut(units);
        let candidate = &mut rest[..units];
        reset.copy_from_slice(&own[..units]);
        update.copy_from_slice(&own[units..2 * units]);
        wide(
            #[inline(always)]
            move || {
                for i in 0..units {
                    candidate[i] = signal[i] * (1.0 - z[i]) * (1.0 - n[i] * n[i]);
                }
            },
        );
    }
}

/// Errors at the pre-activations of all steps.
pub(crate) fn gru_gated(
    sequence: Sequence,
    gates: [&Operand; 4],
    before: &Operand,
    signals: &Operand,
) -> [Tensor<2>; 2] {
    use rayon::prelude::*;
    let Sequence { units, .. } = sequence;
    let gates = gates.map(values);
    let (before, signals, rows) = (values(before), values(signals), sequence.rows());
    let [mut input, mut own] = [(); 2].map(|()| vec![0.0; 3 * rows * units]);
    let pairs = input.par_chunks_exact_mut(3 * units).zip(own.par_chunks_exact_mut(3 * units));
    pairs.enumerate().with_min_len(16).for_each(|(row, (input, own))| {
        let part = |all: &'_ [f32]| -> std::ops::Range<usize> {
            debug_assert!(all.len() >= (row + 1) * units);
            row * units..(row + 1) * units
        };
        let gates = gates.map(|gate| &gate[part(gate)]);
        gated(gates, &before[part(before)], &signals[part(signals)], Some(input), own);
    });
    [input, own].map(|all| tensor(all, rows, 3 * units))
}

/// Backpropagation through time.
pub(crate) fn gru_backward(
    sequence: Sequence,
    gates: [&Operand; 4],
    before: &Operand,
    weight: &Operand,
    mut signals: Operand,
    period: usize,
) -> Tensor<2> {
    let Sequence { steps, batch, units } = sequence;
    let gates = gates.map(values);
    let (before, weight) = (values(before), values(weight));
    let packed = Packed::new(3 * units, units, |k, j| weight[k * units + j]);
    let shared = Shared(signals.storage_mut::<f32>().as_mut_ptr());
    over_trials(sequence, |first, rows| {
        scratch::with(scratch::Use::Group, [rows * packed.whole, 3 * rows * units], |[sums, own]| {
            for step in (0..steps.saturating_sub(1)).rev() {
                if (step + 1).is_multiple_of(period) {
                    continue;
                }
                let at = (step * batch + first) * units;
                let next = at + batch * units;
                // SAFETY: the rows of these trials, which no other task touches; the two steps are apart.
                let (signal, after) = unsafe {
                    (
                        std::slice::from_raw_parts_mut(shared.at(at), rows * units),
                        std::slice::from_raw_parts(shared.at(next).cast_const(), rows * units),
                    )
                };
                for row in 0..rows {
                    let place = next + row * units..next + (row + 1) * units;
                    let gates = gates.map(|gate| &gate[place.clone()]);
                    let after = &after[row * units..][..units];
                    gated(gates, &before[place], after, None, &mut own[3 * row * units..][..3 * units]);
                }
                packed.multiply(own, sums);
                for row in 0..rows {
                    let update = &gates[1][next + row * units..][..units];
                    let after = &after[row * units..][..units];
                    let (own, sums) =
                        (&mut signal[row * units..][..units], &sums[row * packed.whole..][..units]);
                    wide(
                        #[inline(always)]
                        move || {
                            for i in 0..units {
                                own[i] += update[i] * after[i] + sums[i];
                            }
                        },
                    );
                }
            }
        });
    });
    whole(signals)
}
