//! Exit codes, and what happens when the program itself is at fault.

use std::sync::Mutex;

use nmnc::{ErrorKind, printable};
use serde_json::{Value, json};

/// Something that should not happen: a fault of the program.
pub const UNEXPECTED: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;

/// The exit codes as the help text shows them.
pub const TABLE: &str = "\
Exit codes:
  0  done
  1  unexpected: a fault of nmnc itself
  2  the command line is wrong
  3  a configuration is wrong
  4  a data set is missing, damaged or not what it should be
  5  a run folder or checkpoint is missing, damaged or of another configuration
  6  training diverged (in a comparison: at least one run did; the others are done)
  7  the device does not exist or was not compiled in
  8  a file cannot be read or written
  9  a download failed
  10 there is not enough memory
  11 another process is writing the run folder
  12 stopped by a signal (SIGTERM, SIGINT, SIGUSR1): training has kept a
     checkpoint, and the error says how to go on

Every error is one line on standard error: `error: place: problem; mend`.";

/// The exit code of a family of errors.
pub fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Config => 3,
        ErrorKind::Data => 4,
        ErrorKind::Checkpoint => 5,
        ErrorKind::Diverged => 6,
        ErrorKind::Device => 7,
        ErrorKind::Io => 8,
        ErrorKind::Network => 9,
        ErrorKind::Memory => 10,
        ErrorKind::Busy => 11,
        ErrorKind::Stopped => 12,
        _ => UNEXPECTED,
    }
}

/// The name of a family of errors, for machines.
pub fn name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Config => "config",
        ErrorKind::Data => "data",
        ErrorKind::Checkpoint => "checkpoint",
        ErrorKind::Diverged => "diverged",
        ErrorKind::Device => "device",
        ErrorKind::Io => "io",
        ErrorKind::Network => "network",
        ErrorKind::Memory => "memory",
        ErrorKind::Busy => "busy",
        ErrorKind::Stopped => "stopped",
        _ => "unexpected",
    }
}

/// Makes a panic one line like any other error, since it is no less read by people.
pub fn report_panics_on_one_line() {
    std::panic::set_hook(Box::new(|panic| {
        // A graphics runtime without an adapter panics; the library makes an error of it.
        if std::thread::current().name() == Some(nmnc::device::PROBE_THREAD) {
            return;
        }
        let text = panic.payload_as_str().unwrap_or("no message");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = printable::line(&text, printable::LONGEST);
        let place =
            panic.location().map_or_else(String::new, |l| format!("{}:{}: ", source(l.file()), l.line()));
        let message = format!("{place}{text}; this is a fault of nmnc, please report it");
        // Standard error may be closed; there is nobody left to tell then.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("error: {message}\n").as_bytes());
        if let Ok(mut last) = FAULT.lock() {
            *last = message;
        }
    }));
}

/// What the last panic said.
static FAULT: Mutex<String> = Mutex::new(String::new());

/// The last panic, for machines.
pub fn unexpected() -> Value {
    let message = FAULT.lock().map_or_else(|_| String::new(), |message| message.clone());
    json!({ "kind": "unexpected", "exit_code": UNEXPECTED, "message": message })
}

/// The end of a source file's path, from its crate on: the folders before it are those of the machine that built nmnc.
fn source(path: &str) -> &str {
    let crate_and_file = path.rsplit_once("/src/").map_or(path, |(before, _)| before);
    let start = crate_and_file.rfind('/').map_or(0, |at| at + 1);
    &path[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_named_from_their_crate_on() {
        assert_eq!(
            source("/home/a/x/burn-tensor-0.22.1/src/tensor/api.rs"),
            "burn-tensor-0.22.1/src/tensor/api.rs"
        );
        assert_eq!(source("crates/nmnc/src/linalg.rs"), "nmnc/src/linalg.rs");
    }
}
