//! The folder of a run under way: what is written to it, and what it says at the end.

use std::path::PathBuf;

use burn::tensor::Device;

use crate::checkpoint::{self, Checkpoint, Contents};
use crate::config::LoggingConfig;
use crate::identity::Identity;
use crate::learner::Learner;
use crate::ledger::Ledgered;
use crate::observer::Observer;
use crate::place::{Place, SAME};
use crate::problem::Problem;
use crate::run_folder::{Forms, Found, RunFolder, checkpoints, rows};
use crate::tally::Tally;
use crate::weights::{device_of, parameter_count};
use nmnc_core::error::{Error, Result};
use nmnc_core::records::{Record, Status, Summary};
use nmnc_core::state::State;

/// Which checkpoints are kept.
pub(crate) struct Keep {
    /// How many of the latest.
    pub latest: usize,
    /// Those of these steps.
    pub for_good: Vec<u64>,
    /// Training steps in all.
    pub total: u64,
}

/// Where a run is kept.
pub(crate) struct Home {
    folder: RunFolder,
    identity: Identity,
    command: String,
    keep: Keep,
}

impl Home {
    /// Opens a folder for a run that begins or goes on; then problem and learner are taken to where its latest checkpoint left them. Gives
    /// the bookkeeping so far too. Nothing is changed in a folder that is refused.
    pub fn open(
        place: Place,
        keep: Keep,
        logging: &LoggingConfig,
        problem: &mut impl Problem,
        learner: &mut Learner,
        observer: &mut dyn Observer,
    ) -> Result<(Self, Tally)> {
        let Place { lock, identity, options } = place;
        let forms = Forms { stages: problem.stage_units().len(), tensorboard: logging.tensorboard };
        let found = RunFolder::look(lock.folder(), &identity);
        if !options.resume || matches!(found, Ok(Found::Nothing)) {
            let folder = RunFolder::create(lock, &identity, forms)?;
            return Ok((Self { folder, identity, command: options.command, keep }, Tally::default()));
        }
        let extended = match found {
            Err(_) if options.extend => RunFolder::extends(lock.folder(), &identity)?,
            _ => None,
        };
        if extended.is_none() {
            found.map_err(|e| e.or_mend(SAME))?;
        }
        let device = device_of(problem.network());
        let (found, warnings) = checkpoint::latest(&checkpoints(lock.folder()), &device)?;
        warnings.iter().for_each(|warning| observer.warning(warning));
        let Some(found) = found else {
            // Nothing to go on from: the run begins again, and writes its rows again.
            let folder = RunFolder::reopen(lock, &identity, forms, Ledgered::default())?;
            return Ok((Self { folder, identity, command: options.command, keep }, Tally::default()));
        };
        if found.step > keep.total {
            let problem = format!(
                "has made {} training steps already, more than the {} asked for",
                found.step, keep.total
            );
            return Err(Error::checkpoint(found.path.display(), problem).mend("raise train.epochs"));
        }
        // A checkpoint may be from before the run was made longer.
        if !identity.continues(&found.config) {
            let problem = format!("is of another run ({})", identity.difference(&found.config));
            return Err(Error::checkpoint(found.path.display(), problem)
                .mend("put back the configuration the run began with, or remove the checkpoint if it is from elsewhere"));
        }
        let (rows, complaint) = rows(lock.folder(), &found.records, options.accept_records)?;
        let mut tally = restore_all(&found, problem, learner, &device)?;
        if let Some(difference) = extended {
            let cosine = identity.to_toml().contains("shape = \"cosine\"");
            let schedule = if cosine {
                "; its learning rate follows the cosine of the new number of epochs from here on"
            } else {
                ""
            };
            observer.warning(&format!("the run goes on with other settings ({difference}){schedule}"));
        }
        let folder = RunFolder::reopen(lock, &identity, forms, rows)?;
        let home = Self { folder, identity, command: options.command, keep };
        match complaint {
            // From now on what is left is what the run has written.
            Some(complaint) => {
                if tally.note(&complaint) {
                    observer.warning(&complaint);
                }
                home.checkpoint(problem, learner, &tally)?;
            }
            None => home.prune(learner.step())?,
        }
        Ok((home, tally))
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

    /// Writes the checkpoint of the step that is done, and removes those that are not to be kept.
    pub fn checkpoint(&self, problem: &impl Problem, learner: &Learner, tally: &Tally) -> Result<PathBuf> {
        learner.check_weights(problem.network())?;
        // No checkpoint is newer than the records before it.
        let records = self.folder.sync()?;
        let state = whole_state(problem, learner, tally);
        let (step, network, config) = (learner.step(), problem.network(), self.identity.to_toml());
        let trained_on = problem.trained_on();
        let clock = tally.clock();
        let contents = Contents { step, network, state: &state, config, records, clock, trained_on };
        let path = checkpoint::save(&self.folder.checkpoints(), contents)?;
        self.prune(step)?;
        Ok(path)
    }

    fn prune(&self, step: u64) -> Result<()> {
        checkpoint::prune(&self.folder.checkpoints(), step, self.keep.latest, &self.keep.for_good)
    }

    /// The latest checkpoint, if there is one.
    pub fn latest(&self) -> Option<PathBuf> {
        checkpoint::list(&self.folder.checkpoints()).ok()?.pop()
    }

    /// Writes the summary, which marks the run as ended, and gives the folder back.
    pub fn finish(
        self,
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
            held_out: problem.held_out(),
            best_test_accuracy: tally.best_accuracy(),
            trials: tally.last_trials(),
            psychometric: tally.last_psychometric().cloned(),
            steps,
            epochs: steps as f64 / steps_per_epoch as f64,
            probes,
            probes_per_example: probes as f64 / tally.images().max(1) as f64,
            seconds: tally.seconds(),
            stage_units: problem.stage_units(),
            parameters: parameter_count(problem.network()),
            loss_factor: tally.loss_factor(),
            warnings: tally.notes().to_vec(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            environment: nmnc_core::ENVIRONMENT.map(own).to_vec(),
            device: self.identity.device().to_owned(),
            command: self.command.clone(),
            config_sha256: self.identity.sha256(),
        };
        self.folder.finish(&summary)?;
        self.folder.close()?;
        Ok(summary)
    }
}

/// Takes problem and learner to where a checkpoint left them, and gives the bookkeeping so far.
pub(crate) fn restore_all(
    found: &Checkpoint,
    problem: &mut impl Problem,
    learner: &mut Learner,
    device: &Device,
) -> Result<Tally> {
    found.restore_weights(problem.network_mut(), device)?;
    restore(found, problem, learner).map_err(|e| e.within(found.path.display()))
}

fn restore(found: &Checkpoint, problem: &mut impl Problem, learner: &mut Learner) -> Result<Tally> {
    let state = &found.state;
    problem.restore(&state.nested("rule"))?;
    learner.restore(found.step, &state.nested("optimizer"), problem.network())?;
    let tally = Tally::restore(&state.nested("tally"), found.clock)?;
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
