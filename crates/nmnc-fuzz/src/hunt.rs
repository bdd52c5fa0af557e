//! Trying inputs, and keeping those that break the promise.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::coverage::Coverage;
use crate::mutate::Mutator;
use crate::random::Random;
use crate::targets::Target;
use crate::{BUDGET, Bundle, LONGEST, watch};
use nmnc_testing::memory;

/// The longest message of an error, in bytes.
const LONGEST_LINE: usize = 4096;
/// The most inputs that are kept for what they reach.
const LARGEST_CORPUS: usize = 4000;

/// What reading an input came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was read.
    Read,
    /// It was refused as it should be, with these words.
    Refused(String),
    /// The promise was broken: where or how, and what was said.
    Broken(String, String),
}

/// An input's outcome, and what it cost.
pub struct Tried {
    /// What it came to.
    pub outcome: Outcome,
    /// The most memory, in bytes; 0 where [`memory::Counting`] is not the allocator.
    pub peak: usize,
    /// Time, in milliseconds.
    pub milliseconds: u64,
}

/// Place and message of the latest panic.
static PANIC: Mutex<(String, String)> = Mutex::new((String::new(), String::new()));

/// Reads `input` as `target`, in `folder`, which is emptied first and is the current folder.
pub fn try_input(target: &Target, input: &[u8], folder: &Path) -> Tried {
    let laid = fs::remove_dir_all(folder.join("in")).is_ok() | fs::create_dir(folder.join("in")).is_ok();
    assert!(laid, "{}: cannot be emptied", folder.display());
    let bundle = Bundle::of(input);
    let mut peak = 0;
    let (result, milliseconds) = watch::during(input, || {
        // Names of files that exclude each other are no input.
        bundle.lay(Path::new("in")).ok()?;
        let mut result = None;
        peak = memory::peak(|| {
            result = Some(catch_unwind(AssertUnwindSafe(|| (target.read)(&bundle, Path::new("in")))));
        });
        result
    });
    let outcome = match result {
        _ if peak > BUDGET => Outcome::Broken("memory".to_owned(), format!("{} MiB", peak >> 20)),
        None | Some(Ok(Ok(()))) => Outcome::Read,
        Some(Ok(Err(error))) => judged(&error.to_string()),
        Some(Err(_)) => {
            let (place, message) = PANIC.lock().expect("the hook does not panic").clone();
            Outcome::Broken(place, message)
        }
    };
    Tried { outcome, peak, milliseconds }
}

/// Whether an error is one readable line.
fn judged(message: &str) -> Outcome {
    let broken = |what: &str| Outcome::Broken(what.to_owned(), message.chars().take(200).collect());
    if message.contains('\n') {
        broken("an error of several lines")
    } else if message.chars().any(char::is_control) {
        broken("an error with control characters")
    } else if message.len() > LONGEST_LINE {
        broken("an endless error")
    } else {
        Outcome::Refused(message.to_owned())
    }
}

/// Remembers where a panic was, and prints nothing.
pub fn remember_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("").replace('\n', " / ");
        *PANIC.lock().expect("the hook does not panic") = (place, message.chars().take(300).collect());
    }));
}

/// What to hunt for, and how long.
pub struct Hunt<'a> {
    /// Seeds of random numbers.
    pub seed: u64,
    /// At most so many inputs beside the seeds.
    pub inputs: u64,
    /// At most so long.
    pub time: Duration,
    /// What inputs begin from.
    pub seeds: &'a [Vec<u8>],
    /// A folder of its own, which becomes the current one.
    pub folder: &'a Path,
}

/// What a hunt came to.
#[derive(Default)]
pub struct Found {
    /// Inputs tried.
    pub inputs: u64,
    /// Those that were read.
    pub read: u64,
    /// Inputs that reached something new.
    pub corpus: Vec<Vec<u8>>,
    /// Edges, and those reached.
    pub edges: (usize, usize),
    /// The most memory, in bytes.
    pub peak: usize,
    /// The longest time, in milliseconds.
    pub slowest: u64,
    /// What broke: by place, the message and the first such input.
    pub broken: BTreeMap<String, (String, Vec<u8>)>,
}

impl Found {
    fn add(&mut self, input: &[u8], tried: Tried) {
        self.inputs += 1;
        self.read += u64::from(tried.outcome == Outcome::Read);
        self.peak = self.peak.max(tried.peak);
        self.slowest = self.slowest.max(tried.milliseconds);
        if let Outcome::Broken(place, message) = tried.outcome {
            self.broken.entry(place).or_insert_with(|| (message, input.to_vec()));
        }
    }
}

/// Tries the seeds and what comes of them.
pub fn hunt(target: &Target, hunt: &Hunt<'_>) -> Found {
    let mut coverage = Coverage::new();
    let mut random = Random::new(hunt.seed);
    let mutator = Mutator::new(hunt.seeds);
    let mut found = Found::default();
    let begun = Instant::now();
    // What was reached before the first input is nobody's.
    coverage.gather();
    for seed in hunt.seeds {
        found.add(seed, try_input(target, seed, hunt.folder));
        coverage.gather();
    }
    found.corpus = hunt.seeds.to_vec();
    let all = found.inputs + hunt.inputs;
    while found.inputs < all && begun.elapsed() < hunt.time {
        let input = mutator.mutant(&found.corpus, &mut random);
        found.add(&input, try_input(target, &input, hunt.folder));
        if coverage.gather() && found.corpus.len() < LARGEST_CORPUS && input.len() < LONGEST {
            found.corpus.push(input);
        }
    }
    found.edges = (coverage.edges(), coverage.reached());
    found
}
