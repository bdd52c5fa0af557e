//! From resolved configurations to parts, and from parts to runs.

mod images;
mod together;
mod trials;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::config::{AnyConfig, Config, Resolved, SequenceConfig};
use crate::identity::Identity;
use crate::learner::Learner;
use crate::observer::Observer;
use crate::optimizer::{Optimizer, OptimizerConfig};
use crate::place::{Place, RunOptions};
use crate::replicas::{OneProcess, Processes, Sums, Team};
use crate::schedule::ScheduleConfig;
use nmnc_core::error::Result;
use nmnc_core::records::Summary;
use nmnc_core::seed::Seed;

use together::{follow, lead, told};

/// A kind of configuration.
pub trait RunConfig: Clone + Serialize {
    /// What examples are called: `images` or `trials`.
    fn examples(&self) -> &'static str;

    /// Whether what is learned are values, of which an accuracy says little.
    fn answers_are_values(&self) -> bool {
        false
    }

    /// Whether it is evaluated on examples held out of those to train on, and not on a test split.
    fn held_out(&self) -> bool {
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

    /// Replicas that each batch is divided among, and how what they make is summed.
    fn replicas(&self) -> (usize, Sums);

    /// Runs `config` with the replicas of `team`, the first one among them, in a folder that has been taken for it.
    ///
    /// # Errors
    /// As [`Resolved::run`].
    fn run(
        config: &Resolved<Self>,
        team: &Team,
        place: Place,
        observer: &mut dyn Observer,
    ) -> Result<Summary>;

    /// Makes the steps of `config` with the replicas of `team`, the first one not among them, for the run in `folder`.
    ///
    /// # Errors
    /// As [`Resolved::assist`].
    fn assist(config: &Resolved<Self>, team: &Team, folder: &Path, observer: &mut dyn Observer)
    -> Result<()>;
}

impl<C: RunConfig> Resolved<C> {
    /// Runs it in `folder` and returns its summary; that of a run that has ended there, if `options` say to go on with it.
    ///
    /// # Errors
    /// Anything wrong with data, device, network, rule or folder; [`ErrorKind::Busy`](nmnc_core::ErrorKind::Busy) when another process
    /// writes the folder; [`ErrorKind::Diverged`](nmnc_core::ErrorKind::Diverged) when training leaves the finite numbers, after which the
    /// folder holds a summary that says so.
    ///
    /// # Panics
    /// If `options` name processes of which this is not the first.
    pub fn run(&self, folder: &Path, options: &RunOptions, observer: &mut dyn Observer) -> Result<Summary> {
        let processes = options.processes.clone().unwrap_or_else(|| Arc::new(OneProcess));
        let (count, sums) = self.replicas();
        let team = Team::new(processes, count, sums)?;
        assert!(team.leads(), "the first process runs, the others assist");
        let place = Place::take(folder, self.identity(), options, observer);
        let ended = place.and_then(|place| Ok((place.ended()?, place)));
        match ended.inspect_err(|error| team.give_up(error))? {
            (Some(summary), _) => team.agree(0.0).map(|_| summary),
            (None, place) => {
                team.agree(1.0)?;
                C::run(self, &team, place, observer)
            }
        }
    }

    /// Takes part in the run that the first of `processes` keeps in `folder`, which is on a disk of them all. The observer is told of
    /// nothing but steps, and may stop the run for all.
    ///
    /// # Errors
    /// What goes wrong here, or the reason why another process has given up.
    ///
    /// # Panics
    /// If this is the first process.
    pub fn assist(
        &self,
        folder: &Path,
        processes: &Arc<dyn Processes>,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let (count, sums) = self.replicas();
        let team = Team::new(processes.clone(), count, sums)?;
        assert!(!team.leads(), "the first process runs, the others assist");
        match team.agree(0.0)?[0] {
            // The run has ended already.
            0.0 => Ok(()),
            _ => C::assist(self, &team, folder, observer),
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

/// What configurations of both kinds say in the same words, of settings that are types of their own.
macro_rules! of_either {
    () => {
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

        fn replicas(&self) -> (usize, Sums) {
            (self.train.replicas, self.train.sums)
        }

        fn for_rule(&self, rule: &str, seed: Seed) -> Result<Resolved<Self>> {
            Self { seed, credit: self.credit.for_rule(rule)?, ..self.clone() }.resolve()
        }

        fn run(
            config: &Resolved<Self>,
            team: &Team,
            place: Place,
            observer: &mut dyn Observer,
        ) -> Result<Summary> {
            let parts = told(config.parts(team), &config.weights, team, observer)?;
            lead(parts, config.plan(), place, observer)
        }

        fn assist(
            config: &Resolved<Self>,
            team: &Team,
            folder: &Path,
            observer: &mut dyn Observer,
        ) -> Result<()> {
            let parts = config.parts(team).inspect_err(|error| team.give_up(error))?;
            follow(parts, &config.plan(), folder, observer)
        }
    };
}

impl RunConfig for Config {
    fn examples(&self) -> &'static str {
        "images"
    }

    fn held_out(&self) -> bool {
        self.data.validation > 0
    }

    of_either!();
}

impl RunConfig for SequenceConfig {
    fn examples(&self) -> &'static str {
        "trials"
    }

    fn answers_are_values(&self) -> bool {
        self.task.answers_are_values()
    }

    of_either!();
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

    fn held_out(&self) -> bool {
        each!(self, config => config.held_out())
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

    fn replicas(&self) -> (usize, Sums) {
        each!(self, config => config.replicas())
    }

    fn for_rule(&self, rule: &str, seed: Seed) -> Result<Resolved<Self>> {
        each!(self, config => Ok(Resolved::new(config.for_rule(rule, seed)?.into_inner().into())))
    }

    fn run(
        config: &Resolved<Self>,
        team: &Team,
        place: Place,
        observer: &mut dyn Observer,
    ) -> Result<Summary> {
        each!(&**config, config => RunConfig::run(&Resolved::new((**config).clone()), team, place, observer))
    }

    fn assist(
        config: &Resolved<Self>,
        team: &Team,
        folder: &Path,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        each!(&**config, config => RunConfig::assist(&Resolved::new((**config).clone()), team, folder, observer))
    }
}
