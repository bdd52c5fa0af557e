//! Principal components of samples that need not fit into memory.

use super::product::{add_gram, add_product, view};
use super::rows::Centered;
use nmnc_core::error::{Error, Result};
use nmnc_core::linalg::symmetric_eigen;
use nmnc_core::scale;
use nmnc_core::seed::Stream;

/// The largest covariance or Gram matrix that is decomposed as a whole.
const EXACT: usize = 2048;
/// Columns beyond those asked for, and power iterations (Halko, Martinsson and Tropp 2011, algorithm 4.4).
const OVERSAMPLING: usize = 10;
const POWER_ITERATIONS: usize = 2;
/// Variances below this fraction of the largest are rounding error.
const RANK: f64 = 1e-10;

/// Principal components, largest variance first.
#[derive(Clone, Debug)]
pub struct Components {
    /// Variance along each component found (denominator samples - 1).
    pub variances: Vec<f64>,
    /// Variance in all directions.
    pub total_variance: f64,
    /// Whether `variances` is the whole spectrum and not its top only.
    pub complete: bool,
    /// Orthonormal basis `[units, dimension]`, row-major.
    pub basis: Vec<f32>,
    /// Number of columns of `basis`: as many as asked for, or the rank.
    pub dimension: usize,
    /// What one is in the numbers that were decomposed.
    pub(super) unit: f64,
    /// Sum over samples of the fourth power of the distance from the mean, in units.
    pub(super) fourth: f64,
}

impl Components {
    /// Number of leading components that explain `fraction` of the variance; none when those known explain less.
    pub fn explaining(&self, fraction: f64) -> Option<usize> {
        let mut sum = 0.0;
        let enough = |v: &f64| {
            sum += v;
            sum >= fraction * self.total_variance * (1.0 - 1e-12)
        };
        if self.total_variance > 0.0 { self.variances.iter().position(enough).map(|i| i + 1) } else { None }
    }
}

/// The leading `count` components, and every variance where the smaller of samples and units is at most 2048.
///
/// # Errors
/// If the variance is beyond the range of double precision.
pub(super) fn components(x: &Centered, count: usize, stream: &mut Stream) -> Result<Components> {
    let (samples, units) = (x.samples(), x.units());
    let freedom = samples.saturating_sub(1).max(1) as f64;
    let squares = x.squares();
    let total_variance = squares.iter().sum::<f64>() / freedom;
    let fourth = squares.iter().map(|s| s * s).sum();
    let available = units.min(samples.saturating_sub(1));
    let empty = Components {
        variances: vec![0.0; available],
        total_variance,
        complete: true,
        basis: Vec::new(),
        dimension: 0,
        unit: x.unit(),
        fourth,
    };
    if available == 0 || total_variance == 0.0 {
        return Ok(empty);
    }
    let complete = samples.min(units) <= EXACT;
    let count = count.min(available);
    let (mut variances, found) = match (complete, units <= samples) {
        (true, true) => by_covariance(x)?,
        (true, false) => by_gram(x, count)?,
        (false, _) => by_range(x, total_variance.sqrt(), count, stream)?,
    };
    variances.truncate(available);
    variances.iter_mut().for_each(|v| *v = v.max(0.0) / freedom);
    let rank = variances.iter().take_while(|v| **v > variances[0] * RANK).count();
    let dimension = count.min(rank);
    let width = found.len() / units;
    let basis = found.chunks_exact(width).flat_map(|row| row[..dimension].iter().copied()).collect();
    let square = x.unit() * x.unit();
    let total_variance = total_variance * square;
    if !total_variance.is_normal() {
        let (where_to, other) = if total_variance > 1.0 { ("above", "larger") } else { ("below", "smaller") };
        let problem = format!("its variance is {where_to} what double precision has numbers for");
        return Err(Error::data("activity", problem).mend(format!("give it in a {other} unit")));
    }
    variances.iter_mut().for_each(|v| *v *= square);
    Ok(Components { variances, total_variance, complete, basis, dimension, ..empty })
}

/// Eigenvalues of the scatter matrix and its eigenvectors as columns.
fn by_covariance(x: &Centered) -> Result<(Vec<f64>, Vec<f32>)> {
    let units = x.units();
    let mut scatter = vec![0.0; units * units];
    for block in x.row_blocks() {
        let values = x.read(block.clone(), 0..units);
        add_gram(&mut scatter, view(&values, block.len(), units).transpose());
    }
    let (eigenvalues, vectors) = symmetric_eigen(&mirrored(scatter, units), units)?;
    let basis = (0..units).flat_map(|i| vectors.iter().map(move |v| v[i] as f32)).collect();
    Ok((eigenvalues, basis))
}

/// The same through the samples' products with each other.
fn by_gram(x: &Centered, count: usize) -> Result<(Vec<f64>, Vec<f32>)> {
    let (samples, units) = (x.samples(), x.units());
    let mut gram = vec![0.0; samples * samples];
    for block in x.column_blocks() {
        let values = x.read(0..samples, block.clone());
        add_gram(&mut gram, view(&values, samples, block.len()));
    }
    let (eigenvalues, vectors) = symmetric_eigen(&mirrored(gram, samples), samples)?;
    // Columns v / sqrt(lambda), zero beyond the rank.
    let scale = |k: usize| match eigenvalues[k] > eigenvalues[0] * RANK {
        true => 1.0 / eigenvalues[k].sqrt(),
        false => 0.0,
    };
    let weights: Vec<f64> = (0..samples)
        .flat_map(|i| (0..count).map(move |k| (i, k)))
        .map(|(i, k)| vectors[k][i] * scale(k))
        .collect();
    let mut basis = Vec::with_capacity(units * count);
    for block in x.column_blocks() {
        let values = x.read(0..samples, block.clone());
        let mut part = vec![0.0; block.len() * count];
        add_product(
            &mut part,
            view(&values, samples, block.len()).transpose(),
            view(&weights, samples, count),
        );
        basis.extend(part.into_iter().map(|v| v as f32));
    }
    Ok((eigenvalues, basis))
}

/// Leading ones by a randomized range finder: passes over blocks of rows and two matrices `[units, count + 10]` in f32.
fn by_range(x: &Centered, deviation: f64, count: usize, stream: &mut Stream) -> Result<(Vec<f64>, Vec<f32>)> {
    let (samples, units) = (x.samples(), x.units());
    let width = (count + OVERSAMPLING).min(units).min(samples);
    let unit = scale::single_unit(deviation);
    let mut range = vec![0.0f32; units * width];
    stream.fill_normal(&mut range);
    for _ in 0..=POWER_ITERATIONS {
        let mut next = vec![0.0f32; units * width];
        for block in x.row_blocks() {
            let values = single(&x.read(block.clone(), 0..units), unit);
            let values = view(&values, block.len(), units);
            let mut projected = vec![0.0; block.len() * width];
            add_product(&mut projected, values, view(&range, units, width));
            add_product(&mut next, values.transpose(), view(&projected, block.len(), width));
        }
        range = orthonormal(next, width)?;
    }
    let mut scatter = vec![0.0; width * width];
    for block in x.row_blocks() {
        let values = single(&x.read(block.clone(), 0..units), unit);
        let mut projected = vec![0.0f32; block.len() * width];
        add_product(&mut projected, view(&values, block.len(), units), view(&range, units, width));
        let projected: Vec<f64> = projected.into_iter().map(f64::from).collect();
        add_gram(&mut scatter, view(&projected, block.len(), width).transpose());
    }
    let (mut eigenvalues, vectors) = symmetric_eigen(&mirrored(scatter, width), width)?;
    eigenvalues.truncate(count);
    eigenvalues.iter_mut().for_each(|v| *v *= unit * unit);
    let turn: Vec<f32> = (0..width).flat_map(|i| vectors[..count].iter().map(move |v| v[i] as f32)).collect();
    let mut basis = vec![0.0; units * count];
    add_product(&mut basis, view(&range, units, width), view(&turn, width, count));
    Ok((eigenvalues, basis))
}

/// An orthonormal basis of the columns of `a` `[rows, width]`, by the eigen-decomposition of a^T a, twice.
fn orthonormal(mut a: Vec<f32>, width: usize) -> Result<Vec<f32>> {
    const CHUNK: usize = 1 << 14;
    let rows = a.len() / width;
    for _ in 0..2 {
        let mut gram = vec![0.0; width * width];
        for chunk in a.chunks(CHUNK * width) {
            let wide: Vec<f64> = chunk.iter().map(|&v| f64::from(v)).collect();
            add_gram(&mut gram, view(&wide, chunk.len() / width, width).transpose());
        }
        let (eigenvalues, vectors) = symmetric_eigen(&mirrored(gram, width), width)?;
        let scale = |k: usize| match eigenvalues[k] > eigenvalues[0] * 1e-12 {
            true => 1.0 / eigenvalues[k].sqrt(),
            false => 0.0,
        };
        let turn: Vec<f32> = (0..width)
            .flat_map(|i| (0..width).map(move |k| (i, k)))
            .map(|(i, k)| (vectors[k][i] * scale(k)) as f32)
            .collect();
        let mut out = vec![0.0; rows * width];
        add_product(&mut out, view(&a, rows, width), view(&turn, width, width));
        a = out;
    }
    Ok(a)
}

/// In single precision, over `unit`.
fn single(values: &[f64], unit: f64) -> Vec<f32> {
    values.iter().map(|&v| (v / unit) as f32).collect()
}

/// The symmetric matrix with the given lower triangle.
fn mirrored(mut lower: Vec<f64>, size: usize) -> Vec<f64> {
    for i in 0..size {
        for j in 0..i {
            lower[j * size + i] = lower[i * size + j];
        }
    }
    lower
}
