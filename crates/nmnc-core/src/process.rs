//! Which process this is, so that another one can tell whether it is still there.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A process, told from all others: numbers of processes are used again, and mean nothing on another computer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Name of its computer.
    pub host: String,
    /// The kernel's start: the same for all processes that one running kernel can tell apart.
    boot: String,
    /// The numbering of processes that `pid` belongs to: containers have their own.
    space: String,
    /// When it started, in the kernel's ticks; 0 where that cannot be known.
    start: u64,
}

/// What is known of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It runs.
    Alive,
    /// It has ended.
    Gone,
    /// It is none of this computer, or not one that can be seen from here.
    Elsewhere,
}

impl Process {
    /// This process.
    pub fn this() -> &'static Self {
        static THIS: OnceLock<Process> = OnceLock::new();
        THIS.get_or_init(|| {
            let pid = std::process::id();
            let text = |path: &str| {
                std::fs::read_to_string(path).map_or_else(|_| String::new(), |s| s.trim().to_owned())
            };
            let space = std::fs::read_link("/proc/self/ns/pid");
            Self {
                pid,
                host: host(),
                boot: text("/proc/sys/kernel/random/boot_id"),
                space: space.map_or_else(|_| String::new(), |path| path.to_string_lossy().into_owned()),
                start: started(pid).and_then(Result::ok).unwrap_or(0),
            }
        })
    }

    /// Whether one kernel runs both: what it says of locks on files is then the truth about either.
    pub fn shares_kernel(&self, other: &Self) -> bool {
        self.boot == other.boot && (!self.boot.is_empty() || self.host == other.host)
    }

    /// What is known of it here.
    pub fn presence(&self) -> Presence {
        let this = Self::this();
        if !self.shares_kernel(this) || self.space != this.space {
            return Presence::Elsewhere;
        }
        presence(self.pid, self.start)
    }

    /// A short name for the names of files.
    pub(crate) fn label(&self) -> String {
        format!("{}-{}-{}", self.node(), self.pid, self.start)
    }

    /// What is known of the process with this [`Process::label`], which further text may follow after a hyphen, and that text. None for
    /// what is no label.
    pub(crate) fn of_label(text: &str) -> Option<(Presence, &str)> {
        let mut parts = text.splitn(4, '-');
        let (node, pid, start) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        if node.len() != NODE || !node.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let known = if node == Self::this().node() { presence(pid, start) } else { Presence::Elsewhere };
        Some((known, parts.next().unwrap_or_default()))
    }

    /// Computer, start of the kernel and numbering in a few letters.
    fn node(&self) -> String {
        let digest = Sha256::digest(format!("{}\n{}\n{}", self.host, self.boot, self.space));
        digest.iter().take(NODE / 2).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Letters of [`Process::node`].
const NODE: usize = 12;

fn presence(pid: u32, start: u64) -> Presence {
    match started(pid) {
        // The number may have gone to another process since.
        Some(Ok(found)) if start == 0 || found == start => Presence::Alive,
        Some(Ok(_)) => Presence::Gone,
        Some(Err(())) => Presence::Alive,
        None if may_signal(pid) => Presence::Alive,
        None => Presence::Gone,
    }
}

/// When the process `pid` started, from `/proc`; none if it has ended, an error if that is not told.
fn started(pid: u32) -> Option<Result<u64, ()>> {
    let text = match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return None,
        Err(_) => return Some(Err(())),
    };
    // The name, in brackets, may hold anything; the state follows it, and the start is the 22nd field of all.
    let mut rest = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    match rest.next() {
        // Ended, and not yet asked after by its parent.
        Some("Z" | "X") => None,
        _ => Some(rest.nth(18).and_then(|field| field.parse().ok()).ok_or(())),
    }
}

/// Whether there is a process `pid` that `/proc` does not show: it is another user's, or there is no `/proc`.
#[cfg(unix)]
fn may_signal(pid: u32) -> bool {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return false };
    let hidden = !std::path::Path::new("/proc/self/stat").exists();
    // SAFETY: signal 0 is sent to nobody; the call only says whether there is such a process.
    let found = unsafe { libc::kill(pid, 0) };
    (found == 0 && hidden)
        || (found != 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM))
}

#[cfg(not(unix))]
fn may_signal(_pid: u32) -> bool {
    true
}

#[cfg(unix)]
fn host() -> String {
    let mut name = [0u8; 256];
    // SAFETY: the buffer is as long as is said; its last byte stays 0.
    let failed = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) } != 0;
    let end = if failed { 0 } else { name.iter().position(|byte| *byte == 0).unwrap_or(0) };
    String::from_utf8_lossy(&name[..end]).into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

/// Makes a write beyond the largest file that the user may have (`ulimit -f`) fail like any other, instead of ending the process.
/// To be called once, when a program starts.
pub fn survive_file_limits() {
    #[cfg(unix)]
    // SAFETY: no handler runs; ignoring this signal is what makes the write return EFBIG.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_number_start_kernel_and_numbering() {
        let this = Process::this();
        assert_eq!(this.presence(), Presence::Alive);
        let label = format!("{}-rest-of-it", this.label());
        let (known, rest) = Process::of_label(&label).unwrap();
        assert_eq!((known, rest), (Presence::Alive, "rest-of-it"));
        if this.start > 0 {
            let later = Process { start: this.start + 1, ..this.clone() };
            assert_eq!(later.presence(), Presence::Gone, "the same number again");
            assert_eq!(Process::of_label(&later.label()).unwrap().0, Presence::Gone);
        }
        let other = Process { boot: "another".into(), ..this.clone() };
        assert_eq!(other.presence(), Presence::Elsewhere);
        assert_eq!(Process::of_label(&other.label()).unwrap().0, Presence::Elsewhere);
        assert_eq!(Process { space: "pid:[1]".into(), ..this.clone() }.presence(), Presence::Elsewhere);
        for text in ["", "x", "step-0000000004", "0123456789ab-x-1", "0123456789ag-1-1", "0123456789ab-1"] {
            assert!(Process::of_label(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_process_that_has_ended_is_gone_before_and_after_its_parent_asks() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        let begun = std::time::Instant::now();
        while presence(pid, 0) == Presence::Alive && begun.elapsed().as_secs() < 20 {
            std::thread::yield_now();
        }
        assert_eq!(presence(pid, 0), Presence::Gone);
        child.wait().unwrap();
        assert_eq!(presence(pid, 0), Presence::Gone);
    }
}
