//! Errors that say where training left the finite numbers.

use nmnc_core::error::{Error, ErrorKind};

/// The error for a number of `part` (`stage 1`; none where it cannot be told) that is not finite at training step `step`.
pub(crate) fn diverged(step: u64, part: Option<&str>, problem: &str) -> Error {
    let place = part.map_or_else(|| format!("step {step}"), |part| format!("step {step}, {part}"));
    Error::new(ErrorKind::Diverged, place, problem)
}

/// Says at which step a rule met a number that is not finite.
pub(crate) fn at_step(error: Error, step: u64) -> Error {
    match error.kind() {
        ErrorKind::Diverged => error.within(format!("step {step}")),
        _ => error,
    }
}
