//! Assemblies of recordings as BrainIO keeps them: netCDF with dimensions presentation, neuroid and, optionally, time_bin.
//!
//! Coordinates are variables along one dimension, as xarray writes those of a multi-index after `reset_index`.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use netcdf_reader::{FileStorage, NcFile, NcOpenOptions, NcSliceInfo, NcSliceInfoElem, NcType, NcVariable};

use super::recordings::{AssemblyOptions, Recordings};
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;

const PRESENTATION: &str = "presentation";
const NEUROID: &str = "neuroid";
const TIME: &str = "time_bin";
/// Coordinates by which stimuli, units and subjects go, the usual name first.
const STIMULUS_IDS: [&str; 3] = ["stimulus_id", "image_id", "stimulus"];
const UNIT_IDS: [&str; 2] = ["neuroid_id", "neuroid"];
const REGIONS: [&str; 1] = ["region"];
const SUBJECTS: [&str; 3] = ["animal", "subject", "monkey"];
/// Elements that are read at a time.
const BLOCK: usize = 4 << 20;
/// The most elements that are read at a time, where a single presentation has more than a block: 512 MiB.
const SLAB: u64 = 64 << 20;

/// The most bytes of a compressed piece of a variable; writers make them of a few megabytes.
const CHUNK: u64 = 64 << 20;
/// The most bytes that describe one object; writers need kilobytes.
const OBJECT_HEADER: usize = 4 << 20;
/// Bytes of an element of variable length: a reference.
const REFERENCE: usize = 16;

/// Reads the assembly at `path`, averaged over the time bins of the window.
///
/// Numbers of any type become f64; a presentation of which a bin is missing is NaN for that unit. Dimensions may come in any order.
/// Memory: the presentations `[presentations, units]` in f64, and 32 MB.
///
/// No variable may announce more than the file's size allows ([`guard::expanded`]). The file is read by position, never mapped, and
/// none that it links to is opened.
///
/// # Errors
/// If the file cannot be read or is damaged, announces more than it can hold, has no or several variables of recordings, lacks the coordinate of stimuli, or no time
/// bin lies in the window.
pub fn read_assembly(path: &Path, options: &AssemblyOptions) -> Result<Recordings> {
    let place = path.display().to_string();
    let netcdf = "give a netCDF file, as xarray or BrainIO write it";
    let (file, length) = guard::regular(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => Error::data(&place, "no such file").mend(netcdf),
        ErrorKind::InvalidInput => guard::refused(path, e).mend(netcdf),
        _ => Error::io(path, "read", e),
    })?;
    let limit = guard::expanded(length);
    let limits = NcOpenOptions {
        max_chunk_bytes: usize::try_from(limit.min(CHUNK)).unwrap_or(usize::MAX),
        max_read_bytes: usize::try_from(limit.min(8 * SLAB)).unwrap_or(usize::MAX),
        max_object_header_bytes: OBJECT_HEADER,
        ..NcOpenOptions::default()
    };
    let open = || NcFile::from_storage_with_options(Arc::new(FileStorage::from_file(file)?), limits);
    let file = open().map_err(|e| match e {
        netcdf_reader::Error::Io(e) => Error::io(path, "read", e),
        netcdf_reader::Error::InvalidMagic => Error::data(&place, "is no netCDF file")
            .mend("save it by xarray.Dataset.to_netcdf with the engine netcdf4"),
        e => damaged(&place, e),
    })?;
    Reader { file: &file, place, limit }.recordings(options)
}

fn damaged(place: &str, error: netcdf_reader::Error) -> Error {
    Error::data(place, format!("cannot be read: {error}")).mend("is the copy complete?").caused_by(error)
}

struct Reader<'f> {
    file: &'f NcFile,
    place: String,
    /// Bytes that a variable may have.
    limit: u64,
}

/// The dimensions of the recordings in their file.
struct Axes {
    presentation: usize,
    neuroid: usize,
    time: Option<usize>,
}

impl Reader<'_> {
    fn recordings(&self, options: &AssemblyOptions) -> Result<Recordings> {
        let variable = self.variable(options)?;
        let axes = self.axes(variable)?;
        let shape = variable.shape();
        let (shown, units) = (shape[axes.presentation], shape[axes.neuroid]);
        if shown == 0 || units == 0 {
            return Err(self.wrong(format!("{shown} presentations of {units} units")));
        }
        if shown.saturating_mul(units) > guard::RECORDINGS {
            return Err(self
                .wrong(format!(
                    "{shown} presentations of {units} units are more than {} numbers",
                    guard::RECORDINGS
                ))
                .mend("select some of them in xarray, and save these"));
        }
        self.check_size(variable)?;
        let (shown, units) = (shown as usize, units as usize);
        let ids = match &options.stimulus {
            Some(name) => self.labels(&[name.as_str()], PRESENTATION, shown)?,
            None => self.labels(&STIMULUS_IDS, PRESENTATION, shown)?,
        };
        let ids = ids.ok_or_else(|| {
            let wanted = options.stimulus.as_deref().unwrap_or(STIMULUS_IDS[0]);
            self.wrong(format!("no coordinate `{wanted}` along {PRESENTATION}")).mend(format!(
                "name the coordinate that tells stimuli apart; there are: {}",
                self.coordinates(PRESENTATION).join(", ")
            ))
        })?;
        let mut stimuli: Vec<String> = Vec::new();
        let mut places = std::collections::HashMap::new();
        let stimulus_of = ids
            .into_iter()
            .map(|id| {
                *places.entry(id.clone()).or_insert_with(|| {
                    stimuli.push(id);
                    stimuli.len() - 1
                })
            })
            .collect();
        let unknown = || vec![String::new(); units];
        let numbered = || (0..units).map(|unit| unit.to_string()).collect();
        let recordings = Recordings {
            presentations: self.values(variable, &axes, self.bins(variable, &axes, options)?)?,
            stimuli,
            stimulus_of,
            units: self.labels(&UNIT_IDS, NEUROID, units)?.unwrap_or_else(numbered),
            region: self.labels(&REGIONS, NEUROID, units)?.unwrap_or_else(unknown),
            subject: self.labels(&SUBJECTS, NEUROID, units)?.unwrap_or_else(unknown),
        };
        recordings.check().map_err(|e| e.within(&self.place))?;
        Ok(recordings)
    }

    fn wrong(&self, problem: String) -> Error {
        Error::data(&self.place, problem)
    }

    fn variables(&self) -> Result<&[NcVariable]> {
        self.file.variables().map_err(|e| damaged(&self.place, e))
    }

    /// The variable that holds the recordings.
    fn variable(&self, options: &AssemblyOptions) -> Result<&NcVariable> {
        let all = self.variables()?;
        if let Some(name) = &options.variable {
            return all.iter().find(|v| v.name() == name).ok_or_else(|| {
                self.wrong(format!("has no variable `{name}`"))
                    .suggest(name, all.iter().map(NcVariable::name))
            });
        }
        let has = |v: &NcVariable, name: &str| v.dimensions().iter().any(|d| d.name == name);
        let found: Vec<&NcVariable> =
            all.iter().filter(|v| has(v, PRESENTATION) && has(v, NEUROID)).collect();
        match found[..] {
            [one] => Ok(one),
            [] => {
                let mut names: Vec<&str> =
                    all.iter().flat_map(|v| v.dimensions()).map(|d| d.name.as_str()).collect();
                names.sort_unstable();
                names.dedup();
                let have = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                Err(self
                    .wrong(format!("has no variable with the dimensions {PRESENTATION} and {NEUROID}"))
                    .mend(format!("rename the dimensions in xarray; there are: {have}")))
            }
            _ => {
                let names: Vec<&str> = found.iter().map(|v| v.name()).collect();
                Err(self
                    .wrong(format!("has several variables of recordings: {}", names.join(", ")))
                    .mend("name one of them"))
            }
        }
    }

    fn axes(&self, variable: &NcVariable) -> Result<Axes> {
        let names: Vec<&str> = variable.dimensions().iter().map(|d| d.name.as_str()).collect();
        let at = |wanted: &str| names.iter().position(|name| *name == wanted);
        let other = names.iter().find(|name| ![PRESENTATION, NEUROID, TIME].contains(name));
        match (at(PRESENTATION), at(NEUROID), other) {
            (Some(presentation), Some(neuroid), None) => Ok(Axes { presentation, neuroid, time: at(TIME) }),
            _ => Err(self
                .wrong(format!("`{}` has the dimensions {}", variable.name(), names.join(", ")))
                .mend(format!("they must be {PRESENTATION}, {NEUROID} and, optionally, {TIME}"))),
        }
    }

    /// Whether the file can hold what a variable announces.
    fn check_size(&self, variable: &NcVariable) -> Result<()> {
        let size = variable.dtype().size().unwrap_or(REFERENCE).max(1) as u64;
        let bytes = variable.shape().iter().fold(size, |bytes, &places| bytes.saturating_mul(places));
        if bytes > self.limit {
            let problem =
                format!("`{}` announces {bytes} bytes, more than a file of this size holds", variable.name());
            return Err(self.wrong(problem).mend("is the copy complete?"));
        }
        Ok(())
    }

    /// Names of the coordinates along a dimension.
    fn coordinates(&self, dimension: &str) -> Vec<String> {
        let all = self.variables().unwrap_or_default();
        all.iter().filter(|v| along(v, dimension)).map(|v| v.name().to_owned()).collect()
    }

    /// The first of the named coordinates that is there, as texts.
    fn labels(&self, names: &[&str], dimension: &str, count: usize) -> Result<Option<Vec<String>>> {
        let all = self.variables()?;
        let find = |name: &&str| all.iter().find(|v| v.name() == *name && along(v, dimension));
        let Some(variable) = names.iter().find_map(find) else { return Ok(None) };
        let name = variable.name();
        if variable.shape().first() != Some(&(count as u64)) {
            return Err(self.wrong(format!("`{name}` has not one entry for each of {count} of {dimension}")));
        }
        self.check_size(variable)?;
        let labels = match variable.dtype() {
            NcType::String | NcType::Char => self.file.read_variable_as_strings(name),
            _ => self.file.read_variable_as_f64(name).map(|v| v.iter().map(f64::to_string).collect()),
        };
        let labels = labels.map_err(|e| damaged(&format!("{}: {name}", self.place), e))?;
        if labels.len() != count {
            return Err(
                self.wrong(format!("`{name}` has {} entries for {count} of {dimension}", labels.len()))
            );
        }
        Ok(Some(labels))
    }

    fn numbers(&self, name: &str) -> Result<Option<Vec<f64>>> {
        let Some(variable) = self.variables()?.iter().find(|v| v.name() == name && along(v, TIME)) else {
            return Ok(None);
        };
        self.check_size(variable)?;
        let values = self.file.read_variable_as_f64(name);
        let values = values.map_err(|e| damaged(&format!("{}: {name}", self.place), e))?;
        Ok(Some(values.iter().copied().collect()))
    }

    /// The time bins to average over; none without such a dimension.
    fn bins(&self, variable: &NcVariable, axes: &Axes, options: &AssemblyOptions) -> Result<Vec<usize>> {
        let Some(axis) = axes.time else {
            return match options.window {
                None => Ok(Vec::new()),
                Some(_) => Err(self
                    .wrong(format!("has no dimension {TIME} to take a window of"))
                    .mend("read it without a window")),
            };
        };
        let count = variable.shape()[axis] as usize;
        if count == 0 {
            return Err(self.wrong("has no time bin".to_owned()));
        }
        let Some((from, to)) = options.window else { return Ok((0..count).collect()) };
        let (starts, ends) = match (self.numbers("time_bin_start")?, self.numbers("time_bin_end")?) {
            (Some(starts), Some(ends)) if starts.len() == count && ends.len() == count => (starts, ends),
            _ => {
                return Err(self
                    .wrong(
                        "does not say by time_bin_start and time_bin_end when its time bins are".to_owned(),
                    )
                    .mend("read it without a window"));
            }
        };
        let inside: Vec<usize> = (0..count).filter(|&bin| starts[bin] >= from && ends[bin] <= to).collect();
        if inside.is_empty() {
            let low = starts.iter().copied().fold(f64::INFINITY, f64::min);
            let high = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            return Err(self
                .wrong(format!("no time bin lies within {from} to {to}"))
                .mend(format!("its bins lie from {low} to {high}")));
        }
        Ok(inside)
    }

    /// `[presentations, units]`, averaged over the bins.
    fn values(&self, variable: &NcVariable, axes: &Axes, bins: Vec<usize>) -> Result<Vec<f64>> {
        let shape = variable.shape();
        let (shown, units) = (shape[axes.presentation] as usize, shape[axes.neuroid] as usize);
        let times = axes.time.map_or(1, |axis| shape[axis] as usize);
        let wanted: Vec<usize> = if axes.time.is_none() { vec![0] } else { bins };
        let of_one = units.saturating_mul(times).max(1);
        if of_one as u64 > SLAB {
            return Err(self
                .wrong(format!("a presentation has {of_one} numbers, more than {SLAB}"))
                .mend("average over time bins in xarray, and save that"));
        }
        let height = (BLOCK / of_one).max(1);
        let mut out = vec![0.0; shown * units];
        for first in (0..shown).step_by(height) {
            let end = (first + height).min(shown);
            let mut selection = NcSliceInfo::all(shape.len());
            selection.selections[axes.presentation] =
                NcSliceInfoElem::Slice { start: first as u64, end: end as u64, step: 1 };
            let block = self
                .file
                .read_variable_slice_unpacked_masked(variable.name(), &selection)
                .map_err(|e| damaged(&format!("{}: {}", self.place, variable.name()), e))?;
            let mut expected: Vec<usize> = shape.iter().map(|&size| size as usize).collect();
            expected[axes.presentation] = end - first;
            if block.shape() != expected {
                return Err(self.wrong(format!("`{}` has not the shape it announces", variable.name())));
            }
            let mut at = vec![0; shape.len()];
            for presentation in first..end {
                at[axes.presentation] = presentation - first;
                for unit in 0..units {
                    at[axes.neuroid] = unit;
                    let mut sum = 0.0;
                    for &bin in &wanted {
                        if let Some(axis) = axes.time {
                            at[axis] = bin;
                        }
                        sum += block[&at[..]];
                    }
                    out[presentation * units + unit] = sum / wanted.len() as f64;
                }
            }
        }
        Ok(out)
    }
}

/// Whether a variable is a coordinate along the dimension: a number or a text for each of its places.
fn along(variable: &NcVariable, dimension: &str) -> bool {
    let dimensions = variable.dimensions();
    let characters = matches!(variable.dtype(), NcType::Char);
    dimensions.first().is_some_and(|d| d.name == dimension) && dimensions.len() == 1 + usize::from(characters)
}
