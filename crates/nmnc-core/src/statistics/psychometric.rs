//! The psychometric function: how the share of one of two choices rises with the signed strength of the evidence for it.
//!
//! psi(x) = lapse_low + (1 - lapse_low - lapse_high) Phi((x - mu) / sigma) with Phi the standard normal distribution, fitted by maximum
//! likelihood to counts that are binomial (Wichmann and Hill 2001, "The psychometric function: I"). Lapses are answers that the evidence
//! does not decide. As in that paper a uniform prior bounds them; networks in training lapse more often than trained observers, hence the
//! wider bound [`LAPSE_LIMIT`].

use std::f64::consts::{LN_10, TAU};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::normal::{normal_density, normal_distribution};
use crate::linalg::solve_definite;

/// The largest lapse at either end that a fit may have; 0.06 in Wichmann and Hill (2001).
pub const LAPSE_LIMIT: f64 = 0.2;
/// The most levels that counts are kept of; neighbours of more are pooled.
pub const MOST_LEVELS: usize = 64;
/// A curve has four parameters, and something has to be left to tell whether it is one.
const LEAST_LEVELS: usize = 5;
/// 95 % quantile of chi-square with three degrees of freedom: by that many parameters a curve exceeds a constant share.
const RISE: f64 = 7.815;
/// That with one: by so much a curve exceeds a step.
const STEEPNESS: f64 = 3.841;
/// Standard error of ln sigma from which on the steepness is not known even to its order of magnitude.
const LOOSE: f64 = 1.0;
/// Bounds of mu and ln sigma, in units of half the range of strengths from its middle, and of both lapses.
const LOW: Parameters = [-1.0, -3.0 * LN_10, 0.0, 0.0];
const HIGH: Parameters = [1.0, LN_10, LAPSE_LIMIT, LAPSE_LIMIT];
/// Probabilities this near to 0 and 1 are not told from it.
const LEAST_PROBABILITY: f64 = 1e-12;

/// mu, ln sigma, and the lapses at the lower and the upper end.
type Parameters = [f64; 4];

/// Answers at one strength of the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Signed strength, positive for the choice that is counted.
    pub strength: f64,
    /// Number of answers.
    pub trials: usize,
    /// How many of them were that choice.
    pub chosen: usize,
}

/// A fitted curve. A standard error is absent where the parameter is at a bound, and those of the others are given that it is there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Strength at which the curve is halfway between its ends.
    pub mu: f64,
    /// Standard error of `mu`.
    pub mu_se: f64,
    /// Deviation of the cumulative Gaussian, in the unit of the strength.
    pub sigma: f64,
    /// Standard error of `sigma`.
    pub sigma_se: f64,
    /// Slope of the curve at `mu`, (1 - lapse_low - lapse_high) / (sigma sqrt(2 pi)), a unit of strength.
    pub slope: f64,
    /// Standard error of `slope`.
    pub slope_se: f64,
    /// Lapses at the lower end: the share of the choice where all evidence is against it.
    pub lapse_low: f64,
    /// Standard error of `lapse_low`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapse_low_se: Option<f64>,
    /// Lapses at the upper end: the share of other choices where all evidence is for it.
    pub lapse_high: f64,
    /// Standard error of `lapse_high`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapse_high_se: Option<f64>,
    /// Twice the logarithm of how much likelier counts are by their own shares than by the curve.
    pub deviance: f64,
}

impl Fit {
    /// The curve at a strength.
    pub fn at(&self, strength: f64) -> f64 {
        let rise = 1.0 - self.lapse_low - self.lapse_high;
        self.lapse_low + rise * normal_distribution((strength - self.mu) / self.sigma)
    }
}

/// Why there is no fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFit {
    /// Answers at so many different strengths.
    FewLevels(usize),
    /// All answers are the same.
    OneChoice,
    /// A constant share, or one that falls, explains the counts as well.
    Flat,
    /// The curve would be halfway beyond the strengths shown.
    Outside,
    /// A step, or curves of almost any steepness, explain the counts as well.
    Undetermined,
}

impl fmt::Display for NoFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewLevels(found) => {
                write!(f, "too few strengths: answers at {found}, of at least {LEAST_LEVELS}")
            }
            Self::OneChoice => f.write_str("all answers are one choice"),
            Self::Flat => f.write_str("the share does not rise with the strength beyond chance"),
            Self::Outside => f.write_str("the curve is halfway only beyond the strengths shown"),
            Self::Undetermined => f.write_str("the strengths shown do not tell how steep the curve is"),
        }
    }
}

/// Answers by strength, in rising order: pairs of strength and whether the choice was made. Of more than [`MOST_LEVELS`] different
/// strengths neighbours are pooled, about equally many answers to a level, at their mean strength.
pub fn levels(answers: impl IntoIterator<Item = (f64, bool)>) -> Vec<Level> {
    // Evidence of no strength has no sign.
    let mut answers: Vec<(f64, bool)> =
        answers.into_iter().map(|(strength, chosen)| (strength + 0.0, chosen)).collect();
    answers.sort_by(|a, b| a.0.total_cmp(&b.0));
    let found: Vec<Level> = answers
        .chunk_by(|a, b| a.0 == b.0)
        .map(|same| Level {
            strength: same[0].0,
            trials: same.len(),
            chosen: same.iter().filter(|(_, chosen)| *chosen).count(),
        })
        .collect();
    if found.len() <= MOST_LEVELS {
        return found;
    }
    let (mut pooled, mut seen): (Vec<Level>, usize) = (Vec::new(), 0);
    let mut place = usize::MAX;
    for level in found {
        let own = seen * MOST_LEVELS / answers.len();
        seen += level.trials;
        match pooled.last_mut().filter(|_| own == place) {
            Some(last) => {
                let trials = last.trials + level.trials;
                last.strength += (level.strength - last.strength) * level.trials as f64 / trials as f64;
                (last.trials, last.chosen) = (trials, last.chosen + level.chosen);
            }
            None => pooled.push(level),
        }
        place = own;
    }
    pooled
}

/// The likeliest curve through `levels`, with standard errors from Fisher's information.
///
/// # Errors
/// Why counts do not have one.
pub fn fit(levels: &[Level]) -> Result<Fit, NoFit> {
    let shown: Vec<&Level> = levels.iter().filter(|level| level.trials > 0).collect();
    let (low, high) = shown
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), l| (a.min(l.strength), b.max(l.strength)));
    let (middle, unit) = (0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low);
    if shown.len() < LEAST_LEVELS || !unit.is_normal() || !unit.recip().is_finite() {
        return Err(NoFit::FewLevels(shown.len().min(LEAST_LEVELS - 1)));
    }
    let counts: Vec<Count> = shown
        .iter()
        .map(|level| Count {
            x: (level.strength - middle) / unit,
            n: level.trials as f64,
            k: level.chosen as f64,
        })
        .collect();
    let (n, k) = counts.iter().fold((0.0, 0.0), |(n, k), count| (n + count.n, k + count.k));
    if k == 0.0 || k == n {
        return Err(NoFit::OneChoice);
    }
    let (likeliest, likelihood) = likeliest(&counts);
    if 2.0 * (likelihood - binomial(n, k, k / n)) < RISE {
        return Err(NoFit::Flat);
    }
    let [m, s, a, b] = likeliest;
    if m.abs() >= 1.0 {
        return Err(NoFit::Outside);
    }
    let variances = covariance(&counts, &likeliest).ok_or(NoFit::Undetermined)?;
    let error = |weights: Parameters| -> f64 {
        let pairs = (0..4).flat_map(|i| (0..4).map(move |j| (i, j)));
        pairs.map(|(i, j)| weights[i] * weights[j] * variances[i][j]).sum::<f64>().max(0.0).sqrt()
    };
    let loose = error([0.0, 1.0, 0.0, 0.0]);
    let steep = 2.0 * (likelihood - likeliest_step(&counts)) < STEEPNESS;
    if steep || loose > LOOSE || s <= LOW[1] || s >= HIGH[1] {
        return Err(NoFit::Undetermined);
    }
    let sigma = unit * s.exp();
    let steepest = 1.0 / (sigma * TAU.sqrt());
    let slope = (1.0 - a - b) * steepest;
    let lapse_error = |at: usize, weights| inside(&likeliest, at).then(|| error(weights));
    Ok(Fit {
        mu: middle + unit * m,
        mu_se: unit * error([1.0, 0.0, 0.0, 0.0]),
        sigma,
        sigma_se: sigma * loose,
        slope,
        slope_se: error([0.0, slope, steepest, steepest]),
        lapse_low: a,
        lapse_low_se: lapse_error(2, [0.0, 0.0, 1.0, 0.0]),
        lapse_high: b,
        lapse_high_se: lapse_error(3, [0.0, 0.0, 0.0, 1.0]),
        deviance: 2.0
            * (counts.iter().map(|c| binomial(c.n, c.k, c.k / c.n)).sum::<f64>() - likelihood).max(0.0),
    })
}

/// Counts at a strength, as numbers.
struct Count {
    x: f64,
    n: f64,
    k: f64,
}

/// Logarithm of the likelihood of `k` of `n`, but for what does not depend on the probability.
fn binomial(n: f64, k: f64, probability: f64) -> f64 {
    let p = probability.clamp(LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY);
    k * p.ln() + (n - k) * (-p).ln_1p()
}

fn probability([m, s, a, b]: &Parameters, x: f64) -> f64 {
    a + (1.0 - a - b) * normal_distribution((x - m) / s.exp())
}

fn likelihood(counts: &[Count], at: &Parameters) -> f64 {
    counts.iter().map(|count| binomial(count.n, count.k, probability(at, count.x))).sum()
}

/// Gradient of the likelihood's logarithm, and Fisher's information.
fn derivatives(counts: &[Count], at: &Parameters) -> (Parameters, [Parameters; 4]) {
    let [m, s, a, b] = at;
    let (mut gradient, mut information) = (Parameters::default(), <[Parameters; 4]>::default());
    for Count { x, n, k } in counts {
        let z = (x - m) / s.exp();
        let (below, rise) = (normal_distribution(z), (1.0 - a - b) * normal_density(z));
        let p = probability(at, *x).clamp(LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY);
        let own = [-rise / s.exp(), -rise * z, 1.0 - below, -below];
        for i in 0..4 {
            gradient[i] += (k - n * p) / (p * (1.0 - p)) * own[i];
            for j in 0..4 {
                information[i][j] += n / (p * (1.0 - p)) * own[i] * own[j];
            }
        }
    }
    (gradient, information)
}

fn inside(at: &Parameters, place: usize) -> bool {
    at[place] > LOW[place] && at[place] < HIGH[place]
}

/// Covariance of the parameters that are not at a bound, 0 for the others; none where they are not determined.
fn covariance(counts: &[Count], at: &Parameters) -> Option<[Parameters; 4]> {
    let (_, information) = derivatives(counts, at);
    let free: Vec<usize> = (0..4).filter(|&place| inside(at, place)).collect();
    let size = free.len();
    let matrix: Vec<f64> = free.iter().flat_map(|&i| free.iter().map(move |&j| information[i][j])).collect();
    let unity: Vec<f64> = (0..size * size).map(|ij| f64::from(u8::from(ij / size == ij % size))).collect();
    let inverse = solve_definite(&matrix, size, &unity).ok()?;
    let mut found = <[Parameters; 4]>::default();
    for (i, &row) in free.iter().enumerate() {
        for (j, &column) in free.iter().enumerate() {
            found[row][column] = inverse[i * size + j];
        }
    }
    Some(found)
}

/// Likelihood of the likeliest curve of no width: one share below a strength, one above it, and at that strength any between them.
fn likeliest_step(counts: &[Count]) -> f64 {
    let pooled = |side: &dyn Fn(&&Count) -> bool| {
        counts.iter().filter(side).fold((0.0, 0.0), |(n, k), count| (n + count.n, k + count.k))
    };
    let at = |middle: &Count| {
        let ((n, k), (m, l)) = (pooled(&|c| c.x < middle.x), pooled(&|c| c.x > middle.x));
        let low = if n > 0.0 { (k / n).min(LAPSE_LIMIT) } else { 0.0 };
        let high = if m > 0.0 { (l / m).max(1.0 - LAPSE_LIMIT) } else { 1.0 };
        let own = (middle.k / middle.n).clamp(low, high);
        binomial(n, k, low) + binomial(m, l, high) + binomial(middle.n, middle.k, own)
    };
    counts.iter().map(at).fold(f64::NEG_INFINITY, f64::max)
}

/// The likeliest parameters within their bounds, from the best of many places to begin at.
fn likeliest(counts: &[Count]) -> (Parameters, f64) {
    const CLIMBS: usize = 4;
    let middles = (-3..=3).map(|step| 0.3 * f64::from(step));
    let widths = [0.03, 0.1, 0.3, 1.0].map(f64::ln);
    let mut starts: Vec<Parameters> = middles.flat_map(|m| widths.map(move |s| [m, s, 0.02, 0.02])).collect();
    starts.sort_by(|a, b| likelihood(counts, b).total_cmp(&likelihood(counts, a)));
    let climbed = starts.into_iter().take(CLIMBS).map(|start| climb(counts, start));
    climbed.max_by(|a, b| a.1.total_cmp(&b.1)).expect("there are starts")
}

/// Fisher scoring, damped after Levenberg and Marquardt, with parameters held that would leave their bounds.
fn climb(counts: &[Count], start: Parameters) -> (Parameters, f64) {
    const STEPS: usize = 500;
    const CLOSE: f64 = 1e-13;
    let (mut at, mut height) = (start, likelihood(counts, &start));
    let (mut damping, mut still) = (1e-3, 0);
    for _ in 0..STEPS {
        let (gradient, information) = derivatives(counts, &at);
        let held = |i: usize| at[i] <= LOW[i] && gradient[i] < 0.0 || at[i] >= HIGH[i] && gradient[i] > 0.0;
        let free: Vec<usize> = (0..4).filter(|&i| !held(i)).collect();
        let entry = |i: usize, j: usize| {
            // Damped by itself, and by a little where a parameter does nothing.
            let own = if i == j { damping * (information[i][i] + 1e-9) } else { 0.0 };
            information[i][j] + own
        };
        let matrix: Vec<f64> = free.iter().flat_map(|&i| free.iter().map(move |&j| entry(i, j))).collect();
        let right: Vec<f64> = free.iter().map(|&i| gradient[i]).collect();
        let mut next = at;
        let step = solve_definite(&matrix, free.len(), &right).unwrap_or_default();
        free.iter().zip(&step).for_each(|(&i, step)| next[i] = (at[i] + step).clamp(LOW[i], HIGH[i]));
        let found = likelihood(counts, &next);
        if !step.is_empty() && found >= height {
            still = if found - height <= CLOSE * height.abs().max(1.0) { still + 1 } else { 0 };
            (at, height, damping) = (next, found, (0.1 * damping).max(1e-12));
        } else {
            damping *= 10.0;
        }
        if still >= 3 || damping > 1e12 {
            break;
        }
    }
    (at, height)
}
