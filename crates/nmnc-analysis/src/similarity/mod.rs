//! How alike representations are, to each other and to recordings: dissimilarity matrices and their comparison with ceilings and
//! intervals, regression onto recordings, kernel alignment, canonical correlation.
//!
//! Patterns are row-major `[stimuli, units]`, read whole or, where they may be large, by [`Rows`]. Nothing here knows of networks
//! or where recordings come from, and no result depends on the number of threads.
//!
//! [`Rows`]: crate::dimension::Rows

mod ceiling;
mod compare;
mod inference;
mod rdm;
mod scaling;

mod cca;
mod cka;
mod columns;
mod gram;
mod pls;
mod predictivity;
mod projection;
mod reliability;
mod ridge;

pub use ceiling::{Ceiling, ceiling, pooled};
pub use compare::{Comparison, compare};
pub use inference::{Bootstrap, Range, Replicates, Resample, holm, replicates};
pub use rdm::{Distance, Rdm, crossnobis, rdm};
pub use scaling::plane;

pub use cca::{Leading, canonical_correlations, mean_correlation};
pub use cka::{Estimator, cka, hsic};
pub use gram::Gram;
pub use pls::{Pls, PlsSettings};
pub use predictivity::{
    Predictivity, PredictivitySettings, Regression, predict_between, predictivity, predictivity_between,
};
pub use projection::Projection;
pub use reliability::{Responses, split_half};
pub use ridge::{Choice, Ridge, RidgeSettings, folds};
