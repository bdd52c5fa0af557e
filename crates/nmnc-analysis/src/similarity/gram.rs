//! Gram matrices of centered features, read by blocks of features.

use rayon::prelude::*;

use crate::dimension::Rows;
use crate::dimension::product::{add_gram, view};
use crate::means::ColumnMeans;
use nmnc_core::error::{Error, Result};
use nmnc_core::scale;

/// Elements of a block of features: 32 MB.
const BLOCK: usize = 4 << 20;

/// Inner products of the rows of a matrix whose columns have mean zero, in a unit in which they can be squared and summed.
#[derive(Clone, Debug)]
pub struct Gram {
    /// `[samples, samples]`, symmetric.
    values: Vec<f64>,
    samples: usize,
    features: usize,
    unit: f64,
}

impl Gram {
    /// Of features `[samples, features]`, of which one block of columns is held at a time. Memory: 8 samples² bytes and 32 MB. Features
    /// that are too large or too small to be squared twice are read a second time.
    ///
    /// # Errors
    /// Fewer than two samples, no feature, a value that is not finite.
    pub fn of(features: &dyn Rows) -> Result<Self> {
        let (samples, units) = (features.samples(), features.units());
        if samples < 2 || units == 0 {
            return Err(Error::data("features", format!("{samples} samples of {units} features"))
                .mend("give at least two samples of one feature"));
        }
        let (values, largest) = products(features, 1.0)?;
        let unit = scale::unit(largest);
        let values = if unit == 1.0 { values } else { products(features, unit)?.0 };
        Ok(Self { values, samples, features: units, unit })
    }

    /// Number n of samples.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Number of features it was made of.
    pub fn features(&self) -> usize {
        self.features
    }

    /// What one is in the numbers of the features: a power of two, 1 for most.
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// The matrix, row-major `[samples, samples]`, in squares of the unit.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// The matrix of features over `unit`, and the largest magnitude of a feature.
fn products(features: &dyn Rows, unit: f64) -> Result<(Vec<f64>, f64)> {
    let (samples, units) = (features.samples(), features.units());
    let mut values = vec![0.0; samples * samples];
    let mut largest = 0.0f64;
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
        largest = largest.max(scale::largest(block.iter().copied()));
        block.iter_mut().for_each(|v| *v /= unit);
        center(block, width);
        add_gram(&mut values, view(block, samples, width));
    }
    for row in 0..samples {
        for column in row + 1..samples {
            values[row * samples + column] = values[column * samples + row];
        }
    }
    Ok((values, largest))
}

/// Takes the mean of every column away.
fn center(block: &mut [f64], width: usize) {
    let mut means = ColumnMeans::new(width);
    means.add(block);
    let mean = means.finish();
    block.par_chunks_exact_mut(width).for_each(|row| row.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m));
}
