//! Errors of the library as exceptions of `nmnc.errors`.

use nmnc::{Error, ErrorKind};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// The name of the class for a family of errors.
fn class(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Config => "ConfigError",
        ErrorKind::Data => "DataError",
        ErrorKind::Checkpoint => "CheckpointError",
        ErrorKind::Diverged => "DivergedError",
        ErrorKind::Device => "DeviceError",
        ErrorKind::Io => "FileError",
        ErrorKind::Busy => "BusyError",
        ErrorKind::Network => "NetworkError",
        ErrorKind::Memory => "OutOfMemoryError",
        _ => "NmncError",
    }
}

/// Options of the command `nmnc` in advice of the library, and what they are in Python. Without an argument of their own they stay those of
/// the command.
const OPTIONS: [(&str, &str); 4] = [
    ("by --resume --accept-records", "by `nmnc train --resume --accept-records`"),
    (" (--wait does)", ""),
    ("with --resume", "with resume=True"),
    ("with --out", "as `out`"),
];

/// The exception that says what `error` says.
pub fn exception(py: Python<'_>, error: &Error) -> PyErr {
    let line =
        OPTIONS.iter().fold(error.to_string(), |line, (option, argument)| line.replace(option, argument));
    let found = py.import("nmnc.errors").and_then(|module| module.getattr(class(error.kind())));
    match found.and_then(|class| Ok(class.cast_into::<PyType>()?)) {
        Ok(class) => PyErr::from_type(class, line),
        // Only where the package around this module is not there.
        Err(_) => PyRuntimeError::new_err(line),
    }
}

/// Results of the library as those of Python.
pub trait Raise<T> {
    /// The value, or the exception that says what the error says.
    ///
    /// # Errors
    /// An exception of `nmnc.errors`.
    fn raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> Raise<T> for nmnc::Result<T> {
    fn raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| exception(py, &error))
    }
}

/// A [`ErrorKind::Config`] as an exception: the argument `place` has the problem said.
pub fn refuse(py: Python<'_>, place: &str, problem: impl std::fmt::Display, mend: &str) -> PyErr {
    exception(py, &Error::config(place, problem).mend(mend))
}
