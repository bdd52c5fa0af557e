//! Incremental principal component analysis with forgetting.
//!
//! After Ross, Lim, Lin and Yang 2008 (Incremental learning for robust visual tracking): the scatter of everything seen, older
//! examples counting `forgetting` times as much with every new batch, is
//!
//! ```text
//! S' = f U diag(s) U^T + X^T X + f w b / (f w + b) (m - a)(m - a)^T       w' = f w + b
//! ```
//!
//! with U, s, m, w what was known (axes, scatter along them, mean, weight), X the centered batch of b examples and a its mean.
//! S' is M^T M for the stack M = [sqrt(f s) U^T; X; sqrt(f w b / (f w + b)) (a - m)], whose Gram matrix has only k + b + 1 rows;
//! its eigenvectors give the new axes. Everything is linear in the number n of units: 2 n (k b + b^2 + k (k + b)) multiplications.

use burn::tensor::Tensor;
use nmnc_kernels::matmul;

use super::activity::{Activity, power_of_two};
use super::columns::{orthonormalize, to_matrix};
use nmnc_core::device::{energy, values};
use nmnc_core::error::Result;
use nmnc_core::linalg::symmetric_eigen;
use nmnc_core::scale;
use nmnc_core::state::State;

/// What is known of all activity seen so far.
#[derive(Clone, Debug)]
pub(super) struct History {
    /// Mean m, `[1, units]`.
    mean: Tensor<2>,
    /// Axes U, `[units, k]`; nothing before activity has varied.
    axes: Option<Tensor<2>>,
    /// Scatter along each axis.
    scatter: Vec<f64>,
    /// Scatter in all directions together.
    total: f64,
    /// Weight w: examples seen, faded.
    weight: f64,
}

impl History {
    /// What one batch says, with at most `most` axes.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn of(activity: &Activity, most: usize) -> Result<Self> {
        let nothing =
            Self { mean: activity.mean.clone(), axes: None, scatter: Vec::new(), total: 0.0, weight: 0.0 };
        nothing.merge(activity, 1.0, most)
    }

    /// The same after another batch, keeping at most `most` axes.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn merge(&self, activity: &Activity, forgetting: f64, most: usize) -> Result<Self> {
        let (batch, old) = (activity.samples() as f64, forgetting * self.weight);
        let weight = old + batch;
        let shift = (activity.mean.clone() - self.mean.clone()) * (old * batch / weight).sqrt();
        let total = forgetting * self.total + activity.variance * (batch - 1.0) + energy(&shift);
        let mean = self.mean.clone() * (old / weight) + activity.mean.clone() * (batch / weight);
        // A change of unit so that no product overflows, as in `Activity`.
        let unit = power_of_two(total / weight).max(activity.unit);
        let faded: Vec<f64> = self.scatter.iter().map(|s| (forgetting * s).sqrt() / unit).collect();
        // Rounding error of a constant spans no axes.
        let ratio = if activity.varies() { activity.unit / unit } else { 0.0 };
        let stack =
            Stack { axes: self.axes.as_ref(), faded, activity, ratio, shift: scale::over(shift, unit) };
        let (scatter, axes) = stack.principal(most)?;
        let scatter = scatter.into_iter().map(|s| s * unit * unit).collect();
        Ok(Self { mean, axes, scatter, total, weight })
    }

    /// Axes, `[units, k]`, if activity has varied.
    pub fn axes(&self) -> Option<&Tensor<2>> {
        self.axes.as_ref()
    }

    /// Variance along each axis: the scatter over the weight less one.
    pub fn variances(&self) -> Vec<f64> {
        self.scatter.iter().map(|s| s / self.freedom()).collect()
    }

    /// Variance in all directions together.
    pub fn total_variance(&self) -> f64 {
        self.total / self.freedom()
    }

    fn freedom(&self) -> f64 {
        (self.weight - 1.0).max(1.0)
    }

    pub fn state(&self) -> State {
        let mut state = State::default();
        state.tensors.insert("mean".into(), self.mean.clone());
        if let Some(axes) = &self.axes {
            state.tensors.insert("axes".into(), axes.clone());
        }
        state.numbers.insert("scatter".into(), self.scatter.clone());
        state.numbers.insert("total_and_weight".into(), vec![self.total, self.weight]);
        state
    }

    /// What [`History::state`] came from, of `units` units.
    pub fn restore(state: &State, units: usize) -> Result<Self> {
        let mean = state.shaped("mean", [1, units])?;
        let axes = state.tensors.get("axes").cloned();
        let known = axes.as_ref().map_or(0, |axes| axes.dims()[1]);
        if axes.is_some() {
            state.shaped("axes", [units, known.clamp(1, units.max(1))])?;
        }
        let scatter = state.numbers("scatter", known)?.to_vec();
        let &[total, weight] = state.numbers("total_and_weight", 2)? else { unreachable!("two numbers") };
        Ok(Self { mean, axes, scatter, total, weight })
    }
}

/// The stack M = [diag(faded) U^T; ratio X; shift], never put together.
struct Stack<'a> {
    axes: Option<&'a Tensor<2>>,
    faded: Vec<f64>,
    activity: &'a Activity<'a>,
    /// The activity's unit over that of the stack.
    ratio: f64,
    /// `[1, units]`.
    shift: Tensor<2>,
}

impl Stack<'_> {
    /// At most `most` eigenvalues of M^T M and their eigenvectors `[units, count]`: those above 1e-6 of the largest, below which
    /// the Gram matrix in single precision knows nothing.
    fn principal(&self, most: usize) -> Result<(Vec<f64>, Option<Tensor<2>>)> {
        let size = self.faded.len() + self.activity.samples() + 1;
        let (eigenvalues, vectors) = symmetric_eigen(&self.gram(), size)?;
        let count =
            eigenvalues.iter().take(most).take_while(|e| **e > 0.0 && **e > eigenvalues[0] * 1e-6).count();
        if count == 0 {
            return Ok((Vec::new(), None));
        }
        let scaled = |k: usize| vectors[k].iter().map(|v| v / eigenvalues[k].sqrt()).collect();
        let axes = self.combine(&(0..count).map(scaled).collect::<Vec<_>>())?;
        let axes = orthonormalize(axes)?;
        let kept = axes.dims()[1];
        Ok((eigenvalues[..kept].to_vec(), Some(axes)))
    }

    /// M M^T, row-major.
    fn gram(&self) -> Vec<f64> {
        let (known, batch) = (self.faded.len(), self.activity.samples());
        let (size, last) = (known + batch + 1, known + batch);
        let mut gram = vec![0.0; size * size];
        let mut put = |i: usize, j: usize, value: f64| {
            gram[i * size + j] = value;
            gram[j * size + i] = value;
        };
        // The axes are orthonormal.
        self.faded.iter().enumerate().for_each(|(i, faded)| put(i, i, faded * faded));
        for (ij, value) in self.activity.gram().into_iter().enumerate() {
            put(known + ij / batch, known + ij % batch, value * self.ratio * self.ratio);
        }
        if let Some(axes) = self.axes {
            for (ij, value) in values::<f64>(&self.activity.project(axes.clone())).into_iter().enumerate() {
                let (i, j) = (ij / known, ij % known);
                put(known + i, j, value * self.ratio * self.faded[j]);
            }
            for (j, value) in values::<f64>(&matmul(self.shift.clone(), axes.clone())).into_iter().enumerate()
            {
                put(last, j, value * self.faded[j]);
            }
        }
        let shift = self.shift.clone().transpose();
        for (i, value) in values::<f64>(&self.activity.project(shift)).into_iter().enumerate() {
            put(known + i, last, value * self.ratio);
        }
        put(last, last, energy(&self.shift));
        gram
    }

    /// M^T C `[units, count]` for the given columns of C.
    fn combine(&self, columns: &[Vec<f64>]) -> Result<Tensor<2>> {
        let (known, batch) = (self.faded.len(), self.activity.samples());
        let part = |rows: std::ops::Range<usize>, scale: &dyn Fn(usize) -> f64| {
            let cut = |c: &Vec<f64>| rows.clone().zip(&c[rows.clone()]).map(|(i, v)| v * scale(i)).collect();
            to_matrix(&columns.iter().map(cut).collect::<Vec<_>>(), self.activity.like())
        };
        let new = self.activity.combine(part(known..known + batch, &|_| self.ratio))?;
        let last = part(known + batch..known + batch + 1, &|_| 1.0);
        let moved = new + matmul(self.shift.clone().transpose(), last);
        Ok(match self.axes {
            Some(axes) => moved + matmul(axes.clone(), part(0..known, &|i| self.faded[i])),
            None => moved,
        })
    }
}
