//! How the stages of a network represent the stimuli.

use serde::{Deserialize, Serialize};

use super::stimuli::Stimuli;
use crate::analysis::{Loaded, activity};
use crate::data::Dataset;
use crate::device::matrix;
use crate::error::Result;
use crate::net::Network;
use crate::similarity::{Distance, Rdm, rdm};

/// Dissimilarities of the activity of one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRdm {
    /// Number of the stage, from 1.
    pub stage: usize,
    /// Number of units.
    pub units: usize,
    /// Dissimilarities of the stimuli.
    pub rdm: Rdm,
}

/// What a trained network makes of the stimuli, and what it would have made of them before training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Representation {
    /// Every stage of the network.
    pub trained: Vec<StageRdm>,
    /// Every stage of the same network before the first step.
    pub untrained: Vec<StageRdm>,
    /// Dissimilarities of the pictures as the network got them.
    pub pixels: Rdm,
}

/// Shows the stimuli to a network read back, scaled and standardized like the images that it was trained on.
///
/// # Errors
/// Stimuli that cannot be read; activity without dissimilarities, such as constant activity with [`Distance::Correlation`].
pub fn represent(loaded: &Loaded, stimuli: &Stimuli, distance: Distance) -> Result<Representation> {
    let shown = stimuli.shown(loaded.training.shape(), loaded.training.statistics())?;
    let inputs = all(&shown)?;
    let pixels = rdm(&inputs, shown.len(), distance).map_err(|e| e.within("pixels"))?;
    let tensor = matrix(inputs, [shown.len(), shown.shape().len()], loaded.device());
    let stages = |network: &Network| {
        (0..network.stages().len())
            .map(|stage| {
                let activity = activity(network, &tensor, stage);
                let units = network.stage_units()[stage];
                let rdm = rdm(activity.values(), shown.len(), distance)
                    .map_err(|e| e.within(format!("stage {}", stage + 1)))?;
                Ok(StageRdm { stage: stage + 1, units, rdm })
            })
            .collect::<Result<Vec<_>>>()
    };
    Ok(Representation { trained: stages(&loaded.network)?, untrained: stages(&loaded.untrained)?, pixels })
}

/// Every picture, `[stimuli, inputs]`.
fn all(shown: &Dataset) -> Result<Vec<f32>> {
    let order: Vec<usize> = (0..shown.len()).collect();
    Ok(shown.batch(&order)?.images)
}
