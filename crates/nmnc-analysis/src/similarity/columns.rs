//! Columns of row-major matrices: their means and deviations, and products with vectors, in orders that no thread changes.

use rayon::prelude::*;

use crate::means::ColumnMeans;
use nmnc_core::scale::power;

/// Columns of one task.
const CHUNK: usize = 256;

/// Means and scales of columns.
#[derive(Clone, Debug)]
pub(super) struct Standard {
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl Standard {
    /// Of `values` `[rows, columns]`; scales are standard deviations (with rows - 1), or, where these are 0 or not asked for, the power of
    /// two near the largest deviation of all columns, so that what is standardized can be squared and compared with rounding errors.
    pub fn of(values: &[f64], columns: usize, scaled: bool) -> Self {
        let rows = (values.len() / columns) as f64;
        let mut means = ColumnMeans::new(columns);
        means.add(values);
        let mean = means.finish();
        let mut largest = vec![0.0f64; columns];
        for row in values.chunks_exact(columns) {
            largest.iter_mut().zip(row).zip(&mean).for_each(|((l, v), m)| *l = l.max((v - m).abs()));
        }
        let mut scale = vec![power(largest.iter().copied().fold(0.0, f64::max)); columns];
        if scaled {
            let units: Vec<f64> = largest.into_iter().map(power).collect();
            let square = |column: usize, v: f64| ((v - mean[column]) / units[column]).powi(2);
            let squares = column_sums(values, columns, square);
            scale.iter_mut().zip(squares).zip(&units).for_each(|((scale, square), unit)| {
                let deviation = (square / (rows - 1.0)).sqrt() * unit;
                *scale = if deviation > 0.0 { deviation } else { *scale };
            });
        }
        Self { mean, scale }
    }

    /// The scale that all columns share where they are not scaled by their deviations.
    pub fn unit(&self) -> f64 {
        self.scale[0]
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
