//! Agreement of the rule's error signals with backprop's, and with those of the mean Jacobian, at a checkpoint.

use serde::{Deserialize, Serialize};

use super::super::load::Loaded;
use nmnc_core::device::matrix;
use nmnc_core::error::{Error, Result};
use nmnc_data::order;
use nmnc_learn::agreement::{agreement_of_rows, agreement_of_weights, agreement_with_mean};
use nmnc_learn::credit::backpropagate;
use nmnc_train::checkpoint::Checkpoint;
use nmnc_train::{ImageBatch, MeasuredImages, TrainingInputs};

/// One stage's agreement with backprop and with the mean Jacobian, as training measures it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageAgreement {
    /// Mean over examples of the cosine of the signal and dLoss/dx.
    pub cosine: f64,
    /// Mean over examples of the ratio of their norms.
    pub norm_ratio: f64,
    /// Cosine of the gradients of the stage's weight.
    pub weight_cosine: f64,
    /// Mean over examples of the cosine of the signal and that of the batch's exact mean Jacobian; none with more than 64 outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_cosine: Option<f64>,
}

/// All stages' agreement at the batch that the step after `checkpoint` (none: the first step) was or would be made with: the
/// rule's own state is read back, and it may perturb and refresh as in training.
pub(super) fn agreement(loaded: &Loaded, checkpoint: Option<&Checkpoint>) -> Result<Vec<StageAgreement>> {
    let (config, data, device) = (&loaded.config, &loaded.training, &loaded.device);
    let shape = data.shape();
    let input = [shape.channels, shape.height, shape.width];
    let outputs = loaded.network.outputs();
    let mut classifier = config.classifier(input, outputs, device)?;
    if let Some(checkpoint) = checkpoint {
        let place = |e: Error| e.within(checkpoint.path.display());
        checkpoint.restore_weights(classifier.network_mut(), device)?;
        classifier.rule_mut().restore(&checkpoint.state.nested("rule")).map_err(place)?;
    }
    let size = config.train.batch;
    let (step, per_epoch) = (checkpoint.map_or(0, |checkpoint| checkpoint.step), loaded.steps_per_epoch());
    let (epoch, done) = (step / per_epoch, (step % per_epoch) as usize);
    let chosen = order(data.len(), config.seed, epoch)[done * size..].iter().copied().take(size).collect();
    let mut batches = data.batches(chosen, size, Some((config.seed, epoch)));
    let batch = batches.next().expect("an epoch has a batch left")?;
    let images = matrix(batch.images, [batch.labels.len(), shape.len()], device);
    let inputs = TrainingInputs { data, seed: config.seed, device: device.clone() };
    let (_, kept) = classifier.assess(ImageBatch { images, labels: batch.labels }, step, &inputs, true)?;
    let MeasuredImages { images, pass, error, signals, gradients } =
        kept.expect("the step was to be measured");
    let network = classifier.network();
    let mean = agreement_with_mean(network, images, &error, &signals);
    let exact = backpropagate(network, &pass, &error);
    let exact_gradients = network.gradients(&pass, &exact, &error);
    let stage = |(index, exact)| {
        let activity = agreement_of_rows(&signals[index], exact);
        let weight = agreement_of_weights(network, index, &gradients, &exact_gradients);
        StageAgreement {
            cosine: activity.cosine,
            norm_ratio: activity.norm_ratio,
            weight_cosine: weight.cosine,
            mean_cosine: mean.as_ref().map(|mean| mean[index].cosine),
        }
    };
    Ok(exact.iter().enumerate().map(stage).collect())
}
