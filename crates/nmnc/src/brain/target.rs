//! What a benchmark's brains did: dissimilarities, or responses.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::stimuli::Stimuli;
use crate::data::npz::Array;
use crate::error::{Error, Result};
use crate::similarity::Rdm;

/// `[[target]]` of a description.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetConfig {
    pub name: String,
    rdm: Option<ArrayConfig>,
}

/// An array of a `.npz` file.
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
    /// Dissimilarities of each subject.
    pub subjects: Vec<Rdm>,
}

impl Target {
    pub(super) fn read(config: &TargetConfig, root: &Path, stimuli: &Stimuli) -> Result<Self> {
        let Some(rdm) = &config.rdm else {
            return Err(Error::config("rdm", "is missing").mend("name the array of dissimilarities"));
        };
        Ok(Self { name: config.name.clone(), subjects: dissimilarities(rdm, root, stimuli.len())? })
    }
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
    let path = root.join(&config.file);
    let names = Array::names(&path)?;
    let name = match (&config.array, &names[..]) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, _) => {
            return Err(Error::data(path.display(), format!("holds {} arrays", names.len()))
                .mend(format!("name one with `array`: {}", names.join(", "))));
        }
    };
    Array::read(&path, name)?
        .ok_or_else(|| Error::data(path.display(), format!("no array `{name}`")).suggest(name, &names))
}
