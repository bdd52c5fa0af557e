//! What an analysis measures.

use serde::{Deserialize, Serialize};

use crate::dimension::DimensionSettings;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Seed;

/// Settings of an analysis. The same settings and seed give the same bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnalysisSettings {
    /// Examples whose activity is measured (of a network; an array is used whole).
    pub examples: usize,
    /// Examples among them whose Jacobian is measured.
    pub jacobians: usize,
    /// Largest dimension d of the curves of captured energy.
    pub curve: usize,
    /// Dimensions d that tables, angles and probes report.
    pub dimensions: Vec<usize>,
    /// Whether the mean over outputs is removed from every Jacobian: a loss on softmax does not see a shift common to all outputs.
    pub centered: bool,
    /// The most points among which neighbors are found.
    pub points: usize,
    /// Neighbors k of the maximum-likelihood estimate.
    pub neighbors: usize,
    /// Whether a network's shuffled activity is measured as a control (recordings always have it).
    pub shuffled: bool,
    /// Random subspaces drawn for the control.
    pub random: usize,
    /// The most probes of an estimate by noise; 0 measures none.
    pub probes: usize,
    /// Estimates by noise that the spread is taken over.
    pub repetitions: usize,
    /// Size of the noise: norm of the perturbation over norm of the activity.
    pub sigma: f64,
    /// Most bytes that the shuffled control of an array may take; fewer samples are shuffled above it.
    pub memory: u64,
    /// Chooses examples, subspaces, permutations and probes.
    pub seed: Seed,
}

impl Default for AnalysisSettings {
    fn default() -> Self {
        Self {
            examples: 1000,
            jacobians: 250,
            curve: 256,
            dimensions: vec![16, 32, 64, 128],
            centered: true,
            points: 10_000,
            neighbors: 20,
            shuffled: true,
            random: 20,
            probes: 512,
            repetitions: 5,
            sigma: 0.01,
            memory: 2 << 30,
            seed: Seed(0),
        }
    }
}

impl AnalysisSettings {
    /// Checks ranges.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn check(&self) -> Result<()> {
        let least = [
            ("examples", self.examples, 2),
            ("jacobians", self.jacobians, 1),
            ("curve", self.curve, 1),
            ("points", self.points, 2),
            ("neighbors", self.neighbors, 3),
            ("random", self.random, 2),
            ("repetitions", self.repetitions, 2),
        ];
        if let Some((key, value, least)) = least.into_iter().find(|(_, value, least)| value < least) {
            return Err(
                Error::config(key, format!("{value} is too few")).mend(format!("use at least {least}"))
            );
        }
        if let Some(d) = self.dimensions.iter().find(|d| **d == 0 || **d > self.curve) {
            let problem = format!("{d} is not from 1 to the curve's {}", self.curve);
            return Err(Error::config("dimensions", problem).mend("raise the curve or leave it out"));
        }
        if !(self.sigma > 0.0 && self.sigma.is_finite()) {
            return Err(Error::config("sigma", format!("{} is not a positive number", self.sigma)));
        }
        Ok(())
    }

    /// The same, without centering where a single output would leave nothing.
    pub(super) fn for_outputs(&self, outputs: usize) -> Self {
        Self { centered: self.centered && outputs > 1, ..self.clone() }
    }

    pub(super) fn dimension(&self) -> DimensionSettings {
        DimensionSettings {
            components: self.curve,
            points: self.points,
            neighbors: self.neighbors,
            seed: self.seed,
            ..DimensionSettings::default()
        }
    }

    /// The dimension that probes are measured at: the one asked for nearest to 64, or as many as there are.
    pub(super) fn headline(&self, most: usize) -> usize {
        let nearest = self.dimensions.iter().copied().min_by_key(|d| d.abs_diff(64)).unwrap_or(64);
        nearest.min(most)
    }
}
