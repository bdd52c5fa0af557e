//! Hostile inputs for everything that nmnc reads.
//!
//! A [`Target`] turns bytes into files and reads them as a user's would be read. [`hunt`] makes inputs of seeds, follows those that
//! reach new code, and tells what breaks the promise: no panic, no abort, no hang, no more memory than [`BUDGET`], and errors that
//! are one line. `nmnc-fuzz` runs a target in a process of its own, so that nothing ends the others.
//!
//! Coverage comes from LLVM's counters, which `scripts/fuzz.py` has compiled into the crates of this workspace with the compiler
//! that is there; neither libFuzzer nor another toolchain is needed. Without them the inputs are what damage makes of the seeds.

mod bundle;
pub mod coverage;
mod hunt;
mod mutate;
mod png;
mod random;
mod targets;
pub mod watch;

pub use bundle::Bundle;
pub use hunt::{Found, Hunt, Outcome, Tried, hunt, remember_panics, try_input};
pub use targets::{TARGETS, Target};

/// The most memory that reading one input may take, in bytes: what inputs of this size may expand to, as numbers of 64 bits
/// (docs/formats.md).
pub const BUDGET: usize = 768 << 20;

/// The longest that reading one input may take, in seconds.
pub const PATIENCE: u64 = 10;

/// The longest input, in bytes. What is read in proportion to its length is not what is looked for.
pub const LONGEST: usize = 64 << 10;
