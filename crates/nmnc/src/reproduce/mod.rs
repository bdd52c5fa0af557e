//! Experiments of the paper, each from runs to figures in one call.
//!
//! An [`Experiment`] is its runs, its measurements and its sentences. [`reproduce`] trains the runs that are missing, measures those
//! not yet measured, gathers all numbers in one table of [`Measurements`], and gives the outcome, so that a call that was stopped goes
//! on where it was.

mod base;
mod brain;
mod contrast;
mod dimension;
mod findings;
mod manifold_alignment;
mod margin;
mod predictions;
mod rnn;
mod sample_efficiency;
mod scaling;
mod statistics;
mod widths;

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use base::{Options, Size};
pub use brain::{Brain, BrainRun};
pub use dimension::{Dimension, DimensionRun, StageDimension};
pub use findings::Outcome;
pub use manifold_alignment::{Alignment, AlignmentRun};
pub use margin::{Margin, MarginRun, StageMargin};
pub use predictions::{PredictionChoices, Predictions};
pub use rnn::{Recurrent, RecurrentChoices, RecurrentRun};
pub use sample_efficiency::{Choices, EfficiencyRun, SampleEfficiency, Subject};
pub use scaling::{Scaling, ScalingChoices, ScalingRun, StageScaling};
pub use statistics::{Interval, exponent, interval, t95};
pub use widths::SCALES;

use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::files::{IfTaken, write_atomically};
use nmnc_core::guard;
use nmnc_core::records::{Status, Summary};
use nmnc_report::Measurements;
use nmnc_train::{Config, Found, Observer, PlannedRun, RunConfig, RunFolder, RunOptions, share};

/// An experiment.
pub trait Experiment {
    /// What its runs are described by.
    type Config: RunConfig;

    /// What is measured of one run.
    type Measured: Serialize + DeserializeOwned;

    /// Its name, which files are called by.
    fn name(&self) -> &'static str;

    /// The runs, in order.
    fn runs(&self) -> Vec<&PlannedRun<Self::Config>>;

    /// Everything beside the run that a measurement depends on: one made with something else is made again.
    fn measurement(&self) -> Value;

    /// Makes what the run with this index needs beside its configuration, if that is not there.
    ///
    /// # Errors
    /// If it cannot be made.
    fn prepare(&self, _run: usize) -> Result<()> {
        Ok(())
    }

    /// Measures the finished run in `folder`.
    ///
    /// # Errors
    /// If the run cannot be read or analyzed.
    fn measure(&self, folder: &Path) -> Result<Self::Measured>;

    /// Adds the numbers that were `measured` of the run with this index to the table of all.
    fn tabulate(&self, run: usize, measured: &Self::Measured, table: &mut Measurements);

    /// What comes out; `measured` has an entry for each run, none for those that diverged. `command` is the command line.
    ///
    /// # Errors
    /// If nothing is left to make anything of.
    fn outcome(
        &self,
        measured: &[Option<Self::Measured>],
        table: &Measurements,
        command: &str,
    ) -> Result<Outcome>;
}

/// Watches an experiment whose runs are described by `C`.
pub trait Watch<C = Config> {
    /// A run starts or goes on; gives who watches it. `number` counts from 1 to `total`.
    fn run(&mut self, number: usize, total: usize, run: &PlannedRun<C>, folder: &Path) -> Box<dyn Observer>;

    /// A run that had ended before is kept.
    fn kept(&mut self, number: usize, total: usize, run: &PlannedRun<C>, summary: &Summary);

    /// Another process is making a run, which is looked at again later.
    fn waiting(&mut self, number: usize, total: usize, run: &PlannedRun<C>, busy: &Error);

    /// A run diverged; the others go on.
    fn diverged(&mut self, run: &PlannedRun<C>, error: &Error);

    /// Asked before each run and each measurement: whether to stop there, with [`ErrorKind::Stopped`].
    fn stop(&mut self) -> bool {
        false
    }

    /// A run is about to be measured.
    fn measuring(&mut self, number: usize, total: usize, run: &PlannedRun<C>);
}

/// A measurement as it is kept in a run folder.
#[derive(Serialize, Deserialize)]
struct Kept<M> {
    version: String,
    config_sha256: String,
    measurement: Value,
    measured: M,
}

/// What a call made of an experiment.
#[derive(Clone, Debug)]
pub enum Made {
    /// All of it.
    Whole(Box<Outcome>),
    /// Its part, and runs of others are missing.
    Part {
        /// Runs that have ended and are measured, those of others with them.
        ended: usize,
        /// Names of those of this part that diverged.
        diverged: Vec<String>,
    },
}

/// Trains and measures what is missing in `folder`, and writes the outcome there.
///
/// # Errors
/// A run of another configuration in the way; anything that goes wrong in training but divergence; no run left.
pub fn reproduce<E: Experiment>(
    experiment: &E,
    folder: &Path,
    command: &str,
    watch: &mut dyn Watch<E::Config>,
) -> Result<Outcome> {
    let all: Vec<usize> = (0..experiment.runs().len()).collect();
    match reproduce_part(experiment, folder, command, watch, &all)? {
        Made::Whole(outcome) => Ok(*outcome),
        Made::Part { .. } => unreachable!("all runs are the whole"),
    }
}

/// [`reproduce`] of the runs whose places, from 0 on, are `chosen`. The outcome is written by the call that finds all runs ended and measured.
///
/// # Errors
/// As [`reproduce`].
///
/// # Panics
/// If there is no run at a place.
pub fn reproduce_part<E: Experiment>(
    experiment: &E,
    folder: &Path,
    command: &str,
    watch: &mut dyn Watch<E::Config>,
    chosen: &[usize],
) -> Result<Made> {
    let runs = experiment.runs();
    // Every folder is looked at before any work is done, so that no run is made for nothing.
    let find = |run: &PlannedRun<E::Config>| RunFolder::find(&folder.join(&run.name), &run.config.identity());
    chosen.iter().map(|&at| find(runs[at])).collect::<Result<Vec<_>>>()?;
    let total = runs.len();
    let settings = experiment.measurement();
    let file =
        |run: &PlannedRun<E::Config>| folder.join(&run.name).join(format!("{}.json", experiment.name()));
    let found = |run: &PlannedRun<E::Config>| kept(&file(run), &run.config.sha256(), &settings);
    let watch = std::cell::RefCell::new(watch);
    let make = |number: usize| -> Result<Option<E::Measured>> {
        let index = chosen[number];
        let (run, watch) = (runs[index], &mut **watch.borrow_mut());
        let own = folder.join(&run.name);
        let stopped = || Error::new(ErrorKind::Stopped, &run.name, "stopped before it was made or measured");
        if watch.stop() {
            return Err(stopped());
        }
        experiment.prepare(index)?;
        let status = match find(run)? {
            Found::Ended(summary) => {
                RunFolder::tidy(&own);
                watch.kept(index + 1, total, run, &summary);
                summary.status
            }
            Found::Nothing | Found::Partial => {
                let mut observer = watch.run(index + 1, total, run, &own);
                let options = RunOptions {
                    resume: true,
                    if_taken: IfTaken::ComeBack,
                    command: command.to_owned(),
                    ..RunOptions::default()
                };
                match run.config.run(&own, &options, observer.as_mut()) {
                    Ok(summary) => summary.status,
                    Err(error) if error.kind() == ErrorKind::Diverged => {
                        drop(observer);
                        watch.diverged(run, &error);
                        Status::Diverged
                    }
                    Err(error) => return Err(error.within(&run.name)),
                }
            }
        };
        if status == Status::Diverged {
            return Ok(None);
        }
        if let Some(found) = found(run) {
            return Ok(Some(found));
        }
        if watch.stop() {
            return Err(stopped());
        }
        watch.measuring(index + 1, total, run);
        let found = Kept {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_sha256: run.config.sha256(),
            measurement: settings.clone(),
            measured: experiment.measure(&own).map_err(|e| e.within(&run.name))?,
        };
        let text = serde_json::to_string(&found).expect("numbers are representable in JSON") + "\n";
        write_atomically(&file(run), text.as_bytes())?;
        Ok(Some(found.measured))
    };
    // Runs that another process is making are left to it, so that two calls share the work.
    let waiting = |number: usize, busy: &Error| {
        let index = chosen[number];
        watch.borrow_mut().waiting(index + 1, total, runs[index], busy);
    };
    let made = share(chosen.len(), make, waiting)?;
    let mut measured: Vec<Option<Option<E::Measured>>> = (0..total).map(|_| None).collect();
    let mut diverged_here = Vec::new();
    for (&at, made) in chosen.iter().zip(made) {
        if made.is_none() {
            diverged_here.push(runs[at].name.clone());
        }
        measured[at] = Some(made);
    }
    for (run, measured) in runs.iter().zip(&mut measured).filter(|(_, measured)| measured.is_none()) {
        *measured = match find(run)? {
            Found::Ended(summary) if summary.status == Status::Diverged => Some(None),
            Found::Ended(_) => found(run).map(Some),
            Found::Nothing | Found::Partial => None,
        };
    }
    let ended = measured.iter().flatten().count();
    if ended < total {
        return Ok(Made::Part { ended, diverged: diverged_here });
    }
    let measured: Vec<Option<E::Measured>> = measured.into_iter().flatten().collect();
    let diverged = runs.iter().zip(&measured).filter(|(_, measured)| measured.is_none());
    let diverged = diverged.map(|(run, _)| run.name.clone()).collect();
    if measured.iter().all(Option::is_none) {
        return Err(Error::new(ErrorKind::Diverged, folder.display(), "every run diverged")
            .mend("try a lower learning rate with --set"));
    }
    let mut table = Measurements::default();
    for (run, measured) in measured.iter().enumerate() {
        measured.iter().for_each(|measured| experiment.tabulate(run, measured, &mut table));
    }
    let mut outcome = experiment.outcome(&measured, &table, command)?;
    outcome.diverged = diverged;
    outcome.files.push(("measurements.csv".to_owned(), table.csv()));
    for (name, text) in &outcome.files {
        write_atomically(&folder.join(name), text.as_bytes())?;
    }
    Ok(Made::Whole(Box::new(outcome)))
}

/// A measurement made before of the same run in the same way; one that cannot be read is made again.
fn kept<M: DeserializeOwned>(file: &Path, config_sha256: &str, measurement: &Value) -> Option<M> {
    let kept: Kept<M> = serde_json::from_slice(&guard::whole(file, guard::RECORDS).ok()?).ok()?;
    let same = kept.version == env!("CARGO_PKG_VERSION")
        && kept.config_sha256 == config_sha256
        && kept.measurement == *measurement;
    same.then_some(kept.measured)
}
