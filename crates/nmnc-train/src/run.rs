//! A run: the loop over training steps, with records, checkpoints and warnings.

use std::path::Path;
use std::time::Instant;

use crate::checkpoint;
use crate::config::{CheckpointConfig, LoggingConfig};
use crate::home::{self, Home, Keep};
use crate::identity::Identity;
use crate::learner::Learner;
use crate::observer::{Observer, Progress};
use crate::place::{Place, RunOptions};
use crate::problem::{Evaluation, Problem};
use crate::tally::Tally;
use crate::weights::{device_of, parameter_count};
use nmnc_core::doing;
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::records::{Record, StageRecord, Status, Summary};
use nmnc_learn::workers::Contribution;

/// How long to train, and what to do on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct RunPlan {
    /// Epochs in all, counted from the learner's first step. Each ends with an evaluation.
    pub epochs: u64,
    /// Training steps between records of loss and accuracy; 0 leaves them to the ends of epochs.
    pub record_interval: u64,
    /// Training steps between measurements against the exact gradient; 0 turns them off.
    pub measure_interval: u64,
    /// What is kept on the way by a run in a folder.
    pub checkpoint: CheckpointConfig,
    /// What a run in a folder writes for other tools.
    pub logging: LoggingConfig,
}

impl Default for RunPlan {
    fn default() -> Self {
        Self {
            epochs: 10,
            record_interval: 50,
            measure_interval: 0,
            checkpoint: CheckpointConfig::default(),
            logging: LoggingConfig::default(),
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOutcome {
    /// The last evaluation.
    pub evaluation: Evaluation,
    /// What the run's folder says of it; none without a folder.
    pub summary: Option<Summary>,
}

/// Hears of steps alone: records, warnings and checkpoints are the first worker's.
struct OfSteps<'a>(&'a mut dyn Observer);

impl Observer for OfSteps<'_> {
    fn progress(&mut self, progress: Progress) {
        self.0.progress(progress);
    }

    fn stop(&mut self) -> bool {
        self.0.stop()
    }
}

/// Training of a problem by a learner.
pub struct Run<'a, P: Problem> {
    problem: &'a mut P,
    learner: &'a mut Learner,
    plan: RunPlan,
    home: Option<Home>,
    tally: Tally,
    /// Whether the observer wishes to stop, of which other workers hear in the next step.
    wish: bool,
    /// Steps whose checkpoints are kept for good.
    milestones: Vec<u64>,
    steps_per_epoch: u64,
}

/// Trains `problem` in memory until `epochs` epochs are done, and gives the last evaluation.
///
/// # Errors
/// As [`Run::train`].
pub fn fit<P: Problem>(
    problem: &mut P,
    learner: &mut Learner,
    epochs: u64,
    observer: &mut dyn Observer,
) -> Result<Evaluation> {
    let plan = RunPlan { epochs, ..RunPlan::default() };
    Ok(Run::new(problem, learner, plan).train(observer)?.evaluation)
}

impl<'a, P: Problem> Run<'a, P> {
    /// A run in memory, of which nothing is written.
    pub fn new(problem: &'a mut P, learner: &'a mut Learner, plan: RunPlan) -> Self {
        let steps_per_epoch = problem.steps_per_epoch().max(1);
        let milestones = plan.checkpoint.milestones(plan.epochs.saturating_mul(steps_per_epoch));
        Self {
            problem,
            learner,
            plan,
            home: None,
            tally: Tally::default(),
            wish: false,
            milestones,
            steps_per_epoch,
        }
    }

    /// The same kept in the folder `path`, new or, with `options.resume`, to go on from the folder's latest checkpoint.
    ///
    /// # Errors
    /// A folder that cannot be written, or that another process writes, or that holds a run already, or one of another identity; a
    /// checkpoint of another network or run; records that are not those of the checkpoint.
    pub fn in_folder(
        self,
        path: &Path,
        identity: Identity,
        options: &RunOptions,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let place = Place::take(path, identity, options, observer)?;
        self.in_place(place, observer)
    }

    /// The same kept in a folder that has been taken.
    ///
    /// # Errors
    /// As [`Run::in_folder`].
    pub fn in_place(mut self, place: Place, observer: &mut dyn Observer) -> Result<Self> {
        let (latest, total) = (self.plan.checkpoint.keep, self.total_steps());
        let keep = Keep { latest, for_good: self.milestones.clone(), total };
        let (home, tally) =
            Home::open(place, keep, &self.plan.logging, self.problem, self.learner, observer)?;
        (self.home, self.tally) = (Some(home), tally);
        self.begin()?;
        Ok(self)
    }

    /// The same as another worker than the first, which is where the first one is: it reads the checkpoint, in the folder `checkpoints`,
    /// that the first one goes on from.
    ///
    /// # Errors
    /// A checkpoint that cannot be read here, or the reason why the first worker does not begin.
    pub(crate) fn beside(mut self, checkpoints: &Path) -> Result<Self> {
        let step = self.begin()?;
        if step > 0 {
            let device = device_of(self.problem.network());
            let found = checkpoint::of_step(checkpoints, step, &device)?;
            self.tally = home::restore_all(&found, self.problem, self.learner, &device)?;
        }
        Ok(self)
    }

    /// Tells the other workers after how many steps the first one begins.
    fn begin(&self) -> Result<u64> {
        let workers = self.problem.workers();
        let own = if self.leads() { self.learner.step() as f64 } else { 0.0 };
        Ok(match workers.count() {
            1 => self.learner.step(),
            _ => workers.gather(Contribution::new(vec![own], []))?[0].numbers[0] as u64,
        })
    }

    /// Whether this is the first of the workers, which measures, records and keeps checkpoints.
    fn leads(&self) -> bool {
        self.problem.workers().number() == 0
    }

    /// Trains to the end of the last epoch.
    ///
    /// # Errors
    /// Anything wrong with data, workers or folder; [`ErrorKind::Diverged`] when training leaves the finite numbers, after which the
    /// folder holds a summary that says so; [`ErrorKind::Stopped`] if the observer has it stopped.
    pub fn train(mut self, observer: &mut dyn Observer) -> Result<RunOutcome> {
        observer.started(&self.describe(), self.progress(f64::NAN));
        for warning in self.problem.warnings() {
            self.warn(&warning, observer);
        }
        let outcome = self.steps(observer);
        let status = match &outcome {
            Ok(_) => Status::Complete,
            Err(error) if error.kind() == ErrorKind::Diverged => Status::Diverged,
            Err(_) => return outcome.map(|_| unreachable!("an error is no evaluation")),
        };
        let outcome = outcome.map_err(|error| self.advise(error));
        let summary = match self.home.take() {
            Some(home) => {
                let steps = self.learner.step();
                let summary = home.finish(self.problem, steps, self.steps_per_epoch, &self.tally, status)?;
                observer.finished(&summary);
                Some(summary)
            }
            None => None,
        };
        Ok(RunOutcome { evaluation: outcome?, summary })
    }

    /// Makes all steps beside the first worker, which evaluates and records.
    ///
    /// # Errors
    /// As [`Run::train`], for what this worker's part of the work comes to.
    pub(crate) fn assist(mut self, observer: &mut dyn Observer) -> Result<()> {
        let began = self.learner.step();
        while self.learner.step() < self.total_steps() {
            self.make_step(&mut OfSteps(observer))?;
        }
        if began == self.total_steps() && self.problem.evaluates_together() {
            self.evaluate()?;
        }
        Ok(())
    }

    /// Adds to the error of a run that diverged where to go on from.
    fn advise(&self, error: Error) -> Error {
        const TRY: &str = "try a lower learning rate, weight decay or train.clip_norm";
        let Some(home) = &self.home else { return error.mend(TRY) };
        match home.latest() {
            Some(last) => error.mend(format!("the last good checkpoint is {}; {TRY}", last.display())),
            None => error.mend(format!("no checkpoint was kept yet; {TRY}")),
        }
    }

    fn stopped(&self) -> Error {
        let problem = format!("stopped after step {} of {}", self.learner.step(), self.total_steps());
        let error = Error::new(ErrorKind::Stopped, "training", problem);
        if self.home.is_some() { error.mend("resume it to go on") } else { error }
    }

    fn total_steps(&self) -> u64 {
        self.plan.epochs.saturating_mul(self.steps_per_epoch)
    }

    fn describe(&self) -> String {
        let parameters = parameter_count(self.problem.network());
        let own = format!("{}, {parameters} parameters", self.problem.describe());
        self.home.as_ref().map_or(own.clone(), |home| home.describe(&own))
    }

    fn progress(&self, loss: f64) -> Progress {
        let images_per_second = self.tally.images_per_second();
        Progress { step: self.learner.step(), total: self.total_steps(), loss, images_per_second }
    }

    fn warn(&mut self, text: &str, observer: &mut dyn Observer) {
        if self.tally.note(text) {
            observer.warning(text);
        }
    }

    fn steps(&mut self, observer: &mut dyn Observer) -> Result<Evaluation> {
        while self.learner.step() < self.total_steps() {
            self.make_step(observer)?;
        }
        match self.tally.last_evaluation() {
            Some(last) => Ok(last),
            // All steps were made before this run.
            None => self.evaluate(),
        }
    }

    fn make_step(&mut self, observer: &mut dyn Observer) -> Result<()> {
        // Waiting for data is part of training: it is what a user's clock would show.
        let started = Instant::now();
        let (before, learning_rate) = (self.learner.step(), self.learner.learning_rate());
        let step = before + 1;
        let last = step == self.total_steps();
        let _step = doing::now(|| format!("step {step} of {}", self.total_steps()));
        let due = |interval: u64| interval > 0 && (step.is_multiple_of(interval) || step == 1 || last);
        let measured = due(self.plan.measure_interval);
        let batch = self.problem.batch(before)?;
        let waited = started.elapsed().as_secs_f64();
        let (assessed, kept) = self.problem.assess(batch, before, measured)?;
        let mut seconds = started.elapsed().as_secs_f64();
        let stages = match kept {
            Some(kept) if self.leads() => {
                let _measuring = doing::now(|| "comparing with backprop".to_owned());
                self.problem.measure(&kept, before)?
            }
            _ => Vec::new(),
        };
        let update = Instant::now();
        if !last {
            self.problem.prepare(step);
        }
        let waited = waited + update.elapsed().as_secs_f64();
        let (whole, agreed) = assessed.of_all_or_stop(self.problem.workers(), self.wish)?;
        let (loss, correct, count) = (whole.loss, whole.correct, whole.count);
        self.learner.update(self.problem.network_mut(), whole)?;
        seconds += update.elapsed().as_secs_f64();
        self.tally.add(loss, correct, count, [seconds, waited]);
        observer.progress(self.progress(loss));
        for warning in self.problem.take_warnings() {
            if self.tally.note_once(&warning) {
                observer.warning(&warning);
            }
        }
        let epoch_ends = step.is_multiple_of(self.steps_per_epoch);
        if epoch_ends && let Some(share) = self.tally.take_epoch() {
            // Not among the run's warnings, which are the same on every machine.
            observer.warning(&format!(
                "training waited for data {:.0} % of the time of epoch {}: raise `data.workers`, or `data.cache_mib` so that images are \
                 decoded once",
                100.0 * share,
                step / self.steps_per_epoch
            ));
        }
        if epoch_ends || measured || due(self.plan.record_interval) {
            let called = epoch_ends && (self.leads() || self.problem.evaluates_together());
            let evaluation = if called { Some(self.evaluate()?) } else { None };
            self.record(evaluation, stages, learning_rate, observer)?;
        }
        let interval = self.plan.checkpoint.interval;
        let regular = if interval == 0 { epoch_ends } else { step.is_multiple_of(interval) };
        // Several workers stop after the same step, the next one.
        self.wish = !last && observer.stop();
        let stopped = !last && if self.problem.workers().count() == 1 { self.wish } else { agreed };
        if (last || regular || stopped || self.milestones.contains(&step))
            && let Some(home) = &self.home
        {
            let _writing = doing::now(|| "writing a checkpoint".to_owned());
            let path = home.checkpoint(self.problem, self.learner, &self.tally)?;
            observer.checkpoint(&path);
        }
        if stopped { Err(self.stopped()) } else { Ok(()) }
    }

    fn evaluate(&mut self) -> Result<Evaluation> {
        let _evaluating = doing::now(|| "evaluating".to_owned());
        self.learner.check_weights(self.problem.network())?;
        let found = self.problem.evaluate()?;
        self.tally.evaluated(&found);
        Ok(found)
    }

    fn record(
        &mut self,
        evaluation: Option<Evaluation>,
        stages: Vec<StageRecord>,
        learning_rate: f64,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let step = self.learner.step();
        let (train, images_per_second, waiting) = self.tally.take_interval();
        let (test, trials, conditions, psychometric) = match evaluation {
            Some(found) => (Some(found.score), found.trials, found.conditions, found.psychometric),
            None => (None, None, Vec::new(), None),
        };
        if let Some(told) = self.tally.look(step, train.iter().chain(&test).map(|score| score.loss)) {
            self.warn(&told, observer);
        }
        let record = Record {
            step,
            epoch: step as f64 / self.steps_per_epoch as f64,
            probes: self.problem.probes(),
            learning_rate,
            seconds: self.tally.seconds(),
            images_per_second,
            waiting,
            train,
            test,
            trials,
            conditions,
            psychometric,
            stages,
        };
        if let Some(home) = &mut self.home {
            home.append(&record)?;
        }
        observer.record(&record);
        Ok(())
    }
}
