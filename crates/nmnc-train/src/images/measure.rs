//! Measurements during training: the evaluation split, and alignment with backprop and with the mean Jacobian.

use super::classifier::{Classifier, MeasuredImages};
use crate::loss::{Loss, Objective};
use crate::weights::device_of;
use nmnc_core::device::matrix;
use nmnc_core::error::Result;
use nmnc_core::records::{Score, StageRecord};
use nmnc_core::seed::{Role, Seed};
use nmnc_data::Dataset;
use nmnc_learn::agreement::{agreement_of_rows, agreement_of_weights, agreement_with_mean, captured_energy};
use nmnc_learn::credit::{InputSampler, backpropagate};
use nmnc_learn::manifold::{self, Dimension, PcaMethod, Subspace};
use nmnc_learn::net::{Inputs, Network};
use nmnc_learn::workers::{Alone, Contribution, Workers};

/// Examples an evaluation pass takes at a time.
pub const EVALUATION_BATCH: usize = 500;

/// Classes from which on it is told how often the label is among the five largest outputs: of ten, chance has half.
const MANY_CLASSES: usize = 11;

/// Loss and accuracy over a whole data set; of more than ten classes also how often the label is among the five largest outputs.
///
/// # Errors
/// If the data cannot be read.
pub fn evaluate(network: &Network, data: &Dataset, objective: impl Into<Objective>) -> Result<Score> {
    evaluate_among(network, data, objective.into(), &Alone)
}

/// The same by `workers`, who take the batches in turn, and sum them in their order: to the bits of one worker alone.
pub(super) fn evaluate_among(
    network: &Network,
    data: &Dataset,
    objective: Objective,
    workers: &dyn Workers,
) -> Result<Score> {
    let device = device_of(network);
    let all: Vec<usize> = (0..data.len()).collect();
    let batches = all.chunks(EVALUATION_BATCH);
    let own = batches.clone().skip(workers.number()).step_by(workers.count());
    let mut found = Vec::new();
    for batch in data.batches(own.flatten().copied().collect(), EVALUATION_BATCH, None) {
        let batch = batch?;
        let count = batch.labels.len();
        let output = network.output(matrix(batch.images, [count, data.shape().len()], &device));
        let judged = objective.judge(&output, &batch.labels);
        let hits = [judged.hits.first, judged.hits.among_five].map(|hits| hits as f64);
        found.extend([judged.loss * count as f64, hits[0], hits[1]]);
    }
    let given = workers.gather(Contribution::new(found, []))?;
    let of_batch = |batch: usize| {
        let (worker, turn) = (batch % workers.count(), batch / workers.count());
        &given[worker].numbers[3 * turn..3 * (turn + 1)]
    };
    let mut sums = [0.0; 3];
    for batch in 0..batches.len() {
        sums.iter_mut().zip(of_batch(batch)).for_each(|(sum, own)| *sum += own);
    }
    let (count, [loss, correct, among_five]) = (data.len() as f64, sums);
    let top5 = (data.classes().len() >= MANY_CLASSES).then(|| among_five / count);
    Ok(Score { loss: loss / count, accuracy: correct / count, top5 })
}

/// Alignment of every stage with backprop and, up to [`MOST_OUTPUTS`](nmnc_learn::agreement::MOST_OUTPUTS) outputs, with the exact mean
/// Jacobian over the batch, at training step `step`, before its update.
///
/// Captured energy is that of a manifold fitted here, with `dimension` components and from `samples` training examples, so that
/// rules with and without a manifold of their own are compared alike.
///
/// # Errors
/// If the data cannot be read.
pub fn align(
    classifier: &Classifier,
    measured: &MeasuredImages,
    step: u64,
    inputs: &dyn InputSampler,
    [dimension, samples]: [usize; 2],
) -> Result<Vec<StageRecord>> {
    let MeasuredImages { images, pass, error, signals, gradients } = measured;
    let (network, rule) = (classifier.network(), classifier.rule());
    let mean = agreement_with_mean(network, images.clone(), error, signals);
    let exact_signals = backpropagate(network, pass, error);
    let exact_gradients = network.gradients(pass, &exact_signals, error);
    let sample = inputs.sample(samples, step)?;
    let subspaces = measured_manifolds(network, sample, step, dimension, classifier.seed())?;
    let borrowed: Vec<Option<&Subspace>> = subspaces.iter().map(Option::as_ref).collect();
    let energies = captured_energy(network, pass, &borrowed, classifier.loss() == Loss::CrossEntropy);
    let stages = signals.iter().zip(&exact_signals).enumerate();
    Ok(stages
        .map(|(index, (signal, exact))| {
            let activity = agreement_of_rows(signal, exact);
            let weight = agreement_of_weights(network, index, gradients, &exact_gradients);
            let units = signal.dims()[1];
            let measured = subspaces[index].as_ref().map(Subspace::dimension);
            let choices = rule.choices(index);
            StageRecord {
                stage: index + 1,
                units,
                cosine: activity.cosine,
                angle_degrees: activity.angle_degrees,
                norm_ratio: activity.norm_ratio,
                weight_cosine: weight.cosine,
                weight_angle_degrees: weight.angle_degrees,
                weight_norm_ratio: weight.norm_ratio,
                mean_cosine: mean.as_ref().map(|mean| mean[index].cosine),
                rule_dimension: choices.dimension.or(rule.manifold(index).map(Subspace::dimension)),
                feedback_error: choices.feedback_error,
                probe_rate: choices.probe_rate,
                manifold_share: choices.manifold_share,
                dimension: measured,
                captured_energy: energies[index],
                margin: energies[index].zip(measured).map(|(alpha, d)| alpha - d as f64 / units as f64),
            }
        })
        .collect())
}

fn measured_manifolds(
    network: &Network,
    sample: Inputs,
    step: u64,
    dimension: usize,
    seed: Seed,
) -> Result<Vec<Option<Subspace>>> {
    let activities = network.activities(sample).into_iter().enumerate();
    activities
        .map(|(index, activity)| {
            let mut stream = seed.stream(Role::Analysis, index, step);
            manifold::fit(activity, Dimension::Count(dimension), PcaMethod::Randomized, &mut stream)
                .map(|fit| fit.subspace)
                .map_err(|error| error.within(format!("step {step}, stage {}", index + 1)))
        })
        .collect()
}
