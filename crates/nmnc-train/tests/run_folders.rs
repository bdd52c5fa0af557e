//! Run folders: who may write one, what has ended, and reading one while it is written.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;
use nmnc_core::records::{RunRecords, Status};
use nmnc_core::{ErrorKind, Result, Seed};
use nmnc_train::{
    CheckpointConfig, Decayed, Found, Identity, Learner, Observer, Optimizer, OptimizerConfig, Place,
    Progress, Run, RunFolder, RunOptions, RunPlan, Schedule, Silent, checkpoint,
};

use crate::line::Line;

fn identity() -> Identity {
    Identity::new("delta", Seed(7), "rows = 8".parse().unwrap()).unwrap()
}

fn options() -> RunOptions {
    RunOptions { resume: true, command: "test".into(), ..RunOptions::default() }
}

/// Trains for `epochs` with a checkpoint at every step, of which the last is kept.
fn train(folder: &Path, epochs: u64, learning_rate: f64) -> Result<()> {
    watched(folder, epochs, learning_rate, 1, &mut Silent)
}

fn watched(
    folder: &Path,
    epochs: u64,
    learning_rate: f64,
    interval: u64,
    observer: &mut dyn Observer,
) -> Result<()> {
    let optimizer = OptimizerConfig::Sgd {
        learning_rate,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
        decayed: Decayed::All,
    };
    let (mut line, mut learner) =
        (Line::new(), Learner::new(Optimizer::new(optimizer), Schedule::constant(), None));
    let checkpoint = CheckpointConfig { interval, keep: 1, history: 0 };
    let plan = RunPlan { epochs, record_interval: 1, checkpoint, ..RunPlan::default() };
    let run = Run::new(&mut line, &mut learner, plan);
    run.in_folder(folder, identity(), &options(), &mut Silent)?.train(observer).map(drop)
}

#[cfg(unix)]
#[test]
fn a_folder_whose_name_is_no_text_is_a_folder_like_any_other() {
    use std::os::unix::ffi::OsStrExt;
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join(std::ffi::OsStr::from_bytes(b"run \xff\xfe"));
    train(&folder, 1, 0.1).unwrap();
    train(&folder, 2, 0.1).unwrap();
    assert_eq!(RunRecords::read(&folder).unwrap().records.len() as u64, 2 * Line::STEPS);
    assert_eq!(fs::read_dir(folder.join("checkpoints")).unwrap().count(), 1);
}

#[test]
fn a_folder_that_is_taken_is_written_by_nobody_else() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    let place = Place::take(&folder, identity(), &options(), &mut Silent).unwrap();
    assert_eq!(train(&folder, 1, 0.1).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(place.ended().unwrap(), None);
    drop(place);
    // Nothing came of it, so nothing is left.
    assert!(!folder.exists());
    train(&folder, 1, 0.1).unwrap();
}

#[test]
fn a_run_that_diverged_has_ended_unless_it_is_to_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(train(folder.path(), 9, 1e30).unwrap_err().kind(), ErrorKind::Diverged);
    let ended = |retry_diverged: bool, accept_records: bool| {
        let options = RunOptions { retry_diverged, accept_records, ..options() };
        let place = Place::take(folder.path(), identity(), &options, &mut Silent).unwrap();
        place.ended().unwrap().map(|summary| summary.status)
    };
    assert_eq!(ended(false, false), Some(Status::Diverged));
    assert_eq!(ended(true, false), None);
    fs::remove_dir_all(folder.path()).unwrap();
    train(folder.path(), 1, 0.1).unwrap();
    // Complete is complete, whatever is asked for; without its checkpoints, too.
    for checkpoints in [true, false] {
        for (retry, accept) in [(false, false), (true, false), (true, true)] {
            assert_eq!(ended(retry, accept), Some(Status::Complete), "{checkpoints}");
        }
        if checkpoints {
            fs::remove_dir_all(folder.path().join("checkpoints")).unwrap();
        }
    }
    // Unless rows are gone that may stay so.
    fs::remove_dir_all(folder.path()).unwrap();
    train(folder.path(), 1, 0.1).unwrap();
    fs::write(folder.path().join("metrics.jsonl"), "").unwrap();
    assert_eq!(ended(false, true), None);
    let refused = RunFolder::find(folder.path(), &identity()).unwrap_err().to_string();
    assert!(refused.contains("metrics.jsonl: lacks "), "{refused}");
}

/// Has a run stopped after a step.
struct Impatient {
    until: u64,
    step: u64,
}

impl Observer for Impatient {
    fn progress(&mut self, progress: Progress) {
        self.step = progress.step;
    }

    fn stop(&mut self) -> bool {
        self.step >= self.until
    }
}

#[test]
fn a_run_that_is_stopped_goes_on_to_the_same_numbers() {
    let root = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| root.path().join(name));
    let last = |folder: &Path| {
        let mut record = RunRecords::read(folder).unwrap().records.pop().unwrap();
        (record.seconds, record.images_per_second, record.waiting) = (0.0, 0.0, 0.0);
        let found = checkpoint::latest(&folder.join("checkpoints"), &Device::flex()).unwrap().0.unwrap();
        let weights: Vec<_> =
            found.weights.values().map(|array| (array.shape.clone(), array.singles())).collect();
        (record, found.step, weights)
    };
    watched(&whole, 2, 0.1, 100, &mut Silent).unwrap();
    for until in [3, 7] {
        let error = watched(&stopped, 2, 0.1, 100, &mut Impatient { until, step: 0 }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stopped);
        let line = format!("training: stopped after step {until} of 10; resume it to go on");
        assert_eq!(error.to_string(), line);
        assert_eq!((last(&stopped).1, RunRecords::summary(&stopped).unwrap()), (until, None));
    }
    // Nothing is left to stop after the last step.
    watched(&stopped, 2, 0.1, 100, &mut Impatient { until: 10, step: 0 }).unwrap();
    assert!(last(&stopped) == last(&whole));
}

/// A run keeps one checkpoint, so that it removes the one that a reader has just found.
#[test]
fn readers_of_a_run_at_work_find_it_whole() {
    let root = tempfile::tempdir().unwrap();
    let (folder, done) = (root.path().join("run"), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            train(&folder, 30, 0.01).unwrap();
            done.store(true, Ordering::Relaxed);
        });
        let (mut last, mut reads) = (0, 0);
        while !done.load(Ordering::Relaxed) {
            let (found, warnings) = checkpoint::latest(&folder.join("checkpoints"), &Device::flex()).unwrap();
            assert!(warnings.is_empty(), "{warnings:?}");
            let step = found.map_or(0, |found| found.step);
            assert!(step >= last, "back from {last} to {step}");
            last = step;
            if folder.join("config.toml").exists() {
                assert_ne!(RunFolder::find(&folder, &identity()).unwrap(), Found::Nothing);
                let records = RunRecords::read(&folder).unwrap().records;
                assert!(records.windows(2).all(|pair| pair[0].step + 1 == pair[1].step));
                reads += 1;
            }
        }
        assert!(reads > 0);
    });
}
