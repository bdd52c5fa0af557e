//! Networks: a chain of stages with local gradients, and a linear readout.

mod config;
mod conv;
mod dense;
mod gradients;
mod init;
mod network;
mod stage;
mod weights;

pub use config::{ActivationName, ConvConfig, DenseConfig, NetworkConfig, PRESETS, PoolName, StageConfig};
pub use conv::Conv;
pub use dense::Dense;
pub use gradients::Gradients;
pub use init::Init;
pub use network::{ForwardPass, Network};
pub use nmnc_kernels::{Activation, ConvSpec, Pool};
pub use stage::{Parameter, Stage, Trace};
pub use weights::Weights;
