//! Components of the condition means that the error of the means does not make.

use super::part::Condition;
use crate::dimension::product::{add_gram, add_product, view};
use nmnc_core::error::Result;
use nmnc_core::linalg::symmetric_eigen;

/// Variances below this fraction of the largest are rounding error.
const RANK: f64 = 1e-10;

/// An orthonormal basis `[units, dimension]`, row-major.
pub(super) struct Axes {
    pub basis: Vec<f64>,
    pub dimension: usize,
}

/// Whether the covariance of the means is freed of their error.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Estimate {
    /// The covariance of the means of distinct repeats: without bias.
    Unbiased,
    /// The covariance of the means as they are.
    Plain,
}

/// The at most `most` directions in the span of the condition means along which the signal varies most, those alone along which its
/// estimated variance is positive.
///
/// The covariance of the means has the expectation (signal) + mean of S_c / R_c for noise S_c and R_c repeats of condition c. The
/// second is estimated from what is left around the means of the same repeats and taken away: the same as the mean of products of
/// distinct repeats.
pub(super) fn components(conditions: &[&Condition], most: usize, estimate: Estimate) -> Result<Axes> {
    let (count, units) = (conditions.len(), conditions[0].mean.len());
    let means = centered_means(conditions);
    let frame = frame(&means, count, units)?;
    let width = frame.as_ref().map_or(units, |frame| frame.len() / units);
    let within = |rows: Vec<f64>| match &frame {
        None => rows,
        Some(frame) => {
            let height = rows.len() / units;
            let mut out = vec![0.0; height * width];
            add_product(&mut out, view(&rows, height, units), view(frame, units, width));
            out
        }
    };
    if width == 0 {
        return Ok(Axes { basis: Vec::new(), dimension: 0 });
    }
    let mut covariance = square(&within(means), width);
    let freedom = (count - 1) as f64;
    covariance.iter_mut().for_each(|v| *v /= freedom);
    if estimate == Estimate::Unbiased {
        let errors = conditions.iter().flat_map(|c| {
            let weight = error_weight(c.repeats, count).sqrt();
            c.residuals.iter().map(move |v| v * weight)
        });
        let errors = square(&within(errors.collect()), width);
        covariance.iter_mut().zip(errors).for_each(|(v, error)| *v -= error);
    }
    for i in 0..width {
        for j in 0..i {
            covariance[j * width + i] = covariance[i * width + j];
        }
    }
    let (variances, vectors) = symmetric_eigen(&covariance, width)?;
    let positive = variances.iter().take_while(|v| **v > 0.0 && **v > variances[0] * RANK).count();
    let dimension = positive.min(most);
    let turn: Vec<f64> = (0..width).flat_map(|i| vectors[..dimension].iter().map(move |v| v[i])).collect();
    let basis = match &frame {
        None => turn,
        Some(frame) => {
            let mut out = vec![0.0; units * dimension];
            add_product(&mut out, view(frame, units, width), view(&turn, width, dimension));
            out
        }
    };
    Ok(Axes { basis, dimension })
}

/// What a squared residual of a condition with so many repeats weighs in the error of the means' covariance over `count` conditions.
pub(super) fn error_weight(repeats: usize, count: usize) -> f64 {
    1.0 / (count * repeats * (repeats - 1)) as f64
}

/// Condition means less their mean, `[conditions, units]`.
pub(super) fn centered_means(conditions: &[&Condition]) -> Vec<f64> {
    let units = conditions[0].mean.len();
    let mut middle = vec![0.0; units];
    for condition in conditions {
        middle.iter_mut().zip(&condition.mean).for_each(|(m, v)| *m += v / conditions.len() as f64);
    }
    conditions.iter().flat_map(|c| c.mean.iter().zip(&middle).map(|(v, m)| v - m)).collect()
}

/// An orthonormal basis `[units, width]` of the span of `means`, by their products; none where the span may be everything.
fn frame(means: &[f64], count: usize, units: usize) -> Result<Option<Vec<f64>>> {
    if units < count {
        return Ok(None);
    }
    let mut gram = vec![0.0; count * count];
    add_product(&mut gram, view(means, count, units), view(means, count, units).transpose());
    let (squares, vectors) = symmetric_eigen(&gram, count)?;
    let width = squares.iter().take_while(|s| **s > 0.0 && **s > squares[0] * RANK).count();
    let weights: Vec<f64> = (0..count)
        .flat_map(|i| (0..width).map(move |k| (i, k)))
        .map(|(i, k)| vectors[k][i] / squares[k].sqrt())
        .collect();
    let mut out = vec![0.0; units * width];
    add_product(&mut out, view(means, count, units).transpose(), view(&weights, count, width));
    Ok(Some(out))
}

/// The lower triangle of rows^T rows.
fn square(rows: &[f64], width: usize) -> Vec<f64> {
    let mut out = vec![0.0; width * width];
    add_gram(&mut out, view(rows, rows.len() / width, width).transpose());
    out
}

#[cfg(test)]
mod tests {
    use super::super::measured::{measure, spectrum};
    use super::super::part::whole;
    use super::super::recorded::Trials;
    use super::*;

    const UNITS: usize = 5;
    const CONDITIONS: usize = 8;
    const REPEATS: [usize; CONDITIONS] = [4, 5, 6, 4, 7, 5, 4, 6];

    fn value(condition: usize, repeat: usize, unit: usize) -> f64 {
        let at = (condition * 31 + repeat * 7 + unit * 3) as f64;
        (at * at).sin() + 0.8 * ((condition * (unit + 1)) as f64).cos()
    }

    fn trials() -> Trials {
        let mut values = vec![f64::NAN; CONDITIONS * 7 * UNITS];
        for (c, repeats) in REPEATS.iter().enumerate() {
            for (r, u) in (0..*repeats).flat_map(|r| (0..UNITS).map(move |u| (r, u))) {
                values[(c * 7 + r) * UNITS + u] = value(c, r, u);
            }
        }
        Trials::new(values, &[CONDITIONS, 7, UNITS]).unwrap()
    }

    fn mean(condition: usize, unit: usize) -> f64 {
        (0..REPEATS[condition]).map(|r| value(condition, r, unit)).sum::<f64>() / REPEATS[condition] as f64
    }

    /// Covariance of the signal from products of distinct repeats and of distinct conditions alone, which share no noise.
    fn signal(i: usize, j: usize) -> f64 {
        let distinct = |c: usize| {
            let repeats = REPEATS[c];
            let pairs = (0..repeats).flat_map(|r| (0..repeats).map(move |s| (r, s))).filter(|(r, s)| r != s);
            pairs.map(|(r, s)| value(c, r, i) * value(c, s, j)).sum::<f64>()
                / (repeats * (repeats - 1)) as f64
        };
        let own: f64 = (0..CONDITIONS).map(distinct).sum();
        let pairs =
            (0..CONDITIONS).flat_map(|c| (0..CONDITIONS).map(move |d| (c, d))).filter(|(c, d)| c != d);
        let others: f64 = pairs.map(|(c, d)| mean(c, i) * mean(d, j)).sum();
        own / CONDITIONS as f64 - others / (CONDITIONS * (CONDITIONS - 1)) as f64
    }

    fn noise(condition: usize, i: usize, j: usize) -> f64 {
        let off = |r: usize, u: usize| value(condition, r, u) - mean(condition, u);
        let repeats = REPEATS[condition];
        (0..repeats).map(|r| off(r, i) * off(r, j)).sum::<f64>() / (repeats - 1) as f64
    }

    #[test]
    fn components_are_those_of_products_of_distinct_repeats() {
        let parts = whole(&trials());
        let parts: Vec<&Condition> = parts.iter().collect();
        let axes = components(&parts, UNITS, Estimate::Unbiased).unwrap();
        assert!((2..UNITS).contains(&axes.dimension), "{}", axes.dimension);
        let found = measure(&parts, &axes);
        for k in 0..axes.dimension {
            let u = |i: usize| axes.basis[i * axes.dimension + k];
            let image = |i: usize| (0..UNITS).map(|j| signal(i, j) * u(j)).sum::<f64>();
            let variance: f64 = (0..UNITS).map(|i| u(i) * image(i)).sum();
            // An eigenvector, and its variance as it is measured in the same repeats.
            assert!((0..UNITS).all(|i| (image(i) - variance * u(i)).abs() < 1e-12));
            assert!((found.signal[k] - variance).abs() < 1e-12);
        }
        assert!((found.signals - (0..UNITS).map(|i| signal(i, i)).sum::<f64>()).abs() < 1e-12);
        // Of the means as they are, all directions have variance.
        assert_eq!(components(&parts, UNITS, Estimate::Plain).unwrap().dimension, UNITS);
    }

    #[test]
    fn moments_are_those_of_products_of_distinct_conditions() {
        let parts = whole(&trials());
        let (total, square) = spectrum(&parts);
        let parts: Vec<&Condition> = parts.iter().collect();
        let axes = components(&parts, 2, Estimate::Unbiased).unwrap();
        let found = measure(&parts, &axes);
        let pairs =
            || (0..CONDITIONS).flat_map(|c| (0..CONDITIONS).map(move |d| (c, d))).filter(|(c, d)| c != d);
        let count = (CONDITIONS * (CONDITIONS - 1)) as f64;
        for k in 0..axes.dimension {
            let u = |i: usize| axes.basis[i * axes.dimension + k];
            let image = |c: usize, i: usize| (0..UNITS).map(|j| noise(c, i, j) * u(j)).sum::<f64>();
            let squared = |(c, d)| (0..UNITS).map(|i| image(c, i) * image(d, i)).sum::<f64>();
            assert!((found.squared[k] - pairs().map(squared).sum::<f64>() / count).abs() < 1e-12);
            let along = |c: usize| (0..UNITS).map(|i| u(i) * image(c, i)).sum::<f64>();
            assert!(
                (found.along[k] - (0..CONDITIONS).map(along).sum::<f64>() / CONDITIONS as f64).abs() < 1e-12
            );
            let alone = |c: usize| (0..UNITS).map(|i| u(i) * u(i) * noise(c, i, i)).sum::<f64>();
            let alone = (0..CONDITIONS).map(alone).sum::<f64>() / CONDITIONS as f64;
            assert!((found.uncorrelated[k] - alone).abs() < 1e-12);
        }
        let traces = (0..CONDITIONS).map(|c| (0..UNITS).map(|i| noise(c, i, i)).sum::<f64>());
        assert!((total - traces.sum::<f64>() / CONDITIONS as f64).abs() < 1e-12);
        let product = |(c, d)| {
            (0..UNITS * UNITS)
                .map(|at| noise(c, at / UNITS, at % UNITS) * noise(d, at / UNITS, at % UNITS))
                .sum::<f64>()
        };
        assert!((square.unwrap() - pairs().map(product).sum::<f64>() / count).abs() < 1e-12);
        assert!((found.noise - total).abs() < 1e-12);
    }
}
