//! Networks: graphs of blocks with derivatives of their own, cut into stages.

mod architectures;
mod block;
mod blocks;
mod builder;
mod config;
mod derivatives;
mod geometry;
mod gradients;
mod init;
mod map;
mod network;
mod node;
mod parameter;
mod pass;
mod structure;
mod trace;
mod weights;

pub use architectures::{ARCHITECTURES, Architecture, shared_name};
pub use block::{Block, Mode, own_weights};
pub use blocks::{
    Activate, AdaptiveAverage, Add, Attention, BatchNorm, ClassToken, Concat, Conv, Dense, Dropout,
    GroupNorm, GroupedConv, GroupedMap, Pooling, Shortcut, TokenDense, TokenMap, Tokens,
};
pub use builder::{NetworkBuilder, Value};
pub use config::{ActivationName, ConvConfig, DenseConfig, NetworkConfig, PRESETS, PoolName, StageConfig};
pub use derivatives::Passage;
pub use geometry::Geometry;
pub use gradients::Gradients;
pub use init::Init;
pub use map::{ConvMap, DenseMap, Gated, LinearMap, Map};
pub use network::Network;
pub use nmnc_kernels::{Activation, ConvSpec, Pool, PoolingSpec, Window};
pub use node::{Node, Reader};
pub use parameter::{Buffer, Parameter};
pub use pass::{ForwardPass, Inputs, Replay};
pub use trace::Trace;
pub use weights::Weights;
