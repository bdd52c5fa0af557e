//! The posterior of a Jacobian that moves, with nothing to be set.
//!
//! Rows j of the Jacobian are expected to move between updates as a random walk with steps of covariance q S^2, where S^2 is the covariance
//! of the noise, and each answer to have an independent error of variance r (Kalman 1960). Both q and r are found by maximum likelihood of the
//! answers themselves (Mehra 1972; empirical Bayes), so that a Jacobian that moves fast, and responses that differ much among
//! examples, are met by what the answers show of them.
//!
//! The covariance of a row is kept whole along d components and as one variance for all directions off them: a low-rank matrix plus a
//! diagonal. An update of K answers costs some tens of K^3 operations, and K^2 (n + d) + K d^2 more.

use burn::tensor::{Tensor, TensorData};
use faer::{Mat, Par, linalg::matmul::matmul as product};
use nmnc_kernels::matmul;

use super::covariance::Root;
use super::solve::Responses;
use crate::manifold::Subspace;
use nmnc_core::device::values;
use nmnc_core::error::Result;
use nmnc_core::linalg::solve_definite;
use nmnc_core::state::State;

/// Answers that are taken in at a time: more are taken in one after another, which is the same and costs less.
const BLOCK: usize = 256;
/// Least variance of an answer's error over the largest mean square of what answers held beyond their predictions.
const LEAST: f64 = 1e-10;
/// Steps of Fisher scoring at the first answers, and at later ones.
const SCORINGS: [usize; 2] = [30, 3];
/// Numbers of answers that are remembered for q and r, those long ago less.
const REMEMBERED: f64 = 2000.0;
/// Least weight that earlier updates keep: none decides alone.
const LEAST_KEPT: f64 = 0.5;
/// Halvings that a fixed point is found by.
const FIXED_POINT: usize = 60;
/// The axes that answers are told in, and what rows of the Jacobian are expected to move by along them.
pub(super) struct Axes<'a> {
    /// Variances along the components, over q.
    along: Vec<f64>,
    /// Variance in each direction off them, over q.
    off: f64,
    /// Directions off them.
    beyond: usize,
    /// The components, where coordinates are units.
    components: Option<&'a Subspace>,
}

impl<'a> Axes<'a> {
    /// Of probes `[K, m]` in coordinates of `manifold`, or of units where there is none, with noise of the covariance whose root is
    /// given, for an activity of `units`.
    pub(super) fn new(root: Option<&'a Root>, manifold: Option<&Subspace>, units: usize) -> Self {
        match (root, manifold) {
            (Some(root), _) => {
                let along: Vec<f64> = root.along().iter().map(|s| s * s).collect();
                let (components, off) = root.off().unzip();
                // Nothing probes what is off the components of which coordinates are: it moves as along the last of them.
                let off = off.map_or(along.last().copied().unwrap_or(1.0), |off: f64| off * off);
                Self { beyond: units - along.len(), along, off, components }
            }
            (None, manifold) => {
                let d = manifold.map_or(0, Subspace::dimension);
                Self { along: vec![1.0; d], off: 1.0, beyond: units - d, components: None }
            }
        }
    }

    /// Coordinates along the components, `[K, d]`, and whether probes go off them.
    fn split(&self, probes: &Tensor<2>) -> (Option<Tensor<2>>, bool) {
        match self.components {
            Some(components) => (Some(components.coordinates(probes.clone())), true),
            None if self.along.is_empty() => (None, true),
            None => (Some(probes.clone()), false),
        }
    }
}

/// What is not known of a Jacobian.
#[derive(Clone, Debug)]
pub(super) struct Kalman {
    /// Covariance of the error of a row along the components `[d, d]`.
    along: Mat<f64>,
    /// Variance of the error in each direction off them.
    off: f64,
    found: Sizes,
    /// Variances of the noise of the last answers, along each component, in each direction off them, and how many of these it took.
    noise: (Vec<f64>, f64, usize),
}

/// The sizes q of a step and r of the errors of answers, and what they were found from: of the likelihood of the answers, near its maximum a
/// quadratic form in (q, r), the matrix (information) and the right side, sums over answers that fade.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    step: f64,
    error: f64,
    information: [f64; 3],
    right: [f64; 2],
    /// Mean square of what answers held beyond their predictions when it was largest, faded: what rounding is to be compared with.
    scale: f64,
}

impl Sizes {
    /// With the sums of earlier answers faded by `kept` and those of new ones, the sizes that fit best.
    fn with(&self, kept: f64, own: ([f64; 3], [f64; 2]), scale: f64) -> Self {
        let least = LEAST * scale;
        let information = [0, 1, 2].map(|i| kept * self.information[i] + own.0[i]);
        let right = [0, 1].map(|i| kept * self.right[i] + own.1[i]);
        let [ss, se, ee] = information;
        let determinant = ss * ee - se * se;
        let (mut step, mut error) =
            ((ee * right[0] - se * right[1]) / determinant, (ss * right[1] - se * right[0]) / determinant);
        // Probes that all answer alike tell one of the two alone; neither is negative.
        if !(determinant > 1e-12 * ss * ee && step >= 0.0 && error >= least) {
            let [alone, apart] = [(right[0] - se * least) / ss, right[1] / ee];
            (step, error) = if error < least { (alone.max(0.0), least) } else { (0.0, apart.max(least)) };
        }
        Self { step, error, information, right, scale }
    }
}

impl Kalman {
    /// All known, before anything has moved: the Jacobian is zero.
    pub(super) fn new(axes: &Axes) -> Self {
        let d = axes.along.len();
        Self { along: Mat::zeros(d, d), off: 0.0, found: Sizes::default(), noise: (Vec::new(), 0.0, 0) }
    }

    /// Expected squared error of a row in the metric of the noise of the last answers.
    pub(super) fn weighted_total(&self) -> f64 {
        let (along, off, beyond) = &self.noise;
        let along: f64 = along.iter().enumerate().map(|(i, v)| v * self.along[(i, i)]).sum();
        along + self.off * off * *beyond as f64
    }

    /// What is expected to be left of [`Kalman::weighted_total`] after an update from `count` answers: v_i = 1 / (1 / p_i + s_i K / (r +
    /// sum s_j v_j)) of the variances p_i of all directions after a step, for noise of variances s_i (Tse and Hanly 1999).
    pub(super) fn foreseen(&self, count: usize) -> f64 {
        let (along, off, beyond) = &self.noise;
        let Sizes { step, error, .. } = self.found;
        let components = along.iter().enumerate().map(|(i, s)| (*s, self.along[(i, i)] + step * s, 1.0));
        let directions: Vec<(f64, f64, f64)> = components
            .chain((*beyond > 0).then_some((*off, self.off + step * off, *beyond as f64)))
            .collect();
        let all = |interference: f64| {
            let left =
                |(s, p, many): &(f64, f64, f64)| many * s * p / (1.0 + p * s * count as f64 / interference);
            directions.iter().map(left).sum::<f64>()
        };
        // Its fixed point lies between nothing and what there is, and is crossed once.
        let [mut low, mut high] = [0.0, all(f64::INFINITY)];
        for _ in 0..FIXED_POINT {
            let middle = 0.5 * (low + high);
            let left = if error + middle > 0.0 { all(error + middle) } else { 0.0 };
            if left > middle { low = middle } else { high = middle }
        }
        high
    }

    /// Takes in answers: `innovations` are `probes` `[K, m]` and what their answers hold beyond their prediction `[K, outputs]`. Gives the
    /// change of the estimate `[outputs, m]`, which is NaN where answers are not finite.
    pub(super) fn learn(&mut self, innovations: &Responses, axes: &Axes) -> Tensor<2> {
        let [count, m] = innovations.probes.dims();
        let outputs = innovations.changes.dims()[1];
        let seen = axes.components.is_some() || axes.along.is_empty();
        self.noise = (axes.along.clone(), axes.off, if seen { axes.beyond } else { 0 });
        let mut change: Option<Tensor<2>> = None;
        for start in (0..count).step_by(BLOCK) {
            let rows = BLOCK.min(count - start);
            let probes = innovations.probes.clone().narrow(0, start, rows);
            let mut changes = innovations.changes.clone().narrow(0, start, rows);
            if let Some(known) = &change {
                changes = changes - matmul(probes.clone(), known.clone().transpose());
            }
            let block = Responses { probes, changes };
            let step = self.taken_in(&block, axes, start == 0).unwrap_or_else(|_| {
                let like = (&innovations.probes.device(), innovations.probes.dtype());
                Tensor::full([outputs, m], f64::NAN, like)
            });
            change = Some(change.map_or(step.clone(), |known| known + step));
        }
        change.expect("there are answers")
    }

    /// Of the first answers of an update, the Jacobian has moved since the last.
    fn taken_in(&mut self, block: &Responses, axes: &Axes, moved: bool) -> Result<Tensor<2>> {
        let Responses { probes, changes } = block;
        let ([count, _], outputs) = (probes.dims(), changes.dims()[1]);
        let like = (&probes.device(), probes.dtype());
        let tensor =
            |numbers, shape: [usize; 2]| Tensor::<2>::from_data(TensorData::new(numbers, shape), like);
        let d = axes.along.len();
        let (coordinates, goes_off) = axes.split(probes);
        let a = coordinates.map_or_else(|| Mat::zeros(count, 0), |own| matrix(&values(&own), count, d));
        // Products of what of the probes lies off the components.
        let beyond = match goes_off {
            true => {
                let gram = matrix(&values(&matmul(probes.clone(), probes.clone().transpose())), count, count);
                &gram - &times(&a, &transposed(&a))
            }
            false => Mat::zeros(count, count),
        };
        let innovations = matrix(&values(changes), count, outputs);
        let Some(inverse) = self.find(&a, &beyond, &innovations, axes, moved)? else {
            let m = probes.dims()[1];
            return Ok(tensor(vec![0.0; outputs * m], [outputs, m]));
        };
        let step = if moved { self.found.step } else { 0.0 };
        let (along, off) = (self.moved_along(axes, step), self.off + step * axes.off);
        let weights = times(&inverse, &innovations);
        let seen = times(&a, &along);
        let reduced = times(&transposed(&seen), &times(&inverse, &seen));
        self.along = Mat::from_fn(d, d, |i, j| {
            let mean = 0.5 * (along[(i, j)] + along[(j, i)]);
            mean - 0.5 * (reduced[(i, j)] + reduced[(j, i)])
        });
        if goes_off && axes.beyond > 0 {
            self.off = (off - off * off * trace_of(&inverse, &beyond) / axes.beyond as f64).max(0.0);
        } else {
            self.off = off;
        }

        let weighted = tensor(rows(&transposed(&weights)), [outputs, count]);
        let inside = || times(&transposed(&weights), &seen);
        Ok(match axes.components {
            // Off the components by their variance, and along them by their own.
            Some(components) => {
                let correction = &inside() - &(times(&transposed(&weights), &a) * faer::Scale(off));
                components.embed(tensor(rows(&correction), [outputs, d]))
                    + matmul(weighted, probes.clone()) * off
            }
            None if goes_off => matmul(weighted, probes.clone()) * off,
            None => tensor(rows(&inside()), [outputs, d]),
        })
    }

    /// What is not known along the components after a step of size `step`.
    fn moved_along(&self, axes: &Axes, step: f64) -> Mat<f64> {
        let mut along = self.along.clone();
        axes.along.iter().enumerate().for_each(|(i, own)| along[(i, i)] += step * own);
        along
    }

    /// Finds the sizes of a step and of the errors of answers, and gives the inverse of the covariance of innovations with them; nothing
    /// where answers are as predicted. Answers that are not the first of an update are of the same step.
    fn find(
        &mut self,
        a: &Mat<f64>,
        beyond: &Mat<f64>,
        innovations: &Mat<f64>,
        axes: &Axes,
        moved: bool,
    ) -> Result<Option<Mat<f64>>> {
        let (count, outputs) = (innovations.nrows(), innovations.ncols());
        let seen = times(innovations, &transposed(innovations)) * faer::Scale(1.0 / outputs as f64);
        let energy = trace(&seen) / count as f64;
        if energy == 0.0 {
            return Ok(None);
        }
        let expected = |along: &Mat<f64>, off: f64| {
            let inside = times(&times(a, along), &transposed(a));
            Mat::from_fn(count, count, |i, j| 0.5 * (inside[(i, j)] + inside[(j, i)]) + off * beyond[(i, j)])
        };
        let known = expected(&self.along, self.off);
        let of_a_step = expected(&Self::new(axes).moved_along(axes, 1.0), axes.off);
        let identity = Mat::<f64>::identity(count, count);
        let inverse = |step: f64, error: f64| -> Result<Mat<f64>> {
            let covariance =
                &(&known + &(&of_a_step * faer::Scale(step))) + &(&identity * faer::Scale(error));
            let unit = rows(&identity);
            Ok(matrix(&solve_definite(&rows(&covariance), count, &unit)?, count, count))
        };
        if !moved {
            return inverse(0.0, self.found.error).map(Some);
        }
        let kept = (-((count * outputs) as f64) / REMEMBERED).exp().max(LEAST_KEPT);
        let scale = energy.max(kept * self.found.scale);
        let first = self.found.information == [0.0; 3];
        let mut sizes = self.found;
        if first {
            sizes.step = energy / (trace(&of_a_step) / count as f64);
            sizes.error = 0.5 * energy;
        }
        sizes.error = sizes.error.max(LEAST * scale);
        let beyond_known = &seen - &known;
        // Fisher scoring: the likelihood is a quadratic form near its maximum, whose place the last one tells.
        for _ in 0..SCORINGS[usize::from(!first)] {
            let w = inverse(sizes.step, sizes.error)?;
            let (stepped, squared) = (times(&w, &of_a_step), times(&w, &w));
            let weight = 0.5 * outputs as f64;
            let information = [trace_of(&stepped, &stepped), trace_of(&stepped, &w), trace(&squared)];
            let right = [trace_of(&times(&stepped, &w), &beyond_known), trace_of(&squared, &beyond_known)];
            let own = (information.map(|own| weight * own), right.map(|own| weight * own));
            sizes = self.found.with(kept, own, scale);
        }
        self.found = sizes;
        inverse(sizes.step, sizes.error).map(Some)
    }

    /// The axes U become U' with `overlap` = U^T U' `[d, d']` (row-major): off the old ones as much is known as there, and what there is off
    /// the new ones is shared among all directions there.
    pub(super) fn carried(&self, overlap: &[f64], beyond: usize) -> Self {
        let d = self.along.nrows();
        let new = overlap.len() / d.max(1);
        let overlap = matrix(overlap, d, new);
        let inside = times(&times(&transposed(&overlap), &self.along), &overlap);
        let spanned = times(&transposed(&overlap), &overlap);
        let along = Mat::from_fn(new, new, |i, j| {
            let one = if i == j { 1.0 } else { 0.0 };
            0.5 * (inside[(i, j)] + inside[(j, i)]) + self.off * (one - spanned[(i, j)])
        });
        let off = match beyond {
            0 => self.off,
            _ => {
                let old_beyond = (beyond + new) as f64 - d as f64;
                (trace(&self.along) + self.off * old_beyond - trace(&along)).max(0.0) / beyond as f64
            }
        };
        let (mut noise, off_noise, _) = self.noise.clone();
        noise.resize(new, noise.last().copied().unwrap_or(0.0));
        Self { along, off, found: self.found, noise: (noise, off_noise, self.noise.2) }
    }

    pub(super) fn state(&self) -> State {
        let d = self.along.nrows();
        let entries = (0..d * d).map(|ij| self.along[(ij / d, ij % d)]).collect();
        let Sizes { step, error, information, right, scale } = self.found;
        let found = [step, error].into_iter().chain(information).chain(right).chain([scale]).collect();
        let noise = self.noise.0.iter().copied().chain([self.noise.1]).collect();
        State {
            numbers: [
                ("along".to_owned(), entries),
                ("off".to_owned(), vec![self.off]),
                ("found".to_owned(), found),
                ("noise".to_owned(), noise),
            ]
            .into(),
            counters: [("components".to_owned(), d as u64), ("beyond".to_owned(), self.noise.2 as u64)]
                .into(),
            ..State::default()
        }
    }

    /// What [`Kalman::state`] came from.
    pub(super) fn restore(state: &State) -> Result<Self> {
        let d = state.counter("components")? as usize;
        let along = matrix(state.numbers("along", d.saturating_mul(d))?, d, d);
        let found = state.numbers("found", 8)?;
        let found = Sizes {
            step: found[0],
            error: found[1],
            information: [found[2], found[3], found[4]],
            right: [found[5], found[6]],
            scale: found[7],
        };
        // Of the manifold as it was when answers came last.
        let noise = state.numbers.get("noise").map_or(&[][..], Vec::as_slice);
        let Some((off, noise)) = noise.split_last() else {
            return state.numbers("noise", 1).map(|_| unreachable!());
        };
        let noise = (noise.to_vec(), *off, state.counter("beyond")? as usize);
        Ok(Self { along, off: state.numbers("off", 1)?[0], found, noise })
    }
}

fn matrix(numbers: &[f64], rows: usize, columns: usize) -> Mat<f64> {
    Mat::from_fn(rows, columns, |i, j| numbers[i * columns + j])
}

fn transposed(own: &Mat<f64>) -> Mat<f64> {
    own.transpose().to_owned()
}

fn times(a: &Mat<f64>, b: &Mat<f64>) -> Mat<f64> {
    let mut out = Mat::zeros(a.nrows(), b.ncols());
    product(out.as_mut(), faer::Accum::Replace, a.as_ref(), b.as_ref(), 1.0, Par::Seq);
    out
}

fn rows(own: &Mat<f64>) -> Vec<f64> {
    (0..own.nrows() * own.ncols()).map(|ij| own[(ij / own.ncols(), ij % own.ncols())]).collect()
}

fn trace(own: &Mat<f64>) -> f64 {
    (0..own.nrows()).map(|i| own[(i, i)]).sum()
}

/// The trace of A B.
fn trace_of(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    (0..a.nrows()).flat_map(|i| (0..a.ncols()).map(move |j| (i, j))).map(|(i, j)| a[(i, j)] * b[(j, i)]).sum()
}
