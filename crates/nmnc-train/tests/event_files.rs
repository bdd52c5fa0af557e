//! Event files of TensorBoard hold what the records hold, each step once, also after a process that ended anywhere.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use nmnc_core::Seed;
use nmnc_core::records::RunRecords;
use nmnc_train::{
    CheckpointConfig, Config, Identity, Learner, LoggingConfig, Optimizer, OptimizerConfig, Run, RunOptions,
    RunPlan, Schedule, Silent,
};

use crate::events;
use crate::line::Line;

fn train(folder: &Path, epochs: u64) {
    let mut learner = Learner::new(Optimizer::new(OptimizerConfig::default()), Schedule::constant(), None);
    let plan = RunPlan {
        epochs,
        record_interval: 1,
        checkpoint: CheckpointConfig { interval: 3, ..CheckpointConfig::default() },
        logging: LoggingConfig { tensorboard: true },
        ..RunPlan::default()
    };
    let mut line = Line::new();
    let options = RunOptions { resume: true, ..RunOptions::default() };
    let identity = Identity::new("delta", Seed(7), toml::Table::new()).unwrap();
    let run = Run::new(&mut line, &mut learner, plan);
    run.in_folder(folder, identity, &options, &mut Silent).unwrap().train(&mut Silent).unwrap();
}

/// That the event file has the records of the run.
fn compare(folder: &Path, steps: u64) {
    let (found, run) = (events::read(folder), RunRecords::read(folder).unwrap());
    assert_eq!(found.iter().map(|event| event.step).collect::<Vec<_>>(), (1..=steps).collect::<Vec<_>>());
    let origin = found[0].time - run.records[0].seconds;
    assert!((1.7e9..1e11).contains(&origin), "{origin}");
    for (event, record) in found.iter().zip(&run.records) {
        let mut expected = vec![
            ("epoch", record.epoch),
            ("probes", record.probes as f64),
            ("learning_rate", record.learning_rate),
            ("seconds", record.seconds),
            ("images_per_second", record.images_per_second),
            ("waiting", record.waiting),
        ];
        let train = record.train.unwrap();
        expected.extend([("train/loss", train.loss), ("train/accuracy", train.accuracy)]);
        if let Some(test) = record.test {
            expected.extend([("test/loss", test.loss), ("test/accuracy", test.accuracy)]);
        }
        let expected = expected.into_iter().map(|(tag, value)| (tag.to_owned(), value as f32)).collect();
        assert_eq!(event.scalars, expected, "step {}", record.step);
        assert!((event.time - origin - record.seconds).abs() < 1e-3);
    }
}

#[test]
fn an_event_file_has_every_record_once() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    train(&folder, 2);
    compare(&folder, 2 * Line::STEPS);
    // A process that was killed has written events after its last checkpoint, the last one in part; one of another tool stays.
    let mine = &events::files(&folder)[0];
    let bytes = fs::read(mine).unwrap();
    OpenOptions::new().append(true).open(mine).unwrap().write_all(&bytes[bytes.len() - 101..]).unwrap();
    fs::rename(mine, folder.join("events.out.tfevents.0000000001.nmnc")).unwrap();
    train(&folder, 3);
    compare(&folder, 3 * Line::STEPS);
    fs::write(folder.join("events.out.tfevents.1.other"), "").unwrap();
    train(&folder, 4);
    assert_eq!(events::files(&folder).len(), 2);
}

#[test]
fn a_configuration_without_event_files_does_not_speak_of_them() {
    let text = "network.preset = 'mlp'\ncredit.rule = 'bp'";
    let config = |set: &[String]| Config::parse(text, "test", set).unwrap().resolve().unwrap().to_toml();
    let plain = config(&["logging.tensorboard=false".to_owned()]);
    assert_eq!((config(&[]), plain.contains("logging")), (plain.clone(), false));
    assert!(config(&["logging.tensorboard=true".to_owned()]).ends_with("[logging]\ntensorboard = true\n"));
}
