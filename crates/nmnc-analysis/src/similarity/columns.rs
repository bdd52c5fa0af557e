//! Columns of row-major matrices: their means and deviations, and products with vectors, in orders that no thread changes.

use rayon::prelude::*;

/// Columns of one task.
const CHUNK: usize = 256;

/// Means and scales of columns.
#[derive(Clone, Debug)]
pub(super) struct Standard {
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl Standard {
    /// Of `values` `[rows, columns]`; scales are standard deviations (with rows - 1), or 1 where these are 0 or not asked for.
    pub fn of(values: &[f64], columns: usize, scaled: bool) -> Self {
        let rows = (values.len() / columns) as f64;
        let mut mean = column_sums(values, columns, |_, v| v);
        mean.iter_mut().for_each(|m| *m /= rows);
        let mut scale = vec![1.0; columns];
        if scaled {
            let squares = column_sums(values, columns, |column, v| (v - mean[column]).powi(2));
            scale.iter_mut().zip(squares).for_each(|(scale, square)| {
                let deviation = (square / (rows - 1.0)).sqrt();
                *scale = if deviation > 0.0 { deviation } else { 1.0 };
            });
        }
        Self { mean, scale }
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.mean.len()
    }

    /// Each column less its mean, over its scale.
    pub fn apply(&self, values: &[f64]) -> Vec<f64> {
        let mut out = values.to_vec();
        out.par_chunks_exact_mut(self.len()).for_each(|row| {
            row.iter_mut().zip(&self.mean).zip(&self.scale).for_each(|((v, m), s)| *v = (*v - m) / s);
        });
        out
    }

    /// The reverse.
    pub fn undo(&self, values: &mut [f64]) {
        values.par_chunks_exact_mut(self.len()).for_each(|row| {
            row.iter_mut().zip(&self.mean).zip(&self.scale).for_each(|((v, m), s)| *v = *v * s + m);
        });
    }
}

/// Sum over rows of `term(column, value)`.
fn column_sums(values: &[f64], columns: usize, term: impl Fn(usize, f64) -> f64 + Sync) -> Vec<f64> {
    let mut out = vec![0.0; columns];
    out.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
        let first = chunk * CHUNK;
        for row in values.chunks_exact(columns) {
            let part = &row[first..first + out.len()];
            out.iter_mut().zip(part).enumerate().for_each(|(i, (o, &v))| *o += term(first + i, v));
        }
    });
    out
}

/// Inner product with eight running sums: vectorizable, and in a fixed order.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0f64; 8];
    let (a_blocks, b_blocks) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f64 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_blocks.zip(b_blocks) {
        for i in 0..8 {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum::<f64>() + tail
}

/// `values` `[rows, columns]` times a vector of columns.
pub(super) fn row_products(values: &[f64], vector: &[f64]) -> Vec<f64> {
    values.par_chunks_exact(vector.len()).with_min_len(16).map(|row| dot(row, vector)).collect()
}

/// The transpose of `values` `[rows, columns]` times a vector of rows.
pub(super) fn column_products(values: &[f64], vector: &[f64]) -> Vec<f64> {
    let columns = values.len() / vector.len();
    let mut out = vec![0.0; columns];
    out.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
        let first = chunk * CHUNK;
        for (row, &factor) in values.chunks_exact(columns).zip(vector) {
            out.iter_mut().zip(&row[first..]).for_each(|(o, v)| *o += factor * v);
        }
    });
    out
}
