//! Samples read by rows, from memory or from a file.

use std::ops::Range;

use rayon::prelude::*;

use crate::means::ColumnMeans;
use nmnc_core::error::{Error, Result};
use nmnc_core::scale;
use nmnc_core::seed::{Role, Seed};

/// Elements of a block that is worked on at a time: 32 MB in f64.
const BLOCK: usize = 4 << 20;

/// A `[samples, units]` matrix that is read a part of a row at a time, so that it need not fit into memory.
pub trait Rows: Sync {
    /// Number of samples.
    fn samples(&self) -> usize;

    /// Number n of units.
    fn units(&self) -> usize;

    /// Copies the given columns of one row into `out`.
    fn row(&self, sample: usize, columns: Range<usize>, out: &mut [f64]);
}

/// A matrix in memory.
#[derive(Clone, Debug)]
pub struct Matrix<E> {
    values: Vec<E>,
    units: usize,
}

impl<E: Copy + Into<f64> + Sync> Matrix<E> {
    /// Row-major `values` `[samples, units]`.
    ///
    /// # Panics
    /// If the number of values is no multiple of `units`, or `units` is zero.
    pub fn new(values: Vec<E>, units: usize) -> Self {
        assert_eq!(values.len() % units, 0, "whole rows");
        Self { values, units }
    }

    /// The values, row-major.
    pub fn values(&self) -> &[E] {
        &self.values
    }
}

impl<E: Copy + Into<f64> + Sync> Rows for Matrix<E> {
    fn samples(&self) -> usize {
        self.values.len() / self.units
    }

    fn units(&self) -> usize {
        self.units
    }

    fn row(&self, sample: usize, columns: Range<usize>, out: &mut [f64]) {
        let start = sample * self.units;
        let part = &self.values[start + columns.start..start + columns.end];
        out.iter_mut().zip(part).for_each(|(o, &v)| *o = v.into());
    }
}

/// Some of the samples, in the order given.
pub struct Chosen<'a> {
    rows: &'a dyn Rows,
    samples: Vec<usize>,
}

impl<'a> Chosen<'a> {
    /// The given samples of `rows`.
    pub fn new(rows: &'a dyn Rows, samples: Vec<usize>) -> Self {
        Self { rows, samples }
    }

    /// `count` samples drawn by `seed` without replacement, in rising order; all when there are no more.
    pub fn draw(rows: &'a dyn Rows, count: usize, seed: Seed) -> Self {
        let mut samples = seed.stream(Role::Analysis, 1, 0).sample(rows.samples(), count);
        samples.sort_unstable();
        Self { rows, samples }
    }
}

impl Rows for Chosen<'_> {
    fn samples(&self) -> usize {
        self.samples.len()
    }

    fn units(&self) -> usize {
        self.rows.units()
    }

    fn row(&self, sample: usize, columns: Range<usize>, out: &mut [f64]) {
        self.rows.row(self.samples[sample], columns, out);
    }
}

/// The same values with every unit permuted over the samples on its own: each unit keeps its distribution, all correlation
/// between units is destroyed.
///
/// They come in single precision, in a [unit](scale::single_unit) of their own where that is needed.
pub fn shuffled(rows: &dyn Rows, seed: Seed) -> Matrix<f32> {
    let (samples, units) = (rows.samples(), rows.units());
    let values = read(rows, 0..samples, 0..units);
    let unit = scale::single_unit(scale::largest(values.iter().copied()));
    let mut values: Vec<f32> = values.into_iter().map(|v| (v / unit) as f32).collect();
    let mut column = vec![0.0; samples];
    for unit in 0..units {
        let order = seed.stream(Role::Analysis, 2, unit as u64).permutation(samples);
        column.iter_mut().zip(order).for_each(|(c, from)| *c = values[from * units + unit]);
        column.iter().enumerate().for_each(|(sample, &value)| values[sample * units + unit] = value);
    }
    Matrix::new(values, units)
}

/// A rectangle of the matrix, row-major.
pub(super) fn read(rows: &dyn Rows, samples: Range<usize>, columns: Range<usize>) -> Vec<f64> {
    let width = columns.len();
    let mut out = vec![0.0; samples.len() * width];
    out.par_chunks_mut(width.max(1))
        .enumerate()
        .for_each(|(i, row)| rows.row(samples.start + i, columns.clone(), row));
    out
}

/// Samples with the mean of each unit taken away, in a unit in which fourth powers can be summed.
pub(super) struct Centered<'a> {
    rows: &'a dyn Rows,
    mean: Vec<f64>,
    unit: f64,
}

impl<'a> Centered<'a> {
    /// Finds the means in one pass, or in two where the values need a unit.
    ///
    /// # Errors
    /// At the first value that is not finite.
    pub fn new(rows: &'a dyn Rows) -> Result<Self> {
        let (mean, largest) = means(rows, 1.0)?;
        let unit = scale::unit(largest);
        let mean = if unit == 1.0 { mean } else { means(rows, unit)?.0 };
        Ok(Self { rows, mean, unit })
    }

    /// What one is in the numbers of these samples.
    pub fn unit(&self) -> f64 {
        self.unit
    }

    pub fn samples(&self) -> usize {
        self.rows.samples()
    }

    pub fn units(&self) -> usize {
        self.rows.units()
    }

    /// A rectangle, row-major.
    pub fn read(&self, samples: Range<usize>, columns: Range<usize>) -> Vec<f64> {
        let mut out = read(self.rows, samples, columns.clone());
        let mean = &self.mean[columns];
        let over = self.unit.recip();
        out.par_chunks_mut(mean.len().max(1))
            .for_each(|row| row.iter_mut().zip(mean).for_each(|(v, m)| *v = *v * over - m));
        out
    }

    /// Ranges of whole rows, each small enough to be held.
    pub fn row_blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        row_blocks(self.samples(), self.units())
    }

    /// Ranges of columns such that all rows of one are small enough to be held.
    pub fn column_blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        row_blocks(self.units(), self.samples())
    }

    /// Squared length of each row.
    pub fn squares(&self) -> Vec<f64> {
        let units = self.units();
        let of = |block: Range<usize>| {
            let values = self.read(block, 0..units);
            let square = |row: &[f64]| row.iter().map(|v| v * v).sum::<f64>();
            values.par_chunks_exact(units.max(1)).map(square).collect::<Vec<_>>()
        };
        self.row_blocks().flat_map(of).collect()
    }
}

/// Mean of each unit, over `unit`, and the largest magnitude.
fn means(rows: &dyn Rows, unit: f64) -> Result<(Vec<f64>, f64)> {
    let (samples, units) = (rows.samples(), rows.units());
    let mut means = ColumnMeans::new(units);
    let mut largest = 0.0f64;
    for block in row_blocks(samples, units) {
        let mut values = read(rows, block.clone(), 0..units);
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            let (sample, unit) = (block.start + at / units, at % units);
            return Err(Error::data("activity", format!("sample {sample}, unit {unit} is not finite"))
                .mend("leave out such samples or units"));
        }
        largest = largest.max(scale::largest(values.iter().copied()));
        if unit != 1.0 {
            values.iter_mut().for_each(|v| *v /= unit);
        }
        means.add(&values);
    }
    Ok((means.finish(), largest))
}

fn row_blocks(rows: usize, width: usize) -> impl Iterator<Item = Range<usize>> {
    let height = (BLOCK / width.max(1)).max(1);
    (0..rows).step_by(height).map(move |first| first..(first + height).min(rows))
}
