//! Dense linear algebra on the host, in f64 and on one thread so that every result is the same on any machine layout.
//!
//! Matrices of any size of numbers are decomposed in their [unit](scale::unit), so that no intermediate square leaves the range of its
//! type, and those that are not finite are refused before.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::{evd, svd};
use faer::{Mat, MatMut, MatRef, Par};

use crate::error::{Error, ErrorKind, Result};
use crate::scale;

/// The unit that a matrix is decomposed in.
fn unit(values: &[f64]) -> Result<f64> {
    let largest = scale::largest(values.iter().copied());
    if largest.is_finite() { Ok(scale::unit(largest)) } else { Err(diverged("a number is not finite")) }
}

fn diverged(problem: &str) -> Error {
    Error::new(ErrorKind::Diverged, "decomposition of a matrix", problem)
}

/// Eigenvalues in descending order and the matching eigenvectors (as columns, column-major) of a symmetric matrix given
/// row-major with `size` rows.
///
/// # Errors
/// [`ErrorKind::Diverged`] for numbers that are not finite, and should the decomposition not converge.
pub fn symmetric_eigen(values: &[f64], size: usize) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
    if size == 0 {
        return Ok((Vec::new(), Vec::new()));
    }
    let unit = unit(values)?;
    // One thread, asked for here and not in faer's global setting, which belongs to the program: the work is small, and blocked
    // reductions on several threads would change the last bits.
    let par = Par::Seq;
    let matrix = Mat::from_fn(size, size, |i, j| values[i * size + j] / unit);
    let (mut order, mut vectors) = (Diag::<f64>::zeros(size), Mat::<f64>::zeros(size, size));
    let wanted = evd::ComputeEigenvectors::Yes;
    let scratch = evd::self_adjoint_evd_scratch::<f64>(size, wanted, par, Default::default());
    evd::self_adjoint_evd(
        matrix.as_ref(),
        order.as_mut(),
        Some(vectors.as_mut()),
        par,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| diverged("its eigenvalues do not converge"))?;
    let sorted = (0..size).rev();
    Ok((
        sorted.clone().map(|k| order[k] * unit).collect(),
        sorted.map(|k| (0..size).map(|i| vectors[(i, k)]).collect()).collect(),
    ))
}

/// Singular values in descending order of a row-major matrix; none of a matrix without rows or columns.
///
/// # Errors
/// As [`symmetric_eigen`].
pub fn singular_values(values: &[f64], rows: usize, columns: usize) -> Result<Vec<f64>> {
    if rows.min(columns) == 0 {
        return Ok(Vec::new());
    }
    let unit = unit(values)?;
    let (par, none) = (Par::Seq, svd::ComputeSvdVectors::No);
    let matrix = Mat::from_fn(rows, columns, |i, j| values[i * columns + j] / unit);
    let mut found = Diag::<f64>::zeros(rows.min(columns));
    let scratch = svd::svd_scratch::<f64>(rows, columns, none, none, par, Default::default());
    svd::svd(
        matrix.as_ref(),
        found.as_mut(),
        None,
        None,
        par,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| diverged("its singular values do not converge"))?;
    Ok((0..rows.min(columns)).map(|k| found[k] * unit).collect())
}

/// Pseudo-inverse of a symmetric positive semidefinite matrix, both row-major with `size` rows. Eigenvalues up to `rounding` times the
/// largest count as zero, so that the pseudo-inverse of zero is zero.
///
/// # Errors
/// As [`symmetric_eigen`]; where the pseudo-inverse has numbers beyond the range of its type.
pub fn pseudo_inverse(values: &[f64], size: usize, rounding: f64) -> Result<Vec<f64>> {
    let unit = unit(values)?;
    let within: Vec<f64> = values.iter().map(|value| value / unit).collect();
    let (eigenvalues, vectors) = symmetric_eigen(&within, size)?;
    let kept =
        eigenvalues.iter().take_while(|&&value| value > 0.0 && value > eigenvalues[0] * rounding).count();
    let scaled = Mat::from_fn(size, kept, |i, k| vectors[k][i] / eigenvalues[k].sqrt());
    let mut inverse = Mat::zeros(size, size);
    faer::linalg::matmul::matmul(
        inverse.as_mut(),
        faer::Accum::Replace,
        scaled.as_ref(),
        scaled.transpose(),
        1.0,
        Par::Seq,
    );
    let inverse: Vec<f64> = (0..size * size).map(|ij| inverse[(ij / size, ij % size)] / unit).collect();
    match inverse.iter().all(|value| value.is_finite()) {
        true => Ok(inverse),
        false => Err(diverged("its pseudo-inverse is beyond the range of numbers")),
    }
}

/// X `[size, columns]` of A X = B for a symmetric positive definite A `[size, size]` and B `[size, columns]`, all row-major (Cholesky).
///
/// # Errors
/// [`ErrorKind::Diverged`] for numbers that are not finite, and where A is not positive definite to working precision.
pub fn solve_definite(a: &[f64], size: usize, b: &[f64]) -> Result<Vec<f64>> {
    if size == 0 {
        return Ok(Vec::new());
    }
    let columns = b.len() / size;
    let (unit_a, unit_b) = (unit(a)?, unit(b)?);
    let mut factor = Mat::from_fn(size, size, |i, j| a[i * size + j] / unit_a);
    let mut solution = Mat::from_fn(size, columns, |i, j| b[i * columns + j] / unit_b);
    let par = Par::Seq;
    let scratch = llt::factor::cholesky_in_place_scratch::<f64>(size, par, Default::default());
    let scratch = scratch.or(llt::solve::solve_in_place_scratch::<f64>(size, columns, par));
    let mut memory = MemBuffer::new(scratch);
    let (none, settings) = (Default::default(), Default::default());
    llt::factor::cholesky_in_place(factor.as_mut(), none, par, MemStack::new(&mut memory), settings)
        .map_err(|_| diverged("it is not positive definite"))?;
    llt::solve::solve_in_place(factor.as_ref(), solution.as_mut(), par, MemStack::new(&mut memory));
    let back = unit_b / unit_a;
    let solution: Vec<f64> =
        (0..size * columns).map(|ij| solution[(ij / columns, ij % columns)] * back).collect();
    match solution.iter().all(|value| value.is_finite()) {
        true => Ok(solution),
        false => Err(diverged("its solution is beyond the range of numbers")),
    }
}

/// A^T B `[a's columns, b's columns]` of A and B with `rows` rows each, all row-major.
pub fn transposed_product(a: &[f64], b: &[f64], rows: usize) -> Vec<f64> {
    let [m, n] = [a, b].map(|matrix| matrix.len() / rows.max(1));
    let a = MatRef::from_row_major_slice(a, rows, m);
    let b = MatRef::from_row_major_slice(b, rows, n);
    let mut product = vec![0.0; m * n];
    let out = MatMut::from_row_major_slice_mut(&mut product, m, n);
    faer::linalg::matmul::matmul(out, faer::Accum::Replace, a.transpose(), b, 1.0, Par::Seq);
    product
}

/// What is left of a row that depends on those before it, over its length: rounding error.
const DEPENDENT: f32 = 1e-7;

/// Makes the rows of a row-major matrix with `columns` columns orthonormal in place, first row first (modified Gram-Schmidt,
/// twice, which is enough for orthogonality to working precision), and tells how many are. Each is taken in its own
/// [unit](scale::single_unit).
///
/// A row that is zero or depends on those before it, as all beyond the number of columns do, becomes zero, and so does one that is not
/// finite.
pub fn orthonormalize_rows(values: &mut [f32], columns: usize) -> usize {
    if columns == 0 {
        return 0;
    }
    for row in values.chunks_exact_mut(columns) {
        let largest = scale::largest(row.iter().map(|v| f64::from(*v)));
        if !largest.is_finite() {
            row.fill(0.0);
        }
        let unit = scale::single_unit(largest);
        if unit != 1.0 {
            row.iter_mut().for_each(|v| *v = (f64::from(*v) / unit) as f32);
        }
    }
    let mut independent = 0;
    for _ in 0..2 {
        independent = 0;
        for i in 0..values.len() / columns {
            let (done, rest) = values.split_at_mut(i * columns);
            let row = &mut rest[..columns];
            let before = dot(row, row);
            for previous in done.chunks_exact(columns) {
                let overlap = dot(previous, row);
                row.iter_mut().zip(previous).for_each(|(r, p)| *r -= overlap * p);
            }
            let left = dot(row, row);
            if left <= before * DEPENDENT * DEPENDENT || independent == columns {
                row.fill(0.0);
                continue;
            }
            independent += 1;
            let scale = 1.0 / left.sqrt();
            row.iter_mut().for_each(|r| *r *= scale);
        }
    }
    independent
}

/// Inner product with sixteen running sums: vectorizable, and in a fixed order.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    let (a_blocks, b_blocks) = (a.chunks_exact(16), b.chunks_exact(16));
    let tail: f32 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_blocks.zip(b_blocks) {
        for i in 0..16 {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum::<f32>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudo_inverse_inverts_on_the_range_and_is_zero_off_it() {
        // a = 4 u u^T + 9 v v^T with orthonormal u, v in three dimensions.
        let (u, v) = ([0.6, 0.8, 0.0], [-0.8, 0.6, 0.0]);
        let weighted = |a: f64, b: f64| -> Vec<f64> {
            (0..9).map(|ij| a * u[ij / 3] * u[ij % 3] + b * v[ij / 3] * v[ij % 3]).collect()
        };
        let inverse = pseudo_inverse(&weighted(4.0, 9.0), 3, 1e-12).unwrap();
        for (found, expected) in inverse.iter().zip(weighted(0.25, 1.0 / 9.0)) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert!(pseudo_inverse(&[0.0; 4], 2, 1e-12).unwrap().iter().all(|&x| x == 0.0));
    }

    #[test]
    fn a_transposed_product_is_its_sums() {
        let a: Vec<f64> = (0..6).map(f64::from).collect();
        let b: Vec<f64> = (0..9).map(|i| f64::from(i * i) - 3.0).collect();
        let entry = |i: usize, j: usize| (0..3).map(|k| a[k * 2 + i] * b[k * 3 + j]).sum::<f64>();
        let expected: Vec<f64> = (0..6).map(|ij| entry(ij / 3, ij % 3)).collect();
        assert_eq!(transposed_product(&a, &b, 3), expected);
    }

    #[test]
    fn a_definite_system_is_solved_in_any_unit_and_no_other_is() {
        // A = L L^T, and B = A X for a known X.
        let lower = [2.0, 0.0, 0.0, -1.0, 1.5, 0.0, 0.5, 0.25, 3.0];
        let a: Vec<f64> =
            (0..9).map(|ij| (0..3).map(|k| lower[ij / 3 * 3 + k] * lower[ij % 3 * 3 + k]).sum()).collect();
        let expected = [1.0, -2.0, 0.5, 4.0, -3.0, 0.25];
        let b: Vec<f64> =
            (0..6).map(|ij| (0..3).map(|k| a[ij / 2 * 3 + k] * expected[k * 2 + ij % 2]).sum()).collect();
        for (of_a, of_b) in [(1.0, 1.0), (1e-200, 1e-120), (1e150, 1e250)] {
            let scaled = |of: f64, values: &[f64]| values.iter().map(|v| v * of).collect::<Vec<f64>>();
            let found = solve_definite(&scaled(of_a, &a), 3, &scaled(of_b, &b)).unwrap();
            for (found, expected) in found.iter().zip(expected) {
                assert!((found / (of_b / of_a) - expected).abs() < 1e-12, "{of_a} {found} {expected}");
            }
        }
        let refused = |a: &[f64]| solve_definite(a, 2, &[1.0, 1.0]).unwrap_err().to_string();
        assert!(refused(&[1.0, 2.0, 2.0, 1.0]).contains("not positive definite"));
        assert!(refused(&[1.0, f64::NAN, f64::NAN, 1.0]).contains("not finite"));
    }

    #[test]
    fn singular_values_are_roots_of_the_eigenvalues_of_the_gram_matrix() {
        let (rows, columns) = (4, 7);
        let a: Vec<f64> = (0..rows * columns).map(|i| ((i * i) as f64).sin()).collect();
        let dot = |i: usize, j: usize| (0..columns).map(|k| a[i * columns + k] * a[j * columns + k]).sum();
        let gram: Vec<f64> = (0..rows * rows).map(|ij| dot(ij / rows, ij % rows)).collect();
        let found = singular_values(&a, rows, columns).unwrap();
        assert_eq!(found.len(), rows);
        for (value, square) in found.iter().zip(symmetric_eigen(&gram, rows).unwrap().0) {
            assert!((value * value - square).abs() < 1e-12 && *value > 0.0);
        }
    }

    #[test]
    fn eigenvectors_satisfy_their_equation_in_descending_order() {
        let size = 6;
        let a: Vec<f64> =
            (0..36).map(|i| (((i / 6) * (i % 6)) as f64).sin() + ((i / 6 + i % 6) as f64).cos()).collect();
        let (eigenvalues, vectors) = symmetric_eigen(&a, size).unwrap();
        assert!(eigenvalues.windows(2).all(|w| w[0] >= w[1]));
        for (lambda, v) in eigenvalues.iter().zip(&vectors) {
            for i in 0..size {
                let product: f64 = (0..size).map(|j| a[i * size + j] * v[j]).sum();
                assert!((product - lambda * v[i]).abs() < 1e-12);
            }
        }
    }
}
