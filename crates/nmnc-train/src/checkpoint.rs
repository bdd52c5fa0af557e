//! Checkpoints: a folder with the weights, the rest of the state, a description and checksums.
//!
//! `weights.safetensors` holds the parameters in their natural shapes, ready for other tools; `state.safetensors` everything
//! else that the next step depends on; `state.json` the counters; `SHA256SUMS` the checksums, in the format of `sha256sum`. The
//! folder is written under a temporary name and renamed when it is complete and synced.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use nmnc_core::error::{Error, Result};
use nmnc_core::files::{PARTIAL, sha256, sync_folder, write_atomically};
use nmnc_core::state::State;
use nmnc_core::tensor_file::{self, Array};
use nmnc_learn::net::{Parameter, Weights};

const FORMAT: u32 = 2;
const FILES: [&str; 3] = ["weights.safetensors", "state.safetensors", "state.json"];
/// Marks lists of numbers among the tensors of the state.
const NUMBERS: &str = "numbers.";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    format: u32,
    step: u64,
    config_sha256: String,
    counters: BTreeMap<String, u64>,
    texts: BTreeMap<String, Vec<String>>,
}

/// A checkpoint read back.
#[derive(Debug)]
pub struct Checkpoint {
    /// Training steps done.
    pub step: u64,
    /// Hash of the configuration it belongs to.
    pub config_sha256: String,
    /// Optimizer, rule and bookkeeping.
    pub state: State,
    /// Parameters by full name, in their natural shapes.
    pub weights: BTreeMap<String, Array>,
    /// The folder it was read from.
    pub path: PathBuf,
}

/// Name of the checkpoint after `step` training steps.
fn folder_name(step: u64) -> String {
    format!("step-{step:010}")
}

/// The step that a checkpoint's folder is named after.
fn step_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("step-")?.parse().ok()
}

/// Writes the checkpoint of `step` into `folder` and removes all but the latest `keep` and those of the steps in `kept_for_good`.
///
/// # Errors
/// If the file system refuses; earlier checkpoints are then untouched.
pub fn save(
    folder: &Path,
    step: u64,
    network: &impl Weights,
    state: &State,
    config_sha256: &str,
    keep: usize,
    kept_for_good: &[u64],
) -> Result<PathBuf> {
    let target = folder.join(folder_name(step));
    let partial = folder.join(format!("{PARTIAL}{}", folder_name(step)));
    let _ = fs::remove_dir_all(&partial);
    fs::create_dir_all(&partial).map_err(|e| Error::io(&partial, "create folder", e))?;

    let (parameters, buffers) = (network.parameters(), network.buffers());
    let saved = parameters.iter().chain(&buffers);
    let weights = saved.map(|(name, p)| (name.clone(), Array::of_matrix(&p.value, &p.shape)));
    tensor_file::write(&partial.join(FILES[0]), &weights.collect(), ("step", step.to_string()))?;

    let tensors = state.tensors.iter().map(|(name, t)| (name.clone(), Array::of_matrix(t, &t.dims())));
    let numbers = state.numbers.iter().map(|(name, list)| (format!("{NUMBERS}{name}"), Array::of_list(list)));
    tensor_file::write(
        &partial.join(FILES[1]),
        &tensors.chain(numbers).collect(),
        ("step", step.to_string()),
    )?;

    let description = Description {
        format: FORMAT,
        step,
        config_sha256: config_sha256.to_owned(),
        counters: state.counters.clone(),
        texts: state.texts.clone(),
    };
    let text = serde_json::to_string_pretty(&description).expect("counters are representable in JSON") + "\n";
    write_atomically(&partial.join(FILES[2]), text.as_bytes())?;

    let sums = FILES.iter().map(|file| Ok(format!("{}  {file}\n", sha256(&partial.join(file))?)));
    write_atomically(&partial.join("SHA256SUMS"), sums.collect::<Result<String>>()?.as_bytes())?;

    if target.exists() {
        // The same step again, after a resume: the same bits, so either copy will do.
        discard(&target)?;
    }
    fs::rename(&partial, &target).map_err(|e| Error::io(&target, "rename", e))?;
    sync_folder(folder)?;
    let mut old = list(folder)?;
    old.truncate(old.len().saturating_sub(keep));
    old.retain(|path| !step_of(path).is_some_and(|step| kept_for_good.contains(&step)));
    for old in old {
        discard(&old)?;
    }
    Ok(target)
}

/// Removes a checkpoint. It first loses its name, so that no crash leaves half of it under that name.
fn discard(path: &Path) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let gone = path.with_file_name(format!("{PARTIAL}old-{name}"));
    let failed = |e| Error::io(path, "remove", e);
    let _ = fs::remove_dir_all(&gone);
    fs::rename(path, &gone).map_err(failed)?;
    fs::remove_dir_all(&gone).map_err(failed)
}

/// The checkpoints in `folder`, oldest first.
///
/// # Errors
/// If the folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|e| Error::io(folder, "read", e))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| Error::io(folder, "read", e))?;
        if entry.file_name().to_string_lossy().starts_with("step-") {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The latest checkpoint of `folder` that is whole, if the folder is there, and a warning for each damaged one that was passed over.
///
/// # Errors
/// If there are checkpoints but every one is damaged.
pub fn latest(folder: &Path, device: &Device) -> Result<(Option<Checkpoint>, Vec<String>)> {
    let mut warnings = Vec::new();
    let mut last_error = None;
    if !folder.is_dir() {
        return Ok((None, warnings));
    }
    for path in list(folder)?.into_iter().rev() {
        match load(&path, device) {
            Ok(checkpoint) => return Ok((Some(checkpoint), warnings)),
            Err(error) => {
                warnings.push(format!("passing over a damaged checkpoint: {error}"));
                last_error = Some(error);
            }
        }
    }
    match last_error {
        Some(error) => Err(error),
        None => Ok((None, warnings)),
    }
}

/// Reads one checkpoint and verifies its checksums.
///
/// # Errors
/// If a file is missing, damaged or of another format.
pub fn load(path: &Path, device: &Device) -> Result<Checkpoint> {
    verify(path)?;
    let description: Description = serde_json::from_slice(&read(&path.join(FILES[2]))?)
        .map_err(|e| damaged(&path.join(FILES[2])).caused_by(e))?;
    if description.format != FORMAT {
        let problem = format!("has checkpoint format {}, this version reads {FORMAT}", description.format);
        return Err(Error::checkpoint(path.display(), problem).mend("use the version of nmnc that wrote it"));
    }
    let mut state = State { counters: description.counters, texts: description.texts, ..State::default() };
    for (name, array) in tensor_file::read(&path.join(FILES[1]))? {
        let malformed =
            || Error::checkpoint(path.join(FILES[1]).display(), format!("{name} has the wrong form"));
        if let Some(list) = name.strip_prefix(NUMBERS) {
            state.numbers.insert(list.to_owned(), array.list().ok_or_else(malformed)?);
        } else {
            let [rows, columns] = array.shape[..] else { return Err(malformed()) };
            state.tensors.insert(name, array.matrix([rows, columns], device));
        }
    }
    Ok(Checkpoint {
        step: description.step,
        config_sha256: description.config_sha256,
        state,
        weights: tensor_file::read(&path.join(FILES[0]))?,
        path: path.to_owned(),
    })
}

impl Checkpoint {
    /// Puts the weights and buffers into `network`. All that belongs to the network is of its types of numbers, so that whatever is
    /// restored after it can rely on them.
    ///
    /// # Errors
    /// If a parameter is missing, or something has another shape or type.
    pub fn restore_weights(&self, network: &mut impl Weights, device: &Device) -> Result<()> {
        let types: Vec<DType> = network.parameters().iter().map(|(_, p)| p.value.dtype()).collect();
        self.state.check_types(&types).map_err(|e| e.within(self.path.display()))?;
        let named = |(name, parameter): (String, &Parameter)| (name, parameter.shape.clone());
        let names: Vec<_> = network.parameters().into_iter().map(named).collect();
        self.take(&names, network.values_mut(), device)?;
        let names: Vec<_> = network.buffers().into_iter().map(named).collect();
        self.take(&names, network.buffer_values_mut(), device)
    }

    fn take(
        &self,
        names: &[(String, Vec<usize>)],
        values: Vec<&mut Tensor<2>>,
        device: &Device,
    ) -> Result<()> {
        for ((name, shape), value) in names.iter().zip(values) {
            let place = || self.path.join(FILES[0]).display().to_string();
            let saved = self
                .weights
                .get(name)
                .ok_or_else(|| Error::checkpoint(place(), format!("lacks the parameter {name}")))?;
            if saved.shape != *shape {
                let problem =
                    format!("parameter {name} has shape {:?}, the network needs {shape:?}", saved.shape);
                return Err(
                    Error::checkpoint(place(), problem).mend("use the configuration it was trained with")
                );
            }
            let [rows, columns] = value.dims();
            if saved.dtype() != value.dtype() || shape.iter().product::<usize>() != rows * columns {
                let problem = format!(
                    "parameter {name} holds numbers of type {:?}, the network {:?}",
                    saved.dtype(),
                    value.dtype()
                );
                return Err(Error::checkpoint(place(), problem).mend(OLDER));
            }
            *value = saved.matrix([rows, columns], device);
        }
        Ok(())
    }
}

fn verify(path: &Path) -> Result<()> {
    let sums = read(&path.join("SHA256SUMS"))?;
    let sums = String::from_utf8(sums).map_err(|_| damaged(&path.join("SHA256SUMS")))?;
    for file in FILES {
        let listed = sums.lines().find_map(|line| line.strip_suffix(file)).map(str::trim);
        let file = path.join(file);
        if !file.exists() {
            return Err(Error::checkpoint(file.display(), "is missing").mend(OLDER));
        }
        if listed != Some(&sha256(&file)?) {
            return Err(damaged(&file));
        }
    }
    Ok(())
}

/// The way out when there is no whole checkpoint: damaged ones are passed over as long as another one is whole.
const OLDER: &str = "no checkpoint of the run is whole: remove the run folder and start again";

fn damaged(path: &Path) -> Error {
    Error::checkpoint(path.display(), "is damaged (its checksum does not match)").mend(OLDER)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::checkpoint(path.display(), "is missing").mend(OLDER),
        _ => Error::io(path, "read", e),
    })
}
