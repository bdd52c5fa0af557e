//! How far learned feedback may be from the Jacobian: what the declared laws expect, and what fresh responses show.

use super::law::ErrorLaw;
use super::sums::Energies;
use nmnc_core::error::Result;
use nmnc_core::state::State;

/// Error of feedback weights B as an estimate of the Jacobian J, on the span of the noise: ||B - J|| / ||J|| in Frobenius norms. Noise that
/// has a covariance weighs errors by it, ||(B - J) S|| / ||J S|| for its root S: the average obeys the same law, and what least squares
/// knows of it is told by `residual` alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StandardError {
    /// What the declared law expects after all updates so far, as the root of an expected square, for a Jacobian that stays put and an
    /// output that is linear in the noise.
    ///
    /// Responses may have independent errors, whose variance adds what the law declares. Least squares takes it from what its solutions
    /// leave of the responses, the average from what the responses hold beyond the expected error of B, where a Jacobian that moves
    /// passes for such errors; [`StandardError::residual`] shows it. Fewer responses than coordinates are taken for exact.
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
    /// Of the last updates that tell errors of the responses from that of B: number of responses, squares of the changes that are due to
    /// such errors, squares of all changes that could have been.
    seen: [f64; 3],
}

/// Weight that earlier updates keep in what is seen of the responses' own errors: a single update may hold few responses.
const MEMORY: f64 = 0.95;
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
    /// B <- B + eta (solution of the innovations), to which errors of unit variance of the responses add `response_noise`; of the squares
    /// of the innovations the solution explains `explained`.
    LeastSquares { eta: f64, response_noise: f64, explained: f64 },
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
        let Update { law, dimension, count, change } = update;
        let [m, k] = [dimension, count].map(|number| number as f64);
        let told = match change {
            // What innovations hold beyond the expected error of B. The first ones hold nothing else.
            Change::Average { .. } if self.residual.is_some() => {
                Some([innovations - self.expected * changes, (1.0 - self.expected) * changes])
            }
            // What the solution leaves, which has K - m of K degrees of freedom.
            Change::LeastSquares { explained, .. } if count > dimension => {
                Some([(innovations - explained) * k / (k - m), changes])
            }
            _ => None,
        };
        if let Some([errors, all]) = told {
            self.seen.iter_mut().zip([k, errors, all]).for_each(|(sum, new)| *sum = MEMORY * *sum + new);
        }
        self.residual = Some(if changes > 0.0 { innovations / changes } else { 0.0 });
        let noise = self.noise(m);
        self.expected = match change {
            Change::Average { eta } => {
                let response_noise = (law.response_noise)(dimension, count).unwrap_or(0.0);
                let own = (law.variance)(dimension, count) + response_noise * noise;
                (1.0 - eta).powi(2) * self.expected + eta * eta * own
            }
            Change::LeastSquares { eta, response_noise, .. } => {
                let unseen = (law.variance)(dimension, count);
                let kept = unseen + (1.0 - unseen) * (1.0 - eta).powi(2);
                // Fewer responses than coordinates are all explained, and leave nothing to tell their errors by.
                let noise = if count < dimension { 0.0 } else { noise };
                kept * self.expected + eta * eta * response_noise * noise
            }
            Change::Recursive { left } => left,
        };
    }

    /// Expected squared error.
    pub(super) fn expected(&self) -> f64 {
        self.expected
    }

    /// Variance of the responses' own errors over ||J||^2. Fewer responses than the m coordinates do not tell.
    pub(super) fn noise(&self, m: f64) -> f64 {
        let [count, errors, all] = self.seen;
        if count < m || all <= 0.0 {
            return 0.0;
        }
        let share = (errors / all).clamp(0.0, LARGEST);
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
