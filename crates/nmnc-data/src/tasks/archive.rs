//! Trials in NumPy archives, so that other programs can use them and their trials can be used here.
//!
//! Steps come first, trials second: where arrays disagree with that, or classes do, the archive is refused.
//!
//! | array | shape | |
//! |---|---|---|
//! | `inputs` | `[T, B, n_in]` | float |
//! | `targets` | `[T, B]` integer, or `[T, B, n_out]` float | classes, 0 to withhold an answer; or values |
//! | `mask` | `[T, B]` | weight of each step, 0 after the end of a trial; 1 when left out |
//! | `response` | `[B, 2]` | first step of the response period and the step after it |
//! | `window` | `[B, 2]` | when the right answer may come; the response period when left out |
//! | `conditions` | `[B]` | number of each trial's condition; the right class when left out |
//! | `strength` | `[B]` | signed strength of the evidence, positive for class 1, of choices and classes; none when left out |
//! | `tolerance` | `[1]` | for values |
//!
//! Without `response`, that is from a trial's first to its last step of a class other than 0 (of values, its last step). `kind` tells
//! how an answer is judged: 0 the first class other than 0, 1 the class at the last step, 2 every step, 3 the value.

use std::ops::Range;
use std::path::Path;

use super::batch::{TrialBatch, TrialInfo};
use super::order::Order;
use super::trial::{Answer, Targets};
use crate::NpzWriter;
use crate::npz::Array;
use nmnc_core::error::{Error, Result};
use nmnc_core::files::write_atomically;

/// The most classes, and the most conditions: there are lists of them.
const MOST: usize = 1 << 20;
/// The largest strength of a stimulus, as of settings.
const MOST_STRENGTH: f64 = 1e12;

/// Writes `batch` to `path`, whole or not at all.
///
/// # Errors
/// If the file system refuses.
pub fn export(path: &Path, batch: &TrialBatch) -> Result<()> {
    let bytes = bytes(batch).map_err(|e| Error::io(path, "write", e))?;
    write_atomically(path, &bytes)
}

fn bytes(batch: &TrialBatch) -> std::io::Result<Vec<u8>> {
    let mut writer = NpzWriter::new();
    put_trials(&mut writer, batch)?;
    writer.finish()
}

/// Adds the arrays of `batch` to an archive, which then is one of trials whatever else it holds.
///
/// # Errors
/// If the archive grows too large.
pub fn put_trials(writer: &mut NpzWriter, batch: &TrialBatch) -> std::io::Result<()> {
    let [t, b] = [batch.steps, batch.size()];
    writer.put("inputs", &[t, b, batch.inputs], &batch.values)?;
    match &batch.targets {
        Targets::Labels(labels) => {
            let labels: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
            writer.put("targets", &[t, b], &labels)?;
        }
        Targets::Values(values) => writer.put("targets", &[t, b, batch.outputs], values)?,
    }
    writer.put("mask", &[t, b], &batch.mask)?;
    let pairs = |of: &dyn Fn(&TrialInfo) -> Range<usize>| -> Vec<i64> {
        batch.info.iter().flat_map(|info| [of(info).start as i64, of(info).end as i64]).collect()
    };
    writer.put("response", &[b, 2], &pairs(&|info| info.response.clone()))?;
    let window = |info: &TrialInfo| match &info.answer {
        Answer::Choice { window, .. } => window.clone(),
        _ => info.response.clone(),
    };
    writer.put("window", &[b, 2], &pairs(&window))?;
    let conditions: Vec<i64> = batch.info.iter().map(|info| info.condition as i64).collect();
    writer.put("conditions", &[b], &conditions)?;
    if let Some(strengths) = batch.info.iter().map(|info| info.strength).collect::<Option<Vec<f64>>>() {
        writer.put("strength", &[b], &strengths)?;
    }
    let kind = |info: &TrialInfo| match info.answer {
        Answer::Choice { .. } => 0_i64,
        Answer::Class(_) => 1,
        Answer::Sequence => 2,
        Answer::Value { .. } => 3,
    };
    writer.put("kind", &[1], &[batch.info.first().map_or(0, kind)])?;
    writer.put("outputs", &[1], &[batch.outputs as i64])?;
    if let Some(Answer::Value { tolerance }) = batch.info.first().map(|info| &info.answer) {
        writer.put("tolerance", &[1], &[*tolerance])?;
    }
    Ok(())
}

/// Reads the trials of `path`.
///
/// # Errors
/// An array that is missing, damaged, of another kind, or at odds with the others.
pub fn import(path: &Path) -> Result<TrialBatch> {
    let place = |name: &str| format!("{}: {name}", path.display());
    let missing = || {
        Error::data(path.display(), "holds no trials")
            .mend("name the arrays `inputs` [T, B, n_in] and `targets` [T, B] or [T, B, n_out]")
    };
    let inputs = Array::read(path, "inputs")?.ok_or_else(missing)?;
    let targets = Array::read(path, "targets")?.ok_or_else(missing)?;
    let [steps, size, width] = inputs.shape()[..] else {
        return Err(
            Error::data(place("inputs"), format!("has shape {:?}", inputs.shape())).mend("use [T, B, n_in]")
        );
    };
    if steps == 0 || size == 0 || width == 0 {
        return Err(Error::data(place("inputs"), format!("has shape {:?}", inputs.shape())));
    }
    let classes = match targets.shape()[..] {
        [t, b] if [t, b] == [steps, size] => Some(targets.integers()?),
        _ => None,
    };
    Order {
        place: path.display().to_string(),
        inputs: [steps, size, width],
        targets: targets.shape(),
        by_trial: by_trial(path, &targets)?,
        labels: classes.as_deref(),
    }
    .check()?;
    let values = inputs.floats()?;
    let (targets, outputs) = match targets.shape()[..] {
        [t, b] if [t, b] == [steps, size] => labels(classes.unwrap_or_default(), &place("targets"))?,
        [t, b, outputs] if [t, b] == [steps, size] && outputs > 0 => {
            (Targets::Values(targets.floats()?), outputs)
        }
        _ => {
            let problem = format!("has shape {:?} beside inputs {:?}", targets.shape(), [steps, size, width]);
            let mend = match targets.shape()[..] {
                [n] if n == size => format!("use [T, B] = [{steps}, {size}], the class of each step"),
                [t, b] if [t, b] == [size, steps] => {
                    format!(
                        "use [T, B] = [{steps}, {size}], in NumPy targets.T, if the order of inputs is right"
                    )
                }
                [t, b, n] if [t, b] == [size, steps] => {
                    format!(
                        "use [T, B, n_out] = [{steps}, {size}, {n}], in NumPy targets.swapaxes(0, 1), if the order of inputs is right"
                    )
                }
                _ => "use [T, B] or [T, B, n_out]".to_owned(),
            };
            return Err(Error::data(place("targets"), problem).mend(mend));
        }
    };
    let optional = |name: &str, shape: &[usize]| -> Result<Option<Array>> {
        let Some(array) = Array::read(path, name)? else { return Ok(None) };
        if array.shape() != shape {
            let problem = format!("has shape {:?}, expected {shape:?}", array.shape());
            return Err(Error::data(place(name), problem));
        }
        Ok(Some(array))
    };
    let mask = match optional("mask", &[steps, size])? {
        Some(mask) => mask.floats()?,
        None => vec![1.0; steps * size],
    };
    if mask.iter().any(|weight| !(0.0..=1e6).contains(weight)) {
        return Err(Error::data(place("mask"), "holds a weight that is negative or not finite"));
    }
    let integers = |name: &str, shape: &[usize]| -> Result<Option<Vec<usize>>> {
        let Some(array) = optional(name, shape)? else { return Ok(None) };
        let small = |v: i64| usize::try_from(v).map_err(|_| Error::data(place(name), format!("holds {v}")));
        array.integers()?.into_iter().map(small).collect::<Result<_>>().map(Some)
    };
    let outputs = match integers("outputs", &[1])? {
        Some(told) if matches!(targets, Targets::Labels(_)) && (outputs..=MOST).contains(&told[0]) => told[0],
        _ => outputs,
    };
    let kind = integers("kind", &[1])?.map(|kind| kind[0]);
    let tolerance = match optional("tolerance", &[1])? {
        Some(tolerance) => tolerance.numbers()?[0],
        None => 0.1,
    };
    let given = [integers("response", &[size, 2])?, integers("window", &[size, 2])?];
    let conditions = integers("conditions", &[size])?;
    if let Some(bad) = conditions.iter().flatten().find(|condition| **condition >= MOST) {
        let problem = format!("holds the condition {bad}, of at most {MOST} from 0");
        return Err(Error::data(place("conditions"), problem).mend("number conditions from 0"));
    }
    let strengths = match optional("strength", &[size])? {
        Some(strengths) => Some(evidence(&strengths.numbers()?, &targets, kind, &place("strength"))?),
        None => None,
    };
    let info = (0..size)
        .map(|trial| {
            let end = (0..steps).rfind(|step| mask[step * size + trial] > 0.0).map_or(0, |last| last + 1);
            if end == 0 {
                return Err(Error::data(
                    place("mask"),
                    format!("trial {trial} has no step of weight above 0"),
                ));
            }
            let label = |step: usize| match &targets {
                Targets::Labels(labels) => labels[step * size + trial],
                Targets::Values(_) => 0,
            };
            let range = |pairs: &Option<Vec<usize>>, name: &str| -> Result<Option<Range<usize>>> {
                let Some(pairs) = pairs else { return Ok(None) };
                let (start, stop) = (pairs[2 * trial], pairs[2 * trial + 1]);
                if start >= stop || stop > steps {
                    let problem =
                        format!("trial {trial}: {start} to {stop} is no range of its {steps} steps");
                    return Err(Error::data(place(name), problem));
                }
                Ok(Some(start..stop))
            };
            let found = || match (0..end).find(|&step| label(step) != 0) {
                Some(first) => first..(0..end).rfind(|&step| label(step) != 0).unwrap_or(first) + 1,
                None => end - 1..end,
            };
            let response = range(&given[0], "response")?.unwrap_or_else(found);
            let right = response.clone().map(label).find(|label| *label != 0).unwrap_or(0);
            let answer = match (&targets, kind) {
                (Targets::Values(_), _) => Answer::Value { tolerance },
                (_, Some(1)) => Answer::Class(label(response.end - 1)),
                (_, Some(2)) => Answer::Sequence,
                _ if right == 0 => {
                    return Err(Error::data(
                        place("targets"),
                        format!("trial {trial} has no class other than 0"),
                    )
                    .mend(
                        "class 0 is to withhold an answer; for classes at the last step store kind = [1]",
                    ));
                }
                _ => {
                    let window = range(&given[1], "window")?.unwrap_or(response.clone());
                    Answer::Choice { label: right, window }
                }
            };
            let condition = conditions.as_ref().map_or(right as usize, |conditions| conditions[trial]);
            let strength = strengths.as_ref().map(|strengths| strengths[trial]);
            Ok(TrialInfo { steps: end.max(response.end), response, answer, condition, strength })
        })
        .collect::<Result<_>>()?;
    Ok(TrialBatch { steps, inputs: width, outputs, values, targets, mask, info })
}

/// Lengths of what has an entry a trial.
fn by_trial(path: &Path, targets: &Array) -> Result<Vec<(&'static str, usize)>> {
    let mut found = Vec::new();
    for name in ["conditions", "response", "window", "strength"] {
        if let Some(array) = Array::read(path, name)? {
            found.extend(array.shape().first().map(|length| (name, *length)));
        }
    }
    if let [trials] = targets.shape() {
        found.push(("targets", *trials));
    }
    Ok(found)
}

/// Strengths of the evidence, of answers that are a choice.
fn evidence(strengths: &[f64], targets: &Targets, kind: Option<usize>, place: &str) -> Result<Vec<f64>> {
    if let Some(bad) = strengths.iter().find(|strength| strength.abs() > MOST_STRENGTH) {
        return Err(Error::data(place, format!("holds {bad}"))
            .mend(format!("give numbers up to {MOST_STRENGTH:e} of size, one for each trial")));
    }
    let what = match (targets, kind) {
        (Targets::Values(_), _) => "values",
        (_, Some(2)) => "sequences",
        _ => return Ok(strengths.to_vec()),
    };
    let problem = format!("is evidence for one choice, where answers are {what}");
    Err(Error::data(place, problem).mend("leave it out"))
}

/// Classes, and how many there are.
fn labels(integers: Vec<i64>, place: &str) -> Result<(Targets, usize)> {
    if let Some(bad) = integers.iter().find(|label| !(0..MOST as i64).contains(*label)) {
        return Err(Error::data(place, format!("holds the class {bad}")));
    }
    let labels: Vec<u32> = integers.into_iter().map(|label| label as u32).collect();
    let outputs = labels.iter().max().map_or(0, |most| *most as usize + 1);
    Ok((Targets::Labels(labels), outputs))
}
