//! A run on a task from configuration to summary.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::Device;

use super::config::SequenceConfig;
use super::measure::align;
use super::trainer::SequenceTrainer;
use crate::run::{conclude, open_folder};
use crate::run_folder::RunFolder;
use crate::tally::Tally;
use crate::{Observer, Progress, RunConfig, RunOptions, checkpoint};
use nmnc_core::device;
use nmnc_core::error::Result;
use nmnc_core::records::{Record, Score, StageRecord, Status, Summary, TrialRecord};
use nmnc_data::tasks::Task;
use nmnc_learn::net::Weights;

/// Runs `config` in `folder` and returns its summary.
///
/// # Errors
/// Anything wrong with configuration, data, device or folder; [`ErrorKind::Diverged`](nmnc_core::ErrorKind::Diverged) when training
/// leaves the finite numbers, after which the folder holds a summary that says so.
pub fn run_sequence(
    config: &SequenceConfig,
    folder: &Path,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    let config = config.resolve()?;
    let device = device::open(&config.device)?;
    let task = config.task.open(config.seed)?;
    let mut current = SequenceRun::open(&config, folder, task.as_ref(), &device, options, observer)?;
    let outcome = current.train(observer);
    conclude(outcome, &current.folder, |status| current.summary(status, options), observer)
}

/// A run under way.
struct SequenceRun<'a> {
    config: &'a SequenceConfig,
    config_sha256: String,
    task: &'a dyn Task,
    folder: RunFolder,
    trainer: SequenceTrainer,
    tally: Tally,
    steps_per_epoch: u64,
    /// Steps whose checkpoints are kept for good.
    milestones: Vec<u64>,
}

impl<'a> SequenceRun<'a> {
    fn open(
        config: &'a SequenceConfig,
        path: &Path,
        task: &'a dyn Task,
        device: &Device,
        options: &RunOptions,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let steps_per_epoch = config.train.trials.div_ceil(config.train.batch) as u64;
        let total = config.train.epochs * steps_per_epoch;
        let schedule = config.train.schedule.in_steps(steps_per_epoch, total);
        let mut trainer = SequenceTrainer::new(config, task, schedule, device)?;
        let (folder, found, tally) = open_folder(config, path, 1, device, options, observer)?;
        if let Some(checkpoint) = found {
            checkpoint.restore_weights(trainer.network_mut(), device)?;
            let restored = trainer.restore(checkpoint.step, &checkpoint.state);
            restored.map_err(|e| e.within(checkpoint.path.display()))?;
        }
        let (config_sha256, milestones) = (config.sha256(), config.checkpoint.milestones(total));
        let mut current =
            Self { config, config_sha256, task, folder, trainer, tally, steps_per_epoch, milestones };
        observer.started(&current.describe(), current.progress(f64::NAN));
        for warning in task.warnings() {
            current.warn(warning, observer);
        }
        Ok(current)
    }

    fn total_steps(&self) -> u64 {
        self.config.train.epochs * self.steps_per_epoch
    }

    fn parameters(&self) -> usize {
        self.trainer.network().parameters().iter().map(|(_, p)| p.shape.iter().product::<usize>()).sum()
    }

    fn describe(&self) -> String {
        let network = self.trainer.network();
        format!(
            "{} on {} ({} inputs, {} outputs), {} {:?} units, {} parameters, seed {}, {}",
            self.config.credit.rule,
            self.config.task.name(),
            network.inputs(),
            network.outputs(),
            network.units(),
            self.config.recurrent.kind,
            self.parameters(),
            self.config.seed.0,
            self.config.device,
        )
        .replace("Rate", "rate")
        .replace("Gru", "gated")
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

    fn train(&mut self, observer: &mut dyn Observer) -> Result<()> {
        while self.trainer.step() < self.total_steps() {
            self.make_step(observer)?;
        }
        Ok(())
    }

    fn make_step(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let started = Instant::now();
        let learning_rate = self.trainer.learning_rate();
        let batch = self.trainer.trials(self.task)?;
        let step = self.trainer.step() + 1;
        let last = step == self.total_steps();
        let due = |interval: u64| interval > 0 && (step.is_multiple_of(interval) || step == 1 || last);
        let aligned = due(self.config.metrics.alignment_interval);
        let outcome = self.trainer.assess(&batch, aligned)?;
        let mut seconds = started.elapsed().as_secs_f64();
        let stages = match aligned {
            true => align(&self.trainer, &outcome, self.config, self.task)?,
            false => Vec::new(),
        };
        let (loss, correct) = (outcome.loss, outcome.score.correct.round() as usize);
        let update = Instant::now();
        self.trainer.update(outcome);
        seconds += update.elapsed().as_secs_f64();
        self.tally.add(loss, correct, batch.size(), seconds);
        observer.progress(self.progress(loss));
        for warning in self.trainer.take_warnings() {
            self.warn(warning, observer);
        }
        let epoch_ends = step.is_multiple_of(self.steps_per_epoch);
        if epoch_ends || aligned || due(self.config.metrics.interval) {
            let test = match epoch_ends {
                true => Some(self.evaluate()?),
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

    fn evaluate(&mut self) -> Result<(Score, TrialRecord)> {
        let (score, trials) = self.trainer.evaluate(self.task)?;
        self.tally.evaluated(score);
        self.tally.tried(trials);
        Ok((score, trials))
    }

    fn record(
        &mut self,
        test: Option<(Score, TrialRecord)>,
        stages: Vec<StageRecord>,
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
            test: test.map(|(score, _)| score),
            trials: test.map(|(_, trials)| trials),
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
        checkpoint::save(
            &self.folder.checkpoints(),
            self.trainer.step(),
            self.trainer.network(),
            &state,
            &self.config_sha256,
            self.config.checkpoint.keep,
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
            trials: self.tally.last_trials(),
            steps,
            epochs: steps as f64 / self.steps_per_epoch as f64,
            probes,
            probes_per_example: probes as f64 / self.tally.images().max(1) as f64,
            seconds: self.tally.seconds(),
            stage_units: vec![self.trainer.network().units()],
            parameters: self.parameters(),
            warnings: self.tally.notes().to_vec(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            environment: nmnc_core::ENVIRONMENT.map(own).to_vec(),
            device: self.config.device.clone(),
            command: options.command.clone(),
            config_sha256: self.config_sha256.clone(),
        }
    }
}
