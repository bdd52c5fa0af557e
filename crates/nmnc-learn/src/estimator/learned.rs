//! Learning: feedback weights from answers.

use burn::tensor::{Tensor, TensorCreationOptions};
use nmnc_kernels::{blend, matmul, row_energies};

use super::confidence::{Change, Confidence, StandardError, Update};
use super::held::{FeedbackForm, Held};
use super::kalman::{Kalman, Shape};
use super::law::{ErrorLaw, Estimator};
use super::noise::times;
use super::prober::{Perturbations, Prober};
use super::solve::{Responses, Ridge, Solution, recursive_step};
use super::sums::{Energies, Evidence, Sums};
use super::uncertainty::Uncertainty;
use crate::manifold::{Refreshed, Subspace};
use crate::noise::Probe;
use crate::workers::Share;
use nmnc_core::config_text::{positive, weight};
use nmnc_core::device::{selected, values};
use nmnc_core::error::Result;
use nmnc_core::state::State;

/// How answers change what is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Learning {
    /// B <- (1 - eta) B + eta Jhat, the leaky average of sample means of response times probe, divided by the noise's covariance.
    Average {
        /// Learning rate, in (0, 1].
        eta: f64,
    },
    /// B moves by eta times the smallest change that explains the answers best. How large a change is, is told by the covariance P of the
    /// noise: rows j are expected as j ~ N(0, P), and the size is j P^-1 j^T.
    LeastSquares {
        /// Learning rate, in (0, 1].
        eta: f64,
    },
    /// As least squares, where answers are expected to have errors of their own: B moves by eta times the posterior mean
    /// R^T (Xi P Xi^T + ridge t)^-1 Xi P of what is left R of the answers to noise Xi, t the mean diagonal of Xi P Xi^T. The declared laws
    /// know nothing of the ridge: of a [`LearnedJacobian::standard_error`], `residual` shows what it does and `expected` does not.
    Posterior {
        /// Learning rate, in (0, 1].
        eta: f64,
        /// Variance of an answer's own error over that which is expected of the answer.
        ridge: f64,
    },
    /// Least squares over all answers so far, by a covariance of m coordinates.
    Recursive {
        /// Weight that earlier answers keep at each update, in (0, 1].
        forgetting: f64,
        /// Variance of an answer that no single Jacobian explains, over that of one coordinate of the Jacobian.
        ridge: f64,
    },
    /// The posterior mean, where rows move by a random walk and answers have errors of their own (Kalman 1960), whose variances are found by
    /// maximum likelihood: one for each band of components, one off them, one of the answers. What is not known is kept whole along
    /// components and as one variance off them.
    Kalman,
}

impl Learning {
    /// The estimator, whose law is declared.
    pub fn estimator(self) -> Estimator {
        match self {
            Self::Average { .. } => Estimator::Average,
            Self::LeastSquares { .. } | Self::Posterior { .. } => Estimator::LeastSquares,
            Self::Recursive { .. } => Estimator::RecursiveLeastSquares,
            Self::Kalman => Estimator::Kalman,
        }
    }

    /// What is added to the Gram matrix of the probes.
    fn ridge(self) -> Option<f64> {
        match self {
            Self::Posterior { ridge, .. } => Some(ridge),
            _ => None,
        }
    }

    fn check(self) -> Result<()> {
        match self {
            Self::Average { eta } | Self::LeastSquares { eta } => weight("eta", eta),
            Self::Posterior { eta, ridge } => {
                weight("eta", eta)?;
                positive("ridge", ridge)
            }
            Self::Recursive { forgetting, ridge } => {
                weight("forgetting", forgetting)?;
                positive("ridge", ridge)
            }
            Self::Kalman => Ok(()),
        }
    }
}

/// Feedback weights B `[outputs, n]` that estimate a Jacobian J = dy/dx from answers to perturbations, and what is known of their error.
#[derive(Clone, Debug)]
pub struct LearnedJacobian {
    pub(super) learning: Learning,
    pub(super) law: ErrorLaw,
    pub(super) feedback: Held,
    /// What is known along each coordinate (recursive least squares).
    uncertainty: Option<Uncertainty>,
    /// What is known along components and off them (Kalman).
    pub(super) kalman: Option<Kalman>,
    pub(super) confidence: Option<Confidence>,
}

impl LearnedJacobian {
    /// B = 0 `[outputs, n]`, to be learned from probes of the given distribution. Where noise lives on a manifold, a recursive one
    /// begins with the first manifold it hears of ([`LearnedJacobian::carry_over`]).
    ///
    /// # Errors
    /// Impossible settings of learning.
    pub fn new(
        learning: Learning,
        probe: Probe,
        shape: [usize; 2],
        options: impl Into<TensorCreationOptions>,
    ) -> Result<Self> {
        Self::kept(FeedbackForm::Units, learning, probe, shape, options)
    }

    /// As [`LearnedJacobian::new`], with feedback weights kept in the form given. Coordinates need noise on a manifold; without one, learning
    /// panics.
    ///
    /// # Errors
    /// Impossible settings of learning.
    pub fn kept(
        form: FeedbackForm,
        learning: Learning,
        probe: Probe,
        [outputs, units]: [usize; 2],
        options: impl Into<TensorCreationOptions>,
    ) -> Result<Self> {
        learning.check()?;
        Ok(Self {
            learning,
            law: learning.estimator().law(probe),
            feedback: Held::new(form, [outputs, units], options),
            uncertainty: None,
            kalman: None,
            confidence: None,
        })
    }

    /// Follows its own error from now on, for [`LearnedJacobian::standard_error`]: a product `[K, m]` by `[m, outputs]` more an update,
    /// where the estimator is the average.
    #[must_use]
    pub fn watched(mut self) -> Self {
        self.confidence = Some(Confidence::new());
        self
    }

    /// B `[outputs, n]`; made for the occasion where it is kept in coordinates.
    pub fn feedback(&self) -> Tensor<2> {
        self.feedback.embedded()
    }

    /// e B `[batch, n]` for errors e = dLoss/dy `[batch, outputs]`.
    pub fn error_signal(&self, error: Tensor<2>) -> Tensor<2> {
        self.feedback.signal(error)
    }

    /// What `changes` `[K, outputs]` of the output, the answers to K perturbations, amount to. Nothing is learned yet.
    pub fn tell(&self, perturbations: &Perturbations, changes: Tensor<2>) -> Sums {
        assert_eq!(
            changes.dims(),
            [perturbations.count(), self.feedback.shape()[0]],
            "one answer a perturbation"
        );
        let (estimator, manifold) = (self.learning.estimator(), perturbations.manifold().cloned());
        let (coordinates, root) = (perturbations.coordinates(), perturbations.root());
        let changes = perturbations.per_unit(changes);
        let average = estimator == Estimator::Average;
        let probes = || times(root, coordinates.clone(), 1);
        let innovations = (!average || self.confidence.is_some()).then(|| {
            changes.clone() - matmul(probes(), self.feedback.coordinates(manifold.as_ref()).transpose())
        });
        let energy = |rows: &Tensor<2>| row_energies(rows).iter().sum::<f64>();
        let energies = innovations.as_ref().filter(|_| self.confidence.is_some());
        let energies = energies.map(|own| Energies { changes: energy(&changes), innovations: energy(own) });
        let count = perturbations.count();
        let evidence = match innovations.filter(|_| !average) {
            // Least squares looks for h in j = h S, whose size is that of j in the metric of the noise.
            Some(innovations) if estimator == Estimator::LeastSquares => {
                Evidence::of(estimator, times(root, probes(), 1), innovations)
            }
            Some(innovations) => Evidence::of(estimator, probes(), innovations),
            None => Evidence::Correlation(times(root, matmul(changes.transpose(), coordinates.clone()), -1)),
        };
        let step = perturbations.step();
        Sums { estimator, count, step, manifold, root: root.cloned(), evidence: Some(evidence), energies }
    }

    /// As [`LearnedJacobian::tell`], where only the perturbations with the numbers `answered` (from 0) were answered, if any. The other
    /// rows of `changes` may hold anything.
    pub fn tell_only(&self, perturbations: &Perturbations, changes: Tensor<2>, answered: &[usize]) -> Sums {
        match answered.len() {
            0 => {
                let (estimator, manifold) = (self.learning.estimator(), perturbations.manifold().cloned());
                let energies = self.confidence.map(|_| Energies { changes: 0.0, innovations: 0.0 });
                let root = perturbations.root().cloned();
                Sums {
                    estimator,
                    count: 0,
                    step: perturbations.step(),
                    manifold,
                    root,
                    evidence: None,
                    energies,
                }
            }
            all if all == perturbations.count() => self.tell(perturbations, changes),
            _ => self.tell(&perturbations.only(answered), selected(&changes, answered)),
        }
    }

    /// Learns from what all workers were told, of which `own` is what this one was.
    ///
    /// # Errors
    /// If another worker cannot be reached.
    pub fn learn_shared(&mut self, own: Sums, share: &Share) -> Result<()> {
        let sums = own.of_all(share, self.feedback.device())?;
        self.learn(sums);
        Ok(())
    }

    /// Learns from what all workers together were told since the last update; nothing from no answers.
    pub fn learn(&mut self, sums: Sums) {
        let Sums { count, step: asked_in, manifold, root, evidence, energies, .. } = sums;
        let Some(evidence) = evidence else { return };
        let manifold = manifold.as_ref();
        let dimension = manifold.map_or(self.feedback.shape()[1], Subspace::dimension);
        let change = match (self.learning, evidence) {
            (Learning::Average { eta }, Evidence::Correlation(sum)) => {
                self.feedback.change(sum / count as f64, manifold, |known, mean| blend(known, mean, eta));
                Change::Average { eta }
            }
            (Learning::LeastSquares { eta } | Learning::Posterior { eta, .. }, evidence) => {
                let ridge = self.learning.ridge().map(|ridge| Ridge { ridge, count });
                let Solution { jacobian, response_noise, cross } = evidence.solve(ridge);
                let explained = cross
                    .filter(|_| self.confidence.is_some())
                    .map_or(0.0, |cross| dot(&values(&cross), &values(&jacobian)));
                let step = times(root.as_ref(), jacobian, 1);
                self.feedback.change(step, manifold, |known, step| known + step * eta);
                Change::LeastSquares { eta, response_noise, explained }
            }
            (Learning::Recursive { forgetting, ridge }, Evidence::Rows { probes, innovations }) => {
                let prior = ridge.recip();
                let uncertainty = self.uncertainty.get_or_insert_with(|| Uncertainty::new(dimension, prior));
                uncertainty.forget(forgetting, prior);
                let step = recursive_step(uncertainty, &Responses { probes, changes: innovations }, 1.0);
                let left = uncertainty.total() / (dimension as f64 * prior);
                self.feedback.change(step, manifold, |known, step| known + step);
                Change::Recursive { left }
            }
            (Learning::Kalman, Evidence::Rows { probes, innovations }) => {
                let units = self.feedback.shape()[1];
                let noise = Shape::new(root.as_ref(), manifold, units);
                let components = root.as_ref().and_then(|root| root.off()).map(|(components, _)| components);
                let kalman = self.kalman.get_or_insert_with(|| Kalman::new(&noise, units, probes.dtype()));
                let step = kalman.learn([&probes, &innovations], noise, components, asked_in);
                let unknown = kalman.unknown() * self.feedback.shape()[0] as f64;
                self.feedback.change(step, manifold, |known, step| known + step);
                let known = || {
                    let rows = times(root.as_ref(), self.feedback.coordinates(manifold), 1);
                    row_energies(&rows).iter().sum::<f64>()
                };
                let left = if energies.is_some() { unknown / (unknown + known()) } else { 1.0 };
                Change::Recursive { left }
            }
            (learning, _) => unreachable!("sums of another estimator than {learning:?}"),
        };
        if let Some((confidence, energies)) = self.confidence.as_mut().zip(energies) {
            confidence.follow(energies, Update { law: self.law, dimension, count, change });
        }
    }

    /// Tells and learns in one: all there is to do for a single worker.
    pub fn learn_from(&mut self, perturbations: &Perturbations, changes: Tensor<2>) {
        let sums = self.tell(perturbations, changes);
        self.learn(sums);
    }

    /// Carries what is known by the axes of the manifold of `prober` over to the new, whatever its coordinates are.
    pub(crate) fn follow(&mut self, prober: &Prober, refreshed: &Refreshed) {
        match prober.is_everywhere() {
            true => self.turn(refreshed),
            false => self.carry_over(refreshed),
        }
    }

    /// As [`LearnedJacobian::carry_over`], where noise goes off the manifold too and coordinates are those of units.
    fn turn(&mut self, refreshed: &Refreshed) {
        let Some(known) = self.kalman.take() else { return };
        let (Some(before), Some(after)) = (&refreshed.before, &refreshed.after) else { return };
        let overlap = values::<f64>(&matmul(before.basis().clone().transpose(), after.basis().clone()));
        self.kalman = Some(known.carried(&overlap, after.dimension()));
    }

    /// Carries what is known in coordinates of the old axes of the manifold over to the new. B itself stays where it is kept for all
    /// units.
    pub fn carry_over(&mut self, refreshed: &Refreshed) {
        self.feedback.carry_over(refreshed);
        let Some(new) = &refreshed.after else {
            // Nothing is known in coordinates of a manifold that there is no longer.
            if refreshed.before.is_some() {
                self.uncertainty = None;
                self.kalman = None;
            }
            return;
        };
        let followed = matches!(self.learning, Learning::Recursive { .. } | Learning::Kalman);
        if !followed && self.confidence.is_none() {
            return;
        }
        let overlap = refreshed
            .before
            .as_ref()
            .map(|old| values::<f64>(&matmul(old.basis().clone().transpose(), new.basis().clone())));
        if let Learning::Recursive { ridge, .. } = self.learning {
            let prior = ridge.recip();
            let known = self.uncertainty.take().zip(overlap.as_ref());
            let known = known.map(|(known, overlap)| known.carried(overlap, prior));
            self.uncertainty = Some(known.unwrap_or_else(|| Uncertainty::new(new.dimension(), prior)));
        }
        let known = self.kalman.take().zip(overlap.as_ref());
        self.kalman = known.map(|(known, overlap)| known.carried(overlap, new.dimension()));
        if let Some((confidence, overlap)) = self.confidence.as_mut().zip(overlap) {
            let shared = overlap.iter().map(|o| o * o).sum::<f64>() / new.dimension() as f64;
            confidence.turn(shared.min(1.0));
        }
    }

    /// How far B may be from J, if it is [`LearnedJacobian::watched`] and has learned.
    pub fn standard_error(&self) -> Option<StandardError> {
        self.confidence.as_ref().and_then(Confidence::standard_error)
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> State {
        let mut state = self.feedback.state();
        if let Some(uncertainty) = &self.uncertainty {
            state.nest("uncertainty", uncertainty.state());
        }
        if let Some(kalman) = &self.kalman {
            state.nest("kalman", kalman.state());
        }
        if let Some(confidence) = &self.confidence {
            state.nest("confidence", confidence.state());
        }
        state
    }

    /// Takes back what [`LearnedJacobian::state`] gave, which may stand among other entries, on `manifold` where noise lives on one.
    ///
    /// # Errors
    /// If something is missing or has the wrong shape.
    pub fn restore(&mut self, state: &State, manifold: Option<&Subspace>) -> Result<()> {
        self.feedback.restore(state, manifold)?;
        let kept = state.nested("uncertainty");
        self.uncertainty = None;
        if let (Learning::Recursive { .. }, false) = (self.learning, kept.numbers.is_empty()) {
            let dimension = manifold.map_or(self.feedback.shape()[1], Subspace::dimension);
            self.uncertainty = Some(Uncertainty::restore(&kept, dimension)?);
        }
        let kept = state.nested("kalman");
        let known = self.learning == Learning::Kalman && !kept.numbers.is_empty();
        self.kalman = known
            .then(|| Kalman::restore(&kept, self.feedback.shape()[1], self.feedback.dtype()))
            .transpose()?;
        match &mut self.confidence {
            Some(confidence) => confidence.restore(&state.nested("confidence")),
            None => Ok(()),
        }
    }
}

/// Inner product in double precision: single precision has no numbers for products of small ones.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
