//! How the stages of a network represent the stimuli.

use serde::{Deserialize, Serialize};

use super::benchmark::Benchmark;
use super::network::StageRdm;
use super::prediction::predicted;
use super::settings::BrainSettings;
use crate::analysis::{Loaded, activity};
use crate::dimension::{Matrix, Rows};
use crate::similarity::rdm;
use nmnc_core::device::matrix;
use nmnc_core::doing;
use nmnc_core::error::{ErrorKind, Result};
use nmnc_data::Dataset;
use nmnc_learn::net::Network;

/// What a trained network makes of the stimuli, and what it would have made of them before training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Representation {
    /// Every stage of the network.
    pub trained: Vec<StageRdm>,
    /// Every stage of the same network before the first step.
    pub untrained: Vec<StageRdm>,
    /// The pictures as the network got them.
    pub pixels: StageRdm,
}

/// Shows the stimuli to a network read back, scaled and standardized like the images that it was trained on.
///
/// Activity without dissimilarities, such as constant activity with
/// [`Distance::Correlation`](crate::similarity::Distance::Correlation), leaves its stage without them and a reason in their place; so do
/// responses that it cannot predict.
///
/// # Errors
/// Stimuli that cannot be read; settings that no measure can have.
pub fn represent(loaded: &Loaded, benchmark: &Benchmark, settings: &BrainSettings) -> Result<Representation> {
    let shown = benchmark.stimuli.shown(loaded.training.shape(), loaded.training.statistics())?;
    let stimuli = shown.len();
    let halves = benchmark.stimuli.halves(settings.bootstrap.seed);
    let measured = |stage: usize, activity: Matrix<f32>| {
        let _stage = doing::now(|| format!("dissimilarities and predictions, stage {stage}"));
        let place = || if stage == 0 { "pixels".to_owned() } else { format!("stage {stage}") };
        let measure = || -> Result<StageRdm> {
            let (rdm, undefined) = match rdm(activity.values(), stimuli, settings.distance) {
                Ok(rdm) => (Some(rdm), None),
                Err(e) if e.kind() == ErrorKind::Data => (None, Some(e.to_string())),
                Err(e) => return Err(e),
            };
            let (predicted, unpredicted) = predicted(&activity, benchmark, &halves, settings)?;
            Ok(StageRdm { stage, units: activity.units(), rdm, undefined, predicted, unpredicted })
        };
        measure().map_err(|e| e.within(place()))
    };
    let inputs = all(&shown)?;
    let pixels = measured(0, Matrix::new(inputs.clone(), shown.shape().len()))?;
    let tensor = matrix(inputs, [stimuli, shown.shape().len()], loaded.device());
    let stages = |network: &Network| {
        (0..network.stages().len())
            .map(|stage| measured(stage + 1, activity(network, &tensor, stage)))
            .collect::<Result<Vec<_>>>()
    };
    Ok(Representation { trained: stages(&loaded.network)?, untrained: stages(&loaded.untrained)?, pixels })
}

/// Every picture, `[stimuli, inputs]`.
fn all(shown: &Dataset) -> Result<Vec<f32>> {
    let order: Vec<usize> = (0..shown.len()).collect();
    Ok(shown.batch(&order)?.images)
}
