//! One error type for the library: what went wrong, where, and how to mend it, always on one line.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::printable;

/// Result with the library's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// The family an error belongs to. The command line maps each family to one exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A configuration or argument is malformed, unknown or contradictory.
    Config,
    /// A data set or archive is missing, truncated, corrupt, mislabelled or hostile.
    Data,
    /// A run folder or checkpoint is missing, damaged or belongs to another configuration.
    Checkpoint,
    /// Training left the finite numbers.
    Diverged,
    /// The requested device does not exist or was not compiled in.
    Device,
    /// The operating system refused to read or write a file.
    Io,
    /// Another process is writing the folder.
    Busy,
    /// A download failed.
    Network,
    /// There is less memory than what is asked for needs.
    Memory,
    /// Whoever watched a run had it stopped.
    Stopped,
}

/// What went wrong, where, and how to mend it.
///
/// `Display` prints a single line `place: problem; mend`, each part [`printable`] and of bounded length whatever it repeats of the outside.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    place: String,
    problem: String,
    mend: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` at `place` (a file, a configuration key, an argument).
    pub fn new(kind: ErrorKind, place: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self { kind, place: place.to_string(), problem: problem.to_string(), mend: None, source: None }
    }

    /// [`ErrorKind::Config`] at the dotted key `place`.
    pub fn config(place: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Config, place, problem)
    }

    /// [`ErrorKind::Data`] in the file or archive member `place`.
    pub fn data(place: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Data, place, problem)
    }

    /// [`ErrorKind::Checkpoint`] in the file or folder `place`.
    pub fn checkpoint(place: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Checkpoint, place, problem)
    }

    /// [`ErrorKind::Io`] on `path`: `action` says what was attempted ("read", "create").
    pub fn io(path: &Path, action: &str, source: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, path.display(), format!("cannot {action}: {source}")).caused_by(source)
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn mend(mut self, mend: impl fmt::Display) -> Self {
        self.mend = Some(mend.to_string());
        self
    }

    /// Adds how to mend it, unless that is said already.
    #[must_use]
    pub fn or_mend(mut self, mend: impl fmt::Display) -> Self {
        self.mend.get_or_insert_with(|| mend.to_string());
        self
    }

    /// Adds "did you mean `x`?" when one of `known` is close to `given`, else the list of what is known.
    #[must_use]
    pub fn suggest<S: AsRef<str>>(self, given: &str, known: impl IntoIterator<Item = S>) -> Self {
        let known: Vec<String> = known.into_iter().map(|k| k.as_ref().to_owned()).collect();
        match closest(given, &known) {
            Some(name) => self.mend(format!("did you mean `{name}`?")),
            None => self.mend(format!("known: {}", known.join(", "))),
        }
    }

    /// Attaches the underlying error.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// The same error found further inside `place`.
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.place =
            if self.place.is_empty() { place.to_string() } else { format!("{place}: {}", self.place) };
        self
    }

    /// The same error at a key inside the table `prefix`: the place becomes a dotted path.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.place =
            if self.place.is_empty() { prefix.to_owned() } else { format!("{prefix}.{}", self.place) };
        self
    }

    /// Where it is: a file, a key, or what is inside of these.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The family this error belongs to.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// The entry of `known` closest to `given`, if any is close enough to be a plausible typing error.
pub fn closest<'a, S: AsRef<str>>(given: &str, known: &'a [S]) -> Option<&'a str> {
    let length = given.chars().count();
    // The distance is at least the difference in length, and takes memory by the product of both.
    let near = |name: &&S| name.as_ref().chars().count().abs_diff(length) <= 1 + name.as_ref().len() / 4;
    let lower = given.to_lowercase();
    known
        .iter()
        .filter(near)
        .map(|k| (strsim::damerau_levenshtein(&lower, &k.as_ref().to_lowercase()), k.as_ref()))
        .min()
        .filter(|(distance, name)| *distance <= 1 + name.len().min(given.len()) / 4)
        .map(|(_, name)| name)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Messages of other libraries may span lines; ours never do.
        let part = |text: &str| {
            printable::line(&text.split_whitespace().collect::<Vec<_>>().join(" "), printable::LONGEST)
        };
        if !self.place.is_empty() {
            write!(f, "{}: ", part(&self.place))?;
        }
        f.write_str(&part(&self.problem))?;
        self.mend.as_ref().map_or(Ok(()), |mend| write!(f, "; {}", part(mend)))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|s| s as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_one_line_with_place_problem_and_mend() {
        let error = Error::config("train.epohcs", "unknown\n key").suggest("epohcs", ["epochs", "batch"]);
        assert_eq!(error.to_string(), "train.epohcs: unknown key; did you mean `epochs`?");
    }

    #[test]
    fn far_away_names_are_listed_not_suggested() {
        let error = Error::config("rule", "unknown rule `zzz`").suggest("zzz", ["bp", "nmnc"]);
        assert_eq!(error.to_string(), "rule: unknown rule `zzz`; known: bp, nmnc");
    }
}
