//! What every part of nmnc stands on: errors, seeds, scales, linear algebra, state, files, statistics and records.

pub mod config_text;
pub mod device;
pub mod doing;
pub mod error;
pub mod files;
pub mod floats;
pub mod guard;
pub mod linalg;
pub mod memory;
pub mod printable;
pub mod process;
pub mod ranges;
pub mod records;
pub mod scale;
pub mod seed;
pub mod spreadsheet;
pub mod state;
pub mod statistics;
pub mod tensor_file;

pub use error::{Error, ErrorKind, Result};
pub use seed::Seed;

/// Name and version of what numerical results depend on beside this crate.
pub const ENVIRONMENT: [(&str, &str); 3] =
    [("burn", env!("NMNC_BURN")), ("rustc", env!("NMNC_RUSTC")), ("target", env!("NMNC_TARGET"))];
