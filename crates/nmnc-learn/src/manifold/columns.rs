//! Orthonormal columns of tall matrices, by way of small ones in double precision.

use burn::tensor::{Tensor, TensorData};
use nmnc_kernels::matmul;

use nmnc_core::device::values;
use nmnc_core::error::Result;
use nmnc_core::linalg::symmetric_eigen;

/// A tall matrix as range · mixing: orthonormal columns, and a small square matrix in double precision (row-major).
struct Factors {
    range: Tensor<2>,
    mixing: Vec<f64>,
    columns: usize,
}

/// Left singular vectors and singular values of a tall matrix, largest first.
pub(super) struct Singular {
    range: Tensor<2>,
    rotation: Vec<Vec<f64>>,
    /// Singular values.
    pub values: Vec<f64>,
}

impl Singular {
    /// Of `a` `[units, k]`.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn of(a: Tensor<2>) -> Result<Self> {
        let Factors { range, mixing, columns } = factor(a)?;
        let rank = range.dims()[1];
        let row = |i: usize| &mixing[i * columns..(i + 1) * columns];
        let product: Vec<f64> = (0..rank * rank).map(|ij| dot(row(ij / rank), row(ij % rank))).collect();
        let (squares, rotation) = symmetric_eigen(&product, rank)?;
        Ok(Self { range, rotation, values: squares.into_iter().map(|s| s.max(0.0).sqrt()).collect() })
    }

    /// The first `count` left singular vectors, `[units, count]`.
    pub fn vectors(&self, count: usize) -> Tensor<2> {
        matmul(self.range.clone(), to_matrix(&self.rotation[..count], &self.range))
    }
}

/// The orthonormal columns nearest to the given ones (symmetric orthonormalization), so that axes which are nearly orthonormal stay
/// where they are. Of rank-deficient columns only a basis of their span is kept.
///
/// # Errors
/// Numbers that are not finite.
pub(super) fn orthonormalize(a: Tensor<2>) -> Result<Tensor<2>> {
    Ok(factor(a)?.range)
}

/// Orthonormalizes by the eigen-decomposition of a^T a, twice: the second time corrects what rounding left of the first.
///
/// Columns are compared at equal length, so that long ones do not drown short ones in their rounding error.
fn factor(a: Tensor<2>) -> Result<Factors> {
    let columns = a.dims()[1];
    let mut range = a;
    let mut mixing: Vec<f64> =
        (0..columns * columns).map(|ij| f64::from(u8::from(ij / columns == ij % columns))).collect();
    for round in 0..2 {
        let size = range.dims()[1];
        let gram: Vec<f64> = values(&matmul(range.clone().transpose(), range.clone()));
        let off = (0..size * size).map(|ij| (gram[ij] - f64::from(u8::from(ij / size == ij % size))).abs());
        // As orthonormal as single precision can say.
        if round > 0 && off.fold(0.0, f64::max) < 1e-6 {
            break;
        }
        let lengths: Vec<f64> = (0..size).map(|i| gram[i * size + i].max(0.0).sqrt()).collect();
        let inverse = |i: usize| if lengths[i] > 0.0 { 1.0 / lengths[i] } else { 0.0 };
        let cosines: Vec<f64> =
            (0..size * size).map(|ij| gram[ij] * inverse(ij / size) * inverse(ij % size)).collect();
        let (eigenvalues, vectors) = symmetric_eigen(&cosines, size)?;
        let kept = eigenvalues.iter().take_while(|value| **value > eigenvalues[0] * 1e-12).count();
        if kept == 0 {
            // Of columns of zeros one is kept, so that there is a matrix.
            return Ok(Factors { range: range.narrow(1, 0, 1), mixing: vec![0.0; columns], columns });
        }
        // With D the lengths and V S V^T the cosines: a = (a D^-1 V S^-1/2 R) (R^T S^1/2 V^T D), where R is V^T if nothing was
        // dropped (which makes the new columns the nearest ones) and nothing otherwise.
        let factor = |power: f64| -> Vec<Vec<f64>> {
            let scaled = |k: usize| vectors[k].iter().map(|x| x * eigenvalues[k].powf(power)).collect();
            let whitened: Vec<Vec<f64>> = (0..kept).map(scaled).collect();
            if kept < size {
                return whitened;
            }
            let entry = |i: usize, j: usize| (0..size).map(|k| whitened[k][i] * vectors[k][j]).sum();
            (0..size).map(|j| (0..size).map(|i| entry(i, j)).collect()).collect()
        };
        let scale = |column: Vec<f64>| column.iter().enumerate().map(|(i, x)| x * inverse(i)).collect();
        let whitening: Vec<Vec<f64>> = factor(-0.5).into_iter().map(scale).collect();
        let back = factor(0.5);
        mixing = (0..kept * columns)
            .map(|ij| {
                let (i, j) = (ij / columns, ij % columns);
                (0..size).map(|k| back[i][k] * lengths[k] * mixing[k * columns + j]).sum()
            })
            .collect();
        range = matmul(range.clone(), to_matrix(&whitening, &range));
    }
    Ok(Factors { range, mixing, columns })
}

/// a a^T in double precision, row-major, of which only the blocks on and above the diagonal are worked out.
pub(super) fn mirror_product(a: &Tensor<2>) -> Vec<f64> {
    const BLOCK: usize = 512;
    let size = a.dims()[0];
    let mut product = vec![0.0; size * size];
    let rows = |top: usize| a.clone().narrow(0, top, BLOCK.min(size - top));
    for top in (0..size).step_by(BLOCK) {
        for left in (top..size).step_by(BLOCK) {
            let block = matmul(rows(top), rows(left).transpose());
            let width = block.dims()[1];
            for (k, value) in values::<f64>(&block).into_iter().enumerate() {
                let (i, j) = (top + k / width, left + k % width);
                product[i * size + j] = value;
                product[j * size + i] = value;
            }
        }
    }
    product
}

/// Columns on the device and in the precision of `like`.
pub(super) fn to_matrix(columns: &[Vec<f64>], like: &Tensor<2>) -> Tensor<2> {
    let rows = columns.first().map_or(0, Vec::len);
    let data: Vec<f64> = (0..rows).flat_map(|i| columns.iter().map(move |c| c[i])).collect();
    Tensor::from_data(TensorData::new(data, [rows, columns.len()]), (&like.device(), like.dtype()))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
