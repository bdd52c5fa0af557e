//! What rules keep in memory, reckoned from sizes before anything is made.

use crate::manifold::{Dimension, ManifoldConfig, PcaMethod};

/// Sizes of a network in training.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Examples of a batch.
    pub batch: u128,
    /// Steps of an example: 1 where there is no time.
    pub steps: u128,
    /// Outputs.
    pub outputs: u128,
    /// Numbers of an input.
    pub inputs: u128,
    /// The stages, first to last; a recurrent network is one.
    pub stages: Vec<StageSizes>,
}

/// Sizes of a stage.
#[derive(Clone, Copy, Debug)]
pub struct StageSizes {
    /// Units of its activity.
    pub units: u128,
    /// Units before pooling, or of all gates.
    pub unpooled: u128,
    /// Weights and biases.
    pub parameters: u128,
}

impl Sizes {
    /// Rows of all activity of a batch.
    pub fn rows(&self) -> u128 {
        self.batch.saturating_mul(self.steps)
    }

    /// Units of the largest activity, or numbers of an input.
    pub fn widest(&self) -> u128 {
        self.stages.iter().map(|stage| stage.units).max().unwrap_or(0).max(self.inputs)
    }
}

/// Numbers in single precision that belong to a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// Those that stay from step to step.
    pub held: u128,
    /// Those that are there for a part of a step, while no others of this kind are.
    pub passing: u128,
}

impl Values {
    /// Both together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self { held: self.held.saturating_add(other.held), passing: self.passing.max(other.passing) }
    }
}

/// The product, or the largest number there is.
pub fn product(sizes: impl IntoIterator<Item = u128>) -> u128 {
    sizes.into_iter().fold(1, u128::saturating_mul)
}

/// Directions of noise in `units` dimensions.
pub fn directions(manifold: Option<&ManifoldConfig>, stage: usize, units: u128) -> u128 {
    match manifold.map(|manifold| (manifold.dimension.get(stage), manifold.samples)) {
        Some((Some(Dimension::Count(count)), samples)) => {
            (count as u128).min(units).min(samples.map_or(u128::MAX, |samples| samples as u128))
        }
        Some((_, samples)) => units.min(samples.map_or(u128::MAX, |samples| samples as u128)),
        None => units,
    }
}

/// What a followed manifold takes: its basis, and at a refresh the activity that it is found in, that of the stage before, and the
/// factors of a decomposition.
pub fn followed(manifold: Option<&ManifoldConfig>, stage: usize, sizes: &Sizes) -> Values {
    let Some(manifold) = manifold else { return Values::default() };
    let units = sizes.stages[stage].units;
    let directions = directions(Some(manifold), stage, units);
    let (samples, history) = match manifold.samples {
        Some(samples) => (samples as u128, 0),
        None => (sizes.batch, product([units, directions.saturating_add(8)])),
    };
    let before = if stage == 0 { sizes.inputs } else { sizes.stages[stage - 1].units };
    let activity = product([samples, before.saturating_add(2 * units)]);
    let factors = match manifold.method {
        PcaMethod::Exact => product([6, samples.min(units), samples.min(units)]),
        _ => product([3, samples.saturating_add(units), directions.saturating_add(16)]),
    };
    Values {
        held: product([units, directions]).saturating_add(history),
        passing: activity.saturating_add(factors),
    }
}
