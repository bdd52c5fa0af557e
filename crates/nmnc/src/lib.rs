//! Neural manifold noise correlation: credit assignment by perturbing activity and correlating the perturbation with the
//! change of the output, with the noise restricted to the low-dimensional manifold that activity lives on.
//!
//! The method is that of B. Kang, M. Richards and B. L. Sabatini, "Credit Assignment via Neural Manifold Noise
//! Correlation", ICML 2026 (arXiv 2601.02636).

pub mod bench;
pub mod cite;
#[cfg(feature = "mpi")]
pub mod mpi;
pub mod plan;
pub mod reduced;
pub mod reproduce;
pub mod sweep;

pub use nmnc_analysis::{analysis, brain, dimension, similarity, trials};
pub use nmnc_core::{
    ENVIRONMENT, Error, ErrorKind, Result, Seed, config_text, device, doing, error, files, linalg, memory,
    printable, process, ranges, records, seed, state, statistics, tensor_file,
};
pub use nmnc_data as data;
pub use nmnc_data::tasks;
pub use nmnc_learn::{
    agreement, credit, estimator, manifold, needs, net, noise, recurrent, registry, work, workers,
};
pub use nmnc_report as report;
pub use nmnc_train as train;
