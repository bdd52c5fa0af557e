//! A run from configuration to summary: data, training loop, records, checkpoints.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::Device;

use super::checkpoint::{self, Checkpoint};
use super::config::Config;
use super::measure::{align, evaluate};
use super::observer::{Observer, Progress};
use super::run_config::RunConfig;
use super::run_folder::RunFolder;
use super::tally::Tally;
use super::trainer::Trainer;
use nmnc_core::device::{self, matrix};
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::records::{Record, Score, Status, Summary};
use nmnc_core::seed::{Role, Seed};
use nmnc_data::{Batch, Dataset, Splits, order};
use nmnc_learn::credit::InputSampler;
use nmnc_learn::net::Inputs;

/// How to run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Go on from the latest checkpoint of the folder, if there is one.
    pub resume: bool,
    /// The command line, for the summary.
    pub command: String,
}

/// Runs `config` in `folder` and returns its summary.
///
/// # Errors
/// Anything wrong with configuration, data, device or folder; [`ErrorKind::Diverged`] when training leaves the finite numbers,
/// after which the folder holds a summary that says so.
pub fn run(
    config: &Config,
    folder: &Path,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    let config = config.resolve()?;
    let device = device::open(&config.device)?;
    let splits = config.data.open(config.seed)?;
    let mut current = RunInProgress::open(&config, folder, &splits, &device, options, observer)?;
    let outcome = current.train(&splits, observer);
    conclude(outcome, &current.folder, |status| current.summary(status, options), observer)
}

/// Writes the summary of a run that has ended, well or by divergence, and adds to the latter's error where to go on from.
pub(super) fn conclude(
    outcome: Result<()>,
    folder: &RunFolder,
    summary: impl FnOnce(Status) -> Summary,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    let status = match &outcome {
        Ok(()) => Status::Complete,
        Err(error) if error.kind() == ErrorKind::Diverged => Status::Diverged,
        Err(_) => return outcome.map(|()| unreachable!("an error is not a summary")),
    };
    let summary = summary(status);
    folder.finish(&summary)?;
    observer.finished(&summary);
    let advice =
        |error: Error| match checkpoint::list(&folder.checkpoints()).ok().and_then(|mut all| all.pop()) {
            Some(last) => error.mend(format!(
                "the last good checkpoint is {}; try a lower learning rate, weight decay or train.clip_norm",
                last.display()
            )),
            None => error.mend(
                "no checkpoint was kept yet; try a lower learning rate, weight decay or train.clip_norm",
            ),
        };
    outcome.map(|()| summary).map_err(advice)
}

/// Opens the folder of a run, new or to go on: the folder, the latest checkpoint if the run goes on from one, and its bookkeeping.
pub(super) fn open_folder(
    config: &impl RunConfig,
    path: &Path,
    stages: usize,
    device: &Device,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<(RunFolder, Option<Checkpoint>, Tally)> {
    if !(options.resume && path.join("config.toml").exists()) {
        return Ok((RunFolder::create(path, config, stages)?, None, Tally::default()));
    }
    let mut found = None;
    if path.join("checkpoints").is_dir() {
        let (latest, warnings) = checkpoint::latest(&path.join("checkpoints"), device)?;
        warnings.iter().for_each(|warning| observer.warning(warning));
        found = latest;
    }
    let folder = RunFolder::reopen(path, config, stages, found.as_ref().map_or(0, |c| c.step))?;
    let tally = match &found {
        Some(checkpoint) => Tally::restore(&checkpoint.state.nested("tally"))?,
        None => Tally::default(),
    };
    Ok((folder, found, tally))
}

/// Training inputs for rules and measurements.
pub struct TrainingInputs<'a> {
    /// The training split.
    pub data: &'a Dataset,
    /// Seed of the run.
    pub seed: Seed,
    /// Device of the tensors.
    pub device: &'a Device,
}

impl InputSampler for TrainingInputs<'_> {
    fn sample(&self, count: usize, step: u64) -> Result<Inputs> {
        let chosen = self.seed.stream(Role::ManifoldSample, 0, step).sample(self.data.len(), count);
        let batch = self.data.batch(&chosen)?;
        Ok(matrix(batch.images, [chosen.len(), self.data.shape().len()], self.device).into())
    }
}

/// A run under way.
struct RunInProgress<'a> {
    config: &'a Config,
    config_sha256: String,
    device: &'a Device,
    folder: RunFolder,
    trainer: Trainer,
    tally: Tally,
    steps_per_epoch: u64,
    /// Steps whose checkpoints are kept for good.
    milestones: Vec<u64>,
    evaluation_name: String,
}

impl<'a> RunInProgress<'a> {
    fn open(
        config: &'a Config,
        path: &Path,
        splits: &Splits,
        device: &'a Device,
        options: &RunOptions,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let train = &splits.train;
        let steps_per_epoch = train.len().div_ceil(config.train.batch) as u64;
        let schedule = config.train.schedule.in_steps(steps_per_epoch, config.train.epochs * steps_per_epoch);
        let shape = train.shape();
        let input = [shape.channels, shape.height, shape.width];
        let mut trainer = Trainer::new(config, input, train.classes().len(), schedule, device)?;
        let stages = trainer.network().stages().len();
        let config_sha256 = config.sha256();
        let (folder, found, tally) = open_folder(config, path, stages, device, options, observer)?;
        if let Some(checkpoint) = found {
            checkpoint.restore_weights(trainer.network_mut(), device)?;
            let restored = trainer.restore(checkpoint.step, &checkpoint.state);
            restored.map_err(|e| e.within(checkpoint.path.display()))?;
        }
        let evaluation_name = splits.evaluation_name.to_string();
        let milestones = config.checkpoint.milestones(config.train.epochs * steps_per_epoch);
        let mut current = Self {
            config,
            config_sha256,
            device,
            folder,
            trainer,
            tally,
            steps_per_epoch,
            milestones,
            evaluation_name,
        };
        observer.started(&current.describe(splits), current.progress(f64::NAN));
        for warning in &splits.warnings {
            current.warn(warning.clone(), observer);
        }
        Ok(current)
    }

    fn total_steps(&self) -> u64 {
        self.config.train.epochs * self.steps_per_epoch
    }

    fn describe(&self, splits: &Splits) -> String {
        let network = self.trainer.network();
        let units = network.stage_units().iter().map(usize::to_string).collect::<Vec<_>>().join("-");
        format!(
            "{} on {} ({} training, {} {} images), stages of {units} units, {} parameters, seed {}, {}",
            self.config.credit.rule,
            self.config.data.source,
            splits.train.len(),
            splits.evaluation.len(),
            self.evaluation_name,
            network.parameter_count(),
            self.config.seed.0,
            self.config.device,
        )
    }

    fn progress(&self, loss: f64) -> Progress {
        let images_per_second = self.tally.images_per_second();
        Progress { step: self.trainer.step(), total: self.total_steps(), loss, images_per_second }
    }

    fn warn(&mut self, text: String, observer: &mut dyn Observer) {
        if self.tally.note(&text) {
            observer.warning(&text);
        }
    }

    fn train(&mut self, splits: &Splits, observer: &mut dyn Observer) -> Result<()> {
        let batch_size = self.config.train.batch;
        while self.trainer.step() < self.total_steps() {
            let epoch = self.trainer.step() / self.steps_per_epoch;
            let done = (self.trainer.step() % self.steps_per_epoch) as usize;
            let order = order(splits.train.len(), self.config.seed, epoch)[done * batch_size..].to_vec();
            let mut batches = splits.train.batches(order, batch_size, Some((self.config.seed, epoch)));
            loop {
                // Waiting for data is part of training: it is what a user's clock would show.
                let started = Instant::now();
                let Some(batch) = batches.next() else { break };
                self.make_step(batch?, started, splits, observer)?;
            }
        }
        Ok(())
    }

    fn make_step(
        &mut self,
        batch: Batch,
        started: Instant,
        splits: &Splits,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let inputs = TrainingInputs { data: &splits.train, seed: self.config.seed, device: self.device };
        let learning_rate = self.trainer.learning_rate();
        let count = batch.labels.len();
        let images = matrix(batch.images, [count, splits.train.shape().len()], self.device);
        let step = self.trainer.step() + 1;
        let last = step == self.total_steps();
        let due = |interval: u64| interval > 0 && (step.is_multiple_of(interval) || step == 1 || last);
        let aligned = due(self.config.metrics.alignment_interval);
        let (outcome, kept) = if aligned {
            let (outcome, kept) = self.trainer.assess_keeping(images, &batch.labels, &inputs)?;
            (outcome, Some(kept))
        } else {
            (self.trainer.assess(images, &batch.labels, &inputs)?, None)
        };
        let mut seconds = started.elapsed().as_secs_f64();
        let stages = match kept {
            Some(kept) => align(&self.trainer.moment(&outcome, &kept), self.config, &inputs)?,
            None => Vec::new(),
        };
        let (loss, correct) = (outcome.loss, outcome.correct);
        let update = Instant::now();
        self.trainer.update(outcome);
        seconds += update.elapsed().as_secs_f64();
        self.tally.add(loss, correct, count, seconds);
        observer.progress(self.progress(loss));
        for warning in self.trainer.take_warnings() {
            self.warn(warning, observer);
        }
        let epoch_ends = step.is_multiple_of(self.steps_per_epoch);
        if epoch_ends || aligned || due(self.config.metrics.interval) {
            let test = match epoch_ends {
                true => Some(self.evaluate(splits)?),
                false => None,
            };
            self.record(test, stages, learning_rate, observer)?;
        }
        let interval = self.config.checkpoint.interval;
        let regular = if interval == 0 { epoch_ends } else { step.is_multiple_of(interval) };
        if last || regular || self.milestones.contains(&step) {
            let path = self.checkpoint()?;
            observer.checkpoint(&path);
        }
        Ok(())
    }

    fn evaluate(&mut self, splits: &Splits) -> Result<Score> {
        self.trainer.check_weights()?;
        let score =
            evaluate(self.trainer.network(), &splits.evaluation, self.config.train.loss, self.device)?;
        self.tally.evaluated(score);
        Ok(score)
    }

    fn record(
        &mut self,
        test: Option<Score>,
        stages: Vec<nmnc_core::records::StageRecord>,
        learning_rate: f64,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let step = self.trainer.step();
        let (train, images_per_second) = self.tally.take_interval();
        let record = Record {
            step,
            epoch: step as f64 / self.steps_per_epoch as f64,
            probes: self.trainer.rule().probes(),
            learning_rate,
            seconds: self.tally.seconds(),
            images_per_second,
            train,
            test,
            trials: None,
            stages,
        };
        self.folder.append(&record)?;
        observer.record(&record);
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<PathBuf> {
        self.trainer.check_weights()?;
        self.folder.sync()?;
        let mut state = self.trainer.state();
        state.nest("tally", self.tally.state());
        let keep = self.config.checkpoint.keep;
        let folder = self.folder.checkpoints();
        checkpoint::save(
            &folder,
            self.trainer.step(),
            self.trainer.network(),
            &state,
            &self.config_sha256,
            keep,
            &self.milestones,
        )
    }

    fn summary(&self, status: Status, options: &RunOptions) -> Summary {
        let steps = self.trainer.step();
        let probes = self.trainer.rule().probes();
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Summary {
            rule: self.config.credit.rule.clone(),
            seed: self.config.seed.0,
            status,
            test: self.tally.last_test(),
            best_test_accuracy: self.tally.best_accuracy(),
            trials: None,
            steps,
            epochs: steps as f64 / self.steps_per_epoch as f64,
            probes,
            probes_per_example: probes as f64 / self.tally.images().max(1) as f64,
            seconds: self.tally.seconds(),
            stage_units: self.trainer.network().stage_units(),
            parameters: self.trainer.network().parameter_count(),
            warnings: self.tally.notes().to_vec(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            environment: nmnc_core::ENVIRONMENT.map(own).to_vec(),
            device: self.config.device.clone(),
            command: options.command.clone(),
            config_sha256: self.config_sha256.clone(),
        }
    }
}
