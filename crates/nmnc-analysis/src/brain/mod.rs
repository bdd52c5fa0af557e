//! Do networks represent what they see as primates do?
//!
//! A [`Benchmark`] is stimuli with recordings of brains that saw them; [`represent`] shows the stimuli to a network; [`gather`] sorts
//! networks into conditions; [`scores`] compares, with ceilings, intervals and paired differences; [`write()`] lays it all down.

mod apart;
#[cfg_attr(not(feature = "brainio"), path = "no_assembly.rs")]
mod assembly;
mod benchmark;
mod contrasts;
mod figures;
mod network;
mod page;
mod power;
mod prediction;
mod predictivity;
mod recordings;
mod representation;
mod rows;
mod runs;
mod scores;
mod settings;
mod stimuli;
mod tables;
mod target;
mod verdict;
mod write;

pub use apart::{answer_assembly, read_assembly_apart};
pub use assembly::read_assembly;
pub use benchmark::Benchmark;
pub use contrasts::Contrast;
pub use network::{Condition, NetworkRdms, StageRdm};
pub use page::page;
pub use power::{Power, power, power_note, power_table};
pub use prediction::{Predicted, Prediction};
pub use predictivity::{ConditionPrediction, NetworkPrediction, PredictivityScores};
pub use recordings::{AssemblyOptions, Recordings};
pub use representation::{Representation, represent};
pub use runs::{Gathered, Shown, UNTRAINED, gather};
pub use scores::{
    ConditionScore, ControlScore, Mean, NetworkScore, Scores, StageScore, TargetScores, scores,
};
pub use settings::{BrainSettings, RegressionName};
pub use stimuli::Stimuli;
pub use tables::{contrasts, predictivity, summary};
pub use target::{ReadAssembly, Target};
pub use verdict::verdict;
pub use write::{check, texts, write};
