//! The folder of a run under way: what is written to it, and what it says at the end.

use std::path::{Path, PathBuf};

use crate::checkpoint;
use crate::identity::Identity;
use crate::learner::Learner;
use crate::observer::Observer;
use crate::problem::Problem;
use crate::run_folder::RunFolder;
use crate::tally::Tally;
use crate::weights::{device_of, parameter_count};
use nmnc_core::error::Result;
use nmnc_core::records::{Record, Status, Summary};
use nmnc_core::state::State;

/// How to run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Go on from the latest checkpoint of the folder, if there is one.
    pub resume: bool,
    /// The command line, for the summary.
    pub command: String,
}

/// Where a run is kept.
pub(crate) struct Home {
    folder: RunFolder,
    identity: Identity,
    command: String,
}

impl Home {
    /// Opens the folder `path`, new or to go on; then problem and learner are taken to where its latest checkpoint left them. Gives the
    /// bookkeeping so far too.
    pub fn open(
        path: &Path,
        identity: Identity,
        options: &RunOptions,
        problem: &mut impl Problem,
        learner: &mut Learner,
        observer: &mut dyn Observer,
    ) -> Result<(Self, Tally)> {
        let stages = problem.stage_units().len();
        let mut tally = Tally::default();
        let folder = if options.resume && path.join("config.toml").exists() {
            let device = device_of(problem.network());
            let (found, warnings) = checkpoint::latest(&path.join("checkpoints"), &device)?;
            warnings.iter().for_each(|warning| observer.warning(warning));
            let folder = RunFolder::reopen(path, &identity, stages, found.as_ref().map_or(0, |c| c.step))?;
            if let Some(found) = found {
                found.restore_weights(problem.network_mut(), &device)?;
                tally = restore(found.step, &found.state, problem, learner)
                    .map_err(|e| e.within(found.path.display()))?;
            }
            folder
        } else {
            RunFolder::create(path, &identity, stages)?
        };
        Ok((Self { folder, identity, command: options.command.clone() }, tally))
    }

    /// What this is a run of, around the problem's own description.
    pub fn describe(&self, problem: &str) -> String {
        let (rule, seed, device) = (self.identity.rule(), self.identity.seed().0, self.identity.device());
        format!("{rule} on {problem}, seed {seed}, {device}")
    }

    /// Appends a record.
    pub fn append(&mut self, record: &Record) -> Result<()> {
        self.folder.append(record)
    }

    /// Writes the checkpoint of the step that is done, and removes all but the latest `keep` and those of the steps `kept_for_good`.
    pub fn checkpoint(
        &self,
        problem: &impl Problem,
        learner: &Learner,
        tally: &Tally,
        keep: usize,
        kept_for_good: &[u64],
    ) -> Result<PathBuf> {
        learner.check_weights(problem.network())?;
        // No checkpoint is newer than the records before it.
        self.folder.sync()?;
        let state = whole_state(problem, learner, tally);
        let (folder, step, network) = (self.folder.checkpoints(), learner.step(), problem.network());
        checkpoint::save(&folder, step, network, &state, &self.identity.sha256(), keep, kept_for_good)
    }

    /// The latest checkpoint, if there is one.
    pub fn latest(&self) -> Option<PathBuf> {
        checkpoint::list(&self.folder.checkpoints()).ok()?.pop()
    }

    /// Writes the summary, which marks the run as ended.
    pub fn finish(
        &self,
        problem: &impl Problem,
        steps: u64,
        steps_per_epoch: u64,
        tally: &Tally,
        status: Status,
    ) -> Result<Summary> {
        let probes = problem.probes();
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let summary = Summary {
            rule: self.identity.rule().to_owned(),
            seed: self.identity.seed().0,
            status,
            test: tally.last_test(),
            best_test_accuracy: tally.best_accuracy(),
            trials: tally.last_trials(),
            steps,
            epochs: steps as f64 / steps_per_epoch as f64,
            probes,
            probes_per_example: probes as f64 / tally.images().max(1) as f64,
            seconds: tally.seconds(),
            stage_units: problem.stage_units(),
            parameters: parameter_count(problem.network()),
            warnings: tally.notes().to_vec(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            environment: nmnc_core::ENVIRONMENT.map(own).to_vec(),
            device: self.identity.device().to_owned(),
            command: self.command.clone(),
            config_sha256: self.identity.sha256(),
        };
        self.folder.finish(&summary)?;
        Ok(summary)
    }
}

fn restore(step: u64, state: &State, problem: &mut impl Problem, learner: &mut Learner) -> Result<Tally> {
    problem.restore(&state.nested("rule"))?;
    learner.restore(step, &state.nested("optimizer"), problem.network())?;
    let tally = Tally::restore(&state.nested("tally"))?;
    state.check_taken(&whole_state(problem, learner, &tally))?;
    Ok(tally)
}

/// What a checkpoint keeps beside the weights.
fn whole_state(problem: &impl Problem, learner: &Learner, tally: &Tally) -> State {
    let mut state = State::default();
    state.nest("optimizer", learner.state());
    state.nest("rule", problem.state());
    state.nest("tally", tally.state());
    state
}
