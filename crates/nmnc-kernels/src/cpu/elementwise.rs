//! Energies, perturbations and leaky averages: one pass over memory each, in blocks of fixed size.
//!
//! Loops own the scalars they use (`move`): read through a reference, a scalar might alias the output, and the
//! loop would not compile to vectors.

use burn::backend::Flex;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::wide::wide;
use super::{Operand, rows, tensor, values};

/// Values a thread takes at a time: 64 KiB, little enough that several operands share a level 2 cache.
pub(super) const BLOCK: usize = 1 << 14;

/// Sum of squares of each row.
pub(crate) fn row_energies(x: &Operand) -> Vec<f64> {
    let columns = x.layout().shape()[1];
    if columns == 0 {
        return vec![0.0; rows(x)];
    }
    let rows = values(x).par_chunks_exact(columns).with_min_len(BLOCK.div_ceil(columns));
    rows.map(|row| {
        wide(
            #[inline(always)]
            || square_sum(row),
        )
    })
    .collect()
}

/// Sixteen running sums in double precision, added in order.
#[inline(always)]
fn square_sum(row: &[f32]) -> f64 {
    let (blocks, rest) = row.as_chunks::<16>();
    let mut sums = [0.0_f64; 16];
    for block in blocks {
        for (sum, value) in sums.iter_mut().zip(block) {
            let value = f64::from(*value);
            *sum += value * value;
        }
    }
    let rest: f64 = rest.iter().map(|value| f64::from(*value).powi(2)).sum();
    sums.iter().sum::<f64>() + rest
}

/// `activity + scale · coordinates`.
pub(crate) fn perturb(activity: &Operand, coordinates: &Operand, scale: f32) -> Tensor<2> {
    let columns = activity.layout().shape()[1];
    let out = combined(
        values(activity),
        values(coordinates),
        #[inline(always)]
        move |activity, coordinate| activity + scale * coordinate,
    );
    tensor(out, rows(activity), columns)
}

/// `a b`, entry by entry, in the buffer of `a` if nothing else owns it.
pub(crate) fn product(mut a: Operand, b: &Operand) -> Tensor<2> {
    let blocks = a.storage_mut::<f32>().par_chunks_mut(BLOCK).zip(values(b).par_chunks(BLOCK));
    blocks.for_each(|(a, b)| {
        wide(
            #[inline(always)]
            move || a.iter_mut().zip(b).for_each(|(a, b)| *a *= b),
        );
    });
    Tensor::from_primitive::<Flex>(a)
}

/// `(1 − eta) old + eta new`, in the buffer of `old` if nothing else owns it.
pub(crate) fn blend(mut old: Operand, new: &Operand, eta: f64) -> Tensor<2> {
    let (keep, take) = ((1.0 - eta) as f32, eta as f32);
    let blocks = old.storage_mut::<f32>().par_chunks_mut(BLOCK).zip(values(new).par_chunks(BLOCK));
    blocks.for_each(|(old, new)| {
        wide(
            #[inline(always)]
            move || {
                for (old, new) in old.iter_mut().zip(new) {
                    *old = keep * *old + take * new;
                }
            },
        );
    });
    Tensor::from_primitive::<Flex>(old)
}

/// `function` of the entries of two slices of the same length, in a buffer that nothing writes before.
fn combined(first: &[f32], second: &[f32], function: impl Fn(f32, f32) -> f32 + Copy + Sync) -> Vec<f32> {
    let length = first.len();
    assert_eq!(length, second.len(), "lengths of operands");
    let mut out = Vec::with_capacity(length);
    let blocks = out.spare_capacity_mut()[..length].par_chunks_mut(BLOCK);
    blocks.zip(first.par_chunks(BLOCK)).zip(second.par_chunks(BLOCK)).for_each(|((out, first), second)| {
        wide(
            #[inline(always)]
            move || {
                for ((out, first), second) in out.iter_mut().zip(first).zip(second) {
                    out.write(function(*first, *second));
                }
            },
        );
    });
    // SAFETY: the blocks of three slices of one length pair up, so each of the entries has been written.
    unsafe { out.set_len(length) };
    out
}
