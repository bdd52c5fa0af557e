//! Benchmarks: stimuli, recordings of brains that saw them, and models to compare with, described by one TOML file.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::assembly::read_assembly;
use super::stimuli::{Stimuli, StimuliConfig};
use super::target::{ArrayConfig, ReadAssembly, Target, TargetConfig, dissimilarities};
use crate::similarity::{Distance, Rdm};
use nmnc_core::config_text;
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;

/// The name of the description in the folder of a benchmark.
const DESCRIPTION: &str = "benchmark.toml";

/// `benchmark.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    citation: String,
    stimuli: StimuliConfig,
    target: Vec<TargetConfig>,
    #[serde(default)]
    control: Vec<ControlConfig>,
}

/// A model whose dissimilarities are given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlConfig {
    name: String,
    rdm: ArrayConfig,
}

/// A benchmark read whole.
#[derive(Clone, Debug)]
pub struct Benchmark {
    /// Its name.
    pub name: String,
    /// What it is, in a sentence or two.
    pub description: String,
    /// Whom to cite.
    pub citation: String,
    /// What was shown.
    pub stimuli: Stimuli,
    /// What was recorded.
    pub targets: Vec<Target>,
    /// Models by name with their dissimilarities.
    pub controls: Vec<(String, Rdm)>,
}

impl Benchmark {
    /// Reads the benchmark at `path`: a description, or a folder that has one called `benchmark.toml`. Its files are looked for
    /// in `root`, or where the description is. `distance` is that of recorded responses.
    ///
    /// # Errors
    /// A description or file that is missing, malformed or contradicts the others.
    pub fn open(path: &Path, root: Option<&Path>, distance: Distance) -> Result<Self> {
        Self::open_by(path, root, distance, &read_assembly)
    }

    /// [`Benchmark::open`] with assemblies read in another way, such as [`read_assembly_apart`](super::read_assembly_apart).
    ///
    /// # Errors
    /// As there.
    pub fn open_by(
        path: &Path,
        root: Option<&Path>,
        distance: Distance,
        reading: ReadAssembly,
    ) -> Result<Self> {
        let file = if path.is_dir() { path.join(DESCRIPTION) } else { path.to_owned() };
        let text = guard::text(&file).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::data(file.display(), "no such file")
                .mend("give a benchmark's folder or description; docs/brain.md tells how to write one"),
            std::io::ErrorKind::InvalidData => Error::data(file.display(), "is not UTF-8 text").caused_by(e),
            _ => guard::refused(&file, e),
        })?;
        let table: toml::Table = text
            .parse()
            .map_err(|e: toml::de::Error| config_text::explain(e.message(), "").within(file.display()))?;
        let description: Description =
            config_text::deserialize(table).map_err(|e| e.within(file.display()))?;
        let beside = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let root: PathBuf = root.unwrap_or(beside).to_owned();
        if !root.is_dir() {
            return Err(
                Error::data(root.display(), "no such folder").mend("give the folder of the data with --root")
            );
        }
        Self::build(description, &root, distance, reading).map_err(|e| e.within(file.display()))
    }

    fn build(given: Description, root: &Path, distance: Distance, reading: ReadAssembly) -> Result<Self> {
        let stimuli = Stimuli::read(&given.stimuli, root)?;
        if given.target.is_empty() {
            return Err(Error::config("target", "nothing was recorded").mend("add a [[target]]"));
        }
        let mut names: Vec<&str> = given.target.iter().map(|t| t.name.as_str()).collect();
        names.extend(given.control.iter().map(|c| c.name.as_str()));
        if let Some(twice) = names.iter().enumerate().find_map(|(at, n)| names[..at].contains(n).then_some(n))
        {
            return Err(Error::config("name", format!("two targets or controls are called `{twice}`")));
        }
        let targets = given
            .target
            .iter()
            .map(|target| {
                Target::read(target, root, &stimuli, distance, reading)
                    .map_err(|e| e.within(format!("target `{}`", target.name)))
            })
            .collect::<Result<_>>()?;
        let controls = given
            .control
            .iter()
            .map(|control| {
                let read = || -> Result<Rdm> {
                    let rdms = dissimilarities(&control.rdm, root, stimuli.len())?;
                    Ok(Rdm::mean(&rdms.iter().collect::<Vec<_>>()))
                };
                Ok((
                    control.name.clone(),
                    read().map_err(|e| e.within(format!("control `{}`", control.name)))?,
                ))
            })
            .collect::<Result<_>>()?;
        let Description { name, description, citation, .. } = given;
        Ok(Self { name, description, citation, stimuli, targets, controls })
    }
}
