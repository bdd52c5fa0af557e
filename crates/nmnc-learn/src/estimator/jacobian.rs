//! The estimator of one activity: a prober and what it has learned.

use std::ops::Range;

use burn::tensor::{Tensor, TensorCreationOptions};

use super::aim::Aim;
use super::confidence::StandardError;
use super::covariance::Covariance;
use super::held::FeedbackForm;
use super::kalman::Kalman;
use super::learned::{LearnedJacobian, Learning};
use super::observed::Observing;
use super::prober::{Perturbations, Prober, Probing};
use super::sums::Sums;
use crate::manifold::{Degeneracy, RefreshFrom, Sample, Subspace};
use crate::workers::Share;
use nmnc_core::error::{Error, Result};
use nmnc_core::state::State;

/// Settings of a [`JacobianEstimator`].
#[derive(Clone, Debug, PartialEq)]
pub struct JacobianSettings {
    /// How the activity is perturbed.
    pub probing: Probing,
    /// Number of outputs.
    pub outputs: usize,
    /// How answers change what is known.
    pub learning: Learning,
    /// How feedback weights are kept.
    pub form: FeedbackForm,
    /// Whether its error is followed, for [`JacobianEstimator::standard_error`].
    pub watched: bool,
    /// Whether noise goes where it tells the most, by what is not known of each component and the variance of the activity along it, and has
    /// the covariance of [`Probing::covariance`] at first alone. Needs one that goes off the components, and [`Learning::Kalman`].
    pub aimed: bool,
}

impl JacobianSettings {
    /// Least squares from Gaussian noise anywhere in `units` dimensions.
    pub fn new(units: usize, outputs: usize) -> Self {
        let learning = Learning::LeastSquares { eta: 1.0 };
        Self {
            probing: Probing::new(units),
            outputs,
            learning,
            form: FeedbackForm::Units,
            watched: true,
            aimed: false,
        }
    }
}

/// Estimates the Jacobian J = dy/dx of outputs y by an activity x, from what perturbations of x do to y.
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use nmnc_learn::estimator::{JacobianEstimator, JacobianSettings};
///
/// let device = Device::flex();
/// let weight = Tensor::<2>::random([8, 3], Distribution::Default, &device);
/// let black_box = |x: Tensor<2>| x.matmul(weight.clone()).tanh();
///
/// let mut estimator = JacobianEstimator::new(JacobianSettings::new(8, 3), &device)?;
/// let activity = Tensor::<2>::ones([1, 8], &device) * 0.05;
/// for step in 0..2 {
///     // Sixteen perturbations of the same activity, answered by sixteen outputs.
///     let many = activity.clone().repeat_dim(0, 16);
///     let perturbations = estimator.ask(step, 0..16, &activity)?.expect("the activity is not zero");
///     let changes = perturbations.answered(&many, black_box);
///     estimator.learn_from(&perturbations, changes);
/// }
/// assert_eq!(estimator.feedback().dims(), [3, 8]);
/// assert!(estimator.standard_error().unwrap().residual < 0.1);
/// // dLoss/dx of an error dLoss/dy at the output.
/// let error = Tensor::<2>::ones([1, 3], &device);
/// assert_eq!(estimator.error_signal(error).dims(), [1, 8]);
/// # Ok::<(), nmnc_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct JacobianEstimator {
    pub(super) prober: Prober,
    pub(super) learned: LearnedJacobian,
    aimed: bool,
}

impl JacobianEstimator {
    /// An estimator that knows nothing, on a device, as in `&device` or `(&device, DType::F64)`.
    ///
    /// # Errors
    /// The first impossible setting.
    pub fn new(settings: JacobianSettings, options: impl Into<TensorCreationOptions>) -> Result<Self> {
        let JacobianSettings { probing, outputs, learning, form, watched, aimed } = settings;
        if outputs == 0 {
            return Err(Error::config("outputs", "must be at least 1"));
        }
        if probing.manifold.is_none() && !form.is_units() {
            return Err(Error::config("form", "there are no coordinates without a manifold"));
        }
        if probing.covariance.is_some_and(Covariance::is_everywhere) && !form.is_units() {
            return Err(Error::config("form", "noise off the manifold has no coordinates on it"));
        }
        if aimed
            && !(learning == Learning::Kalman && probing.covariance.is_some_and(Covariance::is_everywhere))
        {
            return Err(Error::config(
                "aimed",
                "needs a Kalman filter and noise that goes off its components, too",
            ));
        }
        let learned =
            LearnedJacobian::kept(form, learning, probing.probe, [outputs, probing.units], options)?;
        let learned = if watched { learned.watched() } else { learned };
        Ok(Self { prober: Prober::new(probing)?, learned, aimed })
    }

    /// What asks.
    pub fn prober(&self) -> &Prober {
        &self.prober
    }

    /// The manifold that noise lives on, as the last refresh left it.
    pub fn manifold(&self) -> Option<&Subspace> {
        self.prober.manifold()
    }

    /// Whether step `step` (from 0) refreshes the manifold, and from what.
    pub fn due(&self, step: u64) -> Option<RefreshFrom> {
        self.prober.due(step)
    }

    /// Finds the manifold anew in `activity` `[samples, n]`, and carries over what is known. Tells what was degenerate. Nothing happens
    /// where noise goes anywhere.
    ///
    /// # Errors
    /// Activity that is not finite; a worker that cannot be reached.
    pub fn refresh<'a>(&mut self, step: u64, activity: impl Into<Sample<'a>>) -> Result<Option<Degeneracy>> {
        let refreshed = self.prober.refresh(step, activity)?;
        self.learned.follow(&self.prober, &refreshed);
        Ok(refreshed.degeneracy)
    }

    /// The perturbations `rows` of step `step`, as [`Prober::ask`]; where noise is aimed, by what is known now.
    ///
    /// # Errors
    /// Activity that is not finite.
    pub fn ask(&self, step: u64, rows: Range<usize>, activity: &Tensor<2>) -> Result<Option<Perturbations>> {
        self.prober.ask_aimed(step, rows, activity, self.aim(step))
    }

    /// The perturbations of the examples of `share`, as [`Prober::ask_share`].
    ///
    /// # Errors
    /// Activity that is not finite; a worker that cannot be reached.
    pub fn ask_share(
        &self,
        step: u64,
        repetitions: Range<usize>,
        activity: &Tensor<2>,
        share: &Share,
    ) -> Result<Option<Perturbations>> {
        self.prober.ask_share_aimed(step, repetitions, activity, share, self.aim(step))
    }

    /// Where noise tells the most in a step, where it is aimed and something is known to aim by.
    fn aim(&self, step: u64) -> Option<Aim> {
        let kalman = self.learned.kalman.as_ref().filter(|_| self.aimed)?;
        kalman.aim(self.prober.manifold()?, step)
    }

    /// What `changes` `[K, outputs]` of the output amount to, the answers to K perturbations: f(x + xi) - f(x), or half of
    /// f(x + xi) - f(x - xi). Those that were not answered are left out by [`Perturbations::only`].
    ///
    /// # Panics
    /// If there is not one answer a perturbation.
    pub fn tell(&self, perturbations: &Perturbations, changes: Tensor<2>) -> Sums {
        self.learned.tell(perturbations, changes)
    }

    /// Learns from what all workers were told, of which `own` is what this one was.
    ///
    /// # Errors
    /// If another worker cannot be reached.
    ///
    /// # Panics
    /// As [`JacobianEstimator::learn`].
    pub fn learn_shared(&mut self, own: Sums, share: &Share) -> Result<()> {
        self.learned.learn_shared(own, share)
    }

    /// Learns from what all workers together were told since the last update.
    ///
    /// # Panics
    /// If the sums are those of an estimator with other settings.
    pub fn learn(&mut self, sums: Sums) {
        self.learned.learn(sums);
    }

    /// Tells and learns in one: all there is to do for a single worker.
    ///
    /// # Panics
    /// As [`JacobianEstimator::tell`].
    pub fn learn_from(&mut self, perturbations: &Perturbations, changes: Tensor<2>) {
        self.learned.learn_from(perturbations, changes);
    }

    /// Learns from how activity `[K, n]` and output `[K, outputs]` differ among K examples, without any perturbation, as
    /// [`LearnedJacobian::observe`].
    ///
    /// # Errors
    /// A ridge that is not positive; activity or output that is not finite.
    pub fn observe(&mut self, activity: &Tensor<2>, output: &Tensor<2>, observing: Observing) -> Result<()> {
        self.learned.observe(activity, output, self.prober.span(), observing)
    }

    /// Feedback weights B `[outputs, n]`, the estimate of J; made for the occasion where they are kept in coordinates.
    pub fn feedback(&self) -> Tensor<2> {
        self.learned.feedback()
    }

    /// e B `[batch, n]`, the estimate of dLoss/dx, for errors e = dLoss/dy `[batch, outputs]`.
    pub fn error_signal(&self, error: Tensor<2>) -> Tensor<2> {
        self.learned.error_signal(error)
    }

    /// How far B may be from J; nothing before the first update, and where it is not followed.
    pub fn standard_error(&self) -> Option<StandardError> {
        self.learned.standard_error()
    }

    /// Where the noise of the last answers went, if it is aimed: the share of its energy along the components, and in how many directions, as
    /// the participation ratio (sum s)^2 / sum s^2 of its variances s. Nothing before the first.
    pub fn aimed_at(&self) -> Option<(f64, f64)> {
        self.learned.kalman.as_ref().filter(|_| self.aimed).map(Kalman::spread)
    }

    /// Answers that are expected to bring the error down to `target`, as [`LearnedJacobian::further_answers`]; nothing before there is a
    /// manifold.
    pub fn further_answers(&self, target: f64) -> Option<usize> {
        self.learned.further_answers(self.prober.dimension()?, target)
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> State {
        let mut state = self.learned.state();
        state.extend(self.prober.state());
        state
    }

    /// Takes back what [`JacobianEstimator::state`] gave, which may stand among other entries.
    ///
    /// # Errors
    /// If something is missing or has the wrong shape.
    pub fn restore(&mut self, state: &State) -> Result<()> {
        self.prober.restore(state)?;
        self.learned.restore(state, self.prober.span())
    }
}
