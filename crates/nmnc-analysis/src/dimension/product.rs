//! Matrix products on the host. Threads take tiles that depend on the shapes alone, so the bits depend on nothing else.

use faer::linalg::matmul::matmul;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Rows of the result that one task works out.
const TILE: usize = 64;

/// A row-major matrix `[rows, columns]` as faer sees it.
pub fn view<T>(values: &[T], rows: usize, columns: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(values, rows, columns)
}

/// `out` += `left` `right`, with `out` row-major `[left.nrows(), right.ncols()]`.
pub fn add_product<T: ComplexField + Copy>(out: &mut [T], left: MatRef<'_, T>, right: MatRef<'_, T>) {
    let columns = right.ncols();
    if columns == 0 {
        return;
    }
    out.par_chunks_mut(TILE * columns).enumerate().for_each(|(tile, out)| {
        let rows = out.len() / columns;
        let out = MatMut::from_row_major_slice_mut(out, rows, columns);
        matmul(out, Accum::Add, left.subrows(tile * TILE, rows), right, T::one_impl(), Par::Seq);
    });
}

/// The lower triangle of `out` `[n, n]` += that of `a` `a`^T for `a` `[n, k]`; what lies above it is not meant to be read.
pub fn add_gram(out: &mut [f64], a: MatRef<'_, f64>) {
    let size = a.nrows();
    out.par_chunks_mut((TILE * size).max(1)).enumerate().for_each(|(tile, out)| {
        let rows = out.len() / size;
        let (first, end) = (tile * TILE, tile * TILE + rows);
        // By the transpose: the row-major constructor with a stride of faer 0.24.4 mixes up its strides.
        let out = MatMut::from_column_major_slice_with_stride_mut(out, end, rows, size).transpose_mut();
        matmul(out, Accum::Add, a.subrows(first, rows), a.subrows(0, end).transpose(), 1.0, Par::Seq);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_over_several_tiles_are_the_sums_of_their_definition() {
        const ROWS: usize = 2 * TILE + 7;
        const INNER: usize = 5;
        let a: Vec<f64> = (0..ROWS * INNER).map(|i| ((i * i) as f64).sin()).collect();
        let dot =
            |i: usize, j: usize| -> f64 { (0..INNER).map(|k| a[i * INNER + k] * a[j * INNER + k]).sum() };
        let left = view(&a, ROWS, INNER);
        let (mut gram, mut product) = (vec![1.0; ROWS * ROWS], vec![1.0; ROWS * ROWS]);
        add_gram(&mut gram, left);
        add_product(&mut product, left, left.transpose());
        for (i, j) in (0..ROWS * ROWS).map(|at| (at / ROWS, at % ROWS)) {
            assert!((product[i * ROWS + j] - 1.0 - dot(i, j)).abs() < 1e-12, "{i} {j}");
            if j <= i {
                assert!((gram[i * ROWS + j] - 1.0 - dot(i, j)).abs() < 1e-12, "{i} {j}");
            }
        }
    }
}
