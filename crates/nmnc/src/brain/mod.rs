//! Do networks represent what they see as primates do?
//!
//! A [`Benchmark`] is stimuli with recordings of brains that saw them; [`represent`] shows the stimuli to a network;
//! [`scores`] compares, with ceilings, intervals and paired differences between rules.

mod benchmark;
mod contrasts;
mod representation;
mod scores;
mod stimuli;
mod target;

pub use benchmark::Benchmark;
pub use contrasts::Contrast;
pub use representation::{Representation, StageRdm, represent};
pub use scores::{Condition, ConditionScore, ControlScore, Mean, Network, NetworkScore, Scores, Settings, StageScore, TargetScores, scores};
pub use stimuli::Stimuli;
pub use target::Target;
