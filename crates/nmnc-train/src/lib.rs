//! Training: configuration, optimizers, schedules, losses, the training loop, checkpoints.

pub mod checkpoint;
mod compare;
mod config;
mod loss;
mod measure;
mod observer;
mod optimizer;
mod run;
mod run_config;
mod run_folder;
mod schedule;
mod sequence;
mod tally;
mod trainer;

pub use compare::{PlannedRun, plan};
pub use config::{CheckpointConfig, Config, MetricsConfig, TrainConfig, set};
pub use loss::{Judgement, Loss};
pub use measure::{Moment, align, evaluate};
pub use observer::{Observer, Progress, Silent};
pub use optimizer::{Optimizer, OptimizerConfig};
pub use run::{RunOptions, TrainingInputs, run};
pub use run_config::RunConfig;
pub use run_folder::{Found, RunFolder};
pub use schedule::{Schedule, ScheduleConfig, ScheduleShape};
pub use sequence::{
    SequenceConfig, SequenceJudgement, SequenceMetricsConfig, SequenceTrainConfig, SequenceTrainer,
    describes_task, judge_sequence, run_sequence,
};
pub use trainer::{Kept, StepOutcome, Trainer};
