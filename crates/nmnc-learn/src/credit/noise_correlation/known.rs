//! What a rule makes of the answers of a stage.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::estimator::{JacobianEstimator, Perturbations, Prober, RegionalEstimator};
use crate::workers::Share;
use nmnc_core::error::Result;

/// What becomes of answers.
pub(super) enum Known {
    /// They teach feedback weights B_l `[outputs, n_l]`.
    Feedback(Box<JacobianEstimator>),
    /// They teach feedback weights of each region.
    Regional(Box<RegionalEstimator>),
    /// Nothing beyond their own step.
    Nothing(Box<Prober>),
}

impl Known {
    pub(super) fn prober(&self) -> &Prober {
        match self {
            Self::Feedback(estimator) => estimator.prober(),
            Self::Regional(estimator) => estimator.prober(),
            Self::Nothing(prober) => prober,
        }
    }

    /// As [`JacobianEstimator::ask`].
    pub(super) fn ask(
        &self,
        step: u64,
        rows: Range<usize>,
        activity: &Tensor<2>,
    ) -> Result<Option<Perturbations>> {
        match self {
            // What it knows may decide on where noise goes.
            Self::Feedback(estimator) => estimator.ask(step, rows, activity),
            Self::Regional(_) | Self::Nothing(_) => self.prober().ask(step, rows, activity),
        }
    }

    /// As [`JacobianEstimator::ask_share`].
    pub(super) fn ask_share(
        &self,
        step: u64,
        repetitions: Range<usize>,
        activity: &Tensor<2>,
        share: &Share,
    ) -> Result<Option<Perturbations>> {
        match self {
            Self::Feedback(estimator) => estimator.ask_share(step, repetitions, activity, share),
            Self::Regional(_) | Self::Nothing(_) => {
                self.prober().ask_share(step, repetitions, activity, share)
            }
        }
    }
}
