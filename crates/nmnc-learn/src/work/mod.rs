//! The work of a training step, counted before anything is run: which operations there are, how often, and what each multiplies and moves.
//!
//! Training as such does some of it ([`layered`], [`over_time`]), the rule states the rest
//! ([`RuleConfig::work`](crate::registry::RuleConfig::work)). Operations name what is called, so that whoever has the network can time them.

mod job;
mod layered;
mod over_time;

pub use job::{Job, Operation, SequencePart, Work};
pub use layered::{errors_through, exact_errors, layered, layered_job, perturbed_pass, refresh, sections};
pub use over_time::{over_time, sequence_job};
