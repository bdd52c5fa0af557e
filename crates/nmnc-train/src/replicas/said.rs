//! What replicas say to each other, and its form between processes.

use serde::{Deserialize, Serialize};

use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_learn::workers::Contribution;

/// What one replica says in one round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Said {
    /// Its contribution.
    Gave(Contribution),
    /// That it cannot go on.
    GaveUp(Failure),
}

impl Said {
    /// Bytes of the matrices in it.
    fn bytes(&self) -> usize {
        match self {
            Self::Gave(given) => given.matrices.iter().map(|matrix| matrix.as_bytes().len()).sum(),
            Self::GaveUp(_) => 0,
        }
    }
}

/// Why a replica cannot go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Failure {
    /// Where: a replica or a process.
    place: String,
    kind: ErrorKind,
    problem: String,
}

impl Failure {
    pub(super) fn new(place: String, error: &Error) -> Self {
        Self { place, kind: error.kind(), problem: error.to_string() }
    }

    /// The error that everyone else ends with.
    pub(super) fn error(&self) -> Error {
        Error::new(self.kind, &self.place, &self.problem)
    }
}

/// What whoever waits ends with where a thread ended without a word.
pub(super) fn fault() -> Error {
    Error::new(ErrorKind::Io, "training", "ended by a fault in the program")
}

/// As bytes for another process, which is the same program.
pub(super) fn encoded(said: &[Said]) -> Vec<u8> {
    let matrices = said.iter().map(Said::bytes).sum::<usize>();
    let mut bytes = Vec::with_capacity(matrices + matrices / 64 + 1024);
    ciborium::into_writer(said, &mut bytes)
        .expect("memory takes all bytes, and contributions are no maps of odd keys");
    bytes
}

/// What every process said, in order; the first failure if there is one.
///
/// # Errors
/// Bytes that no replica sent: another program on the other side.
pub(super) fn decoded(given: &[Vec<u8>]) -> Result<std::result::Result<Vec<Contribution>, Failure>> {
    let mut all = Vec::new();
    for (process, bytes) in given.iter().enumerate() {
        let said: Vec<Said> = ciborium::from_reader(bytes.as_slice()).map_err(|e| {
            Error::new(ErrorKind::Io, format!("process {process}"), "speaks another language")
                .mend("run the same build of nmnc everywhere")
                .caused_by(e)
        })?;
        all.extend(said);
    }
    Ok(contributions(all))
}

/// The contributions, or the first failure among them.
pub(super) fn contributions(said: Vec<Said>) -> std::result::Result<Vec<Contribution>, Failure> {
    said.into_iter()
        .map(|said| match said {
            Said::Gave(contribution) => Ok(contribution),
            Said::GaveUp(failure) => Err(failure),
        })
        .collect()
}
