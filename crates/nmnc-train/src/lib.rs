//! Training: problems, learners and runs, and the configurations that describe them.
//!
//! A [`Problem`] ([`Images`], [`Trials`], or one's own) has a network and a rule and turns batches into gradients; a [`Learner`] turns
//! gradients into steps; [`fit`] and [`Run`] are the loop around both, in memory or in a folder with records and checkpoints. All take
//! what the caller has built. Configurations ([`Config`], [`SequenceConfig`], [`AnyConfig`]) build these parts and nothing else.
//!
//! ```
//! use nmnc_core::Seed;
//! use nmnc_data::DataConfig;
//! use nmnc_learn::credit::Backprop;
//! use nmnc_learn::net::NetworkConfig;
//! use nmnc_train::{ImageOptions, Images, Learner, Loss, Optimizer, OptimizerConfig, Schedule, Silent, fit};
//!
//! let data = DataConfig { train_limit: Some(500), ..DataConfig::default() }.open(Seed(0))?;
//! let (shape, classes) = (data.train.shape(), data.train.classes().len());
//! let network = NetworkConfig { preset: Some("mlp".into()), widths: Some(vec![32]), ..NetworkConfig::default() };
//! let network = network.build([shape.channels, shape.height, shape.width], classes, Seed(0), &Default::default())?;
//! let options = ImageOptions { batch: 25, ..ImageOptions::default() };
//! let mut images = Images::new(network, Box::new(Backprop), data, Loss::CrossEntropy, options)?;
//! let optimizer = Optimizer::new(OptimizerConfig::default());
//! let mut learner = Learner::new(optimizer, Schedule::constant(), None);
//! let found = fit(&mut images, &mut learner, 3, &mut Silent)?;
//! assert!(found.score.accuracy > 0.5);
//! # Ok::<(), nmnc_core::Error>(())
//! ```

mod build;
pub mod checkpoint;
mod clock;
mod compare;
mod config;
mod diverged;
mod event_file;
mod found;
mod home;
mod identity;
mod images;
mod learner;
mod ledger;
mod loss;
mod need;
mod observer;
mod optimizer;
mod place;
mod problem;
pub mod replicas;
mod run;
mod run_folder;
mod schedule;
mod shared_weights;
mod tally;
mod trained_on;
mod trials;
mod weights;

pub use build::RunConfig;
pub use compare::{PlannedRun, plan, share};
pub use config::reference;
pub use config::{
    AnyConfig, CheckpointConfig, Config, LoggingConfig, MetricsConfig, Resolved, SequenceConfig,
    SequenceMetricsConfig, SequenceTrainConfig, TrainConfig, WeightsConfig, set,
};
pub use found::UnderWay;
pub use identity::Identity;
pub use images::{
    Classifier, EVALUATION_BATCH, ImageBatch, ImageOptions, Images, MeasuredImages, TrainingInputs, align,
    evaluate,
};
pub use learner::Learner;
pub use loss::{Hits, Judgement, Judging, Loss, Objective};
pub use need::{Need, Part};
pub use observer::{Observer, Progress, Silent};
pub use optimizer::{Decayed, Optimizer, OptimizerConfig};
pub use place::{Place, RunOptions};
pub use problem::{Assessed, Evaluation, Problem};
pub use run::{Run, RunOutcome, RunPlan, fit};
pub use run_folder::{Found, RunFolder};
pub use schedule::{Schedule, ScheduleConfig, ScheduleShape};
pub use shared_weights::SharedWeights;
pub use trained_on::TrainedOn;
pub use trials::{MeasuredTrials, SequenceJudgement, TrialOptions, Trials, is_centered, judge_sequence};
