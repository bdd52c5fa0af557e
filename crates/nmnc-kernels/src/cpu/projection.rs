//! The gated error times a matrix, without the zeros that max pooling leaves in it.

use burn::tensor::Tensor;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::forward::{CpuGate, SHUT};
use super::vectors::{arch, load, store};
use super::{Operand, rows, tensor, values};
use crate::spec::{ConvSpec, area};

/// Images that share a pass over the matrix: enough that reading it is a small part of the work.
const GROUP: usize = 32;

/// `ε M` for the gated error `ε` `[batch, pre-activations]` of a max-pooling stage and a `[pre-activations, d]` matrix.
///
/// At most one pre-activation of a window passes an error, so that no more rows of `M` are read than there are outputs.
pub(crate) fn gated_product(spec: &ConvSpec, gate: &CpuGate, delta: &Operand, matrix: &Operand) -> Tensor<2> {
    let batch = rows(delta);
    assert_eq!(batch, gate.batch, "the gate is of another batch size");
    let dimension = matrix.layout().shape()[1];
    let (delta, matrix) = (values(delta), values(matrix));
    let mut product = vec![0.0; area(batch, dimension)];
    if dimension == 0 {
        return tensor(product, batch, dimension);
    }
    let [channels, map_rows, map_columns] = spec.convolved();
    let map = map_rows * map_columns;
    // A channel's rows of the matrix stay in cache while the group's images take what they need of them.
    product.par_chunks_mut(GROUP * dimension).enumerate().for_each(|(group, product)| {
        let mut open = Vec::new();
        for channel in 0..channels {
            let matrix = &matrix[channel * map * dimension..][..map * dimension];
            for (index, sums) in product.chunks_exact_mut(dimension).enumerate() {
                open_entries(spec, gate, delta, [group * GROUP + index, channel], &mut open);
                arch().dispatch(Accumulate { open: &open, matrix, sums });
            }
        }
    });
    tensor(product, batch, dimension)
}

/// Which pre-activation of the map (from 0) passes how much error.
#[derive(Clone, Copy, Default)]
struct Open {
    place: usize,
    error: f32,
}

/// Leaves in `open` the entries of the map of an `[image, channel]` that pass an error.
fn open_entries(
    spec: &ConvSpec,
    gate: &CpuGate,
    delta: &[f32],
    [image, channel]: [usize; 2],
    open: &mut Vec<Open>,
) {
    let [channels, pooled_rows, pooled_columns] = spec.output();
    let (size, map_columns) = (spec.pool_size, spec.convolved()[2]);
    let pooled = pooled_rows * pooled_columns;
    let start = (image * channels + channel) * pooled;
    let (delta, winners) = (&delta[start..][..pooled], &gate.winners[start..][..pooled]);
    let slopes = if gate.slopes.is_empty() { &[] } else { &gate.slopes[start..][..pooled] };
    open.resize(pooled, Open::default());
    let mut count = 0;
    for row in 0..pooled_rows {
        for column in 0..pooled_columns {
            let index = row * pooled_columns + column;
            let winner = usize::from(winners[index]);
            let error = delta[index] * slopes.get(index).copied().unwrap_or(1.0);
            // Written always and kept or not: a branch would be mispredicted half of the time.
            let place = (row * size + winner / size) * map_columns + column * size + winner % size;
            open[count] = Open { place, error };
            count += usize::from(winners[index] != SHUT && error != 0.0);
        }
    }
    open.truncate(count);
}

/// Adds the `open` rows of a `[map, d]` matrix, each times its error, to `d` sums.
struct Accumulate<'a> {
    open: &'a [Open],
    matrix: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Accumulate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { open, matrix, sums } = self;
        let dimension = sums.len();
        assert!(open.iter().all(|entry| (entry.place + 1) * dimension <= matrix.len()), "rows of the matrix");
        let mut column = 0;
        while column + 4 * S::F32_LANES <= dimension {
            // SAFETY: four vectors from `column` lie in every row, and every row in the matrix, as checked above.
            unsafe { add_columns::<S, 4>(simd, open, matrix, sums, column) };
            column += 4 * S::F32_LANES;
        }
        while column + S::F32_LANES <= dimension {
            // SAFETY: as above, for one vector.
            unsafe { add_columns::<S, 1>(simd, open, matrix, sums, column) };
            column += S::F32_LANES;
        }
        for column in column..dimension {
            let products = open.iter().map(|entry| entry.error * matrix[entry.place * dimension + column]);
            sums[column] += products.sum::<f32>();
        }
    }
}

/// The share of `N` vectors of columns from `column`, summed in registers: even and odd entries apart, so that no addition waits for
/// the one before.
///
/// # Safety
/// The columns must lie in the sums, and the entries' rows of as many columns in the matrix.
#[inline(always)]
unsafe fn add_columns<S: Simd, const N: usize>(
    simd: S,
    open: &[Open],
    matrix: &[f32],
    sums: &mut [f32],
    column: usize,
) {
    let dimension = sums.len();
    let zero = simd.splat_f32s(0.0);
    let mut parts = [[zero; N]; 2];
    let (pairs, rest) = open.as_chunks::<2>();
    for pair in pairs {
        for (part, entry) in parts.iter_mut().zip(pair) {
            let error = simd.splat_f32s(entry.error);
            // SAFETY: the caller vouches for the row.
            let row = unsafe { matrix.as_ptr().add(entry.place * dimension + column) };
            for (vector, sum) in part.iter_mut().enumerate() {
                // SAFETY: as above.
                *sum = simd.mul_add_f32s(error, unsafe { load::<S>(row.add(vector * S::F32_LANES)) }, *sum);
            }
        }
    }
    for entry in rest {
        let error = simd.splat_f32s(entry.error);
        // SAFETY: as above.
        let row = unsafe { matrix.as_ptr().add(entry.place * dimension + column) };
        for (vector, sum) in parts[0].iter_mut().enumerate() {
            // SAFETY: as above.
            *sum = simd.mul_add_f32s(error, unsafe { load::<S>(row.add(vector * S::F32_LANES)) }, *sum);
        }
    }
    let [even, odd] = parts;
    for (vector, (even, odd)) in even.into_iter().zip(odd).enumerate() {
        // SAFETY: the caller vouches for the columns.
        unsafe {
            let at = sums.as_mut_ptr().add(column + vector * S::F32_LANES);
            store::<S>(at, simd.add_f32s(load::<S>(at), simd.add_f32s(even, odd)));
        }
    }
}
