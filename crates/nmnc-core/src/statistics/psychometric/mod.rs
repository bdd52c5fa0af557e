//! The psychometric function: how the share of one of two choices rises with the signed strength of the evidence for it.
//!
//! psi(x) = lapse_low + (1 - lapse_low - lapse_high) Phi((x - mu) / sigma) with Phi the standard normal distribution, fitted by maximum
//! likelihood to counts that are binomial (Wichmann and Hill 2001, "The psychometric function: I"). Lapses are answers that the evidence
//! does not decide. As in that paper a uniform prior bounds them; networks in training lapse more often than trained observers, hence the
//! wider bound [`LAPSE_LIMIT`].

mod likelihood;

use std::f64::consts::TAU;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::normal::normal_distribution;
use likelihood::{Count, HIGH, LOW, Parameters, binomial, covariance, inside, likeliest, likeliest_step};

pub use likelihood::LAPSE_LIMIT;

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
