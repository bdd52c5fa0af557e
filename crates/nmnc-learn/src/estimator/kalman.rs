//! The posterior of a Jacobian that moves, with nothing to be set.
//!
//! Rows j of the Jacobian are expected to move in each step as a random walk whose variance is one number for each band of principal
//! components and one for all directions off them, and each answer to have an independent error (Kalman 1960). All these variances
//! are [found](super::variances) by maximum likelihood of the answers themselves, so that a Jacobian that moves fast, one that lies on few
//! components, and responses that differ much among examples are met by what the answers show of them.
//!
//! The covariance of what is not known of a row is kept whole along d components and as one variance for all directions off them: a
//! low-rank matrix plus a diagonal. An update of K answers costs some tens of K^3 operations, and K^2 (n + d) + K d^2 more.

use std::ops::Range;

use burn::tensor::{DType, Tensor, TensorData};
use faer::Mat;
use nmnc_kernels::matmul;

use super::aim::Aim;
use super::covariance::Root;
use super::dense::{
    both_sides, identity, matrix, numbers, of_tensor, scaled, symmetric, times, trace, trace_of, transposed,
};
use super::variances::Variances;
use crate::manifold::Subspace;
use nmnc_core::error::Result;
use nmnc_core::state::State;

/// Answers that are taken in at a time: more are taken in one after another, which is the same and costs less.
const BLOCK: usize = 256;
/// Components of the first band, and how many times as many there are up to the end of each further one.
const BAND: usize = 4;
/// Halvings that a fixed point is found by.
const FIXED_POINT: usize = 60;

/// What products of probes of a type of numbers are rounded by, over their squares, with room for sums.
fn rounding(dtype: DType) -> f64 {
    if dtype == DType::F64 { 1e-11 } else { 1e-5 }
}

/// Bands of `dimension` components: the first four, those up to the sixteenth, and so on.
fn bands(dimension: usize) -> Vec<Range<usize>> {
    let mut bands = Vec::new();
    let mut start = 0;
    while start < dimension {
        let end = (start * BAND).max(BAND).min(dimension);
        bands.push(start..end);
        start = end;
    }
    bands
}

/// Variances of noise over the mean along its coordinates.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Shape {
    /// Along each component.
    along: Vec<f64>,
    /// In each direction off them.
    off: f64,
    /// Directions off them, none where noise does not go there.
    beyond: usize,
}

impl Shape {
    /// Of noise with the given root in `units` dimensions, on `manifold` if there is one.
    pub(super) fn new(root: Option<&Root>, manifold: Option<&Subspace>, units: usize) -> Self {
        match root {
            Some(root) => {
                let along: Vec<f64> = root.along().iter().map(|s| s * s).collect();
                let off = root.off().map_or(0.0, |(_, off)| off * off);
                let beyond = if off > 0.0 { units - along.len() } else { 0 };
                Self { along, off, beyond }
            }
            None => {
                let d = manifold.map_or(0, Subspace::dimension);
                let beyond = if manifold.is_some() { 0 } else { units };
                Self { along: vec![1.0; d], off: if beyond > 0 { 1.0 } else { 0.0 }, beyond }
            }
        }
    }
}

/// What is not known of a Jacobian.
#[derive(Clone, Debug)]
pub(super) struct Kalman {
    /// Units n.
    units: usize,
    /// Covariance of the error of a row along the components `[d, d]`.
    along: Mat<f64>,
    /// Variance of the error in each direction off them.
    off: f64,
    /// What a row moves by in a step: variances of the bands and, where noise goes there, off the components; errors of the answers.
    moves: Variances,
    /// That of the noise of the last answers.
    noise: Shape,
    /// The step that these were asked for in; nothing before the first.
    last: Option<u64>,
    /// How many there were.
    answers: usize,
}

impl Kalman {
    /// All known, before anything has moved: the Jacobian is zero. For noise of the given shape in `units` dimensions.
    pub(super) fn new(noise: &Shape, units: usize, dtype: DType) -> Self {
        let d = noise.along.len();
        let moves = Variances::new(bands(d).len() + usize::from(noise.beyond > 0), rounding(dtype));
        Self { units, along: Mat::zeros(d, d), off: 0.0, moves, noise: noise.clone(), last: None, answers: 0 }
    }

    /// Directions off the components.
    fn beyond(&self) -> usize {
        self.units - self.along.nrows()
    }

    /// Variances of a step along each component, and off them: where noise does not go there, as in the last band.
    fn step(&self) -> (Vec<f64>, f64) {
        let parts = self.moves.parts();
        let bands = bands(self.along.nrows());
        let along =
            bands.iter().zip(parts).flat_map(|(band, variance)| band.clone().map(|_| *variance)).collect();
        (along, parts.last().copied().unwrap_or(0.0))
    }

    /// Expected squared error of a row in the metric of the last noise.
    pub(super) fn unknown(&self) -> f64 {
        self.directions(0.0).map(|(s, p, many)| s * p * many).sum()
    }

    /// [`Kalman::unknown`] after an update from further `answers` to such noise, a step later: v = 1 / (1 / p + s K / (r + sum of all s v)) of
    /// each direction's variance p after the step, for noise of variance s along it (Tse and Hanly 1999).
    pub(super) fn foreseen(&self, answers: usize) -> f64 {
        let directions: Vec<(f64, f64, f64)> = self.directions(1.0).collect();
        let left = |interference: f64| {
            let told = answers as f64 / interference;
            directions.iter().map(|(s, p, many)| many * s * p / (1.0 + s * p * told)).sum::<f64>()
        };
        // The fixed point lies between nothing and what there is, and is crossed once.
        let [mut low, mut high] = [0.0, left(f64::INFINITY)];
        for _ in 0..FIXED_POINT {
            let middle = 0.5 * (low + high);
            if left(self.moves.error() + middle) > middle { low = middle } else { high = middle }
        }
        high
    }

    /// Share of the energy of the last noise along the components, and the participation ratio of its variances in all directions: how many
    /// alike would be as spread out.
    pub(super) fn spread(&self) -> (f64, f64) {
        let Shape { along, off, beyond } = &self.noise;
        let beyond = *beyond as f64;
        let sums = |power: i32| (along.iter().map(|s| s.powi(power)).sum::<f64>(), beyond * off.powi(power));
        let ((on, off), (on_squares, off_squares)) = (sums(1), sums(2));
        (on / (on + off), (on + off).powi(2) / (on_squares + off_squares))
    }

    /// Where noise tells the most in step `step`, of as many answers as the last; nothing before the first. `manifold` has the components as
    /// they are.
    pub(super) fn aim(&self, manifold: &Subspace, step: u64) -> Option<Aim> {
        let elapsed = step.saturating_sub(self.last?).max(1) as f64;
        let mut unknown: Vec<f64> = self.directions(elapsed).map(|(_, p, _)| p).collect();
        let off = unknown.pop()?;
        (unknown.len() == manifold.dimension())
            .then(|| Aim::new((&unknown, off), manifold, (self.answers, self.moves.error())))?
    }

    /// Variance of the last noise, that of what is not known `elapsed` steps later, and how many directions share them.
    fn directions(&self, elapsed: f64) -> impl Iterator<Item = (f64, f64, f64)> {
        let (step, step_off) = self.step();
        let along = self.noise.along.iter().zip(step).enumerate();
        let along = along.map(move |(i, (s, step))| (*s, self.along[(i, i)] + step * elapsed, 1.0));
        along.chain([(self.noise.off, self.off + step_off * elapsed, self.beyond() as f64)])
    }

    /// Takes in answers to what was asked for in step `step`: `probes` `[K, m]`, noise of the given shape in coordinates of units where
    /// `components` are given, and `innovations` `[K, outputs]`, what their answers hold beyond their prediction. Gives the change of the
    /// estimate `[outputs, m]`, which is NaN where answers are not finite.
    pub(super) fn learn(
        &mut self,
        [probes, innovations]: [&Tensor<2>; 2],
        noise: Shape,
        components: Option<&Subspace>,
        step: u64,
    ) -> Tensor<2> {
        // What the Jacobian was at first is a step of its own, of which the size of later ones does not follow; and who counts no steps has
        // one for each update.
        let elapsed = self.last.map_or(1, |last| step.saturating_sub(last).max(1)) as f64;
        let first = self.last.replace(step).is_none();
        let [count, m] = probes.dims();
        let outputs = innovations.dims()[1];
        (self.noise, self.answers) = (noise, count);
        let mut change: Option<Tensor<2>> = None;
        for start in (0..count).step_by(BLOCK) {
            let rows = BLOCK.min(count - start);
            let block = probes.clone().narrow(0, start, rows);
            let mut left = innovations.clone().narrow(0, start, rows);
            if let Some(known) = &change {
                left = left - matmul(block.clone(), known.clone().transpose());
            }
            let elapsed = if start == 0 { elapsed } else { 0.0 };
            let step = self.taken_in([&block, &left], components, elapsed);
            let step = step
                .unwrap_or_else(|_| Tensor::full([outputs, m], f64::NAN, (&probes.device(), probes.dtype())));
            change = Some(match change {
                Some(known) => known + step,
                None => step,
            });
        }
        if first {
            self.moves = self.moves.begun_anew();
        }
        change.expect("there are answers")
    }

    fn taken_in(
        &mut self,
        [probes, changes]: [&Tensor<2>; 2],
        components: Option<&Subspace>,
        elapsed: f64,
    ) -> Result<Tensor<2>> {
        let ([count, m], outputs) = (probes.dims(), changes.dims()[1]);
        let like = (&probes.device(), probes.dtype());
        let tensor = |own: &Mat<f64>| {
            Tensor::<2>::from_data(TensorData::new(numbers(own), [own.nrows(), own.ncols()]), like)
        };
        let d = self.along.nrows();
        let in_units = components.is_some() || d == 0;
        let a = match components {
            Some(components) => of_tensor(&components.coordinates(probes.clone())),
            None if d == 0 => Mat::zeros(count, 0),
            None => of_tensor(probes),
        };
        // Products of what of the probes lies off the components.
        let beyond = match in_units {
            true => {
                &of_tensor(&matmul(probes.clone(), probes.clone().transpose())) - &times(&a, &transposed(&a))
            }
            false => Mat::zeros(count, count),
        };
        let innovations = of_tensor(changes);
        let seen = scaled(&times(&innovations, &transposed(&innovations)), 1.0 / outputs as f64);
        if trace(&seen) == 0.0 {
            return Ok(Tensor::zeros([outputs, m], like));
        }
        let known = &both_sides(&a, &self.along) + &scaled(&symmetric(&beyond), self.off);
        let inverse = if elapsed > 0.0 {
            let of_band = |band: Range<usize>| {
                let own = Mat::from_fn(count, band.len(), |i, j| a[(i, band.start + j)]);
                scaled(&times(&own, &transposed(&own)), elapsed)
            };
            let mut parts: Vec<Mat<f64>> = bands(d).into_iter().map(of_band).collect();
            if self.noise.beyond > 0 {
                parts.push(scaled(&symmetric(&beyond), elapsed));
            }
            self.moves.fit(&seen, &known, &parts, outputs)?
        } else {
            // Further answers of the same step.
            self.moves.inverse(&known, &[])?
        };
        let (step, step_off) = self.step();
        let mut along = self.along.clone();
        step.iter().enumerate().for_each(|(i, own)| along[(i, i)] += elapsed * own);
        let off = self.off + elapsed * step_off;

        let weights = transposed(&times(&inverse, &innovations));
        let across = times(&a, &along);
        // In the form of which rounding makes no variance negative (Joseph; Bucy and Joseph 1968): what lies off the components is an error
        // to them.
        let gain = times(&transposed(&across), &inverse);
        let unseen = &identity(d) - &times(&gain, &a);
        let errors = &scaled(&identity(count), self.moves.error()) + &scaled(&symmetric(&beyond), off);
        self.along = &both_sides(&unseen, &along) + &both_sides(&gain, &errors);
        let told = if self.noise.beyond > 0 {
            off * off * trace_of(&inverse, &beyond) / self.beyond() as f64
        } else {
            0.0
        };
        self.off = (off - told).max(0.0);
        let inside = times(&weights, &across);
        Ok(match components {
            // Off the components by their variance, and along them by their own.
            Some(components) => {
                let correction = &inside - &scaled(&times(&weights, &a), off);
                components.embed(tensor(&correction)) + matmul(tensor(&weights), probes.clone()) * off
            }
            None if in_units => matmul(tensor(&weights), probes.clone()) * off,
            None => tensor(&inside),
        })
    }

    /// The axes U become U' with `overlap` = U^T U' `[d, d']` (row-major): of a new one as much is known as of what it is made of, and what
    /// is known off the new ones is shared among all directions there.
    pub(super) fn carried(&self, overlap: &[f64], dimension: usize) -> Self {
        let overlap = matrix(overlap, self.along.nrows(), dimension);
        let inside = both_sides(&transposed(&overlap), &self.along);
        let spanned = times(&transposed(&overlap), &overlap);
        // New axes that the old span but for rounding have nothing beyond it: less than nothing would be a negative variance.
        let turned: Vec<bool> =
            (0..dimension).map(|i| 1.0 - spanned[(i, i)] > self.moves.rounding()).collect();
        let along = Mat::from_fn(dimension, dimension, |i, j| {
            let one = if i == j { 1.0 } else { 0.0 };
            let beyond = if turned[i] && turned[j] { one - spanned[(i, j)] } else { 0.0 };
            inside[(i, j)] + self.off * beyond
        });
        let beyond = self.units - dimension;
        let left = trace(&self.along) + self.off * self.beyond() as f64 - trace(&along);
        let off = if beyond > 0 { left.max(0.0) / beyond as f64 } else { self.off };
        let mut noise = self.noise.clone();
        noise.along.resize(dimension, noise.along.last().copied().unwrap_or(0.0));
        let parts = bands(dimension).len() + usize::from(noise.beyond > 0);
        let same = parts == self.moves.parts().len();
        let moves = if same { self.moves.clone() } else { self.moves.resized(parts) };
        Self { along, off, moves, noise, ..*self }
    }

    pub(super) fn state(&self) -> State {
        let noise = self.noise.along.iter().copied().chain([self.noise.off]).collect();
        let mut state = State {
            numbers: [
                ("along".to_owned(), numbers(&self.along)),
                ("off".to_owned(), vec![self.off]),
                ("noise".to_owned(), noise),
            ]
            .into(),
            counters: [
                ("components".to_owned(), self.along.nrows() as u64),
                ("beyond".to_owned(), self.noise.beyond as u64),
                ("answers".to_owned(), self.answers as u64),
            ]
            .into(),
            ..State::default()
        };
        state.counters.extend(self.last.map(|last| ("last".to_owned(), last)));
        state.nest("moves", self.moves.state());
        state
    }

    /// What [`Kalman::state`] came from, in `units` dimensions.
    pub(super) fn restore(state: &State, units: usize, dtype: DType) -> Result<Self> {
        let d = state.counter("components")? as usize;
        let along = matrix(state.numbers("along", d.saturating_mul(d))?, d, d);
        let noise = state.numbers("noise", d.saturating_add(1))?;
        let noise =
            Shape { along: noise[..d].to_vec(), off: noise[d], beyond: state.counter("beyond")? as usize };
        let parts = bands(d).len() + usize::from(noise.beyond > 0);
        let moves = Variances::restore(&state.nested("moves"), parts, rounding(dtype))?;
        Ok(Self {
            units,
            along,
            off: state.numbers("off", 1)?[0],
            moves,
            noise,
            last: state.counter("last").ok(),
            // Earlier checkpoints do not say.
            answers: state.counter("answers").unwrap_or(0) as usize,
        })
    }
}
