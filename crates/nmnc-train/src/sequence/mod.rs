//! Training recurrent networks on tasks.

mod config;
mod initial;
mod loss;
mod measure;
mod run;
mod trainer;

pub use config::{SequenceConfig, SequenceMetricsConfig, SequenceTrainConfig, describes_task};
pub use loss::{SequenceJudgement, judge_sequence};
pub use run::run_sequence;
pub use trainer::SequenceTrainer;
