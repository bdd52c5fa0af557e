//! What code an input reached, by LLVM's counters of edges (SanitizerCoverage, `inline-8bit-counters`).

use std::sync::Mutex;

/// A counter array: where it begins and ends. Each compiled crate has some.
struct Counters(*mut u8, usize);

// SAFETY: the arrays are static, and are looked at only between inputs, by the one thread that hunts.
unsafe impl Send for Counters {}

static ALL: Mutex<Vec<Counters>> = Mutex::new(Vec::new());

/// Called before `main` by every compiled unit that has counters.
///
/// # Safety
/// `start` to `stop` is a static array of counters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
    let length = stop as usize - start as usize;
    let mut all = ALL.lock().expect("nothing panics while it is held");
    if length > 0 && all.iter().all(|known| known.0 != start) {
        all.push(Counters(start, length));
    }
}

/// Edges that inputs have reached so far, with how often one input took them, in powers of two.
pub struct Coverage {
    seen: Vec<u8>,
}

impl Default for Coverage {
    fn default() -> Self {
        Self::new()
    }
}

impl Coverage {
    /// Nothing reached yet.
    pub fn new() -> Self {
        let all = ALL.lock().expect("nothing panics while it is held");
        Self { seen: vec![0; all.iter().map(|c| c.1).sum()] }
    }

    /// Number of edges there are; 0 in a program without counters.
    pub fn edges(&self) -> usize {
        self.seen.len()
    }

    /// Number of edges that were reached.
    pub fn reached(&self) -> usize {
        self.seen.iter().filter(|seen| **seen != 0).count()
    }

    /// Adds what was reached since the last call, and says whether any of it is new.
    pub fn gather(&mut self) -> bool {
        let mut new = false;
        let mut at = 0;
        for Counters(start, length) in ALL.lock().expect("nothing panics while it is held").iter() {
            // SAFETY: a static array of that length. Threads that still count lose an increment at most.
            let counters = unsafe { std::slice::from_raw_parts_mut(*start, *length) };
            for (counter, seen) in counters.iter_mut().zip(&mut self.seen[at..]) {
                if *counter != 0 {
                    let bit = bucket(*counter);
                    new |= *seen & bit == 0;
                    *seen |= bit;
                    *counter = 0;
                }
            }
            at += length;
        }
        new
    }
}

/// How often an edge was taken, as one of eight bits.
fn bucket(count: u8) -> u8 {
    match count {
        0..=3 => 1 << (count.max(1) - 1),
        4..=7 => 8,
        8..=15 => 16,
        16..=31 => 32,
        32..=127 => 64,
        128.. => 128,
    }
}
