//! One checkpoint: a folder with the weights, the rest of the state, a description and checksums.
//!
//! `weights.safetensors` holds the parameters in their natural shapes, ready for other tools; `state.safetensors` everything
//! else that the next step depends on; `state.json` the counters and the run's configuration; `records.json` what rows of records were
//! written before, and times. `SHA256SUMS` has the checksums of the first three, in the format of `sha256sum`, which two runs of the same
//! configuration share; `SHA256SUMS.records` that of the last, which no two runs do.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::ledger::Mark;
use crate::trained_on::TrainedOn;
use nmnc_core::error::{Error, Result};
use nmnc_core::files::{is_there, partial_folder, read_if_there, replace_by, sha256};
use nmnc_core::state::State;
use nmnc_core::tensor_file::{self, Array};
use nmnc_learn::net::{Parameter, Weights};

const FORMAT: u32 = 4;
const FILES: [&str; 3] = ["weights.safetensors", "state.safetensors", "state.json"];
const RECORDS: [&str; 1] = ["records.json"];
const SUMS: &str = "SHA256SUMS";
const RECORDS_SUMS: &str = "SHA256SUMS.records";
/// Marks lists of numbers among the tensors of the state.
const NUMBERS: &str = "numbers.";

/// What a checkpoint says of its format, whatever else it says.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    format: u32,
    step: u64,
    config: String,
    counters: BTreeMap<String, u64>,
    texts: BTreeMap<String, Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trained_on: Option<TrainedOn>,
}

/// What differs between runs of the same configuration.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    records: Mark,
    clock: Clock,
}

/// A checkpoint read back.
#[derive(Debug)]
pub struct Checkpoint {
    /// Training steps done.
    pub step: u64,
    /// The configuration of its run, as its `config.toml`.
    pub config: String,
    /// The rows of `metrics.jsonl` up to it.
    pub(crate) records: Mark,
    /// Times up to it.
    pub(crate) clock: Clock,
    /// The examples it was trained on; none of trials, or where the checkpoint does not say.
    pub trained_on: Option<TrainedOn>,
    /// Optimizer, rule and bookkeeping.
    pub state: State,
    /// Parameters by full name, in their natural shapes.
    pub weights: BTreeMap<String, Array>,
    /// The folder it was read from.
    pub path: PathBuf,
}

/// What goes into a checkpoint.
pub(crate) struct Contents<'a, N> {
    /// Training steps done.
    pub step: u64,
    /// Whose parameters and buffers are saved.
    pub network: &'a N,
    /// Optimizer, rule and bookkeeping.
    pub state: &'a State,
    /// The configuration of the run.
    pub config: &'a str,
    /// The rows of `metrics.jsonl` so far.
    pub records: Mark,
    /// Times so far.
    pub clock: Clock,
    /// The examples it is trained on.
    pub trained_on: Option<TrainedOn>,
}

/// Name of the checkpoint after `step` training steps.
pub(super) fn folder_name(step: u64) -> String {
    format!("step-{step:010}")
}

/// Writes a checkpoint into `folder`, in the place of one of the same step.
///
/// # Errors
/// If the file system refuses; earlier checkpoints are then untouched.
pub(crate) fn save<N: Weights>(folder: &Path, contents: Contents<N>) -> Result<PathBuf> {
    let Contents { step, network, state, config, records, clock, trained_on } = contents;
    let target = folder.join(folder_name(step));
    let partial = partial_folder(folder)?;
    let inner = |file: &str| partial.path().join(file);

    let (parameters, buffers) = (network.parameters(), network.buffers());
    let saved = parameters.iter().chain(&buffers);
    let weights = saved.map(|(name, p)| (name.clone(), Array::of_matrix(&p.value, &p.shape)));
    tensor_file::write(&inner(FILES[0]), &weights.collect(), ("step", step.to_string()))?;

    let tensors = state.tensors.iter().map(|(name, t)| (name.clone(), Array::of_matrix(t, &t.dims())));
    let numbers = state.numbers.iter().map(|(name, list)| (format!("{NUMBERS}{name}"), Array::of_list(list)));
    tensor_file::write(&inner(FILES[1]), &tensors.chain(numbers).collect(), ("step", step.to_string()))?;

    let description = Description {
        format: FORMAT,
        step,
        config: config.to_owned(),
        counters: state.counters.clone(),
        texts: state.texts.clone(),
        trained_on,
    };
    let text = serde_json::to_string_pretty(&description).expect("counters are representable in JSON") + "\n";
    write_new(&inner(FILES[2]), text.as_bytes())?;
    let written = Written { records, clock };
    let text = serde_json::to_string_pretty(&written).expect("times are representable in JSON") + "\n";
    write_new(&inner(RECORDS[0]), text.as_bytes())?;

    for (sums, files) in [(SUMS, &FILES[..]), (RECORDS_SUMS, &RECORDS[..])] {
        let lines = files.iter().map(|file| Ok(format!("{}  {file}\n", sha256(&inner(file))?)));
        write_new(&inner(sums), lines.collect::<Result<String>>()?.as_bytes())?;
    }
    // Of the same step after a resume: the same bits, so either will do, but there is one at any moment.
    replace_by(partial, &target)?;
    Ok(target)
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let mut file = fs::File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|e| Error::io(path, "write", e))
}

/// Reads one checkpoint and verifies its checksums.
///
/// # Errors
/// If a file is missing, damaged or of another format.
pub fn load(path: &Path, device: &Device) -> Result<Checkpoint> {
    verify(path)?;
    let description = describe(path)?;
    let Written { records, clock } = written(path)?;
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
        config: description.config,
        records,
        clock,
        trained_on: description.trained_on,
        state,
        weights: tensor_file::read(&path.join(FILES[0]))?,
        path: path.to_owned(),
    })
}

fn describe(path: &Path) -> Result<Description> {
    let file = path.join(FILES[2]);
    let text = read(&file)?;
    let parse = |e: serde_json::Error| damaged(&file).caused_by(e);
    let Format { format } = serde_json::from_slice(&text).map_err(parse)?;
    if format != FORMAT {
        let problem = format!("has checkpoint format {format}, this version reads {FORMAT}");
        return Err(Error::checkpoint(path.display(), problem).mend("use the version of nmnc that wrote it"));
    }
    serde_json::from_slice(&text).map_err(parse)
}

fn written(path: &Path) -> Result<Written> {
    let file = path.join(RECORDS[0]);
    serde_json::from_slice(&read(&file)?).map_err(|e| damaged(&file).caused_by(e))
}

/// Step, configuration and rows of records of the checkpoint at `path`, without its weights; none if it cannot be read or is of another
/// format.
pub(crate) fn glance(path: &Path) -> Option<(u64, String, Mark)> {
    let found = describe(path).ok()?;
    Some((found.step, found.config, written(path).ok()?.records))
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
    // What another version wrote is told before what it has not written.
    let format = |text: &[u8]| serde_json::from_slice::<Format>(text).ok().map(|found| found.format);
    if read_if_there(&path.join(FILES[2]))?
        .and_then(|text| format(&text))
        .is_some_and(|format| format < FORMAT)
    {
        return describe(path).map(drop);
    }
    for (sums, files) in [(SUMS, &FILES[..]), (RECORDS_SUMS, &RECORDS[..])] {
        let place = path.join(sums);
        let sums = String::from_utf8(read(&place)?).map_err(|_| damaged(&place))?;
        for file in files {
            let listed = sums.lines().find_map(|line| line.strip_suffix(file)).map(str::trim);
            let file = path.join(file);
            if !is_there(&file)? {
                return Err(Error::checkpoint(file.display(), "is missing").mend(OLDER));
            }
            if listed != Some(&sha256(&file)?) {
                return Err(damaged(&file));
            }
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
    let found = read_if_there(path)?;
    found.ok_or_else(|| Error::checkpoint(path.display(), "is missing").mend(OLDER))
}
