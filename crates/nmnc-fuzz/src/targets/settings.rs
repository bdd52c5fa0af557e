//! Configurations.

use std::path::Path;

use crate::Bundle;
use nmnc_core::Result;
use nmnc_train::AnyConfig;

/// `config.toml`, changed by the lines of `set`. What is accepted says itself again.
pub(super) fn configuration(files: &Bundle<'_>, _: &Path) -> Result<()> {
    let text = |name: &str| String::from_utf8_lossy(files.get(name).unwrap_or_default()).into_owned();
    let overrides: Vec<String> = text("set").lines().map(str::to_owned).collect();
    let config = AnyConfig::parse(&text("config.toml"), "config.toml", &overrides)?.resolve()?;
    let written = config.to_toml();
    let again = AnyConfig::parse(&written, "config.toml", &[]).and_then(|config| config.resolve());
    assert_eq!(again.expect("what was written is a configuration").to_toml(), written);
    Ok(())
}
