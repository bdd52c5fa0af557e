//! What a benchmark's brains did: dissimilarities, or responses.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::recordings::{AssemblyOptions, Recordings};
use super::stimuli::Stimuli;
use crate::similarity::{Distance, Rdm, crossnobis, rdm};
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_data::ArrayFile;
use nmnc_data::npz::Array;

/// How an assembly is read.
pub type ReadAssembly<'a> = &'a dyn Fn(&Path, &AssemblyOptions) -> Result<Recordings>;

/// `[[target]]` of a description: one of dissimilarities, responses, an assembly.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetConfig {
    pub name: String,
    rdm: Option<ArrayConfig>,
    responses: Option<ResponsesConfig>,
    assembly: Option<AssemblyConfig>,
}

/// Responses in a `.npz` file, or in a file of one array with a row for each stimulus.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResponsesConfig {
    file: PathBuf,
    /// Array `[presentations, units]`; NaN where a unit was not recorded.
    #[serde(default = "responses")]
    responses: String,
    /// Array `[presentations]` of the row of each one's stimulus in the table, from 0.
    #[serde(default = "stimulus")]
    stimulus: String,
    /// Array `[units]` of the number of each one's subject.
    subject: Option<String>,
}

fn responses() -> String {
    "responses".to_owned()
}

fn stimulus() -> String {
    "stimulus".to_owned()
}

/// Responses in a netCDF file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AssemblyConfig {
    file: PathBuf,
    /// Only units of this region.
    region: Option<String>,
    /// Only time bins within, start and end.
    window: Option<[f64; 2]>,
    /// The variable, where there are several.
    variable: Option<String>,
    /// The coordinate that tells stimuli apart.
    stimulus: Option<String>,
}

/// An array in a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArrayConfig {
    file: PathBuf,
    /// Its name; may be left out where the file has one array only.
    array: Option<String>,
}

/// Something recorded.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name, such as `monkey IT`.
    pub name: String,
    /// Dissimilarities of each subject that has any.
    pub subjects: Vec<Rdm>,
    /// Responses of units to the benchmark's stimuli, in their order; none where dissimilarities are all there is.
    pub recordings: Option<Recordings>,
    /// Why there are no dissimilarities of any subject.
    pub undefined: Option<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl Target {
    pub(super) fn read(
        config: &TargetConfig,
        root: &Path,
        stimuli: &Stimuli,
        distance: Distance,
        reading: ReadAssembly,
    ) -> Result<Self> {
        let name = config.name.clone();
        let recordings = match (&config.rdm, &config.responses, &config.assembly) {
            (Some(rdm), None, None) => {
                let subjects = dissimilarities(rdm, root, stimuli.len())?;
                return Ok(Self { name, subjects, recordings: None, undefined: None, warnings: Vec::new() });
            }
            (None, Some(responses), None) => of_npz(responses, root, stimuli)?,
            (None, None, Some(assembly)) => of_assembly(assembly, root, stimuli, reading)?,
            _ => {
                return Err(Error::config("", "needs one of `rdm`, `responses` and `assembly`")
                    .mend("say once what was recorded"));
            }
        };
        let (subjects, warnings) = of_recordings(&recordings, distance)?;
        let undefined = subjects.is_empty().then(|| warnings.last().cloned().unwrap_or_default());
        Ok(Self { name, subjects, recordings: Some(recordings), undefined, warnings })
    }
}

fn of_npz(config: &ResponsesConfig, root: &Path, stimuli: &Stimuli) -> Result<Recordings> {
    let path = root.join(&config.file);
    let array = |name: &str| Array::open(&path, Some(name), &[]);
    let responses = array(&config.responses)?;
    let &[presentations, units] = responses.shape() else {
        return Err(Error::data(responses.place(), format!("responses of shape {:?}", responses.shape()))
            .mend("use [presentations, units]"));
    };
    let list = |name: &str, length: usize, what: &str| -> Result<Vec<i64>> {
        let array = array(name)?;
        if array.shape() != [length] {
            let problem = format!("shape {:?}, where there are {length} {what}", array.shape());
            return Err(Error::data(array.place(), problem));
        }
        array.integers()
    };
    let row = |(at, number): (usize, i64)| {
        usize::try_from(number).ok().filter(|n| *n < stimuli.len()).ok_or_else(|| {
            let problem = format!("presentation {at} is of stimulus {number}, of {} from 0", stimuli.len());
            Error::data(root.join(&config.file).display(), problem)
        })
    };
    // A file of one array has a row for each stimulus, in the order of the table.
    let lone = ArrayFile::of(&path)? != ArrayFile::Npz;
    if lone && (presentations != stimuli.len() || config.subject.is_some()) {
        return Err(Error::data(path.display(), format!("{presentations} rows for {} stimuli", stimuli.len())).mend(
            "give one row for each stimulus; repetitions and subjects need a .npz file with the arrays `responses`, `stimulus` and \
             the one that `subject` names",
        ));
    }
    let shown = match lone {
        true => (0..presentations as i64).collect(),
        false => list(&config.stimulus, presentations, "presentations")?,
    };
    let stimulus_of: Vec<usize> = shown.into_iter().enumerate().map(row).collect::<Result<_>>()?;
    let mut seen = vec![false; stimuli.len()];
    stimulus_of.iter().for_each(|&stimulus| seen[stimulus] = true);
    if let Some(never) = seen.iter().position(|seen| !seen) {
        return Err(Error::data(
            root.join(&config.file).display(),
            format!("`{}` was not shown", stimuli.ids[never]),
        ));
    }
    let subject = match &config.subject {
        Some(name) => list(name, units, "units")?.iter().map(i64::to_string).collect(),
        None => vec![String::new(); units],
    };
    let recordings = Recordings {
        stimuli: stimuli.ids.clone(),
        presentations: responses.values(),
        stimulus_of,
        units: (1..=units).map(|unit| unit.to_string()).collect(),
        region: vec![String::new(); units],
        subject,
    };
    recordings.check()?;
    Ok(recordings)
}

fn of_assembly(
    config: &AssemblyConfig,
    root: &Path,
    stimuli: &Stimuli,
    reading: ReadAssembly,
) -> Result<Recordings> {
    let path = root.join(&config.file);
    let options = AssemblyOptions {
        variable: config.variable.clone(),
        window: config.window.map(|[start, end]| (start, end)),
        stimulus: config.stimulus.clone(),
    };
    let all = reading(&path, &options)?;
    let within = |e: Error| e.within(path.display());
    let own = match &config.region {
        Some(region) => all.of_region(region).map_err(within)?,
        None => all,
    };
    own.in_order(&stimuli.ids).map_err(within)
}

/// Dissimilarities of each subject's units, those aside that were not recorded for every stimulus. A subject whose responses have
/// none is left out, and a warning says so.
fn of_recordings(recordings: &Recordings, distance: Distance) -> Result<(Vec<Rdm>, Vec<String>)> {
    let mut warnings = Vec::new();
    let found: Vec<Option<Rdm>> = recordings
        .subjects()
        .into_iter()
        .map(|name| {
            let own = recordings.of_subject(name)?;
            let (means, units) = (own.means()?, own.units.len());
            // Cross-validation needs every presentation, means one of each stimulus.
            let needed = if distance == Distance::Crossnobis { &own.presentations } else { &means };
            let recorded = |unit: &usize| needed.iter().skip(*unit).step_by(units).all(|v| v.is_finite());
            let whole: Vec<usize> = (0..units).filter(recorded).collect();
            if whole.len() < units {
                let left = units - whole.len();
                warnings.push(format!(
                    "{left} of {units} units{} lack a response to some stimulus: they are in no dissimilarity",
                    if name.is_empty() { String::new() } else { format!(" of {name}") }
                ));
            }
            let own = own.of_units(&whole);
            let stimuli = own.stimuli.len();
            let dissimilarities = || match distance {
                _ if whole.is_empty() => Err(Error::data("responses", "no unit has one to every stimulus")),
                Distance::Crossnobis => crossnobis(&own.presentations, &own.stimulus_of, stimuli),
                _ => rdm(&own.means()?, stimuli, distance),
            };
            match dissimilarities() {
                Ok(found) => Ok(Some(found)),
                Err(e) if e.kind() == ErrorKind::Data => {
                    let whose = if name.is_empty() { String::new() } else { format!("subject {name}: ") };
                    warnings.push(format!("{whose}no dissimilarities: {e}"));
                    Ok(None)
                }
                Err(e) => Err(e),
            }
        })
        .collect::<Result<_>>()?;
    Ok((found.into_iter().flatten().collect(), warnings))
}

/// Dissimilarities of one or more subjects: `[stimuli, stimuli]`, `[subjects, stimuli, stimuli]` or
/// `[subjects, sessions, stimuli, stimuli]`, of which the mean over sessions is taken.
pub(super) fn dissimilarities(config: &ArrayConfig, root: &Path, stimuli: usize) -> Result<Vec<Rdm>> {
    let array = open(config, root)?;
    let place = array.place().to_owned();
    let (subjects, sessions) = match array.shape() {
        [n, m] if n == m => (1, 1),
        [subjects, n, m] if n == m => (*subjects, 1),
        [subjects, sessions, n, m] if n == m => (*subjects, *sessions),
        shape => {
            return Err(Error::data(&place, format!("dissimilarities of shape {shape:?}"))
                .mend("use [stimuli, stimuli], with subjects, or subjects and sessions, in front"));
        }
    };
    let size = array.shape()[array.shape().len() - 1];
    if size != stimuli {
        return Err(Error::data(
            &place,
            format!("dissimilarities of {size} stimuli, where {stimuli} are listed"),
        ));
    }
    if subjects * sessions == 0 {
        return Err(Error::data(&place, "holds no subject"));
    }
    let values = array.numbers()?;
    let square = |values: &[f64]| Rdm::from_square(size, values).map_err(|e| e.within(&place));
    values
        .chunks_exact(sessions * size * size)
        .map(|subject| {
            let sessions: Vec<Rdm> = subject.chunks_exact(size * size).map(square).collect::<Result<_>>()?;
            Ok(Rdm::mean(&sessions.iter().collect::<Vec<_>>()))
        })
        .collect()
}

/// The array that `config` names.
fn open(config: &ArrayConfig, root: &Path) -> Result<Array> {
    Array::open(&root.join(&config.file), config.array.as_deref(), &[])
}
