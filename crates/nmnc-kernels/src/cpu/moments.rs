//! Mean and spread of every column in one reading of a matrix.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::wide::wide;
use super::{Operand, rows, tensor, values};

/// Columns a task takes: few enough that a thousand rows of them stay in cache for the second look.
const BLOCK: usize = 256;

/// Mean and sum of squared deviations from it of every column, both `[1, columns]`.
///
/// Each column is summed by one task in the order of its rows, in double precision.
pub(crate) fn column_moments(x: &Operand) -> (Tensor<2>, Tensor<2>) {
    let (rows, columns) = (rows(x), x.layout().shape()[1]);
    let source = values(x);
    let (mut means, mut squares) = (vec![0.0_f32; columns], vec![0.0_f32; columns]);
    means.par_chunks_mut(BLOCK).zip(squares.par_chunks_mut(BLOCK)).enumerate().for_each(
        |(block, (means, squares))| {
            wide(
                #[inline(always)]
                || {
                    let width = means.len();
                    let row = |i: usize| &source[i * columns + block * BLOCK..][..width];
                    let mut sums = [0.0_f64; BLOCK];
                    for i in 0..rows {
                        for (sum, x) in sums.iter_mut().zip(row(i)) {
                            *sum += f64::from(*x);
                        }
                    }
                    let centers = sums.map(|sum| sum / rows as f64);
                    let mut sums = [0.0_f64; BLOCK];
                    for i in 0..rows {
                        for ((sum, x), center) in sums.iter_mut().zip(row(i)).zip(&centers) {
                            let deviation = f64::from(*x) - center;
                            *sum += deviation * deviation;
                        }
                    }
                    for (i, (mean, square)) in means.iter_mut().zip(squares).enumerate() {
                        (*mean, *square) = (centers[i] as f32, sums[i] as f32);
                    }
                },
            );
        },
    );
    (tensor(means, 1, columns), tensor(squares, 1, columns))
}
