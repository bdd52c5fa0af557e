//! Settings of the alignment of noise, and what is found.

use serde::{Deserialize, Serialize};

use super::law::NoiseMoments;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Seed;
use nmnc_learn::manifold::Dimension;

/// How the noise is measured. The same settings and seed give the same bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialsSettings {
    /// Signal components that make the manifold: a number, or as many as capture this fraction of the signal variance that the components
    /// capture at all.
    pub dimension: Dimension,
    /// Largest dimension of the curve.
    pub curve: usize,
    /// Numbers K of trials whose cosine is predicted.
    pub probes: Vec<usize>,
    /// Random divisions of the repeats into halves, each used both ways.
    pub divisions: usize,
    /// Groups of conditions that the jackknife leaves out in turn; no more than conditions.
    pub groups: usize,
    /// Draws halves, groups and shuffles.
    pub seed: Seed,
}

impl Default for TrialsSettings {
    fn default() -> Self {
        Self {
            dimension: Dimension::Variance(0.9),
            curve: 64,
            probes: (0..=12).map(|power| 1 << power).collect(),
            divisions: 10,
            groups: 20,
            seed: Seed(0),
        }
    }
}

impl TrialsSettings {
    /// Checks ranges.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn check(&self) -> Result<()> {
        let wrong = match self.dimension {
            Dimension::Count(count) => (count == 0).then(|| "0 components".to_owned()),
            Dimension::Variance(share) => {
                (!(share > 0.0 && share <= 1.0)).then(|| format!("a fraction of {share}"))
            }
        };
        if let Some(problem) = wrong {
            return Err(Error::config("dim", problem).mend(
                "give a whole number of components, or a fraction of the signal variance such as 0.9",
            ));
        }
        if self.probes.contains(&0) {
            return Err(Error::config("probes", "no trials").mend("give numbers from 1 on"));
        }
        let least = [("curve", self.curve, 1), ("divisions", self.divisions, 1), ("groups", self.groups, 2)];
        match least.into_iter().find(|(_, value, least)| value < least) {
            Some((key, value, least)) => {
                Err(Error::config(key, format!("{value} is too few")).mend(format!("use at least {least}")))
            }
            None => Ok(()),
        }
    }
}

/// The alignment of noise at one dimension d of the manifold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlignmentPoint {
    /// Number d of leading signal components.
    pub dimension: usize,
    /// Fraction of the variance of the noise on them, of repeats that did not define them.
    pub alpha: f64,
    /// Standard error over conditions; none of fewer than three.
    pub standard_error: Option<f64>,
    /// What a random subspace has, d / n.
    pub chance: f64,
    /// Standard deviation over random subspaces.
    pub chance_sd: f64,
    /// The same fraction when trials are shuffled within each condition, unit by unit: units keep their variances and lose their
    /// correlations.
    pub shuffled: f64,
    /// The same fraction when the noise alone is dealt out to conditions at random, so that components are those of errors of means; none
    /// where there are fewer components.
    pub shuffled_conditions: Option<f64>,
    /// The same fraction without cross-validation: components of the means of all repeats, errors and all.
    pub plain: Option<f64>,
    /// Fraction of the variance of the signal on the components, of repeats that did not define them.
    pub signal: f64,
}

/// The cosine between one row of a Jacobian and its estimate, by the law of [`NoiseMoments`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialCosine {
    /// Number K of trials.
    pub probes: usize,
    /// With noise of the covariance found, for a row on the manifold.
    pub cosine: f64,
    /// Standard error over conditions; none of fewer than three.
    pub standard_error: Option<f64>,
    /// With isotropic noise on the manifold alone, d dimensions.
    pub on_manifold: f64,
    /// With isotropic noise of all n units.
    pub isotropic: f64,
}

/// How noise lies to the manifold of signals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseAlignment {
    /// Version of this library.
    pub version: String,
    /// What was analyzed.
    pub subject: String,
    /// How.
    pub settings: TrialsSettings,
    /// Number of conditions.
    pub conditions: usize,
    /// Fewest and most repeats of a condition.
    pub repeats: [usize; 2],
    /// Trials that are missing.
    pub missing: usize,
    /// Whether what each trial's gain seems to have made was taken out ([`Trials::without_gain`](super::Trials::without_gain)).
    #[serde(default)]
    pub without_gain: bool,
    /// Number n of units.
    pub units: usize,
    /// Variance of the condition means over conditions, all units together, without what noise adds.
    pub signal_variance: f64,
    /// Its standard error over conditions; none of fewer than three.
    pub signal_standard_error: Option<f64>,
    /// Variance over the trials of a condition, all units together.
    pub noise_variance: f64,
    /// Participation ratio (tr S)^2 / tr S^2 of the covariance S of the noise, of unbiased estimates; none where their error is larger.
    pub noise_dimension: Option<f64>,
    /// Dimension of the manifold, by [`TrialsSettings::dimension`].
    pub dimension: usize,
    /// By dimension, from 1 on.
    pub curve: Vec<AlignmentPoint>,
    /// What the prediction is made of, in squares of the unit of activity, for rows of every direction on the manifold.
    pub moments: NoiseMoments,
    /// By number of trials.
    pub cosines: Vec<TrialCosine>,
    /// The predicted cosine of any number of trials: noise that is stronger along some directions turns the estimate to them.
    pub limit: f64,
    /// Components of all repeats, row-major `[curve, units]`, orthonormal.
    pub components: Vec<f64>,
    /// What a reader should know.
    pub warnings: Vec<String>,
}

impl NoiseAlignment {
    /// The numbers at the dimension of the manifold.
    pub fn headline(&self) -> &AlignmentPoint {
        &self.curve[self.dimension - 1]
    }
}
