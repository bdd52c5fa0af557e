//! How many answers an error takes: the declared laws, asked before the answers are there.

use super::kalman::Kalman;
use super::learned::{LearnedJacobian, Learning};

/// Answers beyond which none are counted.
const MOST: usize = 1 << 40;

impl LearnedJacobian {
    /// Answers to be learned from in one update until the expected error ||B - J|| / ||J|| ([`LearnedJacobian::standard_error`]) is `target`
    /// or less, for noise of `dimension` coordinates. None are needed where it is that small already; nothing where no number does, or
    /// where the error is not followed.
    ///
    /// Averages and least squares by their [declared laws](super::ErrorLaw), with the answers' own errors as they have been seen so far.
    /// Recursive least squares by the fixed point v = 1 / (1 / p + K / (r + m v)) of the variance v that K answers leave of p along each of
    /// many coordinates m, of answers with an error of variance r (Tse and Hanly 1999, for Gaussian probes). `Kalman` by the same, with the
    /// variance of each direction and of the noise along it.
    pub fn further_answers(&self, dimension: usize, target: f64) -> Option<usize> {
        let known = self.confidence.as_ref()?.expected();
        let enough = |count: usize| self.foreseen(dimension, count) <= target * target;
        if known <= target * target {
            return Some(0);
        }
        let mut above = 1;
        while !enough(above) {
            above *= 2;
            if above > MOST {
                return None;
            }
        }
        // Whole orthogonal blocks are better than a few more: the least number is looked for where the law falls.
        let mut below = above / 2;
        while above - below > 1 {
            let middle = below + (above - below) / 2;
            if enough(middle) { above = middle } else { below = middle }
        }
        Some(above)
    }

    /// Expected squared error after an update from `count` answers.
    fn foreseen(&self, dimension: usize, count: usize) -> f64 {
        let Some(confidence) = &self.confidence else { return f64::INFINITY };
        let (m, k) = (dimension as f64, count as f64);
        let (known, noise) = (confidence.expected(), confidence.noise(m));
        let response_noise = || (self.law.response_noise)(dimension, count);
        // Without errors of the answers it does not matter what they would do.
        let errors =
            || if noise == 0.0 { 0.0 } else { response_noise().map_or(f64::INFINITY, |n| n * noise) };
        let unseen = (self.law.variance)(dimension, count);
        match self.learning {
            Learning::Average { eta } => (1.0 - eta).powi(2) * known + eta * eta * (unseen + errors()),
            Learning::LeastSquares { eta } | Learning::Posterior { eta, .. } => {
                let kept = unseen + (1.0 - unseen) * (1.0 - eta).powi(2);
                kept * known + if count < dimension { 0.0 } else { eta * eta * errors() }
            }
            Learning::Kalman => {
                let total = |kalman: &Kalman| kalman.foreseen(count) / kalman.unknown();
                self.kalman.as_ref().map_or(f64::INFINITY, |kalman| known * total(kalman))
            }
            Learning::Recursive { forgetting, ridge } => {
                let prior = (known / forgetting).min(known.max(1.0));
                // (m / p) v^2 + (r / p + K - m) v - r = 0, in the form that cancels nothing.
                let (a, b) = (m / prior, ridge / prior + k - m);
                let root = (b * b + 4.0 * a * ridge).sqrt();
                if b > 0.0 { 2.0 * ridge / (b + root) } else { (root - b) / (2.0 * a) }
            }
        }
    }
}
