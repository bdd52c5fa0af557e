//! Small dense matrices in double precision, on one thread.

use burn::tensor::Tensor;
use faer::{Mat, Par, linalg::matmul::matmul as product};

use nmnc_core::device::values;
use nmnc_core::error::Result;
use nmnc_core::linalg::solve_definite;

/// A matrix of row-major numbers.
pub(super) fn matrix(numbers: &[f64], rows: usize, columns: usize) -> Mat<f64> {
    Mat::from_fn(rows, columns, |i, j| numbers[i * columns + j])
}

/// The numbers of a tensor.
pub(super) fn of_tensor(own: &Tensor<2>) -> Mat<f64> {
    let [rows, columns] = own.dims();
    matrix(&values(own), rows, columns)
}

/// Numbers of a matrix, row-major.
pub(super) fn numbers(own: &Mat<f64>) -> Vec<f64> {
    (0..own.nrows() * own.ncols()).map(|ij| own[(ij / own.ncols(), ij % own.ncols())]).collect()
}

pub(super) fn identity(size: usize) -> Mat<f64> {
    Mat::identity(size, size)
}

pub(super) fn transposed(own: &Mat<f64>) -> Mat<f64> {
    own.transpose().to_owned()
}

pub(super) fn scaled(own: &Mat<f64>, factor: f64) -> Mat<f64> {
    own * faer::Scale(factor)
}

/// A B.
pub(super) fn times(a: &Mat<f64>, b: &Mat<f64>) -> Mat<f64> {
    let mut out = Mat::zeros(a.nrows(), b.ncols());
    product(out.as_mut(), faer::Accum::Replace, a.as_ref(), b.as_ref(), 1.0, Par::Seq);
    out
}

/// A B A^T for a symmetric B, symmetric to the last bit.
pub(super) fn both_sides(a: &Mat<f64>, b: &Mat<f64>) -> Mat<f64> {
    symmetric(&times(&times(a, b), &transposed(a)))
}

/// (A + A^T) / 2: symmetric in exact arithmetic, and to be kept so.
pub(super) fn symmetric(own: &Mat<f64>) -> Mat<f64> {
    Mat::from_fn(own.nrows(), own.ncols(), |i, j| 0.5 * (own[(i, j)] + own[(j, i)]))
}

pub(super) fn trace(own: &Mat<f64>) -> f64 {
    (0..own.nrows()).map(|i| own[(i, i)]).sum()
}

/// The trace of A B.
pub(super) fn trace_of(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    let entries = (0..a.nrows()).flat_map(|i| (0..a.ncols()).map(move |j| (i, j)));
    entries.map(|(i, j)| a[(i, j)] * b[(j, i)]).sum()
}

/// The inverse of a symmetric positive definite matrix.
///
/// # Errors
/// Numbers that are not finite, and a matrix that is none of these.
pub(super) fn inverse(own: &Mat<f64>) -> Result<Mat<f64>> {
    let size = own.nrows();
    let unit = numbers(&identity(size));
    Ok(symmetric(&matrix(&solve_definite(&numbers(own), size, &unit)?, size, size)))
}
