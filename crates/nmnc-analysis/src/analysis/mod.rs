//! Shows the theory on a network or on recordings: how the rows of the Jacobian lie to the neural manifold, and the dimension of it.
//!
//! [`network`] analyzes a [`Network`](nmnc_learn::net::Network) and the inputs it is given, such as a checkpoint read by [`Loaded`];
//! [`arrays`] analyzes activity and Jacobians from elsewhere, such as a file opened by [`MappedArray`]. Both give an [`Analysis`]
//! of plain numbers, which [`write()`] lays down as JSON, CSV, `.npz` and an HTML page.

mod arrays;
mod captured;
mod figures;
mod jacobian;
mod load;
mod mapped;
mod network;
mod page;
mod predict;
mod probes;
mod probes_needed;
mod random;
mod rank;
mod result;
mod session;
mod settings;
mod similarity;
mod stage_alignment;
mod states;
mod tables;
mod task;
pub mod training;
mod write;

pub use arrays::{Jacobians, arrays};
pub use jacobian::jacobians;
pub use load::{ExampleSplit, Loaded, Source};
pub use mapped::{MappedActivity, MappedArray, MappedJacobians};
pub use network::{Subject, activity, network};
pub use page::page;
pub use predict::{Predictions, predict, write_predictions};
pub use probes_needed::{CosinePoint, NeededSettings, Needing, ProbesNeeded, probes_needed};
pub use random::random_control;
pub use result::{
    Alignment, Analysis, Angles, AtDimension, Captured, EffectiveRank, ProbeCurve, ProbePoint, RandomControl,
    StageAnalysis, Target,
};
pub use session::{Session, SessionPoint, SessionSettings, session};
pub use settings::AnalysisSettings;
pub use similarity::{
    Compared, Pair, Seen, SimilarityResult, SimilaritySettings, similarity, similarity_page,
    similarity_table, write_similarity,
};
pub use states::{
    ConditionAccuracy, ConditionCurve, LagAlpha, StateAnalysis, StateArrays, StateMoment, StatesSettings,
    states, states_table, write_states,
};
pub use states::{portrait_cell, portrait_legend};
pub use tables::terminal_table;
pub use task::TaskLoaded;
pub use training::{
    OverTraining, RunMoment, StageAgreement, StageMoment, TrainingRow, WeightMoment, WeightRow, decay_law,
    over_training, over_training_table, training_rows, weight_rows, write_over_training,
};
pub use write::{Format, write};
