//! Keeping an input that ends the process: a signal, or more time than there is.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crate::PATIENCE;

static INPUT: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static LENGTH: AtomicUsize = AtomicUsize::new(0);
/// When the present input was begun, in milliseconds since the first, plus 1; 0 between inputs.
static SINCE: AtomicU64 = AtomicU64::new(0);
static CLOCK: OnceLock<Instant> = OnceLock::new();
static KEPT: OnceLock<CString> = OnceLock::new();

/// Exit code of a process that took too long over an input.
pub const HUNG: i32 = 124;

fn now() -> u64 {
    CLOCK.get_or_init(Instant::now).elapsed().as_millis() as u64 + 1
}

/// From now on an input that ends the process, or is not read in time, is in the file `kept`.
pub fn keep_fatal(kept: &Path) {
    let path = CString::new(kept.as_os_str().as_bytes()).expect("a path without a zero byte");
    KEPT.set(path).expect("called once");
    for signal in [libc::SIGABRT, libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL] {
        // SAFETY: a zeroed action is a valid one, and the handler calls only what may be called in one.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as *const () as usize;
            action.sa_flags = libc::SA_ONSTACK | libc::SA_RESETHAND;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            let since = SINCE.load(SeqCst);
            if since != 0 && now().saturating_sub(since) > 1000 * PATIENCE {
                write_input();
                // SAFETY: ends the process without running anything of it.
                unsafe { libc::_exit(HUNG) };
            }
        }
    });
}

extern "C" fn on_signal(signal: i32) {
    write_input();
    // SAFETY: the default action is back, and ends the process.
    unsafe { libc::raise(signal) };
}

/// Writes the present input where `keep_fatal` said, with calls that a signal handler may make.
fn write_input() {
    let (pointer, length) = (INPUT.load(SeqCst), LENGTH.load(SeqCst));
    if let (Some(path), false) = (KEPT.get(), pointer.is_null()) {
        // SAFETY: the input lives as long as `during` runs.
        unsafe {
            let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC, 0o644);
            libc::write(file, pointer.cast(), length);
            libc::close(file);
        }
    }
}

/// Runs `work`, which reads `input`; gives its result and its milliseconds.
pub fn during<T>(input: &[u8], work: impl FnOnce() -> T) -> (T, u64) {
    LENGTH.store(input.len(), SeqCst);
    INPUT.store(input.as_ptr().cast_mut(), SeqCst);
    let since = now();
    SINCE.store(since, SeqCst);
    let result = work();
    SINCE.store(0, SeqCst);
    INPUT.store(std::ptr::null_mut(), SeqCst);
    (result, now() - since)
}
