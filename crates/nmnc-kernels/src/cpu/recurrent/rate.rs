//! Rate units.

use burn::tensor::Tensor;

use super::over_trials;
use super::panels::Packed;
use crate::cpu::pointwise::{Pointwise, with_activation};
use crate::cpu::product::Shared;
use crate::cpu::wide::wide;
use crate::cpu::{Operand, scratch, tensor, values, whole};
use crate::recurrent::{Rate, Sequence};

/// States `[(T + 1)·B, N]`, and gates `[T·B, N]` if asked for.
pub(crate) fn rate_pass(
    sequence: Sequence,
    rate: Rate,
    start: &Operand,
    drive: &Operand,
    weight: &Operand,
    kick: Option<&Operand>,
    gated: bool,
) -> (Tensor<2>, Option<Tensor<2>>) {
    with_activation!(rate.activation, A => pass::<A>(sequence, rate.alpha as f32, start, drive, weight, kick, gated))
}

fn pass<A: Pointwise>(
    sequence: Sequence,
    alpha: f32,
    start: &Operand,
    drive: &Operand,
    weight: &Operand,
    kick: Option<&Operand>,
    gated: bool,
) -> (Tensor<2>, Option<Tensor<2>>) {
    let Sequence { steps, batch, units } = sequence;
    let weight = values(weight);
    let packed = Packed::new(units, units, |k, j| weight[j * units + k]);
    let (start, drive, kick) = (values(start), values(drive), kick.map(values));
    let mut states = vec![0.0; (steps + 1) * batch * units];
    let mut gates = vec![0.0; if gated { steps * batch * units } else { 0 }];
    states[..batch * units].copy_from_slice(start);
    let (shared, shared_gates) = (Shared(states.as_mut_ptr()), Shared(gates.as_mut_ptr()));
    over_trials(sequence, |first, rows| {
        let len = rows * units;
        scratch::with(scratch::Use::Group, [rows * packed.whole], |[sums]| {
            for step in 0..steps {
                let at = (step * batch + first) * units;
                // SAFETY: the rows of these trials, which no other task touches: those of the step before have been written and
                // are only read, those of this step are only written here, and both buffers outlive the tasks.
                let (before, after, gate) = unsafe {
                    (
                        std::slice::from_raw_parts(shared.at(at).cast_const(), len),
                        std::slice::from_raw_parts_mut(shared.at(at + batch * units), len),
                        std::slice::from_raw_parts_mut(
                            shared_gates.at(if gated { at } else { 0 }),
                            if gated { len } else { 0 },
                        ),
                    )
                };
                packed.multiply(before, sums);
                let drive = &drive[at..][..len];
                for row in 0..rows {
                    let own = row * units..(row + 1) * units;
                    let sums = &sums[row * packed.whole..][..units];
                    let (before, drive, after) =
                        (&before[own.clone()], &drive[own.clone()], &mut after[own.clone()]);
                    if gated {
                        both::<A>(alpha, sums, drive, before, after, &mut gate[own]);
                    } else {
                        alone::<A>(alpha, sums, drive, before, after);
                    }
                }
                if let Some(kick) = kick {
                    let kick = &kick[at..][..len];
                    after.iter_mut().zip(kick).for_each(|(state, kick)| *state += kick);
                }
            }
        });
    });
    let gates = gated.then(|| tensor(gates, steps * batch, units));
    (tensor(states, (steps + 1) * batch, units), gates)
}

fn both<A: Pointwise>(
    alpha: f32,
    sums: &[f32],
    drive: &[f32],
    before: &[f32],
    after: &mut [f32],
    gate: &mut [f32],
) {
    wide(
        #[inline(always)]
        move || {
            let read = sums.iter().zip(drive).zip(before);
            for (((sum, drive), before), (after, gate)) in read.zip(after.iter_mut().zip(gate)) {
                let (value, slope) = A::both(sum + drive);
                *after = (1.0 - alpha) * before + alpha * value;
                *gate = alpha * slope;
            }
        },
    );
}

fn alone<A: Pointwise>(alpha: f32, sums: &[f32], drive: &[f32], before: &[f32], after: &mut [f32]) {
    wide(
        #[inline(always)]
        move || {
            let read = sums.iter().zip(drive).zip(before);
            for (((sum, drive), before), after) in read.zip(after.iter_mut()) {
                *after = (1.0 - alpha) * before + alpha * A::both(sum + drive).0;
            }
        },
    );
}

/// Backpropagation through time.
pub(crate) fn rate_backward(
    sequence: Sequence,
    alpha: f64,
    gates: &Operand,
    weight: &Operand,
    mut signals: Operand,
    period: usize,
) -> Tensor<2> {
    let Sequence { steps, batch, units } = sequence;
    let (weight, gates) = (values(weight), values(gates));
    let packed = Packed::new(units, units, |k, j| weight[k * units + j]);
    let keep = (1.0 - alpha) as f32;
    let shared = Shared(signals.storage_mut::<f32>().as_mut_ptr());
    over_trials(sequence, |first, rows| {
        let len = rows * units;
        scratch::with(scratch::Use::Group, [rows * packed.whole, len], |[sums, gated]| {
            for step in (0..steps.saturating_sub(1)).rev() {
                if (step + 1).is_multiple_of(period) {
                    continue;
                }
                let at = (step * batch + first) * units;
                let next = at + batch * units;
                // SAFETY: the rows of these trials, which no other task touches; the two steps are apart.
                let (own, after) = unsafe {
                    (
                        std::slice::from_raw_parts_mut(shared.at(at), len),
                        std::slice::from_raw_parts(shared.at(next).cast_const(), len),
                    )
                };
                gate(gated, after, &gates[next..][..len]);
                packed.multiply(gated, sums);
                for row in 0..rows {
                    let range = row * units..(row + 1) * units;
                    add(&mut own[range.clone()], keep, &after[range], &sums[row * packed.whole..][..units]);
                }
            }
        });
    });
    whole(signals)
}

/// `out = a b`, entry by entry.
pub(super) fn gate(out: &mut [f32], a: &[f32], b: &[f32]) {
    wide(
        #[inline(always)]
        move || out.iter_mut().zip(a).zip(b).for_each(|((out, a), b)| *out = a * b),
    );
}

/// `own += keep after + sum`.
fn add(own: &mut [f32], keep: f32, after: &[f32], sums: &[f32]) {
    wide(
        #[inline(always)]
        move || {
            own.iter_mut().zip(after).zip(sums).for_each(|((own, after), sum)| *own += keep * after + sum)
        },
    );
}

/// Each unit's own carry.
pub(crate) fn carry_backward(
    sequence: Sequence,
    uniform: f32,
    carry: Option<&Operand>,
    mut signals: Operand,
) -> Tensor<2> {
    let Sequence { steps, batch, units } = sequence;
    let carry = carry.map(values);
    let shared = Shared(signals.storage_mut::<f32>().as_mut_ptr());
    over_trials(sequence, |first, rows| {
        let len = rows * units;
        for step in (0..steps.saturating_sub(1)).rev() {
            let at = (step * batch + first) * units;
            let next = at + batch * units;
            // SAFETY: as in `rate_backward`.
            let (own, after) = unsafe {
                (
                    std::slice::from_raw_parts_mut(shared.at(at), len),
                    std::slice::from_raw_parts(shared.at(next).cast_const(), len),
                )
            };
            match carry {
                Some(carry) => {
                    let carry = &carry[next..][..len];
                    wide(
                        #[inline(always)]
                        move || {
                            own.iter_mut()
                                .zip(after)
                                .zip(carry)
                                .for_each(|((own, after), c)| *own += c * after)
                        },
                    );
                }
                None => wide(
                    #[inline(always)]
                    move || own.iter_mut().zip(after).for_each(|(own, after)| *own += uniform * after),
                ),
            }
        }
    });
    whole(signals)
}
