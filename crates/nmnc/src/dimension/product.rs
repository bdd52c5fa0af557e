//! Matrix products on the host. Threads take tiles that depend on the shapes alone, so the bits depend on nothing else.

use faer::linalg::matmul::matmul;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Rows of the result that one task works out.
const TILE: usize = 64;

/// A row-major matrix `[rows, columns]` as faer sees it.
pub(crate) fn view<T>(values: &[T], rows: usize, columns: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(values, rows, columns)
}

/// `out` += `left` `right`, with `out` row-major `[left.nrows(), right.ncols()]`.
pub(crate) fn add_product<T: ComplexField + Copy>(out: &mut [T], left: MatRef<'_, T>, right: MatRef<'_, T>) {
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
pub(crate) fn add_gram(out: &mut [f64], a: MatRef<'_, f64>) {
    let size = a.nrows();
    out.par_chunks_mut((TILE * size).max(1)).enumerate().for_each(|(tile, out)| {
        let rows = out.len() / size;
        let (first, end) = (tile * TILE, tile * TILE + rows);
        let out = MatMut::from_row_major_slice_with_stride_mut(out, rows, end, size);
        matmul(out, Accum::Add, a.subrows(first, rows), a.subrows(0, end).transpose(), 1.0, Par::Seq);
    });
}
