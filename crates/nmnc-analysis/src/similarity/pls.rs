//! Partial least squares regression of several responses (Wold 1966; Wegelin 2000, section 4.1).
//!
//! The first singular vectors of each round come from the power iteration on the cross-covariance alone, `[features, responses]`,
//! deflated by one outer product a round: a step costs as much as a product with that matrix, whatever the number of samples.

use rayon::prelude::*;

use super::columns::{Standard, column_products, dot, row_products};
use crate::dimension::product::{add_product, view};
use nmnc_core::error::{Error, Result};

/// A residual of the features this much smaller than the features is rounding error, and no component is drawn from it.
const ROUNDING: f64 = 1e-13;

/// How to fit.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PlsSettings {
    /// Components; fewer are found where samples, features or their rank allow no more.
    pub components: usize,
    /// Whether features and responses are divided by their standard deviations first.
    pub scale: bool,
    /// The most iterations for one component.
    pub iterations: usize,
    /// Squared change of the weights (of norm 1) below which an iteration ends.
    pub tolerance: f64,
}

impl Default for PlsSettings {
    /// 25 components without scaling, the usual choice in comparisons with recordings (Schrimpf et al. 2018), with the stopping
    /// rule of scikit-learn, whose predictions it reproduces.
    fn default() -> Self {
        Self { components: 25, scale: false, iterations: 500, tolerance: 1e-6 }
    }
}

/// A fitted regression.
#[derive(Clone, Debug)]
pub struct Pls {
    coefficients: Vec<f64>,
    features: Standard,
    responses: Standard,
    components: usize,
    unconverged: usize,
}

impl Pls {
    /// Fits `y` `[samples, responses]` by `x` `[samples, features]`.
    ///
    /// Stops early when nothing is left of features or responses; then the prediction is that of least squares within the span of
    /// the features found so far. Memory: twice `x`, twice `y`, and the cross-covariance `[features, responses]`.
    ///
    /// # Errors
    /// Fewer than two samples, no feature or response, sizes that disagree, no component asked for, values that are not finite.
    pub fn fit(x: &[f64], y: &[f64], samples: usize, settings: &PlsSettings) -> Result<Self> {
        let (p, q) = sizes(x, y, samples)?;
        if settings.components == 0 || settings.iterations == 0 {
            return Err(Error::config("components", "a regression of no component or no iteration")
                .mend("ask for at least one"));
        }
        let features = Standard::of(x, p, settings.scale);
        let responses = Standard::of(y, q, settings.scale);
        let (mut x, mut y) = (features.apply(x), responses.apply(y));
        let mut cross = vec![0.0; p * q];
        add_product(&mut cross, view(&x, samples, p).transpose(), view(&y, samples, q));
        let total = x.iter().map(|v| v * v).sum::<f64>();
        let mut found: Vec<Component> = Vec::new();
        let mut unconverged = 0;
        while found.len() < settings.components.min(samples).min(p) {
            clear_constant(&mut y, &mut cross, q);
            let Some((weights, converged)) = first_weights(&cross, &y, p, q, settings) else { break };
            let scores = row_products(&x, &weights);
            let square = dot(&scores, &scores);
            if square <= ROUNDING * ROUNDING * total {
                break;
            }
            unconverged += usize::from(!converged);
            let over = |mut values: Vec<f64>| {
                values.iter_mut().for_each(|v| *v /= square);
                values
            };
            let loadings = over(column_products(&x, &scores));
            let answers = over(column_products(&y, &scores));
            deflate(&mut x, &scores, &loadings);
            deflate(&mut y, &scores, &answers);
            let scaled: Vec<f64> = loadings.iter().map(|l| square * l).collect();
            deflate(&mut cross, &scaled, &answers);
            found.push(Component::new(weights, loadings, answers, &found));
        }
        let mut coefficients = vec![0.0; p * q];
        if !found.is_empty() {
            let rotations: Vec<f64> = found.iter().flat_map(|c| c.rotation.iter().copied()).collect();
            let answers: Vec<f64> = found.iter().flat_map(|c| c.answers.iter().copied()).collect();
            let count = found.len();
            add_product(&mut coefficients, view(&rotations, count, p).transpose(), view(&answers, count, q));
        }
        Ok(Self { coefficients, features, responses, components: found.len(), unconverged })
    }

    /// Predicted responses `[samples, responses]` for `x` `[samples, features]`.
    ///
    /// # Panics
    /// If the rows of `x` have another number of features.
    pub fn predict(&self, x: &[f64]) -> Vec<f64> {
        let (p, q) = (self.features.len(), self.responses.len());
        assert_eq!(x.len() % p, 0, "whole rows");
        let samples = x.len() / p;
        let mut out = vec![0.0; samples * q];
        let x = self.features.apply(x);
        add_product(&mut out, view(&x, samples, p), view(&self.coefficients, p, q));
        self.responses.undo(&mut out);
        out
    }

    /// Components found.
    pub fn components(&self) -> usize {
        self.components
    }

    /// Components whose iteration had not ended after the most iterations allowed.
    pub fn unconverged(&self) -> usize {
        self.unconverged
    }
}

/// Features and responses of two matrices of `samples` rows.
pub(super) fn sizes(x: &[f64], y: &[f64], samples: usize) -> Result<(usize, usize)> {
    if samples < 2 {
        return Err(
            Error::data("samples", format!("{samples} to fit")).mend("a regression needs at least two")
        );
    }
    for (name, values) in [("features", x), ("responses", y)] {
        if values.is_empty() || !values.len().is_multiple_of(samples) {
            let problem = format!("{} numbers for {samples} samples", values.len());
            return Err(Error::data(name, problem).mend("give the same number for every sample"));
        }
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            let width = values.len() / samples;
            let place = format!("row {}, column {}", at / width, at % width);
            return Err(Error::data(name, format!("{place} is not finite")).mend("leave out such columns"));
        }
    }
    Ok((x.len() / samples, y.len() / samples))
}

struct Component {
    loadings: Vec<f64>,
    answers: Vec<f64>,
    /// What features are multiplied with for the scores.
    rotation: Vec<f64>,
}

impl Component {
    fn new(weights: Vec<f64>, loadings: Vec<f64>, answers: Vec<f64>, before: &[Self]) -> Self {
        let mut rotation = weights.clone();
        for earlier in before {
            let overlap = dot(&earlier.loadings, &weights);
            rotation.iter_mut().zip(&earlier.rotation).for_each(|(r, e)| *r -= overlap * e);
        }
        Self { loadings, answers, rotation }
    }
}

/// Responses of which nothing but rounding is left become zero, as they would otherwise be fitted.
fn clear_constant(y: &mut [f64], cross: &mut [f64], q: usize) {
    let mut largest = vec![0.0f64; q];
    for row in y.chunks_exact(q) {
        largest.iter_mut().zip(row).for_each(|(l, v)| *l = l.max(v.abs()));
    }
    for rows in [y, cross] {
        for row in rows.chunks_exact_mut(q) {
            row.iter_mut()
                .zip(&largest)
                .filter(|(_, l)| **l < 10.0 * f64::EPSILON)
                .for_each(|(v, _)| *v = 0.0);
        }
    }
}

/// First left singular vector of the cross-covariance by power iteration, and whether that ended; none without a response left.
fn first_weights(
    cross: &[f64],
    y: &[f64],
    p: usize,
    q: usize,
    settings: &PlsSettings,
) -> Option<(Vec<f64>, bool)> {
    let varies = |column: &usize| y[*column..].iter().step_by(q).any(|v| v.abs() > f64::EPSILON);
    let start = (0..q).find(varies)?;
    let mut weights: Vec<f64> = cross[start..].iter().step_by(q).copied().collect();
    let mut last = vec![f64::INFINITY; p];
    for _ in 0..settings.iterations {
        let norm = dot(&weights, &weights).sqrt();
        if norm == 0.0 {
            return None;
        }
        weights.iter_mut().for_each(|w| *w /= norm);
        let change: f64 = weights.iter().zip(&last).map(|(a, b)| (a - b) * (a - b)).sum();
        if change < settings.tolerance || q == 1 {
            return Some((weights, true));
        }
        let answers = column_products(cross, &weights);
        last = std::mem::replace(&mut weights, row_products(cross, &answers));
    }
    Some((last, false))
}

/// `values` -= `left` `right`^T.
fn deflate(values: &mut [f64], left: &[f64], right: &[f64]) {
    values.par_chunks_exact_mut(right.len()).zip(left).for_each(|(row, l)| {
        row.iter_mut().zip(right).for_each(|(v, r)| *v -= l * r);
    });
}
