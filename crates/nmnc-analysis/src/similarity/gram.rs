//! Gram matrices of centered features, read by blocks of features.

use rayon::prelude::*;

use crate::dimension::Rows;
use crate::dimension::product::{add_gram, view};
use nmnc_core::error::{Error, Result};

/// Elements of a block of features: 32 MB.
const BLOCK: usize = 4 << 20;

/// Inner products of the rows of a matrix whose columns have mean zero.
#[derive(Clone, Debug)]
pub struct Gram {
    /// `[samples, samples]`, symmetric.
    values: Vec<f64>,
    samples: usize,
    features: usize,
}

impl Gram {
    /// Of features `[samples, features]`, of which one block of columns is held at a time. Memory: 8 samples² bytes and 32 MB.
    ///
    /// # Errors
    /// Fewer than two samples, no feature, a value that is not finite.
    pub fn of(features: &dyn Rows) -> Result<Self> {
        let (samples, units) = (features.samples(), features.units());
        if samples < 2 || units == 0 {
            return Err(Error::data("features", format!("{samples} samples of {units} features"))
                .mend("give at least two samples of one feature"));
        }
        let mut values = vec![0.0; samples * samples];
        let width = (BLOCK / samples).clamp(1, units);
        let mut block = vec![0.0; samples * width];
        for first in (0..units).step_by(width) {
            let columns = first..(first + width).min(units);
            let width = columns.len();
            let block = &mut block[..samples * width];
            block
                .par_chunks_exact_mut(width)
                .enumerate()
                .for_each(|(sample, row)| features.row(sample, columns.clone(), row));
            if let Some(at) = block.iter().position(|v| !v.is_finite()) {
                let place = format!("sample {}, feature {}", at / width, first + at % width);
                return Err(Error::data("features", format!("{place} is not finite"))
                    .mend("leave out such samples or features"));
            }
            center(block, width);
            add_gram(&mut values, view(block, samples, width));
        }
        for row in 0..samples {
            for column in row + 1..samples {
                values[row * samples + column] = values[column * samples + row];
            }
        }
        Ok(Self { values, samples, features: units })
    }

    /// Number n of samples.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Number of features it was made of.
    pub fn features(&self) -> usize {
        self.features
    }

    /// The matrix, row-major `[samples, samples]`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// Takes the mean of every column away.
fn center(block: &mut [f64], width: usize) {
    let rows = (block.len() / width) as f64;
    let mut mean = vec![0.0; width];
    for row in block.chunks_exact(width) {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += v);
    }
    mean.iter_mut().for_each(|m| *m /= rows);
    block.par_chunks_exact_mut(width).for_each(|row| row.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m));
}
