//! Feedback that differs by region: where the Jacobian J(x) of one example is not that of another, each of a few regions of examples has
//! feedback of its own, and all of them learn from what they have in common.
//!
//! An example of region r has the feedback B_r = B + D_r. That rows of the Jacobian have a part that all regions share and one of each
//! region's own is the model of multi-task learning by regularization (Evgeniou and Pontil 2004): a priori the variance of a row is
//! divided into 1 - rho for B and rho for D_r. What an example of region r tells is then believed of another of its region in full, and
//! of those of other regions in the part 1 - rho, so that a region of few examples stays close to B.

use burn::tensor::{Tensor, TensorCreationOptions, TensorData};
use nmnc_kernels::matmul;

use super::held::Held;
use super::jacobian::{JacobianEstimator, JacobianSettings};
use super::learned::Learning;
use super::noise::times;
use super::observed::{Observing, differences, not_finite};
use super::prober::{Perturbations, Prober};
use super::regional_sums::{Deviating, Grouped};
use crate::manifold::{Degeneracy, Sample, Subspace};
use crate::workers::Share;
use nmnc_core::config_text::{positive, weight};
use nmnc_core::device::{selected, values};
use nmnc_core::error::{Error, Result};
use nmnc_core::linalg::{pseudo_inverse, solve_definite};
use nmnc_core::scale;
use nmnc_core::state::State;

/// Estimates the Jacobians J_r = dy/dx of outputs y by an activity x in each of several regions r of examples.
///
/// Which region an example is in, whoever asks decides; regions are numbered from 0. With a single region everything is as with a
/// [`JacobianEstimator`], up to rounding.
#[derive(Clone, Debug)]
pub struct RegionalEstimator {
    /// What asks, and B.
    common: JacobianEstimator,
    /// D_r of every region.
    deviations: Vec<Held>,
    /// rho.
    share: f64,
}

impl RegionalEstimator {
    /// An estimator of `regions` regions that knows nothing; `share` is rho in (0, 1]: 1 lets every region learn by itself from what is
    /// observed. Its error is not followed.
    ///
    /// # Errors
    /// As [`JacobianEstimator::new`]; no region, a share out of its range, recursive least squares.
    pub fn new(
        settings: JacobianSettings,
        regions: usize,
        share: f64,
        options: impl Into<TensorCreationOptions>,
    ) -> Result<Self> {
        if regions == 0 {
            return Err(Error::config("regions", "must be at least 1"));
        }
        weight("share", share)?;
        if matches!(settings.learning, Learning::Recursive { .. } | Learning::Kalman) {
            return Err(Error::config("learning", "every region would need a covariance of its own"));
        }
        let (form, shape) = (settings.form, [settings.outputs, settings.probing.units]);
        let common = JacobianEstimator::new(JacobianSettings { watched: false, ..settings }, options)?;
        let device = common.learned.feedback.options();
        let deviations = (0..regions).map(|_| Held::new(form, shape, device.clone())).collect();
        Ok(Self { common, deviations, share })
    }

    /// What asks.
    pub fn prober(&self) -> &Prober {
        self.common.prober()
    }

    /// As [`JacobianEstimator::refresh`].
    ///
    /// # Errors
    /// Activity that is not finite; a worker that cannot be reached.
    pub fn refresh<'a>(&mut self, step: u64, activity: impl Into<Sample<'a>>) -> Result<Option<Degeneracy>> {
        let refreshed = self.common.prober.refresh(step, activity)?;
        self.common.learned.carry_over(&refreshed);
        self.deviations.iter_mut().for_each(|deviation| deviation.carry_over(&refreshed));
        Ok(refreshed.degeneracy)
    }

    /// Learns from how activity `[K, n]` and output `[K, outputs]` differ among K examples of the given regions, without any
    /// perturbation. With W the weights `[K, outputs]` that
    ///
    /// W = ((1 - rho) G + rho G' + ridge s)^-1 R, B <- B + (1 - rho) W^T X, D_r <- D_r + rho W_r^T X'_r
    ///
    /// names, where X has the differences of activity from the mean of all examples and X' from that of their region, G = X X^T, G' is
    /// X' X'^T between examples of one region and zero between others, s is the mean square of a row of X, W_r and X'_r are the rows of
    /// region r, and R is what B and D_r leave of the differences of the output. So B alone explains how the means of regions differ. A
    /// region of a single example teaches B alone.
    ///
    /// # Errors
    /// As [`JacobianEstimator::observe`].
    ///
    /// # Panics
    /// If there is not one region an example, or a number that is none's.
    pub fn observe(
        &mut self,
        activity: &Tensor<2>,
        output: &Tensor<2>,
        regions: &[usize],
        observing: Observing,
    ) -> Result<()> {
        positive("ridge", observing.ridge)?;
        let JacobianEstimator { prober, learned, .. } = &mut self.common;
        let manifold = prober.span().filter(|_| !learned.feedback.is_for_units()).cloned();
        let manifold = manifold.as_ref();
        let grouped = Grouped::new(regions, self.deviations.len());
        let [activity, output] = [activity, output].map(|rows| selected(rows, &grouped.order));
        let Some(x) = learned.feedback.of_activity(differences(&activity), manifold) else { return Ok(()) };
        let unit = scale::tensor_unit(&x).ok_or_else(|| not_finite("activity"))?;
        let x = scale::over(x, unit);
        let gram = values::<f64>(&matmul(x.clone(), x.clone().transpose()));
        let count = regions.len();
        let mean_square = (0..count).map(|i| gram[i * count + i]).sum::<f64>() / count as f64;
        if mean_square == 0.0 {
            return Ok(());
        }
        // Feedback from a smaller activity is larger.
        let predicted =
            |held: &Held, x: Tensor<2>| matmul(x, scale::times(held.coordinates(manifold), unit).transpose());
        let own = grouped.each(&x, |region, x| predicted(&self.deviations[region], x));
        let own = grouped.centered(&values::<f64>(&own));
        let left = differences(&output) - predicted(&learned.feedback, x.clone());
        let left: Vec<f64> =
            values::<f64>(&left).into_iter().zip(own).map(|(left, own)| left - own).collect();
        let mut kernel = grouped.kernel(&gram, self.share, true);
        (0..count).for_each(|i| kernel[i * count + i] += observing.ridge * mean_square);
        let weights = solve_definite(&kernel, count, &left)?;
        let back = |step: Tensor<2>| scale::over(step, unit);
        self.change(&grouped, &x, [weights.clone(), grouped.centered(&weights)], manifold, back);
        Ok(())
    }

    /// Learns from `changes` of the output, the answers to perturbations of this worker's examples in repetition after repetition of its
    /// part of the batch, as those of all workers teach. `regions` has the region of every example of the batch, this worker's or not.
    ///
    /// B learns from all answers as [`JacobianEstimator::learn`] does. Where answers are averaged, D_r follows the mean over the answers of
    /// region r less that over all, of what B as it was leaves of them:
    ///
    /// D_r <- (1 - h) D_r + h (mean in r - mean), h = eta rho K_r / K,
    ///
    /// with K_r of K answers in region r: the rarer a region, the more slowly, so that the noise in D_r is no more than that in B. By least
    /// squares both learn together from the answers as they do from observations, where nothing has a mean to be taken from.
    ///
    /// # Errors
    /// If another worker cannot be reached.
    ///
    /// # Panics
    /// If there is not one region an example, or not one answer a perturbation.
    pub fn learn_shared(
        &mut self,
        perturbations: &Perturbations,
        changes: Tensor<2>,
        regions: &[usize],
        share: &Share,
    ) -> Result<()> {
        assert_eq!(regions.len(), share.whole(), "one region an example");
        let manifold = perturbations.manifold().cloned();
        let manifold = manifold.as_ref();
        let per_unit = perturbations.per_unit(changes.clone());
        let probes = times(perturbations.root(), perturbations.coordinates().clone(), 1);
        let known = self.common.learned.feedback.coordinates(manifold);
        let left = per_unit - matmul(probes.clone(), known.transpose());
        let (eta, ridge) = match self.common.learned.learning {
            Learning::Average { eta } => {
                let told = self.common.tell(perturbations, changes);
                let own = &regions[share.rows()];
                let own: Vec<usize> = (0..perturbations.count()).map(|row| own[row % own.len()]).collect();
                let grouped = Grouped::new(&own, self.deviations.len());
                let deviating = Deviating::told(&grouped, &left, perturbations).of_all(share)?;
                for (deviation, (mean, part)) in self.deviations.iter_mut().zip(deviating.deviations()) {
                    let Some(mean) = mean else { continue };
                    let rate = eta * self.share * part;
                    deviation.change(mean, manifold, |known, mean| nmnc_kernels::blend(known, mean, rate));
                }
                return self.common.learn_shared(told, share);
            }
            Learning::LeastSquares { eta } => (eta, 0.0),
            Learning::Posterior { eta, ridge } => (eta, ridge),
            Learning::Recursive { .. } | Learning::Kalman => {
                unreachable!("refused when the estimator was made")
            }
        };
        let repetitions = perturbations.count() / share.rows().len();
        let rows: Vec<usize> = (0..repetitions * share.whole()).collect();
        let of_rows: Vec<usize> = rows.iter().map(|row| regions[row % share.whole()]).collect();
        let grouped = Grouped::new(&of_rows, self.deviations.len());
        let all = |own: &Tensor<2>| Ok(selected(&share.selected(own, &rows)?, &grouped.order));
        let (probes, left) = (all(&probes)?, all(&left)?);
        let own = grouped.each(&probes, |region, probes| {
            matmul(probes, self.deviations[region].coordinates(manifold).transpose())
        });
        // As without regions, h is looked for in j = h S.
        let x = times(perturbations.root(), probes, 1);
        let gram = values::<f64>(&matmul(x.clone(), x.clone().transpose()));
        let mut kernel = grouped.kernel(&gram, self.share, false);
        let count = rows.len();
        let mean_square = (0..count).map(|i| gram[i * count + i]).sum::<f64>() / count as f64;
        (0..count).for_each(|i| kernel[i * count + i] += ridge * mean_square);
        let weights = pseudo_solution(&kernel, &(left - own));
        let root = perturbations.root();
        let back = |step: Tensor<2>| times(root, step, 1) * eta;
        self.change(&grouped, &x, [weights.clone(), weights], manifold, back);
        Ok(())
    }

    /// B += (1 - rho) `common`^T X and D_r += rho `own`_r^T X_r, in what `back` makes of them: weights `[K, outputs]` and X `[K, m]` in the
    /// order of the groups.
    fn change(
        &mut self,
        grouped: &Grouped,
        x: &Tensor<2>,
        [common, own]: [Vec<f64>; 2],
        manifold: Option<&Subspace>,
        back: impl Fn(Tensor<2>) -> Tensor<2>,
    ) {
        let count = grouped.order.len();
        let like = (&x.device(), x.dtype());
        let matrix = |numbers: Vec<f64>| {
            let columns = numbers.len() / count;
            Tensor::<2>::from_data(TensorData::new(numbers, [count, columns]), like)
        };
        let [common, own] = [(common, 1.0 - self.share), (own, self.share)]
            .map(|(weights, part)| matrix(weights.into_iter().map(|weight| weight * part).collect()));
        let step = back(matmul(common.transpose(), x.clone()));
        self.common.learned.feedback.change(step, manifold, |known, step| known + step);
        for (region, rows) in grouped.ranges() {
            let part = |matrix: &Tensor<2>| matrix.clone().narrow(0, rows.start, rows.len());
            let step = back(matmul(part(&own).transpose(), part(x)));
            self.deviations[region].change(step, manifold, |known, step| known + step);
        }
    }

    /// Feedback weights B_r = B + D_r `[outputs, n]` of a region.
    pub fn feedback(&self, region: usize) -> Tensor<2> {
        self.common.feedback() + self.deviations[region].embedded()
    }

    /// What all regions have in common, B `[outputs, n]`.
    pub fn common(&self) -> Tensor<2> {
        self.common.feedback()
    }

    /// e B_r `[batch, n]`, the estimate of dLoss/dx, for errors e = dLoss/dy `[batch, outputs]` of examples of the given regions.
    ///
    /// # Panics
    /// If there is not one region an example.
    pub fn error_signal(&self, error: Tensor<2>, regions: &[usize]) -> Tensor<2> {
        let grouped = Grouped::new(regions, self.deviations.len());
        let sorted = selected(&error, &grouped.order);
        let own = grouped.each(&sorted, |region, error| self.deviations[region].signal(error));
        self.common.error_signal(error) + selected(&own, &grouped.places())
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> State {
        let mut state = self.common.state();
        for (region, deviation) in self.deviations.iter().enumerate() {
            state.nest(&format!("region{}", region + 1), deviation.state());
        }
        state
    }

    /// Takes back what [`RegionalEstimator::state`] gave, which may stand among other entries.
    ///
    /// # Errors
    /// If something is missing or has the wrong shape.
    pub fn restore(&mut self, state: &State) -> Result<()> {
        self.common.restore(state)?;
        let manifold = self.common.prober.span();
        for (region, deviation) in self.deviations.iter_mut().enumerate() {
            deviation.restore(&state.nested(&format!("region{}", region + 1)), manifold)?;
        }
        Ok(())
    }
}

/// The weights W `[K, outputs]` of smallest norm in `kernel` W = `left`; NaN of what is not finite, which teaches nothing that is.
fn pseudo_solution(kernel: &[f64], left: &Tensor<2>) -> Vec<f64> {
    let [count, outputs] = left.dims();
    // What rounding leaves of a zero eigenvalue in the precision of the answers.
    let rounding = if left.dtype() == burn::tensor::DType::F64 { 1e-13 } else { 1e-6 };
    match pseudo_inverse(kernel, count, rounding) {
        Ok(inverse) => nmnc_core::linalg::transposed_product(&inverse, &values::<f64>(left), count),
        Err(_) => vec![f64::NAN; count * outputs],
    }
}
