//! What a trained network says of examples: outputs, decisions, and the activity of its stages.

use std::fs;
use std::path::Path;

use nmnc_core::device::{matrix, values};
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::files::write_atomically;
use nmnc_core::memory;
use nmnc_data::{Element, NpzWriter, npy_file};
use nmnc_train::EVALUATION_BATCH;
use serde::Serialize;

use super::load::Loaded;

/// What a network says of examples.
#[derive(Clone, Debug, Serialize)]
pub struct Predictions {
    /// The network, in one line.
    pub subject: String,
    /// Examples shown.
    pub examples: usize,
    /// Those among them whose class the network was trained to tell apart.
    pub known: usize,
    /// Mean loss over these; none if there are none.
    pub loss: Option<f64>,
    /// Fraction of these that are decided right.
    pub accuracy: Option<f64>,
    /// Names of the classes, in the order of the outputs.
    pub classes: Vec<String>,
    /// Number of each example in its split, from 0.
    #[serde(skip)]
    pub indices: Vec<usize>,
    /// Outputs `[examples, outputs]`, row by row.
    #[serde(skip)]
    pub logits: Vec<f32>,
    /// Class of each example by its number among `classes`; -1 for one that the network was not trained on.
    #[serde(skip)]
    pub labels: Vec<i32>,
    /// Class with the largest output, the first of several.
    #[serde(skip)]
    pub predicted: Vec<i32>,
    /// Stages (from 0), their units, and their activity `[examples, units]`, row by row.
    #[serde(skip)]
    pub activities: Vec<(usize, usize, Vec<f32>)>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Shows the network the examples `chosen` of its data, and keeps the activity of `stages` (from 0). Classes of other data than the run's own
/// are matched by name.
///
/// # Errors
/// A stage that is not there; data that cannot be read; more activity than there is memory.
pub fn predict(loaded: &Loaded, chosen: &[usize], stages: &[usize]) -> Result<Predictions> {
    let Loaded { config, network, data, .. } = loaded;
    let units = network.stage_units();
    if let Some(stage) = stages.iter().find(|&&stage| stage >= units.len()) {
        return Err(Error::config("stage", format!("there is no stage {}", stage + 1))
            .mend(format!("the network has {}", units.len())));
    }
    check_memory(chosen.len(), network.outputs() + stages.iter().map(|&stage| units[stage]).sum::<usize>())?;
    let number = |name: &String| loaded.classes.iter().position(|own| own == name);
    let numbers: Vec<Option<usize>> = data.classes().iter().map(number).collect();
    let mut warnings = loaded.warnings.clone();
    let unknown: Vec<&String> = data
        .classes()
        .iter()
        .zip(&numbers)
        .filter(|(_, number)| number.is_none())
        .map(|(name, _)| name)
        .collect();
    if let Some(first) = unknown.first() {
        let count = unknown.len();
        warnings.push(format!(
            "{count} of {} classes, such as `{first}`, are none that the network was trained on: their examples do not count in \
             loss and accuracy",
            data.classes().len()
        ));
    }
    let objective = config.train.loss.smoothed(config.train.label_smoothing);
    let outputs = network.outputs();
    let mut found = Predictions {
        subject: loaded.describe(),
        examples: chosen.len(),
        known: 0,
        loss: None,
        accuracy: None,
        classes: loaded.classes.clone(),
        indices: chosen.to_vec(),
        logits: Vec::with_capacity(chosen.len() * outputs),
        labels: Vec::with_capacity(chosen.len()),
        predicted: Vec::with_capacity(chosen.len()),
        activities: stages.iter().map(|&stage| (stage, units[stage], Vec::new())).collect(),
        warnings,
    };
    let (mut loss, mut right) = (0.0, 0);
    for batch in data.batches(chosen.to_vec(), EVALUATION_BATCH, None) {
        let batch = batch?;
        let images = matrix(batch.images, [batch.labels.len(), data.shape().len()], loaded.device());
        let output = network.output(images.clone());
        let logits = values::<f32>(&output);
        found.predicted.extend(logits.chunks_exact(outputs).map(largest));
        found.logits.extend(logits);
        let labels: Vec<Option<usize>> = batch.labels.iter().map(|&label| numbers[label as usize]).collect();
        found.labels.extend(labels.iter().map(|label| label.map_or(-1, |label| label as i32)));
        let known: Vec<usize> = (0..labels.len()).filter(|&row| labels[row].is_some()).collect();
        let own: Vec<u32> = labels.iter().flatten().map(|&label| label as u32).collect();
        if !own.is_empty() {
            let judged = objective.judge(&rows(output, &known), &own);
            loss += judged.loss * own.len() as f64;
            right += judged.hits.first;
            found.known += own.len();
        }
        if let Some(&last) = stages.iter().max() {
            for (stage, activity) in network.each_activity(images).take(last + 1).enumerate() {
                for (_, _, kept) in found.activities.iter_mut().filter(|(own, ..)| *own == stage) {
                    kept.extend(values::<f32>(&activity));
                }
            }
        }
    }
    if found.known > 0 {
        found.loss = Some(loss / found.known as f64);
        found.accuracy = Some(right as f64 / found.known as f64);
    }
    Ok(found)
}

/// The given rows, all of which are there.
fn rows(of: burn::tensor::Tensor<2>, chosen: &[usize]) -> burn::tensor::Tensor<2> {
    if chosen.len() == of.dims()[0] {
        return of;
    }
    burn::tensor::Tensor::cat(chosen.iter().map(|&row| of.clone().narrow(0, row, 1)).collect(), 0)
}

/// The place of the largest number, the first of several.
fn largest(numbers: &[f32]) -> i32 {
    let better = |best: usize, next: usize| if numbers[next] > numbers[best] { next } else { best };
    (0..numbers.len()).reduce(better).unwrap_or(0) as i32
}

/// Whether what is kept, and its bytes as they are written, fit into memory.
fn check_memory(examples: usize, numbers: usize) -> Result<()> {
    let needed = (examples as u64).saturating_mul(numbers as u64).saturating_mul(3 * size_of::<f32>() as u64);
    match memory::available() {
        Some(there) if needed > there => Err(Error::new(
            ErrorKind::Memory,
            "memory",
            format!(
                "outputs and activity of {examples} examples need {} MB, {} MB are there",
                needed >> 20,
                there >> 20
            ),
        )
        .mend("show fewer examples (--examples), or keep fewer stages (--stage)")),
        _ => Ok(()),
    }
}

/// Writes a NumPy archive, if `path` ends in `.npz`, or else a folder with a `.npy` file for each array: `logits` `[examples, outputs]`,
/// `predicted`, `labels` and `indices` `[examples]`, and `stage_1` and so on `[examples, units]`.
///
/// # Errors
/// A file system that refuses.
pub fn write_predictions(path: &Path, found: &Predictions) -> Result<()> {
    let indices: Vec<i64> = found.indices.iter().map(|&index| index as i64).collect();
    let examples = found.examples;
    let outputs = found.logits.len() / examples.max(1);
    if path.extension().is_some_and(|extension| extension == "npz") {
        let make = || -> std::io::Result<Vec<u8>> {
            let mut writer = NpzWriter::new();
            writer.put("logits", &[examples, outputs], &found.logits)?;
            writer.put("predicted", &[examples], &found.predicted)?;
            writer.put("labels", &[examples], &found.labels)?;
            writer.put("indices", &[examples], &indices)?;
            for (stage, units, activity) in &found.activities {
                writer.put(&format!("stage_{}", stage + 1), &[examples, *units], activity)?;
            }
            writer.finish()
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.map_or(Ok(()), fs::create_dir_all).map_err(|e| Error::io(path, "create folder of", e))?;
        return write_atomically(path, &make().map_err(|e| Error::io(path, "write", e))?);
    }
    fs::create_dir_all(path).map_err(|e| Error::io(path, "create folder", e))?;
    array(path, "logits", &[examples, outputs], &found.logits)?;
    array(path, "predicted", &[examples], &found.predicted)?;
    array(path, "labels", &[examples], &found.labels)?;
    array(path, "indices", &[examples], &indices)?;
    let mut stages = found.activities.iter();
    stages.try_for_each(|(stage, units, kept)| {
        array(path, &format!("stage_{}", stage + 1), &[examples, *units], kept)
    })
}

fn array<T: Element>(folder: &Path, name: &str, shape: &[usize], numbers: &[T]) -> Result<()> {
    write_atomically(&folder.join(format!("{name}.npy")), &npy_file(shape, numbers))
}
