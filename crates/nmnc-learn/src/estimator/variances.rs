//! Components of variance, found by maximum likelihood.

use faer::Mat;

use super::dense::{identity, inverse, scaled, times, trace, trace_of};
use nmnc_core::error::Result;
use nmnc_core::linalg::solve_definite;
use nmnc_core::state::State;

/// Steps of Fisher scoring at the first numbers, and at later ones.
const SCORINGS: [usize; 2] = [30, 3];
/// How many times smaller a step of scoring may make a variance.
const MOST_LOWERED: f64 = 4.0;
/// Numbers that are remembered, those long ago less.
const REMEMBERED: f64 = 2000.0;
/// Numbers that the belief counts for, that the variance of a part is that of all.
const BELIEVED: f64 = 8.0;
/// Least weight that what was seen earlier keeps: no numbers decide alone.
const LEAST_KEPT: f64 = 0.5;

/// Variances theta of the parts D of covariances V = A + sum theta_i D_i + theta_last 1, where A and D are known and change from one set of
/// numbers to the next.
///
/// Of the likelihood of Gaussian numbers a step of Fisher scoring needs an information matrix and a right side (Mehra 1972; Rao 1971). Both
/// are sums over numbers, of which those long ago fade.
#[derive(Clone, Debug)]
pub(super) struct Variances {
    values: Vec<f64>,
    /// `[parts, parts]` and `[parts]`, the last one that of 1.
    information: Vec<f64>,
    right: Vec<f64>,
    /// Mean square of the numbers when it was largest, faded: what rounding is to be compared with.
    scale: f64,
    /// Relative rounding of the numbers, and so the least variance of the error over `scale`, and over what is known of the numbers.
    rounding: f64,
}

/// Sums over sets of numbers.
struct Score {
    information: Vec<f64>,
    right: Vec<f64>,
}

impl Score {
    /// The variances that fit best, where each part is believed to have that of all, as far as [`BELIEVED`] numbers would show it: parts that
    /// hardly show are not taken for none.
    fn pooled(&self, least: f64) -> Vec<f64> {
        let Self { information, right } = self;
        let (count, last) = (right.len(), right.len() - 1);
        if last == 0 {
            return solved(self, least);
        }
        let of_all = |row: usize| (0..last).map(|j| information[row * count + j]).sum::<f64>();
        let both = (0..last).map(of_all).sum();
        let common = Self {
            information: vec![both, of_all(last), of_all(last), information[count * count - 1]],
            right: vec![right[..last].iter().sum(), right[last]],
        };
        let common = solved(&common, least)[0];
        let mut own = Self { information: information.clone(), right: right.clone() };
        if common > 0.0 {
            let alone = solved(self, least);
            for (i, alone) in alone.iter().enumerate().take(last) {
                // Numbers of the larger variance would show it less sharply.
                let weight = 0.5 * BELIEVED / common.max(*alone).powi(2);
                own.information[i * count + i] += weight;
                own.right[i] += weight * common;
            }
        }
        solved(&own, least)
    }
}

impl Variances {
    /// Of `parts` parts and the error, nothing known; what is known of the numbers is rounded by `rounding` of their squares.
    pub(super) fn new(parts: usize, rounding: f64) -> Self {
        let count = parts + 1;
        Self {
            values: vec![0.0; count],
            information: vec![0.0; count * count],
            right: vec![0.0; count],
            scale: 0.0,
            rounding,
        }
    }

    /// Relative rounding of the numbers.
    pub(super) fn rounding(&self) -> f64 {
        self.rounding
    }

    /// Variances of the parts.
    pub(super) fn parts(&self) -> &[f64] {
        &self.values[..self.values.len() - 1]
    }

    /// Variance of the error.
    pub(super) fn error(&self) -> f64 {
        self.values[self.values.len() - 1]
    }

    /// The same as a first guess, to be found anew from what comes.
    pub(super) fn begun_anew(&self) -> Self {
        let none = Self::new(self.values.len() - 1, self.rounding);
        Self { values: self.values.clone(), scale: self.scale, ..none }
    }

    /// The same with another number of parts: new ones as the last, and all to be found anew from what comes.
    pub(super) fn resized(&self, parts: usize) -> Self {
        let mut own = Self::new(parts, self.rounding);
        let last = self.parts().last().copied().unwrap_or(0.0);
        for (i, value) in own.values.iter_mut().enumerate() {
            *value = if i < parts { self.parts().get(i).copied().unwrap_or(last) } else { self.error() };
        }
        Self { scale: self.scale, ..own }
    }

    /// Takes in `outputs` sets of K numbers with the mean products `seen` `[K, K]`, where `known` is A and `parts` are D, and gives the
    /// inverse of V with the variances that fit best.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub(super) fn fit(
        &mut self,
        seen: &Mat<f64>,
        known: &Mat<f64>,
        parts: &[Mat<f64>],
        outputs: usize,
    ) -> Result<Mat<f64>> {
        let count = seen.nrows();
        let mean_square = trace(seen) / count as f64;
        let kept = (-((count * outputs) as f64) / REMEMBERED).exp().max(LEAST_KEPT);
        let first = self.right.iter().all(|own| *own == 0.0);
        self.scale = mean_square.max(kept * self.scale);
        let least = self.rounding * self.scale.max(trace(known) / count as f64);
        let mut values = self.values.clone();
        if first {
            // Shared evenly, as a place to begin at.
            let share = mean_square / values.len() as f64;
            for (value, part) in values.iter_mut().zip(parts) {
                *value = share * count as f64 / trace(part).max(f64::MIN_POSITIVE);
            }
            values[parts.len()] = share;
        }
        let last = parts.len();
        values[last] = values[last].max(least);
        let beyond = seen - known;
        let mut sums = Score { information: Vec::new(), right: Vec::new() };
        for _ in 0..SCORINGS[usize::from(!first)] {
            let own = score(&inverse(&covariance(known, parts, &values))?, parts, &beyond, outputs);
            let faded =
                |old: &[f64], new: Vec<f64>| old.iter().zip(new).map(|(old, new)| kept * old + new).collect();
            sums = Score {
                information: faded(&self.information, own.information),
                right: faded(&self.right, own.right),
            };
            // A solution far below what it was found with says little of how far below.
            for (value, solved) in values.iter_mut().zip(sums.pooled(least)) {
                *value = solved.max(*value / MOST_LOWERED);
            }
        }
        (self.information, self.right) = (sums.information, sums.right);
        self.values = values;
        self.inverse(known, parts)
    }

    /// The inverse of V with the variances as they were found.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub(super) fn inverse(&self, known: &Mat<f64>, parts: &[Mat<f64>]) -> Result<Mat<f64>> {
        inverse(&covariance(known, parts, &self.values))
    }

    pub(super) fn state(&self) -> State {
        let numbers = [
            ("values", self.values.clone()),
            ("information", self.information.clone()),
            ("right", self.right.clone()),
            ("scale", vec![self.scale]),
        ];
        State { numbers: numbers.map(|(name, own)| (name.to_owned(), own)).into(), ..State::default() }
    }

    /// What [`Variances::state`] came from, of `parts` parts.
    pub(super) fn restore(state: &State, parts: usize, rounding: f64) -> Result<Self> {
        let count = parts + 1;
        let numbers = |name, length| state.numbers(name, length).map(<[f64]>::to_vec);
        Ok(Self {
            values: numbers("values", count)?,
            information: numbers("information", count * count)?,
            right: numbers("right", count)?,
            scale: state.numbers("scale", 1)?[0],
            rounding,
        })
    }
}

/// V.
fn covariance(known: &Mat<f64>, parts: &[Mat<f64>], values: &[f64]) -> Mat<f64> {
    let mut sum = known + &scaled(&identity(known.nrows()), values[values.len() - 1]);
    for (part, value) in parts.iter().zip(values) {
        sum += scaled(part, *value);
    }
    sum
}

/// Information tr(W D_i W D_j) / 2 and right side tr(W D_i W (seen - A)) / 2 of all outputs, for W the inverse of V.
fn score(w: &Mat<f64>, parts: &[Mat<f64>], beyond: &Mat<f64>, outputs: usize) -> Score {
    // W D of all parts, the error's last.
    let weighted: Vec<Mat<f64>> = parts.iter().map(|part| times(w, part)).chain([w.clone()]).collect();
    let turned = times(w, beyond);
    let weight = 0.5 * outputs as f64;
    let count = weighted.len();
    let mut information = vec![0.0; count * count];
    for i in 0..count {
        for j in 0..=i {
            let own = weight * trace_of(&weighted[i], &weighted[j]);
            (information[i * count + j], information[j * count + i]) = (own, own);
        }
    }
    let right = weighted.iter().map(|own| weight * trace_of(own, &turned)).collect();
    Score { information, right }
}

/// The variances that solve information theta = right as far as none is negative and the last is `least` or more: those at their bounds
/// are held there, the one that leaves its bound furthest first.
fn solved(sums: &Score, least: f64) -> Vec<f64> {
    let Score { information, right } = sums;
    let count = right.len();
    let bound = |i: usize| if i == count - 1 { least } else { 0.0 };
    let mut held = vec![false; count];
    loop {
        let free: Vec<usize> = (0..count).filter(|&i| !held[i]).collect();
        let mut values: Vec<f64> = (0..count).map(bound).collect();
        if free.is_empty() {
            return values;
        }
        // In units of their own: parts may differ by orders of magnitude. What hardly shows is kept near its bound.
        let unit = |i: usize| information[i * count + i].max(f64::MIN_POSITIVE).sqrt();
        let matrix: Vec<f64> = free
            .iter()
            .flat_map(|&i| free.iter().map(move |&j| (i, j)))
            .map(|(i, j)| information[i * count + j] / (unit(i) * unit(j)) + if i == j { 1e-9 } else { 0.0 })
            .collect();
        let rest = |i: usize| {
            (0..count).filter(|&j| held[j]).map(|j| information[i * count + j] * values[j]).sum::<f64>()
        };
        let sides: Vec<f64> = free.iter().map(|&i| (right[i] - rest(i)) / unit(i)).collect();
        let Ok(solution) = solve_definite(&matrix, free.len(), &sides) else { return vec![f64::NAN; count] };
        for (&i, own) in free.iter().zip(&solution) {
            values[i] = own / unit(i);
        }
        let below = |i: usize| (bound(i) - values[i]) * unit(i);
        match free
            .iter()
            .copied()
            .filter(|&i| values[i] < bound(i))
            .max_by(|&i, &j| below(i).total_cmp(&below(j)))
        {
            Some(worst) => held[worst] = true,
            None => return values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nmnc_core::seed::{Role, Seed};

    const COUNT: usize = 12;

    fn normal(length: usize, index: usize, step: u64) -> Vec<f64> {
        let mut numbers = vec![0.0; length];
        Seed(8).stream(Role::Analysis, index, step).fill_normal(&mut numbers);
        numbers.into_iter().map(f64::from).collect()
    }

    /// A product X X^T of `[COUNT, rank]` numbers, and X.
    fn part(rank: usize, index: usize, step: u64) -> (Mat<f64>, Mat<f64>) {
        let numbers = normal(COUNT * rank, index, step);
        let x = Mat::from_fn(COUNT, rank, |i, j| numbers[i * rank + j]);
        (times(&x, &x.transpose().to_owned()), x)
    }

    /// Numbers made of two parts and an error, of variances `truth`.
    fn fitted(truth: [f64; 3], sets: u64) -> Variances {
        const OUTPUTS: usize = 4;
        let mut own = Variances::new(2, 1e-10);
        for step in 0..sets {
            let parts = [part(3, 0, step), part(20, 1, step)];
            let mut seen = Mat::<f64>::zeros(COUNT, COUNT);
            for output in 0..OUTPUTS {
                let mut numbers = normal(COUNT, 10 + output, step);
                numbers.iter_mut().for_each(|own| *own *= truth[2].sqrt());
                for (index, ((_, x), variance)) in parts.iter().zip(truth).enumerate() {
                    let weights = normal(x.ncols(), 20 + 10 * index + output, step);
                    for (i, own) in numbers.iter_mut().enumerate() {
                        *own += variance.sqrt() * (0..x.ncols()).map(|j| x[(i, j)] * weights[j]).sum::<f64>();
                    }
                }
                seen += Mat::from_fn(COUNT, COUNT, |i, j| numbers[i] * numbers[j] / OUTPUTS as f64);
            }
            let known = Mat::zeros(COUNT, COUNT);
            own.fit(&seen, &known, &parts.map(|(product, _)| product), OUTPUTS).unwrap();
        }
        own
    }

    #[test]
    fn variances_are_found() {
        for truth in [[2.0, 0.1, 0.5], [0.02, 1.0, 5.0], [3.0, 0.0, 1.0]] {
            let own = fitted(truth, 120);
            for (found, truth) in own.values.iter().zip(truth) {
                // A deviation of about the root of two over the forty sets that are remembered, and what is believed of small ones.
                assert!((found - truth).abs() < 0.25 * truth + 0.06, "{:?} {truth:?}", own.values);
            }
        }
    }

    #[test]
    fn none_is_negative_and_the_best_of_the_rest_is_found() {
        // By hand: 2 a + b = 1 and a + 2 b = -4 have b = -3; with b = 0 it is a = 1 / 2.
        let sums = Score { information: vec![2.0, 1.0, 1.0, 2.0], right: vec![1.0, -4.0] };
        let values = solved(&sums, 0.0);
        assert!((values[0] - 0.5).abs() < 1e-8 && values[1] == 0.0, "{values:?}");
        let values = solved(&sums, 0.1);
        assert!((values[0] - 0.45).abs() < 1e-8 && values[1] == 0.1, "{values:?}");
    }

    #[test]
    fn a_checkpoint_keeps_them_and_other_parts_are_found_anew() {
        let own = fitted([2.0, 0.1, 0.5], 5);
        let restored = Variances::restore(&own.state(), 2, 1e-10).unwrap();
        assert_eq!(format!("{own:?}"), format!("{restored:?}"));
        assert!(Variances::restore(&own.state(), 3, 1e-10).is_err());
        let more = own.resized(4);
        assert_eq!(more.parts(), [own.values[0], own.values[1], own.values[1], own.values[1]]);
        assert_eq!(more.error(), own.error());
        assert_eq!(own.resized(1).parts(), [own.values[0]]);
    }
}
