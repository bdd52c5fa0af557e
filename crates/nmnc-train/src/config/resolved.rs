//! Configurations that have been checked.

use std::ops::Deref;

use serde::Serialize;

/// A configuration with every setting checked and every default and preset spelled out: what runs and run folders take. Its settings
/// are read as those of `C` and cannot be changed; a changed copy is resolved anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved<C>(C);

impl<C> Resolved<C> {
    /// Of a configuration that its kind has just resolved.
    pub(crate) fn new(config: C) -> Self {
        Self(config)
    }

    /// The same configuration as one that may be changed.
    pub fn into_inner(self) -> C {
        self.0
    }
}

impl<C> Deref for Resolved<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C: Serialize> Resolved<C> {
    /// TOML text of the configuration: the `config.toml` of its run folder.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(&self.0).expect("a configuration is representable in TOML")
    }
}
