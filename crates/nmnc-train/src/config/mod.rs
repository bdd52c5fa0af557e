//! Configurations: reading, overriding, checking, spelling out.

mod any;
mod checkpoint;
mod images;
mod resolved;
mod text;
mod trials;

pub use any::AnyConfig;
pub use checkpoint::CheckpointConfig;
pub use images::{Config, MetricsConfig, TrainConfig};
pub use resolved::Resolved;
pub use text::set;
pub use trials::{SequenceConfig, SequenceMetricsConfig, SequenceTrainConfig};

use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Seed;

fn seed_zero() -> Seed {
    Seed(0)
}
fn flex() -> String {
    "flex".to_owned()
}

/// `train.clip_norm`, if given, is positive.
fn check_clip(norm: Option<f64>) -> Result<()> {
    match norm {
        Some(norm) if !(norm > 0.0 && norm.is_finite()) => {
            Err(Error::config("train.clip_norm", format!("{norm} is not a positive number")))
        }
        _ => Ok(()),
    }
}
