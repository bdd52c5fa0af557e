//! How likely counts are by a curve, and the likeliest curve.

use std::f64::consts::LN_10;

use crate::linalg::solve_definite;
use crate::statistics::normal::{normal_density, normal_distribution};

/// The largest lapse at either end that a fit may have; 0.06 in Wichmann and Hill (2001).
pub const LAPSE_LIMIT: f64 = 0.2;
/// Bounds of mu and ln sigma, in units of half the range of strengths from its middle, and of both lapses.
pub(super) const LOW: Parameters = [-1.0, -3.0 * LN_10, 0.0, 0.0];
pub(super) const HIGH: Parameters = [1.0, LN_10, LAPSE_LIMIT, LAPSE_LIMIT];
/// Probabilities this near to 0 and 1 are not told from it.
const LEAST_PROBABILITY: f64 = 1e-12;

/// mu, ln sigma, and the lapses at the lower and the upper end.
pub(super) type Parameters = [f64; 4];

/// Counts at a strength, as numbers.
pub(super) struct Count {
    /// Strength, from -1 to 1.
    pub x: f64,
    /// Answers.
    pub n: f64,
    /// Of the choice that is counted.
    pub k: f64,
}

/// Logarithm of the likelihood of `k` of `n`, but for what does not depend on the probability.
pub(super) fn binomial(n: f64, k: f64, probability: f64) -> f64 {
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
        for (i, one) in own.iter().enumerate() {
            gradient[i] += (k - n * p) / (p * (1.0 - p)) * one;
            information[i]
                .iter_mut()
                .zip(own)
                .for_each(|(sum, other)| *sum += n / (p * (1.0 - p)) * one * other);
        }
    }
    (gradient, information)
}

/// Whether a parameter is at none of its bounds.
pub(super) fn inside(at: &Parameters, place: usize) -> bool {
    at[place] > LOW[place] && at[place] < HIGH[place]
}

/// Covariance of the parameters that are not at a bound, 0 for the others; none where they are not determined.
pub(super) fn covariance(counts: &[Count], at: &Parameters) -> Option<[Parameters; 4]> {
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
pub(super) fn likeliest_step(counts: &[Count]) -> f64 {
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
pub(super) fn likeliest(counts: &[Count]) -> (Parameters, f64) {
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
    const NEAR: f64 = 1e-7;
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
    // Scoring comes as near to a bound as one likes without being there.
    for place in [2, 3] {
        let bound = [LOW[place], HIGH[place]].into_iter().find(|bound| (at[place] - bound).abs() < NEAR);
        at[place] = bound.unwrap_or(at[place]);
    }
    (at, likelihood(counts, &at))
}
