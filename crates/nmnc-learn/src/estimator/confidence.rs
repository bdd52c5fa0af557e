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
    /// of B. A Jacobian that moves adds to the residuals too and so is taken for such errors; [`StandardError::residual`] shows it.
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
    /// Of the last updates but the first: squares of changes and of innovations, and what of the latter B's expected error explains.
    seen: [f64; 3],
}

/// Weight that earlier updates keep in what is seen of the responses' own errors: a single update may hold few responses.
const MEMORY: f64 = 0.95;

/// What an update did, for its effect on the error.
pub(super) enum Update {
    /// B <- (1 - eta) B + eta Jhat.
    Average { eta: f64, law: ErrorLaw, dimension: usize, count: usize },
    /// B <- B + eta (solution of the innovations), to which errors of unit variance of the responses add `response_noise`.
    LeastSquares { eta: f64, law: ErrorLaw, dimension: usize, count: usize, response_noise: f64 },
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
        // The first responses are all residual, and do not tell errors of their own from that of B.
        if self.residual.is_some() {
            let new = [changes, innovations, self.expected * changes];
            self.seen.iter_mut().zip(new).for_each(|(sum, new)| *sum = MEMORY * *sum + new);
        }
        self.residual = Some(if changes > 0.0 { innovations / changes } else { 0.0 });
        let noise = self.noise();
        self.expected = match update {
            Update::Average { eta, law, dimension, count } => {
                let response_noise = (law.response_noise)(dimension, count).unwrap_or(0.0);
                let own = (law.variance)(dimension, count) + response_noise * noise;
                (1.0 - eta).powi(2) * self.expected + eta * eta * own
            }
            Update::LeastSquares { eta, law, dimension, count, response_noise } => {
                let unseen = (law.variance)(dimension, count);
                let kept = unseen + (1.0 - unseen) * (1.0 - eta).powi(2);
                kept * self.expected + eta * eta * response_noise * noise
            }
            Update::Recursive { left } => left,
        };
    }

    /// Variance of the responses' own errors over ||J||^2: innovations / changes = (expected + noise) / (1 + noise).
    fn noise(&self) -> f64 {
        let [changes, innovations, explained] = self.seen;
        if changes > innovations {
            ((innovations - explained) / (changes - innovations)).max(0.0)
        } else {
            0.0
        }
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
        let known = vec![self.expected, self.seen[0], self.seen[1], self.seen[2]];
        let residual = self.residual.into_iter().collect();
        State {
            numbers: [("known".to_owned(), known), ("residual".to_owned(), residual)].into(),
            ..State::default()
        }
    }

    pub(super) fn restore(&mut self, state: &State) -> Result<()> {
        let known = state.numbers("known", 4)?;
        (self.expected, self.seen) = (known[0], [known[1], known[2], known[3]]);
        self.residual = match state.numbers("residual", 0) {
            Ok(_) => None,
            Err(_) => Some(state.numbers("residual", 1)?[0]),
        };
        Ok(())
    }
}
