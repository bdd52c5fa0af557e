//! What a run of any kind is described by.

use std::path::Path;

use super::config::{Config, sha256_of};
use super::observer::Observer;
use super::run::{RunOptions, run};
use nmnc_core::error::Result;
use nmnc_core::records::Summary;
use nmnc_core::seed::Seed;

/// The configuration of a run: of a layered network on images, or of a recurrent network on a task.
pub trait RunConfig: Clone {
    /// What examples are called: `images` or `trials`.
    const EXAMPLES: &'static str;

    /// TOML text of the configuration.
    fn to_toml(&self) -> String;

    /// Name of the credit rule.
    fn rule(&self) -> &str;

    /// The seed.
    fn seed(&self) -> Seed;

    /// Passes over the training examples.
    fn epochs(&self) -> u64;

    /// The same for another rule and seed, resolved.
    ///
    /// # Errors
    /// An unknown rule, or settings that belong to one rule alone.
    fn for_rule(&self, rule: &str, seed: Seed) -> Result<Self>;

    /// Runs it in `folder`.
    ///
    /// # Errors
    /// As [`run`].
    fn run(&self, folder: &Path, options: &RunOptions, observer: &mut dyn Observer) -> Result<Summary>;

    /// SHA-256 of [`RunConfig::to_toml`], in hexadecimal: two runs with the same value are the same run.
    fn sha256(&self) -> String {
        sha256_of(&self.to_toml())
    }
}

impl RunConfig for Config {
    const EXAMPLES: &'static str = "images";

    fn to_toml(&self) -> String {
        Self::to_toml(self)
    }

    fn rule(&self) -> &str {
        &self.credit.rule
    }

    fn seed(&self) -> Seed {
        self.seed
    }

    fn epochs(&self) -> u64 {
        self.train.epochs
    }

    fn for_rule(&self, rule: &str, seed: Seed) -> Result<Self> {
        Self { seed, credit: self.credit.for_rule(rule)?, ..self.clone() }.resolve()
    }

    fn run(&self, folder: &Path, options: &RunOptions, observer: &mut dyn Observer) -> Result<Summary> {
        run(self, folder, options, observer)
    }
}
