//! Ridge regression of several responses, its penalty chosen by cross-validation (Hoerl and Kennard 1970).
//!
//! One eigen-decomposition of the smaller of covariance and Gram matrix serves every penalty.

use std::ops::Range;

use super::columns::Standard;
use super::pls::sizes;
use crate::dimension::product::{add_gram, add_product, view};
use nmnc_core::error::{Error, Result};
use nmnc_core::linalg::symmetric_eigen;
use nmnc_core::scale;

/// For whom a penalty is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// One penalty for all responses: the best mean R² over them.
    Shared,
    /// One penalty for each response.
    PerResponse,
}

/// How to choose the penalty.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RidgeSettings {
    /// Penalties to choose from, all above 0; the first is taken among equals.
    pub penalties: Vec<f64>,
    /// Folds of the inner cross-validation.
    pub folds: usize,
    /// For whom.
    pub choice: Choice,
}

impl Default for RidgeSettings {
    /// 10^-2, 10^-1, ..., 10^8, five folds, a penalty for each response.
    fn default() -> Self {
        let penalties = (-2..=8).map(|power| 10f64.powi(power)).collect();
        Self { penalties, folds: 5, choice: Choice::PerResponse }
    }
}

/// A fitted regression with an intercept that is not penalized.
#[derive(Clone, Debug)]
pub struct Ridge {
    coefficients: Vec<f64>,
    features: Standard,
    responses: Standard,
    penalties: Vec<f64>,
}

impl Ridge {
    /// Fits `y` `[samples, responses]` by `x` `[samples, features]` with the penalty whose mean R² over [`folds`] of the
    /// samples, in the order given, is largest.
    ///
    /// A response that is constant in a fold counts there as scikit-learn's `r2_score` counts it: 1 if predicted exactly, else 0.
    /// Memory: twice `x` and `y`, and three square matrices of the smaller of samples and features.
    ///
    /// # Errors
    /// As [`Ridge::with_penalties`]; no penalty, fewer than two folds, fewer than two samples a fold.
    pub fn fit(x: &[f64], y: &[f64], samples: usize, settings: &RidgeSettings) -> Result<Self> {
        let (p, q) = sizes(x, y, samples)?;
        let grid = &settings.penalties;
        check_penalties(grid)?;
        if settings.folds < 2 || samples < 2 * settings.folds {
            return Err(Error::config("folds", format!("{} folds of {samples} samples", settings.folds))
                .mend("use at least two folds of at least two samples"));
        }
        let mut scores = vec![0.0; grid.len() * q];
        // With nothing to choose from, nothing needs to be tried.
        if grid.len() > 1 {
            for held_out in folds(samples, settings.folds) {
                let train = |values: &[f64], width: usize| {
                    [&values[..held_out.start * width], &values[held_out.end * width..]].concat()
                };
                let rest = samples - held_out.len();
                let solver = Solver::new(&train(x, p), &train(y, q), rest)?;
                let inputs = solver.inputs(&x[held_out.start * p..held_out.end * p]);
                let expected = &y[held_out.start * q..held_out.end * q];
                for (&penalty, scores) in grid.iter().zip(scores.chunks_exact_mut(q)) {
                    let predicted = solver.predict(&inputs, &vec![penalty; q]);
                    add_determination(scores, &predicted, expected);
                }
            }
        }
        let best = |value: &dyn Fn(usize) -> f64| {
            (1..grid.len()).fold(0, |best, i| if value(i) > value(best) { i } else { best })
        };
        let penalties: Vec<f64> = match settings.choice {
            Choice::Shared => {
                let mean = |i: usize| scores[i * q..(i + 1) * q].iter().sum::<f64>();
                vec![grid[best(&mean)]; q]
            }
            Choice::PerResponse => (0..q).map(|unit| grid[best(&|i| scores[i * q + unit])]).collect(),
        };
        Self::with_penalties(x, y, samples, &penalties)
    }

    /// Fits with one given penalty for each response, all above 0.
    ///
    /// # Errors
    /// Fewer than two samples, no feature or response, sizes that disagree, penalties that are not above 0, values that are not
    /// finite.
    pub fn with_penalties(x: &[f64], y: &[f64], samples: usize, penalties: &[f64]) -> Result<Self> {
        let (_, q) = sizes(x, y, samples)?;
        check_penalties(penalties)?;
        if penalties.len() != q {
            let problem = format!("{} penalties for {q} responses", penalties.len());
            return Err(Error::config("penalties", problem).mend("give one for each response"));
        }
        let solver = Solver::new(x, y, samples)?;
        let coefficients = solver.coefficients(penalties);
        let (features, responses) = (solver.features, solver.responses);
        Ok(Self { coefficients, features, responses, penalties: penalties.to_vec() })
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
        add_product(&mut out, view(&self.features.apply(x), samples, p), view(&self.coefficients, p, q));
        self.responses.undo(&mut out);
        out
    }

    /// The penalty of each response.
    pub fn penalties(&self) -> &[f64] {
        &self.penalties
    }
}

/// `count` ranges of adjacent samples that cover all, the first ones larger by one where the number does not divide.
pub fn folds(samples: usize, count: usize) -> Vec<Range<usize>> {
    let size = |fold: usize| samples / count + usize::from(fold < samples % count);
    let mut start = 0;
    (0..count)
        .map(|fold| {
            let range = start..start + size(fold);
            start = range.end;
            range
        })
        .collect()
}

fn check_penalties(penalties: &[f64]) -> Result<()> {
    if penalties.is_empty() || penalties.iter().any(|a| !(a.is_finite() && *a > 0.0)) {
        return Err(Error::config("penalties", "none, or one that is not above 0")
            .mend("give finite numbers above 0, such as 0.01, 1, 100"));
    }
    Ok(())
}

/// Adds to each response's score R² of the predictions.
fn add_determination(scores: &mut [f64], predicted: &[f64], expected: &[f64]) {
    let q = scores.len();
    let rows = (expected.len() / q) as f64;
    let column = |values: &[f64], unit: usize| values[unit..].iter().step_by(q).copied().collect::<Vec<_>>();
    for (unit, score) in scores.iter_mut().enumerate() {
        let (found, wanted) = (column(predicted, unit), column(expected, unit));
        let mean = wanted.iter().sum::<f64>() / rows;
        let residuals: Vec<f64> = found.iter().zip(&wanted).map(|(f, w)| w - f).collect();
        let deviations: Vec<f64> = wanted.iter().map(|w| w - mean).collect();
        let unit = scale::unit(scale::largest(residuals.iter().chain(&deviations).copied()));
        let squares = |values: &[f64]| values.iter().map(|v| (v / unit) * (v / unit)).sum::<f64>();
        let (residual, total) = (squares(&residuals), squares(&deviations));
        *score += match (residual == 0.0, total == 0.0) {
            (_, false) => 1.0 - residual / total,
            (true, true) => 1.0,
            (false, true) => 0.0,
        };
    }
}

/// Coefficients are `basis` diag(1 / (`eigenvalues` + penalty)) `answers`.
struct Solver {
    features: Standard,
    responses: Standard,
    /// `[features, k]`.
    basis: Vec<f64>,
    eigenvalues: Vec<f64>,
    /// `[k, responses]`.
    answers: Vec<f64>,
}

impl Solver {
    fn new(x: &[f64], y: &[f64], samples: usize) -> Result<Self> {
        let (p, q) = (x.len() / samples, y.len() / samples);
        let (features, responses) = (Standard::of(x, p, false), Standard::of(y, q, false));
        let (x, y) = (features.apply(x), responses.apply(y));
        let (x, y) = (view(&x, samples, p), view(&y, samples, q));
        let k = p.min(samples);
        let mut gram = vec![0.0; k * k];
        add_gram(&mut gram, if p <= samples { x.transpose() } else { x });
        let (mut eigenvalues, vectors) = symmetric_eigen(&gram, k)?;
        drop(gram);
        // A covariance has no negative eigenvalues but by rounding.
        eigenvalues.iter_mut().for_each(|value| *value = value.max(0.0));
        let vectors = vectors.concat();
        let vectors = view(&vectors, k, k);
        let (mut basis, mut answers) = (vec![0.0; p * k], vec![0.0; k * q]);
        if p <= samples {
            let mut cross = vec![0.0; p * q];
            add_product(&mut cross, x.transpose(), y);
            add_product(&mut answers, vectors, view(&cross, p, q));
            for (i, row) in basis.chunks_exact_mut(k).enumerate() {
                row.iter_mut().enumerate().for_each(|(j, b)| *b = vectors[(j, i)]);
            }
        } else {
            add_product(&mut answers, vectors, y);
            add_product(&mut basis, x.transpose(), vectors.transpose());
        }
        Ok(Self { features, responses, basis, eigenvalues, answers })
    }

    /// `[samples, k]` for `[samples, features]`.
    fn inputs(&self, x: &[f64]) -> Vec<f64> {
        let (p, k) = (self.features.len(), self.eigenvalues.len());
        let samples = x.len() / p;
        let mut out = vec![0.0; samples * k];
        add_product(&mut out, view(&self.features.apply(x), samples, p), view(&self.basis, p, k));
        out
    }

    /// Answers with every response's own penalty applied, `[k, responses]`.
    fn shrunk(&self, penalties: &[f64]) -> Vec<f64> {
        let mut out = self.answers.clone();
        // Eigenvalues are in squares of the features' unit.
        let unit = self.features.unit();
        let penalties: Vec<f64> = penalties.iter().map(|penalty| penalty / unit / unit).collect();
        for (row, eigenvalue) in out.chunks_exact_mut(penalties.len()).zip(&self.eigenvalues) {
            row.iter_mut().zip(&penalties).for_each(|(o, penalty)| {
                let square = eigenvalue + penalty;
                *o = if square > 0.0 { *o / square } else { 0.0 };
            });
        }
        out
    }

    fn predict(&self, inputs: &[f64], penalties: &[f64]) -> Vec<f64> {
        let (k, q) = (self.eigenvalues.len(), self.responses.len());
        let samples = inputs.len() / k;
        let mut out = vec![0.0; samples * q];
        add_product(&mut out, view(inputs, samples, k), view(&self.shrunk(penalties), k, q));
        self.responses.undo(&mut out);
        out
    }

    fn coefficients(&self, penalties: &[f64]) -> Vec<f64> {
        let (p, k, q) = (self.features.len(), self.eigenvalues.len(), self.responses.len());
        let mut out = vec![0.0; p * q];
        add_product(&mut out, view(&self.basis, p, k), view(&self.shrunk(penalties), k, q));
        out
    }
}
