//! Settings of a manifold that is followed over training.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Dimension, PcaMethod, Tracker, Tracking};
use nmnc_core::error::{Error, Result};
use nmnc_core::ranges;

/// Dimensions of the stages' manifolds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a whole number of components, a fraction of variance between 0 and 1, or a list with one of these for \
                 each stage"
)]
pub enum Dimensions {
    /// The same for every stage.
    Same(Dimension),
    /// One for each stage.
    Each(Vec<Dimension>),
}

impl Dimensions {
    /// The dimension of `stage` (from 0).
    ///
    /// # Panics
    /// If a list has none for it.
    pub fn of(&self, stage: usize) -> Dimension {
        match self {
            Self::Same(dimension) => *dimension,
            Self::Each(list) => list[stage],
        }
    }

    /// As [`Dimensions::of`], or nothing where a list has none for the stage.
    pub fn get(&self, stage: usize) -> Option<Dimension> {
        match self {
            Self::Same(dimension) => Some(*dimension),
            Self::Each(list) => list.get(stage).copied(),
        }
    }

    fn all(&self) -> &[Dimension] {
        match self {
            Self::Same(dimension) => std::slice::from_ref(dimension),
            Self::Each(list) => list,
        }
    }
}

/// Where a refresh looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshFrom {
    /// At the activity of this step's own batch (method = "incremental").
    Batch,
    /// At the activity of this many training examples.
    Samples(usize),
}

impl RefreshFrom {
    /// The number of examples to draw; none where there is nothing to draw.
    pub fn samples(self) -> Option<usize> {
        match self {
            Self::Batch => None,
            Self::Samples(count) => Some(count),
        }
    }
}

/// A manifold that is followed over training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ManifoldConfig {
    /// Dimension d, or a fraction of variance to explain; one for all stages, or a list with one for each.
    pub dimension: Dimensions,
    /// How the principal components are found.
    pub method: PcaMethod,
    /// Training examples whose activity is analyzed (method = "exact" or "randomized"; 1024 when left out).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::SAMPLES.stated())]
    pub samples: Option<usize>,
    /// Training steps between refreshes of the basis.
    #[schemars(transform = ranges::INTERVAL.stated())]
    pub refresh: u64,
    /// Start from the previous basis: two passes over the activity instead of five (method = "randomized"; true when left out).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_start: Option<bool>,
    /// Weight that earlier batches keep at each refresh, in (0, 1] (method = "incremental"; 0.9 when left out). The memory is
    /// 1 / (1 - forgetting) batches, and 1 never forgets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::WEIGHT.stated())]
    pub forgetting: Option<f64>,
}

impl Default for ManifoldConfig {
    fn default() -> Self {
        Self {
            dimension: Dimensions::Same(Dimension::Count(64)),
            method: PcaMethod::Randomized,
            samples: None,
            refresh: 100,
            warm_start: None,
            forgetting: None,
        }
    }
}

impl ManifoldConfig {
    /// Checks values and their combinations, and spells out what was left out.
    ///
    /// # Errors
    /// The first setting that is out of range or has no meaning with the method.
    pub fn resolve(&mut self) -> Result<()> {
        ranges::check(self)?;
        let only = |key: &str, given: bool, methods: &str| match given {
            true => {
                Err(Error::config(key, format!("has no meaning with method = \"{}\"", self.method.name()))
                    .mend(format!("remove it, or set method = {methods}")))
            }
            false => Ok(()),
        };
        let (incremental, randomized) =
            (self.method == PcaMethod::Incremental, self.method == PcaMethod::Randomized);
        only("samples", incremental && self.samples.is_some(), "\"exact\" or \"randomized\"")?;
        only("warm_start", !randomized && self.warm_start.is_some(), "\"randomized\"")?;
        only("forgetting", !incremental && self.forgetting.is_some(), "\"incremental\"")?;
        if incremental {
            self.forgetting.get_or_insert(0.9);
        } else {
            self.samples.get_or_insert(1024);
        }
        if randomized {
            self.warm_start.get_or_insert(true);
        }
        self.dimension.all().iter().try_for_each(|&d| Tracker::new(self.tracking(d)).map(drop))
    }

    /// Checks the settings against a network of `stages` stages.
    ///
    /// # Errors
    /// A list of dimensions that is not as long.
    pub fn fits(&self, stages: usize) -> Result<()> {
        match &self.dimension {
            Dimensions::Each(list) if list.len() != stages => {
                let problem = format!("lists {} dimensions for {stages} stages", list.len());
                Err(Error::config("dimension", problem).mend("give one for each stage, or one for all"))
            }
            _ => Ok(()),
        }
    }

    /// The settings of `stage` (from 0) alone.
    ///
    /// # Panics
    /// If a list of dimensions has none for it.
    #[must_use]
    pub fn of_stage(&self, stage: usize) -> Self {
        Self { dimension: Dimensions::Same(self.dimension.of(stage)), ..self.clone() }
    }

    /// Directions of the manifold of `stage` (from 0) in the activity of `units` units; nothing where the activity decides.
    pub fn directions(&self, stage: usize, units: usize) -> Option<usize> {
        let samples = self.samples.map_or(usize::MAX, |samples| samples.saturating_sub(1));
        match self.dimension.get(stage)? {
            Dimension::Count(count) => Some(count.min(units).min(samples)),
            Dimension::Variance(_) => None,
        }
    }

    /// Whether a training step (from 0) refreshes the manifold, and from what. Settings must be resolved.
    pub fn due(&self, step: u64) -> Option<RefreshFrom> {
        step.is_multiple_of(self.refresh).then_some(match (self.method, self.samples) {
            (PcaMethod::Incremental, _) | (_, None) => RefreshFrom::Batch,
            (_, Some(samples)) => RefreshFrom::Samples(samples),
        })
    }

    fn tracking(&self, dimension: Dimension) -> Tracking {
        Tracking {
            dimension,
            method: self.method,
            warm_start: self.warm_start.unwrap_or(false),
            forgetting: self.forgetting.unwrap_or(1.0),
        }
    }

    /// A tracker of the manifold of `stage` (from 0), from resolved settings that fit the network.
    pub(super) fn tracker(&self, stage: usize) -> Tracker {
        Tracker::new(self.tracking(self.dimension.of(stage))).expect("the settings have been checked")
    }
}
