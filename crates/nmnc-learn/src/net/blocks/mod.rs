//! The parts that networks are made of.

mod activate;
mod adaptive;
mod add;
mod affine;
mod attention;
mod batch_norm;
mod concat;
mod conv;
mod dense;
mod dropout;
mod group_norm;
mod grouped;
mod pooling;
mod shortcut;
mod standard;
mod tokens;

pub use activate::Activate;
pub use adaptive::AdaptiveAverage;
pub use add::Add;
pub use attention::Attention;
pub use batch_norm::BatchNorm;
pub use concat::Concat;
pub use conv::Conv;
pub use dense::Dense;
pub use dropout::Dropout;
pub use group_norm::GroupNorm;
pub use grouped::{GroupedConv, GroupedMap};
pub use pooling::Pooling;
pub use shortcut::Shortcut;
pub use tokens::{ClassToken, TokenDense, TokenMap, Tokens};
