//! How far learned feedback may be from the Jacobian: what the declared laws expect, and what fresh responses show.

use super::law::ErrorLaw;
use super::sums::Energies;
use nmnc_core::error::Result;
use nmnc_core::state::State;

/// Error of feedback weights B as an estimate of the Jacobian J, on the span of the noise: ||B - J|| / ||J|| in Frobenius norms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StandardError {
    /// What the declared law expects after all updates so far, as the root of an expected square, for a Jacobian that stays put and an
    /// output that is linear in the noise.
    ///
    /// Responses may have independent errors: their variance is taken from the residuals, as what these hold beyond the expected error
    /// of B. A Jacobian that moves adds to the residuals too and so is taken for such errors; [`StandardError::residual`] shows it. Least
    /// squares of fewer responses than coordinates takes them for exact.
    pub expected: f64,
    /// What the last responses r to probes z showed of B as it was before they were learned from: the root of sum ||r - B z||^2 over
    /// sum ||r||^2. B knew nothing of them, so that it is a fair view of the error of B at that time, however far J had moved, as sharp
    /// as the number of responses allows. Where responses have errors of their own, of variance s in all, its square stands for
    /// (||B - J||^2 + s) / (||J||^2 + s).
    pub residual: f64,
}

/// Follows the error of feedback over updates, all of it relative to ||J||^2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Confidence {
    /// Expected squared error.
    expected: f64,
    /// Squared residual of the last responses; nothing before the first.
    residual: Option<f64>,
    /// Of the last updates but the first: number of responses, and the two sums of the weighted regression that gives the share of the
    /// changes which is due to errors of the responses.
    seen: [f64; 3],
}

/// Weight that earlier updates keep in what is seen of the responses' own errors: a single update may hold few responses.
const MEMORY: f64 = 0.95;
/// Expected squared error below which an update tells no more of the responses' own errors.
const SMALLEST: f64 = 1e-3;
/// Largest share of changes that is taken for errors of their own.
const LARGEST: f64 = 0.999;

/// What an update did, for its effect on the error.
pub(super) struct Update {
    /// The estimator's law.
    pub law: ErrorLaw,
    /// Coordinates m.
    pub dimension: usize,
    /// Responses K.
    pub count: usize,
    /// How B changed.
    pub change: Change,
}

/// How B changed.
pub(super) enum Change {
    /// B <- (1 - eta) B + eta Jhat.
    Average { eta: f64 },
    /// B <- B + eta (solution of the innovations), to which errors of unit variance of the responses add `response_noise`.
    LeastSquares { eta: f64, response_noise: f64 },
    /// What the covariance says is left of what was not known at first.
    Recursive { left: f64 },
}

impl Confidence {
    /// Nothing known: B = 0.
    pub(super) fn new() -> Self {
        Self { expected: 1.0, residual: None, seen: [0.0; 3] }
    }

    /// Takes in the responses of an update, and what it did.
    pub(super) fn follow(&mut self, energies: Energies, update: Update) {
        let Energies { changes, innovations } = energies;
        let residual = if changes > 0.0 { innovations / changes } else { 0.0 };
        // The first responses are all residual, and do not tell errors of their own from that of B.
        if self.residual.is_some() {
            // residual = expected + share (1 - expected), as far as the residual of so many responses is what it stands for.
            let (expected, rest) = (self.expected, 1.0 - self.expected);
            let weight = update.count as f64 / expected.max(SMALLEST).powi(2);
            let new = [update.count as f64, weight * rest * (residual - expected), weight * rest * rest];
            self.seen.iter_mut().zip(new).for_each(|(sum, new)| *sum = MEMORY * *sum + new);
        }
        self.residual = Some(residual);
        let noise = self.noise(update.dimension);
        let Update { law, dimension, count, change } = update;
        self.expected = match change {
            Change::Average { eta } => {
                let response_noise = (law.response_noise)(dimension, count).unwrap_or(0.0);
                let own = (law.variance)(dimension, count) + response_noise * noise;
                (1.0 - eta).powi(2) * self.expected + eta * eta * own
            }
            Change::LeastSquares { eta, response_noise } => {
                let unseen = (law.variance)(dimension, count);
                let kept = unseen + (1.0 - unseen) * (1.0 - eta).powi(2);
                // Fewer responses than coordinates are all explained, and leave nothing to tell their errors by.
                let noise = if count < dimension { 0.0 } else { noise };
                kept * self.expected + eta * eta * response_noise * noise
            }
            Change::Recursive { left } => left,
        };
    }

    /// Variance of the responses' own errors over ||J||^2. Until there have been as many responses as coordinates they do not tell.
    fn noise(&self, dimension: usize) -> f64 {
        let [count, product, square] = self.seen;
        if count < dimension as f64 || square == 0.0 {
            return 0.0;
        }
        let share = (product / square).clamp(0.0, LARGEST);
        share / (1.0 - share)
    }

    /// The axes have moved: `shared` of the energy of the new ones lies in the span of the old, and of the rest nothing is known.
    pub(super) fn turn(&mut self, shared: f64) {
        self.expected = shared * self.expected + (1.0 - shared);
    }

    /// Nothing before the first update.
    pub(super) fn standard_error(&self) -> Option<StandardError> {
        let residual = self.residual?.sqrt();
        Some(StandardError { expected: self.expected.sqrt(), residual })
    }

    pub(super) fn state(&self) -> State {
        let known = std::iter::once(self.expected).chain(self.seen).collect();
        let residual = self.residual.into_iter().collect();
        State {
            numbers: [("known".to_owned(), known), ("residual".to_owned(), residual)].into(),
            ..State::default()
        }
    }

    pub(super) fn restore(&mut self, state: &State) -> Result<()> {
        let known = state.numbers("known", 4)?;
        self.expected = known[0];
        self.seen.copy_from_slice(&known[1..]);
        self.residual = match state.numbers("residual", 0) {
            Ok(_) => None,
            Err(_) => Some(state.numbers("residual", 1)?[0]),
        };
        Ok(())
    }
}
