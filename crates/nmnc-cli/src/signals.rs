//! Signals that ask the program to end: SIGTERM, SIGINT (Ctrl-C), and SIGUSR1, by which Slurm warns before a job's time is over.
//!
//! While a network is trained the first of them is a wish, which the training loop looks at after each step: it keeps a checkpoint and ends.
//! At any other time the program ends at once, gives back the folders that it has and removes what is half-written. A second signal does
//! what it does to any program.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use nmnc::{Error, ErrorKind, Result};
use serde_json::json;

use crate::output::Output;

/// The signal that asked.
static ASKED: OnceLock<&'static str> = OnceLock::new();
/// Whether a training loop looks at it.
static TRAINING: AtomicBool = AtomicBool::new(false);
/// Whether the program is being ended by the thread that was told.
static LEAVING: AtomicBool = AtomicBool::new(false);

/// The name of the signal that asked the program to end, if one did.
pub fn asked() -> Option<&'static str> {
    ASKED.get().copied()
}

/// Whether the program may begin something that takes time.
///
/// # Errors
/// [`ErrorKind::Stopped`] if it was asked to end.
pub fn check() -> Result<()> {
    asked().map_or(Ok(()), |signal| Err(stopped(signal)))
}

fn stopped(signal: &str) -> Error {
    Error::new(ErrorKind::Stopped, "", format!("stopped by {signal}"))
}

/// A training loop that looks at [`asked`], until it is dropped.
pub struct Training(());

/// Says that a training loop begins.
pub fn training() -> Training {
    TRAINING.store(true, Ordering::SeqCst);
    Training(())
}

impl Drop for Training {
    fn drop(&mut self) {
        TRAINING.store(false, Ordering::SeqCst);
    }
}

/// The error of what was stopped, with the command that goes on with it if there is one; others as they are.
pub fn explained(error: Error, go_on: Option<&str>, out: Output) -> Error {
    if error.kind() != ErrorKind::Stopped {
        return error;
    }
    out.event("stopped", json!({ "signal": asked(), "go_on": go_on }));
    // What is too long to be shown whole would be a wrong command.
    match go_on {
        None => error.mend("nothing is left of it; start it again"),
        Some(go_on) if go_on.len() < 800 => error.mend(format!("go on with `{go_on}`")),
        Some(_) => error.mend("go on with the same command (nmnc train: and --resume)"),
    }
}

/// Does not come back if the program is being ended by the thread that was told.
pub fn give_way() {
    while LEAVING.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// Listens from now on; `go_on` is the command that goes on with what is being done, if what was done is kept.
///
/// # Errors
/// If the system refuses.
#[cfg(unix)]
pub fn listen(out: Output, go_on: Option<String>) -> Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
    use signal_hook::iterator::Signals;

    let failed =
        |e: std::io::Error| Error::new(ErrorKind::Io, "signals", format!("cannot listen: {e}")).caused_by(e);
    let again = std::sync::Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGUSR1] {
        signal_hook::flag::register_conditional_default(signal, again.clone()).map_err(failed)?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGUSR1]).map_err(failed)?;
    let told = move || {
        let Some(signal) = signals.forever().next() else { return };
        let name = match signal {
            SIGINT => "SIGINT",
            SIGTERM => "SIGTERM",
            _ => "SIGUSR1",
        };
        // Whatever output or disk may hang: a second signal is left to the system.
        std::thread::spawn(move || {
            std::thread::sleep(ECHO);
            again.store(true, Ordering::SeqCst);
        });
        let _ = ASKED.set(name);
        if TRAINING.load(Ordering::SeqCst) {
            announce(name, out);
        } else {
            leave(name, go_on.as_deref(), out);
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(told).map(drop).map_err(failed)
}

/// Where there are no such signals.
#[cfg(not(unix))]
pub fn listen(_out: Output, _go_on: Option<String>) -> Result<()> {
    Ok(())
}

/// So soon after the first, a signal is the same one: `timeout` sends it to the program and to its group.
#[cfg(unix)]
const ECHO: std::time::Duration = std::time::Duration::from_millis(200);

#[cfg(unix)]
fn announce(signal: &str, out: Output) {
    out.event("stopping", json!({ "signal": signal }));
    if !out.quiet && !out.json {
        let line =
            format!("{signal}: finishing the step and keeping a checkpoint; a second signal ends at once");
        crate::waiting::tell(&line);
    }
}

#[cfg(unix)]
fn leave(signal: &str, go_on: Option<&str>, out: Output) -> ! {
    LEAVING.store(true, Ordering::SeqCst);
    let error = explained(stopped(signal), go_on, out);
    crate::waiting::heard();
    out.error(&error);
    nmnc::files::leave();
    signal_hook::low_level::exit(i32::from(crate::exit::code(ErrorKind::Stopped)))
}
