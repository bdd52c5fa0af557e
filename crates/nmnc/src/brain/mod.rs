//! Recordings of brains.

#[cfg(feature = "brainio")]
mod assembly;
mod recordings;

#[cfg(feature = "brainio")]
pub use assembly::{AssemblyOptions, read_assembly};
pub use recordings::Recordings;
