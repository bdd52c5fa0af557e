//! Devices are found out in a process of their own. Opening one runs its driver, and a driver that does not suit the machine may crash,
//! hang, or write to standard error: what it does there becomes one line here.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nmnc::train::{AnyConfig, RunConfig};
use nmnc::{Error, ErrorKind, Result, device, printable};

use crate::exit;
use crate::output::Output;

/// What the program is called with to try a device. It is no command: neither help nor completions know it.
const REQUEST: &str = "try-device";

/// How long a driver may take: it may have to compile for its device, on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(180);

/// Characters shown of what a driver wrote.
const LONGEST: usize = 200;

/// Bytes kept of what a driver wrote.
const KEPT: usize = 1 << 16;

/// In the process that tries a device: tries it. None in every other process.
pub fn requested() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(request), Some(name), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return None;
    };
    (request == OsStr::new(REQUEST)).then(|| match device::try_out(&name.to_string_lossy()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            Output { quiet: false, json: false }.error(&error);
            ExitCode::from(exit::code(error.kind()))
        }
    })
}

/// Tries the device called `name` in another process, once; nothing where no driver stands behind the name.
///
/// # Errors
/// [`ErrorKind::Device`] if it is of no use.
pub fn check(name: &str) -> Result<()> {
    static TRIED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut tried = TRIED.lock().unwrap_or_else(PoisonError::into_inner);
    if device::has_driver(name) && !tried.contains(name) {
        let program = std::env::current_exe()
            .map_err(|e| useless(name, &format!("the program does not find itself to try it: {e}")))?;
        attempt(Command::new(program).args([REQUEST, name]), name, PATIENCE)?;
        tried.insert(name.to_owned());
    }
    Ok(())
}

/// Tries the device that the run, or checkpoint, at `path` names.
///
/// # Errors
/// Those of [`check`], and of its configuration.
pub fn check_of_run(path: &Path, given: Option<&str>) -> Result<()> {
    match given {
        Some(name) => check(name),
        None => config_of(path)?.map_or(Ok(()), |config| check(config.device())),
    }
}

/// The configuration of the run or checkpoint at `path`, if it is one.
pub fn config_of(path: &Path) -> Result<Option<AnyConfig>> {
    let mut places = [path.join("config.toml"), path.join("../../config.toml")].into_iter();
    places.find(|place| place.is_file()).map(|place| AnyConfig::read(&place, &[])).transpose()
}

/// What came of a process that tries the device called `name`.
fn attempt(command: &mut Command, name: &str, patience: Duration) -> Result<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| useless(name, &format!("it cannot be tried: {e}")))?;
    let written = listen(&mut child);
    let status =
        wait(&mut child, patience).map_err(|e| useless(name, &format!("it cannot be tried: {e}")))?;
    let what = match status {
        Some(status) if status.success() => return Ok(()),
        // A setting is wrong; whoever opens the device will say which.
        Some(status) if status.code() == Some(exit::code(ErrorKind::Config).into()) => return Ok(()),
        Some(status) if status.code() == Some(exit::code(ErrorKind::Device).into()) => String::new(),
        Some(status) => format!("trying it ended with {}", end(status)),
        None => format!("it gave no answer within {} s", patience.as_secs_f64()),
    };
    // A process that outlives its parent may keep the pipe open; what has come by now will do.
    let written = written.recv_timeout(Duration::from_millis(500)).unwrap_or_default();
    let own = |line: &&str| line.starts_with("error: device: ");
    let said = written.lines().map(str::trim).rfind(|line| !line.is_empty() && !own(line));
    let said = said.map(|line| format!("its driver says `{}`", printable::line(line, LONGEST)));
    let reasons: Vec<String> = said.into_iter().chain((!what.is_empty()).then_some(what)).collect();
    Err(useless(name, &reasons.join(", and ")))
}

fn useless(name: &str, why: &str) -> Error {
    let colon = if why.is_empty() { "" } else { ": " };
    let problem = format!("no usable `{name}` device on this machine{colon}{why}");
    Error::new(ErrorKind::Device, "device", problem).mend("check the driver, or use `flex`")
}

/// Reads what the process writes to standard error until it ends.
fn listen(child: &mut Child) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    if let Some(mut pipe) = child.stderr.take() {
        thread::spawn(move || {
            let mut kept = Vec::new();
            let _ = pipe.by_ref().take(KEPT as u64).read_to_end(&mut kept);
            // A full pipe would stop a driver that says more.
            let _ = std::io::copy(&mut pipe, &mut std::io::sink());
            let _ = send.send(String::from_utf8_lossy(&kept).into_owned());
        });
    }
    receive
}

/// Waits for the end of the process, or ends it; none then.
fn wait(child: &mut Child, patience: Duration) -> std::io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= patience {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// How a process ended, in words.
fn end(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            4 => " (illegal instruction)",
            6 => " (aborted)",
            9 => " (killed)",
            7 | 10 => " (bus error)",
            11 => " (segmentation fault)",
            _ => "",
        };
        return format!("signal {signal}{name}");
    }
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn tried(script: &str, patience: Duration) -> Result<()> {
        attempt(Command::new("sh").args(["-c", script]), "vulkan", patience)
    }

    fn told(script: &str) -> String {
        let error = tried(script, Duration::from_secs(60)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Device);
        let text = error.to_string();
        let inner = text.strip_prefix("device: no usable `vulkan` device on this machine").unwrap();
        inner.strip_suffix("; check the driver, or use `flex`").unwrap().to_owned()
    }

    #[test]
    fn a_device_that_answers_is_used_whatever_its_driver_writes() {
        tried("exit 0", PATIENCE).unwrap();
        tried("echo warning: not a conformant implementation >&2; head -c 300000 /dev/zero >&2", PATIENCE)
            .unwrap();
    }

    #[test]
    fn crashes_and_complaints_are_one_line() {
        assert_eq!(told("kill -SEGV $$"), ": trying it ended with signal 11 (segmentation fault)");
        assert_eq!(told("kill -ABRT $$"), ": trying it ended with signal 6 (aborted)");
        assert_eq!(told("exit 9"), ": trying it ended with exit code 9");
        assert_eq!(told("echo 'error: device: no usable' >&2; exit 7"), "");
        let display = "error: XDG_RUNTIME_DIR is invalid or not set in the environment.";
        assert_eq!(
            told(&format!("echo '{display}' >&2; echo 'error: device: no usable' >&2; exit 7")),
            format!(": its driver says `{display}`")
        );
        assert_eq!(
            told("printf 'first\\n\\033[31mlast\\n' >&2; kill -SEGV $$"),
            r": its driver says `\u{1b}[31mlast`, and trying it ended with signal 11 (segmentation fault)"
        );
        assert!(
            told("head -c 300000 /dev/zero | tr '\\0' x >&2; exit 1")
                .contains("... (65536 characters)`, and trying")
        );
    }

    #[test]
    fn a_device_that_hangs_is_given_up() {
        let error = tried("exec sleep 600", Duration::from_millis(200)).unwrap_err().to_string();
        assert!(error.contains(": it gave no answer within 0.2 s; "), "{error}");
        // Nor is it waited for what a process that it left behind may write.
        let error = tried("sleep 5 & exit 1", Duration::from_secs(60)).unwrap_err().to_string();
        assert!(error.contains("trying it ended with exit code 1; "), "{error}");
    }

    #[test]
    fn a_wrong_setting_is_left_to_whoever_opens_the_device() {
        tried("exit 3", PATIENCE).unwrap();
        let error = attempt(&mut Command::new("/nonexistent"), "cuda", PATIENCE).unwrap_err();
        assert!(error.to_string().contains("`cuda` device on this machine: it cannot be tried: "), "{error}");
    }

    #[test]
    fn a_processor_is_not_tried() {
        for name in ["flex", "flex:1", "vulkan:x", "nothing"] {
            check(name).unwrap();
        }
    }
}
