//! What an analysis finds. Everything is plain numbers; captured energies are fractions from 0 to 1, angles in degrees.

use serde::{Deserialize, Serialize};

use super::settings::AnalysisSettings;
use crate::dimension::Dimensions;

/// An analysis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Version of nmnc.
    pub version: String,
    /// What was analyzed, in words.
    pub subject: String,
    /// Training step of the checkpoint, if it was one.
    pub step: Option<u64>,
    /// How it was measured.
    pub settings: AnalysisSettings,
    /// One entry for each stage analyzed.
    pub stages: Vec<StageAnalysis>,
    /// What a reader should know, one sentence each.
    pub warnings: Vec<String>,
}

/// One stage, or one array.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageAnalysis {
    /// Number of the stage, from 1.
    pub stage: usize,
    /// Number n of units.
    pub units: usize,
    /// Estimates of the dimension of the manifold.
    pub dimensions: Dimensions,
    /// Variance along each principal component, largest first.
    pub variances: Vec<f64>,
    /// Whether these are all components and not the leading ones only.
    pub spectrum_complete: bool,
    /// The Jacobian against the manifold, where there is a Jacobian and activity that varies.
    pub alignment: Option<Alignment>,
    /// The Jacobian estimated by noise.
    pub probes: Vec<ProbeCurve>,
}

/// Captured energy alpha_d = ||J U_d||^2 / ||J||^2 against d = 1, 2, ...
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Captured {
    /// Alpha of the mean of the Jacobians over examples.
    pub mean_jacobian: Vec<f64>,
    /// Mean over examples of each example's own alpha (examples whose Jacobian is zero have none).
    pub per_example: Vec<f64>,
    /// Standard deviation of it over examples.
    pub per_example_sd: Vec<f64>,
    /// Sum over examples of ||J U_d||^2 over the sum of ||J||^2: what training records.
    pub pooled: Vec<f64>,
}

/// A random subspace of d of n dimensions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomControl {
    /// Expected alpha of any Jacobian: d/n.
    pub mean: Vec<f64>,
    /// Its standard deviation for the mean Jacobian. One direction's alpha has the distribution Beta(d/2, (n - d)/2); several
    /// directions with shares w of the energy have the variance v (sum w^2 - (1 - sum w^2) / (n - 1)), v that of one.
    pub sd: Vec<f64>,
    /// Mean over random subspaces drawn.
    pub simulated_mean: Vec<f64>,
    /// Standard deviation over them.
    pub simulated_sd: Vec<f64>,
    /// How many were drawn.
    pub draws: usize,
}

/// Effective rank of a Jacobian with singular values s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EffectiveRank {
    /// exp of the entropy of s / sum s (Roy and Vetterli 2007).
    pub entropy: f64,
    /// (sum s^2)^2 / sum s^4.
    pub participation: f64,
}

/// Principal angles between the row space of the mean Jacobian and the manifold of d dimensions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Angles {
    /// Dimension d of the manifold.
    pub dimension: usize,
    /// Angles in degrees, smallest first: as many as the smaller of d and the Jacobian's rank.
    pub degrees: Vec<f64>,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AtDimension {
    /// Dimension d.
    pub dimension: usize,
    /// Alpha of the mean Jacobian.
    pub mean_jacobian: f64,
    /// Mean alpha of the examples' Jacobians.
    pub per_example: f64,
    /// d/n.
    pub chance: f64,
    /// Alpha of the mean Jacobian less d/n.
    pub margin: f64,
    /// Mean alpha of the examples' Jacobians less d/n.
    pub margin_per_example: f64,
    /// Alpha of the mean Jacobian of the untrained network on its own manifold.
    pub untrained: Option<f64>,
    /// Mean alpha of the examples' Jacobians of the untrained network.
    pub untrained_per_example: Option<f64>,
    /// Alpha of the mean Jacobian on the principal axes of the shuffled activity.
    pub shuffled: Option<f64>,
    /// The manifold needs fewer probes than isotropic noise below this number of them, (alpha (n + 1) - d - 1) / (1 - alpha) with
    /// the mean alpha of the examples; none where it always does, 0 where it never does.
    pub break_even_probes: Option<f64>,
}

/// The Jacobian of the outputs in a stage's activity against its manifold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alignment {
    /// Number n_o of outputs.
    pub outputs: usize,
    /// Examples whose Jacobian was measured.
    pub examples: usize,
    /// Of these, examples whose Jacobian is zero.
    pub zero: usize,
    /// Mean over examples of ||J||^2 over ||mean J||^2: how much the Jacobian varies.
    pub variation: f64,
    /// Singular values of the mean Jacobian, largest first.
    pub singular_values: Vec<f64>,
    /// Effective rank of the mean Jacobian.
    pub rank: EffectiveRank,
    /// Effective rank of the examples' Jacobians, averaged.
    pub rank_per_example: EffectiveRank,
    /// Captured energy.
    pub captured: Captured,
    /// Control: random subspaces.
    pub random: RandomControl,
    /// Control: the same network before training, on its own manifold.
    pub untrained: Option<Captured>,
    /// Control: principal axes of the activity with each unit permuted over samples.
    pub shuffled: Option<Captured>,
    /// Samples that were shuffled.
    pub shuffled_samples: usize,
    /// Principal angles at the dimensions asked for.
    pub angles: Vec<Angles>,
    /// Values at the dimensions asked for.
    pub table: Vec<AtDimension>,
}

/// What probes estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The Jacobian of one example, all probes at that example.
    Example,
    /// The mean Jacobian, each probe at an example drawn at random.
    Mean,
}

impl Target {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Example => "example",
            Self::Mean => "mean",
        }
    }
}

/// A Jacobian estimated by noise, against the number of probes, and the law of its error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeCurve {
    /// What is estimated.
    pub target: Target,
    /// Dimension of the manifold; none for isotropic noise.
    pub dimension: Option<usize>,
    /// Captured energy of the Jacobians estimated, averaged; 1 for isotropic noise.
    pub alpha: f64,
    /// The numbers K of probes.
    pub points: Vec<ProbePoint>,
}

/// One number of probes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbePoint {
    /// Number K of probes.
    pub probes: usize,
    /// ||Jhat - J||^2 / ||J||^2, mean over repetitions.
    pub error: f64,
    /// Its standard deviation over repetitions.
    pub error_sd: f64,
    /// What the law says: 1 - alpha for what lies off the manifold, and the estimator's declared variance on it.
    pub error_law: f64,
    /// Cosine of Jhat and J as vectors, mean over repetitions.
    pub cosine: f64,
    /// Its standard deviation over repetitions.
    pub cosine_sd: f64,
    /// What the law says: alpha / sqrt(alpha + variance).
    pub cosine_law: f64,
}
