//! The neural manifold: the subspace that holds the top principal components of a stage's activity.

mod activity;
mod columns;
mod config;
mod followed;
mod incremental;
mod pca;
mod sample;
mod subspace;
mod tracker;

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Stream;

pub use config::{Dimensions, ManifoldConfig, RefreshFrom};
pub use followed::{FollowedManifold, Refreshed};
pub use sample::Sample;
pub use subspace::Subspace;
pub use tracker::{Tracker, Tracking};

/// How many principal components to keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a whole number of components, or a fraction of variance between 0 and 1"
)]
pub enum Dimension {
    /// This many.
    Count(#[schemars(transform = nmnc_core::ranges::COUNT.stated())] usize),
    /// As many as explain this fraction of the variance, between 0 and 1.
    Variance(#[schemars(transform = nmnc_core::ranges::FRACTION.stated())] f64),
}

/// How the principal components are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PcaMethod {
    /// Eigen-decomposition of the covariance or Gram matrix, whichever is smaller.
    Exact,
    /// Randomized range finder with two power iterations (Halko, Martinsson and Tropp 2011, algorithm 4.4), or one from the
    /// previous basis.
    Randomized,
    /// Incremental: the training batches' own activity is merged into what is known, which fades (after Ross, Lim, Lin and Yang
    /// 2008). No extra passes and no extra data.
    Incremental,
}

impl PcaMethod {
    /// Name, as in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Randomized => "randomized",
            Self::Incremental => "incremental",
        }
    }
}

/// Why a manifold is not what was asked for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Degeneracy {
    /// The activity does not vary at all (a dead or constant stage): there is no manifold.
    NoVariance,
    /// The activity has fewer independent directions than were asked for.
    Clipped {
        /// Dimension asked for.
        asked: usize,
        /// Dimension found.
        given: usize,
        /// Samples it was found from.
        samples: usize,
        /// Units of the stage.
        units: usize,
    },
}

impl std::fmt::Display for Degeneracy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoVariance => {
                f.write_str("activity does not vary, so it has no manifold and receives no probes")
            }
            Self::Clipped { asked, given, samples, units } => write!(
                f,
                "manifold dimension {asked} clipped to {given}, the rank of the activity of {samples} examples on {units} units"
            ),
        }
    }
}

/// The outcome of [`fit`].
#[derive(Clone, Debug)]
pub struct Fit {
    /// The manifold, or nothing where the activity does not vary.
    pub subspace: Option<Subspace>,
    /// What was degenerate, if anything.
    pub degeneracy: Option<Degeneracy>,
}

impl Fit {
    const NO_VARIANCE: Self = Self { subspace: None, degeneracy: Some(Degeneracy::NoVariance) };
}

/// Fits the manifold of `activity` `[samples, units]` by principal component analysis of the centered activity, with nothing known
/// before: what a [`Tracker`] does at its first refresh.
///
/// The basis has no more columns than the numerical rank (variances above 1e-6 of the largest); [`Fit::degeneracy`] says so
/// when that is fewer than asked. `stream` feeds the randomized method and is not used by the others.
///
/// # Errors
/// A dimension that is zero or a fraction outside (0, 1), or a variance fraction with a method that does not see the whole
/// spectrum; activity that is not finite.
pub fn fit(activity: Tensor<2>, dimension: Dimension, method: PcaMethod, stream: &mut Stream) -> Result<Fit> {
    let tracking = Tracking { dimension, method, warm_start: false, forgetting: 1.0 };
    Tracker::new(tracking)?.refresh(None, activity, stream)
}

/// Checks a dimension against a method without fitting anything.
///
/// # Errors
/// As [`fit`].
pub fn check(dimension: Dimension, method: PcaMethod) -> Result<()> {
    match (dimension, method) {
        (Dimension::Count(0), _) => {
            Err(Error::config("dimension", "0 leaves no manifold").mend("use at least 1"))
        }
        (Dimension::Variance(fraction), _) if !(fraction > 0.0 && fraction < 1.0) => Err(Error::config(
            "dimension",
            format!("{fraction} is neither a count nor a fraction of variance"),
        )
        .mend("use a whole number, or a fraction between 0 and 1")),
        (Dimension::Variance(_), PcaMethod::Randomized | PcaMethod::Incremental) => {
            Err(Error::config("dimension", "a fraction of variance needs the whole spectrum")
                .mend("use method = \"exact\" or a whole number"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use nmnc_core::seed::{Role, Seed};

    #[test]
    fn huge_and_tiny_activity_has_the_manifold_of_activity_of_any_other_size() {
        let mut numbers = vec![0.0; 40 * 12];
        Seed(5).stream(Role::Analysis, 0, 0).fill_normal(&mut numbers);
        let activity = nmnc_core::device::matrix(numbers, [40, 12], &Device::flex());
        for method in [PcaMethod::Exact, PcaMethod::Randomized, PcaMethod::Incremental] {
            let basis = |factor: f32| {
                let mut stream = Seed(0).stream(Role::RangeFinder, 0, 0);
                let fit = fit(activity.clone() * factor, Dimension::Count(3), method, &mut stream).unwrap();
                nmnc_core::device::values::<f32>(fit.subspace.unwrap().basis())
            };
            let whole = basis(1.0);
            assert_eq!(basis(2f32.powi(55)), whole, "{method:?}");
            assert_eq!(basis(2f32.powi(-50)), whole, "{method:?}");
        }
    }
}
