//! Configurations: reading, overriding, checking, spelling out.

mod any;
mod checkpoint;
mod images;
mod logging;
pub mod reference;
mod resolved;
mod shorthand;
mod text;
mod trials;
mod weights;

pub use any::AnyConfig;
pub use checkpoint::CheckpointConfig;
pub use images::{Config, MetricsConfig, TrainConfig};
pub use logging::LoggingConfig;
pub use resolved::Resolved;
pub use text::set;
pub use trials::{SequenceConfig, SequenceMetricsConfig, SequenceTrainConfig};
pub use weights::WeightsConfig;

use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Seed;

fn seed_zero() -> Seed {
    Seed(0)
}

/// What a setting is where nothing is divided, and is not written then.
fn is_one(value: &usize) -> bool {
    *value == 1
}

/// Every replica needs an example of each batch.
fn check_replicas(replicas: usize, batch: usize) -> Result<()> {
    if replicas <= batch {
        return Ok(());
    }
    let problem = format!("{replicas} cannot share a batch of {batch}");
    Err(Error::config("train.replicas", problem).mend("set it to train.batch or less"))
}

fn flex() -> String {
    "flex".to_owned()
}
