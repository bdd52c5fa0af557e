//! What repeats that did not define the components show along them.

use super::components::{Axes, centered_means, error_weight};
use super::law::NoiseMoments;
use super::part::Condition;
use crate::dimension::product::{add_product, view};

/// Sums over fits of components to one half and measurements in the other. Each is without bias for the components it was measured along.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    /// Variance of the noise along each component.
    pub along: Vec<f64>,
    /// |S u|^2 of each component u, from products of distinct conditions.
    pub squared: Vec<f64>,
    /// Variance along each component of noise with the same variance of each unit, but without correlations between units.
    pub uncorrelated: Vec<f64>,
    /// Variance of the signal along each component.
    pub signal: Vec<f64>,
    /// Variance of the noise in all directions.
    pub noise: f64,
    /// Variance of the signal in all directions.
    pub signals: f64,
    /// How many fits.
    pub fits: usize,
}

impl Sums {
    /// Adds other fits; as many components stay as every fit has.
    pub fn add(mut self, other: &Self) -> Self {
        if self.fits == 0 {
            return other.clone();
        }
        let add = |own: &mut Vec<f64>, other: &[f64]| {
            own.truncate(other.len());
            own.iter_mut().zip(other).for_each(|(a, b)| *a += b);
        };
        add(&mut self.along, &other.along);
        add(&mut self.squared, &other.squared);
        add(&mut self.uncorrelated, &other.uncorrelated);
        add(&mut self.signal, &other.signal);
        self.noise += other.noise;
        self.signals += other.signals;
        self.fits += other.fits;
        self
    }

    /// Components that every fit has.
    pub fn dimension(&self) -> usize {
        self.along.len()
    }

    /// Fraction of the noise on the first 1, 2, ... components.
    pub fn alpha(&self) -> Vec<f64> {
        fractions(&self.along, self.noise)
    }

    /// The same of noise without correlations between units.
    pub fn alpha_uncorrelated(&self) -> Vec<f64> {
        fractions(&self.uncorrelated, self.noise)
    }

    /// Fraction of the signal on the first 1, 2, ... components.
    pub fn captured(&self) -> Vec<f64> {
        fractions(&self.signal, self.signals)
    }

    /// What correlation depends on, averaged over rows of every direction of the first `dimension` components.
    pub fn moments(&self, dimension: usize) -> NoiseMoments {
        let over = 1.0 / (dimension * self.fits) as f64;
        let along = self.along[..dimension].iter().sum::<f64>() * over;
        let squared = self.squared[..dimension].iter().sum::<f64>() * over;
        // No covariance has less, by Cauchy and Schwarz; an estimate without bias may.
        NoiseMoments { along, squared: squared.max(along * along), total: self.noise / self.fits as f64 }
    }
}

fn fractions(parts: &[f64], whole: f64) -> Vec<f64> {
    let mut sum = 0.0;
    let mut next = |part: &f64| {
        sum += part;
        if whole > 0.0 { sum / whole } else { 0.0 }
    };
    parts.iter().map(&mut next).collect()
}

/// Measures `conditions` along `axes`.
pub(super) fn measure(conditions: &[&Condition], axes: &Axes) -> Sums {
    let (count, units) = (conditions.len(), conditions[0].mean.len());
    let width = axes.dimension;
    let basis = view(&axes.basis, units, width);
    let project = |rows: &[f64]| {
        let mut out = vec![0.0; rows.len() / units * width];
        add_product(&mut out, view(rows, rows.len() / units, units), basis);
        out
    };
    let means = centered_means(conditions);
    let over_signal = 1.0 / (count - 1) as f64;
    let mut signal = columns(&project(&means), width);
    signal.iter_mut().for_each(|v| *v *= over_signal);
    let mut signals = energy(&means) * over_signal;
    let (mut along, mut squared) = (vec![0.0; width], vec![0.0; width]);
    let mut variances = vec![0.0; units];
    let mut images = vec![0.0; units * width];
    for condition in conditions {
        let freedom = (condition.repeats - 1) as f64;
        let rows = condition.residuals.len() / units;
        let coordinates = project(&condition.residuals);
        let error = error_weight(condition.repeats, count);
        for (k, square) in columns(&coordinates, width).into_iter().enumerate() {
            along[k] += square / freedom / count as f64;
            signal[k] -= square * error;
        }
        signals -= energy(&condition.residuals) * error;
        for row in condition.residuals.chunks_exact(units) {
            variances.iter_mut().zip(row).for_each(|(v, r)| *v += r * r / freedom / count as f64);
        }
        let mut image = vec![0.0; units * width];
        add_product(
            &mut image,
            view(&condition.residuals, rows, units).transpose(),
            view(&coordinates, rows, width),
        );
        image.iter_mut().for_each(|v| *v /= freedom);
        columns(&image, width).into_iter().zip(&mut squared).for_each(|(square, sum)| *sum -= square);
        images.iter_mut().zip(image).for_each(|(sum, v)| *sum += v);
    }
    let pairs = (count * (count - 1)) as f64;
    columns(&images, width)
        .into_iter()
        .zip(&mut squared)
        .for_each(|(square, sum)| *sum = (*sum + square) / pairs);
    let mut uncorrelated = vec![0.0; width];
    for (row, variance) in axes.basis.chunks_exact(width.max(1)).zip(&variances) {
        uncorrelated.iter_mut().zip(row).for_each(|(sum, u)| *sum += variance * u * u);
    }
    Sums { along, squared, uncorrelated, signal, noise: variances.iter().sum(), signals, fits: 1 }
}

/// tr S and tr S^2 of the mean covariance S of the noise, the second from products of distinct conditions; none if that is lost in its
/// error.
pub(super) fn spectrum(conditions: &[Condition]) -> (f64, Option<f64>) {
    let count = conditions.len();
    let units = conditions[0].mean.len();
    let scaled = |condition: &Condition| -> Vec<f64> {
        let weight = (1.0 / (count * (condition.repeats - 1)) as f64).sqrt();
        condition.residuals.iter().map(|v| v * weight).collect()
    };
    let all: Vec<Vec<f64>> = conditions.iter().map(scaled).collect();
    let total = all.iter().map(|rows| energy(rows)).sum::<f64>();
    let within: f64 = all.iter().map(|rows| products(rows, units)).sum();
    let every = products(&all.concat(), units);
    let square = (every - within) * count as f64 / (count - 1) as f64;
    (total, (square > 0.0).then_some(square))
}

/// Sum of the squares of all products of two rows, by the smaller of the two Gram matrices.
fn products(rows: &[f64], units: usize) -> f64 {
    let height = rows.len() / units;
    let rows = view(rows, height, units);
    let size = height.min(units);
    let mut gram = vec![0.0; size * size];
    let side = if height <= units { rows } else { rows.transpose() };
    add_product(&mut gram, side, side.transpose());
    gram.chunks_exact(size.max(1)).map(energy).sum()
}

/// Squared length of each column of a row-major matrix.
fn columns(rows: &[f64], width: usize) -> Vec<f64> {
    let mut out = vec![0.0; width];
    for row in rows.chunks_exact(width.max(1)) {
        out.iter_mut().zip(row).for_each(|(sum, v)| *sum += v * v);
    }
    out
}

fn energy(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}
