//! Neural manifold noise correlation: credit assignment by perturbing activity and correlating the perturbation with the
//! change of the output, with the noise restricted to the low-dimensional manifold that activity lives on.
//!
//! The method is that of B. Kang, M. Richards and B. L. Sabatini, "Credit Assignment via Neural Manifold Noise
//! Correlation", ICML 2026 (arXiv 2601.02636).

pub mod alignment;
pub mod analysis;
pub mod bench;
pub mod brain;
pub mod config_text;
pub mod credit;
pub mod data;
pub mod device;
pub mod dimension;
pub mod error;
pub mod files;
pub mod linalg;
pub mod manifold;
pub mod memory;
pub mod net;
pub mod noise;
pub mod records;
pub mod recurrent;
pub mod report;
pub mod reproduce;
pub mod seed;
pub mod similarity;
pub mod state;
pub mod statistics;
pub mod tasks;
pub mod tensor_file;
pub mod train;

pub use error::{Error, ErrorKind, Result};
pub use seed::Seed;

/// Name and version of what numerical results depend on beside this crate.
pub const ENVIRONMENT: [(&str, &str); 3] =
    [("burn", env!("NMNC_BURN")), ("rustc", env!("NMNC_RUSTC")), ("target", env!("NMNC_TARGET"))];
