//! The neural manifold: the subspace that holds the top principal components of a stage's activity.

mod pca;

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::device::energy;
use crate::error::{Error, Result};
use crate::seed::Stream;
use crate::state::State;

/// How many principal components to keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a whole number of components, or a fraction of variance between 0 and 1"
)]
pub enum Dimension {
    /// This many.
    Count(usize),
    /// As many as explain this fraction of the variance, between 0 and 1.
    Variance(f64),
}

/// How the principal components are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PcaMethod {
    /// Eigen-decomposition of the covariance or Gram matrix, whichever is smaller.
    Exact,
    /// Randomized range finder with two power iterations (Halko, Martinsson and Tropp 2011, algorithm 4.4).
    Randomized,
}

/// An orthonormal basis U of the top principal components of some activity.
#[derive(Clone, Debug)]
pub struct Subspace {
    basis: Tensor<2>,
    variances: Vec<f64>,
    total_variance: f64,
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

/// Fits the manifold of `activity` `[samples, units]` by principal component analysis of the centered activity.
///
/// The basis has no more columns than the numerical rank (variances above 1e-6 of the largest); [`Fit::degeneracy`] says so
/// when that is fewer than asked. `stream` feeds the randomized method and is not used by the exact one.
///
/// # Errors
/// A dimension that is zero or a fraction outside (0, 1), or a variance fraction with the randomized method, which does not see
/// the whole spectrum; activity that is not finite.
pub fn fit(activity: Tensor<2>, dimension: Dimension, method: PcaMethod, stream: &mut Stream) -> Result<Fit> {
    check(dimension, method)?;
    let [samples, units] = activity.dims();
    let centered = activity.clone() - activity.clone().mean_dim(0);
    let freedom = samples.saturating_sub(1).max(1) as f64;
    let total_variance = energy(&centered) / freedom;
    if !total_variance.is_finite() {
        return Err(Error::new(crate::ErrorKind::Diverged, "manifold", "the activity is not finite"));
    }
    // Below this the spread is rounding error of a constant.
    let scale = energy(&activity) / samples as f64;
    if samples < 2 || total_variance <= scale * 1e-12 {
        return Ok(Fit { subspace: None, degeneracy: Some(Degeneracy::NoVariance) });
    }
    // Products of activity with itself overflow long before the activity does. A power of two changes no other bit.
    let unit = (0.5 * total_variance.log2()).round().exp2();
    let centered = centered / unit;
    let available = units.min(samples - 1);
    let spectrum = match (method, dimension) {
        (PcaMethod::Randomized, Dimension::Count(asked)) => {
            pca::randomized(&centered, asked.min(available), stream)
        }
        _ => pca::exact(&centered),
    };
    let rank =
        spectrum.variances.iter().take(available).take_while(|&&v| v > spectrum.variances[0] * 1e-6).count();
    let asked = match dimension {
        Dimension::Count(count) => count,
        Dimension::Variance(fraction) => {
            components_for(&spectrum.variances, total_variance / (unit * unit), fraction)
        }
    };
    let given = asked.min(rank);
    let degeneracy = (given < asked).then_some(Degeneracy::Clipped { asked, given, samples, units });
    let subspace = Subspace {
        basis: spectrum.basis(&centered, given),
        variances: spectrum.variances[..given].iter().map(|v| v * unit * unit).collect(),
        total_variance,
    };
    Ok(Fit { subspace: Some(subspace), degeneracy })
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
        (Dimension::Variance(_), PcaMethod::Randomized) => {
            Err(Error::config("dimension", "a fraction of variance needs the whole spectrum")
                .mend("use method = \"exact\" or a whole number"))
        }
        _ => Ok(()),
    }
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

impl Subspace {
    /// A subspace with the given orthonormal basis `[units, dimension]` and the variance along each column.
    pub fn new(basis: Tensor<2>, variances: Vec<f64>, total_variance: f64) -> Self {
        assert_eq!(basis.dims()[1], variances.len(), "one variance a column");
        Self { basis, variances, total_variance }
    }

    /// Orthonormal basis U, `[units, dimension]`, largest variance first.
    pub fn basis(&self) -> &Tensor<2> {
        &self.basis
    }

    /// Number n of units.
    pub fn units(&self) -> usize {
        self.basis.dims()[0]
    }

    /// Dimension d.
    pub fn dimension(&self) -> usize {
        self.basis.dims()[1]
    }

    /// Variance along each basis vector.
    pub fn variances(&self) -> &[f64] {
        &self.variances
    }

    /// Variance of the activity in all directions.
    pub fn total_variance(&self) -> f64 {
        self.total_variance
    }

    /// Coordinates x U `[batch, dimension]` of `vectors` `[batch, units]`.
    pub fn coordinates(&self, vectors: Tensor<2>) -> Tensor<2> {
        vectors.matmul(self.basis.clone())
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> State {
        State {
            tensors: [("basis".to_owned(), self.basis.clone())].into(),
            numbers: [
                ("variances".to_owned(), self.variances.clone()),
                ("total_variance".to_owned(), vec![self.total_variance]),
            ]
            .into(),
            ..State::default()
        }
    }

    /// The subspace that [`Subspace::state`] came from.
    ///
    /// # Errors
    /// If something is missing or shapes disagree.
    pub fn restore(state: &State) -> Result<Self> {
        let basis = state.tensor("basis")?;
        let variances = state.numbers("variances", basis.dims()[1])?.to_vec();
        let total_variance = state.numbers("total_variance", 1)?[0];
        Ok(Self { basis, variances, total_variance })
    }

    /// The vectors z U^T `[batch, units]` with the given `coordinates` `[batch, dimension]`.
    pub fn embed(&self, coordinates: Tensor<2>) -> Tensor<2> {
        coordinates.matmul(self.basis.clone().transpose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Role, Seed};
    use burn::tensor::Device;

    #[test]
    fn huge_and_tiny_activity_has_the_manifold_of_activity_of_any_other_size() {
        let mut numbers = vec![0.0; 40 * 12];
        Seed(5).stream(Role::Analysis, 0, 0).fill_normal(&mut numbers);
        let activity = crate::device::matrix(numbers, [40, 12], &Device::flex());
        for method in [PcaMethod::Exact, PcaMethod::Randomized] {
            let basis = |factor: f32| {
                let mut stream = Seed(0).stream(Role::RangeFinder, 0, 0);
                let fit = fit(activity.clone() * factor, Dimension::Count(3), method, &mut stream).unwrap();
                crate::device::values::<f32>(fit.subspace.unwrap().basis())
            };
            let whole = basis(1.0);
            assert_eq!(basis(2f32.powi(55)), whole, "{method:?}");
            assert_eq!(basis(2f32.powi(-50)), whole, "{method:?}");
        }
    }
}
