//! Data sets: opening them by name or path, and turning them into batches.
//!
//! [`DataConfig::open`] reads a source of any [`Format`], picks the examples to use and gives two [`Dataset`]s, one to train on
//! and one to evaluate on. [`Dataset::batches`] yields standardized batches, decoded ahead on worker threads; what does not fit in memory
//! is decoded for each batch anew, to the same bits (docs/data.md). [`fetch`] downloads
//! the well-known sets, [`info`] describes any source.
//!
//! ```
//! use nmnc_core::Seed;
//! use nmnc_data::{DataConfig, order};
//!
//! let config = DataConfig { train_limit: Some(1000), ..DataConfig::default() };
//! let splits = config.open(Seed(1))?;
//! let mut images = 0;
//! for epoch in 0..2 {
//!     let order = order(splits.train.len(), Seed(1), epoch);
//!     for batch in splits.train.batches(order, 128, Some((Seed(1), epoch))) {
//!         images += batch?.labels.len();
//!     }
//! }
//! assert_eq!(images, 2000);
//! # Ok::<(), nmnc_core::Error>(())
//! ```
//!
//! Everything read here may be hostile: nothing is allocated in proportion to a size that a file merely claims, nothing is ever
//! extracted to a path that an archive names, and no format that can carry code (pickles) is read.

mod archive;
mod array_file;
mod augment;
mod cifar;
mod config;
mod dataset;
mod decode;
mod embedded;
mod fetch;
mod idx;
mod image_folder;
mod index;
mod info;
mod kind;
mod known;
mod layout;
pub mod npy;
pub mod npz;
mod npz_writer;
mod open;
mod picture;
mod place;
mod plan;
mod raw;
mod resample;
mod resize;
mod select;
mod source;
mod spool;
mod standardize;
mod stimuli;
mod store;
mod stream;
pub mod tasks;
mod team;
mod tint;
pub mod torch;
mod webdataset;

#[cfg(test)]
mod tests;

pub use array_file::ArrayFile;
pub use augment::{Augment, Jitter, ResizedCrop};
pub use config::{DataConfig, Standardize};
pub use dataset::{Batch, Dataset, Splits};
pub use fetch::{Fetched, Progress, fetch, verify};
pub use info::{ClassCount, DataInfo, KnownSetInfo, SplitInfo, info, known_sets};
pub use kind::{Format, ImageShape};
pub use known::data_dir;
pub use npz_writer::{Element, NpzWriter, npy_file};
pub use standardize::Statistics;
pub use stimuli::stimuli;
pub use stream::{BatchStream, order};
