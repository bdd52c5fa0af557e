//! Training, and run folders read back.

mod network;
mod watch;

use std::path::{Path, PathBuf};

use nmnc::analysis::{ExampleSplit, Loaded, Source, TaskLoaded};
use nmnc::data::tasks::{Targets, TrialSet, generate};
use nmnc::files::IfTaken;
use nmnc::records::{Layout, Record, RunRecords};
use nmnc::train::{AnyConfig, RunConfig, RunOptions, checkpoint, plan};
use nmnc::{Error, cite};
use numpy::{PyArray1, PyArrayDyn, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use toml::Value;

use crate::errors::{Raise, exception};
use watch::Watch;

pub use network::Network;

/// Where a configuration comes from: a file, or text.
#[derive(FromPyObject)]
pub struct Given {
    #[pyo3(item)]
    path: Option<PathBuf>,
    #[pyo3(item)]
    text: Option<String>,
    /// Changes such as `train.epochs=5`.
    #[pyo3(item)]
    set: Vec<String>,
}

impl Given {
    fn config(&self) -> nmnc::Result<AnyConfig> {
        match (&self.path, &self.text) {
            (Some(path), _) => AnyConfig::read(path, &self.set),
            (None, text) => AnyConfig::parse(text.as_deref().unwrap_or_default(), "config", &self.set),
        }
    }
}

/// Trains, and gives the run folder. `watch` is called with what to show, `wait` waits while another process writes the folder.
#[pyfunction]
pub fn train(
    py: Python<'_>,
    config: Given,
    out: PathBuf,
    resume: bool,
    wait: bool,
    watch: Option<Py<PyAny>>,
) -> PyResult<()> {
    let mut watch = Watch::new(watch);
    let options = RunOptions {
        resume,
        retry_diverged: resume && !wait,
        accept_records: false,
        extend: resume,
        if_taken: if wait { IfTaken::Wait } else { IfTaken::Leave },
        command: "nmnc.train".to_owned(),
        processes: None,
    };
    let ended = py.detach(|| config.config()?.resolve()?.run(&out, &options, &mut watch));
    match (watch.raised(), ended) {
        (Some(raised), _) => Err(raised),
        (None, ended) => ended.map(drop).raise(py),
    }
}

/// Rule and seed of a configuration, for the name of its folder.
#[pyfunction]
pub fn rule_and_seed(py: Python<'_>, config: Given) -> PyResult<(String, u64)> {
    let config = config.config().and_then(|config| config.resolve()).raise(py)?;
    Ok((config.rule().to_owned(), config.seed().0))
}

/// Names and resolved configurations (TOML) of the runs of a comparison.
#[pyfunction]
pub fn planned(
    py: Python<'_>,
    config: Given,
    rules: Vec<String>,
    seeds: u64,
) -> PyResult<Vec<(String, String)>> {
    let runs = config.config().and_then(|config| plan(&config, &rules, seeds)).raise(py)?;
    Ok(runs.into_iter().map(|run| (run.name, run.config.to_toml())).collect())
}

/// What a run folder says: its configuration, its records by column, whether it has ended, and the steps of its checkpoints.
#[pyfunction]
pub fn read_run<'py>(py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyDict>> {
    let run = py.detach(|| RunRecords::read(&path)).raise(py)?;
    let table: toml::Table = run.config_text.parse().map_err(|e: toml::de::Error| {
        let error = Error::checkpoint(path.join("config.toml").display(), e.message());
        exception(py, &error)
    })?;
    let all = PyDict::new(py);
    all.set_item("config", of_toml(py, &Value::Table(table))?)?;
    all.set_item("metrics", metrics(py, &run.records)?)?;
    all.set_item("ended", run.summary.is_some())?;
    let folder = path.join("checkpoints");
    let kept = if folder.is_dir() { checkpoint::list(&folder).raise(py)? } else { Vec::new() };
    all.set_item("checkpoints", kept.iter().filter_map(|path| step(path)).collect::<Vec<u64>>())?;
    Ok(all)
}

/// Keys, entries and settings of the references of a run.
#[pyfunction]
pub fn citations(py: Python<'_>, path: PathBuf) -> PyResult<Vec<(String, String, Vec<String>)>> {
    let cited = cite::of_run(&path).raise(py)?;
    let parts =
        |cited: cite::Cited| (cited.reference.text(), cited.reference.bibtex.to_owned(), cited.settings);
    Ok(cited.into_iter().map(parts).collect())
}

/// The first `count` examples of a run's data as its network takes them, and what is right.
#[pyfunction]
pub fn examples<'py>(
    py: Python<'py>,
    path: PathBuf,
    count: usize,
    train: bool,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let config = AnyConfig::read(&path.join("config.toml"), &[]).raise(py)?;
    match config {
        AnyConfig::Images(_) => {
            let split = if train { ExampleSplit::Train } else { ExampleSplit::Test };
            let (batch, shape) = py
                .detach(|| {
                    let loaded = Loaded::open(&Source { path, data: None, split, device: None })?;
                    let chosen: Vec<usize> = (0..count.min(loaded.data.len())).collect();
                    nmnc::Result::Ok((loaded.data.batch(&chosen)?, loaded.data.shape()))
                })
                .raise(py)?;
            let shape = [batch.labels.len(), shape.channels, shape.height, shape.width];
            Ok((shaped(py, batch.images, &shape)?, whole(py, &batch.labels, &[shape[0]])?))
        }
        AnyConfig::Trials(_) => {
            let batch = py
                .detach(|| {
                    let loaded = TaskLoaded::open(&path, None)?;
                    let set = if train { TrialSet::Training } else { TrialSet::Evaluation };
                    let most = if train { None } else { loaded.task.evaluation_size() };
                    let count = count.min(most.unwrap_or(count)) as u64;
                    generate(loaded.task.as_ref(), loaded.config.seed(), set, 0..count)
                })
                .raise(py)?;
            let size = [batch.steps, batch.size()];
            let targets = match &batch.targets {
                Targets::Labels(labels) => whole(py, labels, &size)?,
                Targets::Values(values) => shaped(py, values.clone(), &[size[0], size[1], batch.outputs])?,
            };
            Ok((shaped(py, batch.values, &[size[0], size[1], batch.inputs])?, targets))
        }
    }
}

/// The training step of a checkpoint, from its name.
fn step(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("step-")?.parse().ok()
}

/// Records as arrays by column: what was not measured is not a number, and what nothing was measured of is left out.
fn metrics<'py>(py: Python<'py>, records: &[Record]) -> PyResult<Bound<'py, PyDict>> {
    let stages = records.iter().flat_map(|record| record.stages.iter().map(|stage| stage.stage)).max();
    let layout = Layout { stages: stages.unwrap_or(0), ..Layout::default() };
    let rows: Vec<Vec<Option<f64>>> = records.iter().map(|record| layout.values(record)).collect();
    let all = PyDict::new(py);
    for (index, name) in layout.names().into_iter().enumerate() {
        let column = || rows.iter().map(|row| row[index]);
        match name.as_str() {
            "step" => all.set_item(name, counts(py, records, |record| record.step))?,
            "probes" => all.set_item(name, counts(py, records, |record| record.probes))?,
            _ if column().all(|value| value.is_none()) => {}
            _ => {
                all.set_item(name, PyArray1::from_iter(py, column().map(|value| value.unwrap_or(f64::NAN))))?
            }
        }
    }
    Ok(all)
}

fn counts<'py>(
    py: Python<'py>,
    records: &[Record],
    of: impl Fn(&Record) -> u64,
) -> Bound<'py, PyArray1<i64>> {
    PyArray1::from_iter(py, records.iter().map(|record| of(record) as i64))
}

/// Numbers as an array of this shape.
fn shaped<'py>(py: Python<'py>, numbers: Vec<f32>, shape: &[usize]) -> PyResult<Bound<'py, PyAny>> {
    let array: Bound<'py, PyArrayDyn<f32>> = PyArray1::from_vec(py, numbers).reshape(shape.to_vec())?;
    Ok(array.into_any())
}

/// Whole numbers as an array of this shape.
fn whole<'py>(py: Python<'py>, numbers: &[u32], shape: &[usize]) -> PyResult<Bound<'py, PyAny>> {
    let array = PyArray1::from_iter(py, numbers.iter().map(|number| i64::from(*number)));
    Ok(array.reshape(shape.to_vec())?.into_any())
}

/// TOML as what Python has for it.
fn of_toml<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::String(text) => text.into_pyobject(py)?.into_any(),
        Value::Integer(number) => number.into_pyobject(py)?.into_any(),
        Value::Float(number) => number.into_pyobject(py)?.into_any(),
        Value::Boolean(truth) => truth.into_pyobject(py)?.to_owned().into_any(),
        Value::Datetime(time) => time.to_string().into_pyobject(py)?.into_any(),
        Value::Array(list) => {
            let items = list.iter().map(|item| of_toml(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
        Value::Table(table) => {
            let all = PyDict::new(py);
            for (name, value) in table {
                all.set_item(name, of_toml(py, value)?)?;
            }
            all.into_any()
        }
    })
}

/// Adds all of this to the module.
pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Network>()?;
    module.add_function(wrap_pyfunction!(train, module)?)?;
    module.add_function(wrap_pyfunction!(rule_and_seed, module)?)?;
    module.add_function(wrap_pyfunction!(planned, module)?)?;
    module.add_function(wrap_pyfunction!(read_run, module)?)?;
    module.add_function(wrap_pyfunction!(citations, module)?)?;
    module.add_function(wrap_pyfunction!(examples, module)?)
}
