//! What goes to standard output and standard error, by `--quiet` and `--json`.
//!
//! Standard output carries the account of what was done, standard error the warnings, the error and the progress bar. A
//! reader that goes away (`nmnc compare ... | head`) never ends a training run: what it would have read is in the run folder.

use std::fmt::Display;
use std::io::{self, ErrorKind as IoKind, Write};
use std::path::Path;

use nmnc::{Error, Result};
use serde_json::{Value, json};

use crate::exit;

/// How to speak.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Nothing but errors and results.
    pub quiet: bool,
    /// One JSON object a line.
    pub json: bool,
}

impl Output {
    /// A line of the account.
    pub fn line(&self, text: impl Display) {
        if !self.quiet && !self.json {
            let _ = write_line(&text);
        }
    }

    /// A line that even `--quiet` shows.
    pub fn result(&self, text: impl Display) {
        if !self.json {
            let _ = write_line(&text);
        }
    }

    /// An event for machines.
    pub fn event(&self, name: &str, mut fields: Value) {
        if self.json {
            let mut object = json!({ "event": name });
            if let (Some(object), Some(fields)) = (object.as_object_mut(), fields.as_object_mut()) {
                object.append(fields);
            }
            let _ = write_line(&object);
        }
    }

    /// A warning about the run in `place`.
    pub fn warning(&self, place: &str, text: &str) {
        self.event("warning", json!({ "run": place, "message": text }));
        if !self.quiet && !self.json {
            let _ = writeln!(io::stderr(), "warning: {place}: {text}");
        }
    }

    /// The error that ends the program.
    pub fn error(&self, error: &Error) {
        let (kind, code) = (exit::name(error.kind()), exit::code(error.kind()));
        self.event("error", json!({ "kind": kind, "exit_code": code, "message": error.to_string() }));
        let _ = writeln!(io::stderr(), "error: {error}");
    }

    /// What a command was asked to print: here a failure to write counts.
    pub fn payload(&self, text: &str) -> Result<()> {
        write_all(text.as_bytes()).map_err(|e| Error::io(Path::new("standard output"), "write", e))
    }
}

fn write_line(text: &impl Display) -> io::Result<()> {
    write_all(format!("{text}\n").as_bytes())
}

/// A reader that has seen enough is no error.
fn write_all(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() == IoKind::BrokenPipe => Ok(()),
        other => other,
    }
}
