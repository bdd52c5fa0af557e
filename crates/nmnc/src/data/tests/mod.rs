//! Tests across the parts of this module, and the small files they are made of.

mod batches;
mod fetch;

use std::path::Path;

use super::DataConfig;

/// The default configuration for `source`.
fn config(source: &Path) -> DataConfig {
    DataConfig { source: source.to_str().unwrap().to_owned(), ..DataConfig::default() }
}
