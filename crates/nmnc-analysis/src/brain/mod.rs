//! Do networks represent what they see as primates do?
//!
//! A [`Benchmark`] is stimuli with recordings of brains that saw them; [`represent`] shows the stimuli to a network; [`gather`] sorts
//! networks into conditions; [`scores`] compares, with ceilings, intervals and paired differences; [`write()`] lays it all down.

#[cfg(feature = "brainio")]
mod assembly;
mod benchmark;
mod contrasts;
mod figures;
mod page;
mod predicted;
mod recordings;
mod representation;
mod runs;
mod scores;
mod stimuli;
mod tables;
mod target;
mod verdict;
mod write;

#[cfg(feature = "brainio")]
pub use assembly::{AssemblyOptions, read_assembly};
pub use benchmark::Benchmark;
pub use contrasts::Contrast;
pub use page::page;
pub use predicted::{ConditionPrediction, NetworkPrediction, Predicted, Prediction, PredictivityScores};
pub use recordings::Recordings;
pub use representation::{Representation, StageRdm, represent};
pub use runs::{Gathered, Shown, UNTRAINED, gather};
pub use scores::{
    Condition, ConditionScore, ControlScore, Mean, Network, NetworkScore, RegressionName, Scores, Settings,
    StageScore, TargetScores, scores,
};
pub use stimuli::Stimuli;
pub use tables::{predictivity, summary};
pub use target::Target;
pub use verdict::verdict;
pub use write::{check, texts, write};
