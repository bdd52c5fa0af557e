//! A manifold over time: what one refresh leaves for the next.

use super::activity::Activity;
use super::incremental::History;
use super::pca::{self, OVERSAMPLING, Spectrum};
use super::{Degeneracy, Dimension, Fit, PcaMethod, Sample, Subspace, check};
use nmnc_core::doing;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Stream;
use nmnc_core::state::State;

/// Variances below this fraction of the largest are rounding error.
const RANK: f64 = 1e-6;

/// How a manifold is followed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tracking {
    /// Dimension.
    pub dimension: Dimension,
    /// Method.
    pub method: PcaMethod,
    /// Start from the previous basis (randomized method).
    pub warm_start: bool,
    /// What remains of the weight of earlier batches at each refresh, in (0, 1] (incremental method).
    pub forgetting: f64,
}

/// Follows the manifold of one stage's activity from refresh to refresh.
#[derive(Clone, Debug)]
pub struct Tracker {
    tracking: Tracking,
    history: Option<History>,
}

impl Tracker {
    /// A tracker that has seen nothing.
    ///
    /// # Errors
    /// As [`check`]; a forgetting outside (0, 1].
    pub fn new(tracking: Tracking) -> Result<Self> {
        check(tracking.dimension, tracking.method)?;
        if !(tracking.forgetting > 0.0 && tracking.forgetting <= 1.0) {
            return Err(Error::config("forgetting", format!("{} is not in (0, 1]", tracking.forgetting)));
        }
        Ok(Self { tracking, history: None })
    }

    /// The manifold after looking at `activity` `[samples, units]`; `previous` is what the last refresh gave.
    ///
    /// # Errors
    /// Activity that is not finite; a worker that cannot be reached.
    pub fn refresh<'a>(
        &mut self,
        previous: Option<&Subspace>,
        activity: impl Into<Sample<'a>>,
        stream: &mut Stream,
    ) -> Result<Fit> {
        let mut sample = activity.into();
        if self.tracking.method != PcaMethod::Randomized {
            sample = sample.share.all(&sample.own)?.into();
        }
        let activity = Activity::new(sample)?;
        let _finding = doing::now(|| {
            format!("principal components of {} units, {} samples", activity.units(), activity.samples())
        });
        if self.tracking.method == PcaMethod::Incremental {
            return self.merge(&activity);
        }
        if !activity.varies() {
            return Ok(Fit::NO_VARIANCE);
        }
        let available = activity.units().min(activity.samples() - 1);
        let spectrum = match (self.tracking.method, self.tracking.dimension) {
            (PcaMethod::Randomized, Dimension::Count(asked)) => {
                let count = asked.min(available);
                match previous.filter(|p| self.tracking.warm_start && p.dimension() >= count) {
                    Some(previous) => pca::warm(&activity, count, previous.basis(), stream)?,
                    None => pca::randomized(&activity, count, stream)?,
                }
            }
            _ => pca::exact(&activity)?,
        };
        self.fit(&activity, &spectrum, available)
    }

    /// As many components as asked for and found.
    fn fit(&self, activity: &Activity, spectrum: &Spectrum, available: usize) -> Result<Fit> {
        let square = activity.unit * activity.unit;
        let variances = &spectrum.variances;
        let rank = variances.iter().take(available).take_while(|&&v| v > variances[0] * RANK).count();
        if rank == 0 {
            return Ok(Fit::NO_VARIANCE);
        }
        let asked = match self.tracking.dimension {
            Dimension::Count(count) => count,
            Dimension::Variance(fraction) => components_for(variances, activity.relative_variance, fraction),
        };
        let basis = spectrum.basis(activity, asked.min(rank))?;
        // Rounding may have made some of the axes depend on the others.
        let given = basis.dims()[1];
        let subspace =
            Subspace::new(basis, variances[..given].iter().map(|v| v * square).collect(), activity.variance);
        Ok(Fit { subspace: Some(subspace), degeneracy: clipped(asked, given, activity) })
    }

    fn merge(&mut self, activity: &Activity) -> Result<Fit> {
        let Dimension::Count(asked) = self.tracking.dimension else { unreachable!("checked when made") };
        // A few axes more than asked for, so that a direction on the rise is known before it is among the first.
        let most = asked + OVERSAMPLING;
        let history = match &self.history {
            Some(history) => history.merge(activity, self.tracking.forgetting, most)?,
            None => History::of(activity, most)?,
        };
        let fit = match history.axes() {
            Some(axes) => {
                let given = asked.min(axes.dims()[1]);
                let subspace = Subspace::new(
                    axes.clone().narrow(1, 0, given),
                    history.variances()[..given].to_vec(),
                    history.total_variance(),
                );
                Fit { subspace: Some(subspace), degeneracy: clipped(asked, given, activity) }
            }
            None => Fit::NO_VARIANCE,
        };
        self.history = Some(history);
        Ok(fit)
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> State {
        self.history.as_ref().map(History::state).unwrap_or_default()
    }

    /// Takes back what [`Tracker::state`] gave, of `units` units.
    ///
    /// # Errors
    /// If something is missing or has the wrong shape.
    pub fn restore(&mut self, state: &State, units: usize) -> Result<()> {
        self.history = if state.tensors.is_empty() { None } else { Some(History::restore(state, units)?) };
        Ok(())
    }
}

fn clipped(asked: usize, given: usize, activity: &Activity) -> Option<Degeneracy> {
    let (samples, units) = (activity.samples(), activity.units());
    (given < asked).then_some(Degeneracy::Clipped { asked, given, samples, units })
}

/// Number of leading components that explain `fraction` of `total` variance.
fn components_for(variances: &[f64], total: f64, fraction: f64) -> usize {
    let mut sum = 0.0;
    let enough = variances.iter().position(|v| {
        sum += v;
        sum >= fraction * total
    });
    enough.map_or(variances.len(), |index| index + 1)
}
