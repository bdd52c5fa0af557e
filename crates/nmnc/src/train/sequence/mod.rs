//! Training recurrent networks on tasks.

mod config;
mod initial;
mod measure;
mod run;
mod trainer;

pub use config::{SequenceConfig, SequenceMetricsConfig, SequenceTrainConfig, describes_task};
pub use run::run_sequence;
pub use trainer::SequenceTrainer;
