//! From resolved configurations to parts, and from parts to runs.

mod images;
mod trials;

use std::path::Path;

use serde::Serialize;

use crate::config::{AnyConfig, Config, Resolved, SequenceConfig};
use crate::identity::Identity;
use crate::learner::Learner;
use crate::observer::Observer;
use crate::optimizer::{Optimizer, OptimizerConfig};
use crate::place::{Place, RunOptions};
use crate::problem::Problem;
use crate::run::{Run, RunPlan};
use crate::schedule::ScheduleConfig;
use nmnc_core::error::Result;
use nmnc_core::records::Summary;
use nmnc_core::seed::Seed;

/// A kind of configuration.
pub trait RunConfig: Clone + Serialize {
    /// What examples are called: `images` or `trials`.
    fn examples(&self) -> &'static str;

    /// Whether what is learned are values, of which an accuracy says little.
    fn answers_are_values(&self) -> bool {
        false
    }

    /// Name of the credit rule.
    fn rule(&self) -> &str;

    /// The seed.
    fn seed(&self) -> Seed;

    /// Name of the device.
    fn device(&self) -> &str;

    /// Passes over the training examples.
    fn epochs(&self) -> u64;

    /// The same for another rule and seed, resolved.
    ///
    /// # Errors
    /// An unknown rule, or settings that belong to one rule alone.
    fn for_rule(&self, rule: &str, seed: Seed) -> Result<Resolved<Self>>;

    /// Runs `config` in a folder that has been taken for it.
    ///
    /// # Errors
    /// As [`Resolved::run`].
    fn run(config: &Resolved<Self>, place: Place, observer: &mut dyn Observer) -> Result<Summary>;
}

impl<C: RunConfig> Resolved<C> {
    /// Runs it in `folder` and returns its summary; that of a run that has ended there, if `options` say to go on with it.
    ///
    /// # Errors
    /// Anything wrong with data, device, network, rule or folder; [`ErrorKind::Busy`](nmnc_core::ErrorKind::Busy) when another process
    /// writes the folder; [`ErrorKind::Diverged`](nmnc_core::ErrorKind::Diverged) when training leaves the finite numbers, after which the
    /// folder holds a summary that says so.
    pub fn run(&self, folder: &Path, options: &RunOptions, observer: &mut dyn Observer) -> Result<Summary> {
        let place = Place::take(folder, self.identity(), options, observer)?;
        match place.ended()? {
            Some(summary) => Ok(summary),
            None => C::run(self, place, observer),
        }
    }

    /// What its run folder is known by.
    pub fn identity(&self) -> Identity {
        Identity::of(self.rule(), self.seed(), self.device(), self.to_toml())
    }

    /// SHA-256 of [`Resolved::to_toml`], in hexadecimal: two runs with the same value are the same run.
    pub fn sha256(&self) -> String {
        self.identity().sha256()
    }

    fn run_parts<P: Problem>(
        &self,
        mut problem: P,
        mut learner: Learner,
        plan: RunPlan,
        place: Place,
        observer: &mut dyn Observer,
    ) -> Result<Summary> {
        let run = Run::new(&mut problem, &mut learner, plan);
        let outcome = run.in_place(place, observer)?.train(observer)?;
        Ok(outcome.summary.expect("a run in a folder has a summary"))
    }
}

fn learner(
    optimizer: &OptimizerConfig,
    schedule: &ScheduleConfig,
    clip_norm: Option<f64>,
    [epochs, steps_per_epoch]: [u64; 2],
) -> Learner {
    let schedule = schedule.in_steps(steps_per_epoch, epochs.saturating_mul(steps_per_epoch));
    Learner::new(Optimizer::new(optimizer.clone()), schedule, clip_norm)
}

impl RunConfig for Config {
    fn examples(&self) -> &'static str {
        "images"
    }

    fn rule(&self) -> &str {
        &self.credit.rule
    }

    fn seed(&self) -> Seed {
        self.seed
    }

    fn device(&self) -> &str {
        &self.device
    }

    fn epochs(&self) -> u64 {
        self.train.epochs
    }

    fn for_rule(&self, rule: &str, seed: Seed) -> Result<Resolved<Self>> {
        Self { seed, credit: self.credit.for_rule(rule)?, ..self.clone() }.resolve()
    }

    fn run(config: &Resolved<Self>, place: Place, observer: &mut dyn Observer) -> Result<Summary> {
        let images = config.images()?;
        let learner = config.learner(images.steps_per_epoch());
        config.weights.told(images.network())?.iter().for_each(|words| observer.warning(words));
        config.run_parts(images, learner, config.plan(), place, observer)
    }
}

impl RunConfig for SequenceConfig {
    fn examples(&self) -> &'static str {
        "trials"
    }

    fn answers_are_values(&self) -> bool {
        self.task.answers_are_values()
    }

    fn rule(&self) -> &str {
        &self.credit.rule
    }

    fn seed(&self) -> Seed {
        self.seed
    }

    fn device(&self) -> &str {
        &self.device
    }

    fn epochs(&self) -> u64 {
        self.train.epochs
    }

    fn for_rule(&self, rule: &str, seed: Seed) -> Result<Resolved<Self>> {
        Self { seed, credit: self.credit.for_rule(rule)?, ..self.clone() }.resolve()
    }

    fn run(config: &Resolved<Self>, place: Place, observer: &mut dyn Observer) -> Result<Summary> {
        let trials = config.trials()?;
        let learner = config.learner(trials.steps_per_epoch());
        config.weights.told(trials.network())?.iter().for_each(|words| observer.warning(words));
        config.run_parts(trials, learner, config.plan(), place, observer)
    }
}

/// Whatever `AnyConfig` is, as the kind it is.
macro_rules! each {
    ($any:expr, $config:ident => $work:expr) => {
        match $any {
            AnyConfig::Images($config) => $work,
            AnyConfig::Trials($config) => $work,
        }
    };
}

impl RunConfig for AnyConfig {
    fn examples(&self) -> &'static str {
        each!(self, config => config.examples())
    }

    fn answers_are_values(&self) -> bool {
        each!(self, config => config.answers_are_values())
    }

    fn rule(&self) -> &str {
        each!(self, config => config.rule())
    }

    fn seed(&self) -> Seed {
        each!(self, config => config.seed())
    }

    fn device(&self) -> &str {
        each!(self, config => config.device())
    }

    fn epochs(&self) -> u64 {
        each!(self, config => config.epochs())
    }

    fn for_rule(&self, rule: &str, seed: Seed) -> Result<Resolved<Self>> {
        each!(self, config => Ok(Resolved::new(config.for_rule(rule, seed)?.into_inner().into())))
    }

    fn run(config: &Resolved<Self>, place: Place, observer: &mut dyn Observer) -> Result<Summary> {
        each!(&**config, config => RunConfig::run(&Resolved::new((**config).clone()), place, observer))
    }
}
