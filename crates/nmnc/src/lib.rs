//! Neural manifold noise correlation: credit assignment by perturbing activity and correlating the perturbation with the
//! change of the output, with the noise restricted to the low-dimensional manifold that activity lives on.
//!
//! The method is that of B. Kang, M. Richards and B. L. Sabatini, "Credit Assignment via Neural Manifold Noise
//! Correlation", ICML 2026 (arXiv 2601.02636).

pub mod config_text;
pub mod credit;
pub mod data;
pub mod device;
pub mod error;
pub mod linalg;
pub mod manifold;
pub mod net;
pub mod noise;
pub mod records;
pub mod report;
pub mod seed;
pub mod state;

pub use error::{Error, ErrorKind, Result};
pub use seed::Seed;
