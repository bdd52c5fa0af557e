//! Replicas of a run, hosted by any number of processes, which threads stand for here.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use nmnc_core::records::RunRecords;
use nmnc_core::{Error, ErrorKind, Result};
use nmnc_learn::workers::{Contribution, Workers};
use nmnc_train::replicas::{Numbers, Processes, Sums, Team, give_up};
use nmnc_train::{AnyConfig, Observer, Progress, Resolved, RunOptions, Silent};
use tempfile::TempDir;

use crate::common::outcome;

/// One of several threads that stand for processes.
#[derive(Debug)]
struct Pretended {
    number: usize,
    to: Vec<Sender<Vec<u8>>>,
    from: Mutex<Vec<Receiver<Vec<u8>>>>,
}

impl Pretended {
    fn of(count: usize) -> Vec<Arc<dyn Processes>> {
        let mut to: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        let mut from: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        for to in &mut to {
            for from in &mut from {
                let (sender, receiver) = channel();
                to.push(sender);
                from.push(receiver);
            }
        }
        let made = to.into_iter().zip(from).enumerate();
        made.map(|(number, (to, from))| {
            Arc::new(Self { number, to, from: Mutex::new(from) }) as Arc<dyn Processes>
        })
        .collect()
    }
}

impl Processes for Pretended {
    fn count(&self) -> usize {
        self.to.len()
    }

    fn number(&self) -> usize {
        self.number
    }

    fn gather(&self, own: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        let gone = || Error::new(ErrorKind::Io, "processes", "one is gone");
        self.to.iter().try_for_each(|to| to.send(own.clone()).map_err(|_| gone()))?;
        self.from.lock().unwrap().iter().map(|from| from.recv().map_err(|_| gone())).collect()
    }

    /// In an order of its own: from the last process to the first.
    fn sum(&self, numbers: Numbers) -> Result<()> {
        let bytes = match &numbers {
            Numbers::Single(own) => own.iter().flat_map(|number| number.to_le_bytes()).collect(),
            Numbers::Double(own) => own.iter().flat_map(|number| number.to_le_bytes()).collect(),
        };
        let given: Vec<Vec<u8>> = self.gather(bytes)?.into_iter().rev().collect();
        match numbers {
            Numbers::Single(own) => {
                own.fill(0.0);
                for given in &given {
                    let given =
                        given.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
                    own.iter_mut().zip(given).for_each(|(sum, given)| *sum += given);
                }
            }
            Numbers::Double(own) => {
                own.fill(0.0);
                for given in &given {
                    let given =
                        given.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()));
                    own.iter_mut().zip(given).for_each(|(sum, given)| *sum += given);
                }
            }
        }
        Ok(())
    }
}

/// A rule with feedback, manifolds and probes.
const IMAGES: &str = r#"
data = { train_limit = 60, test_limit = 40 }
network = { stages = [
    { kind = "conv", channels = 4, kernel = 3, stride = 4, activation = "tanh" },
    { kind = "dense", units = 12, activation = "tanh" },
] }
credit = { rule = "nmnc", interval = 2, manifold = { dimension = 3, refresh = 3, samples = 60 } }
metrics = { interval = 1, alignment_interval = 3, dimension = 3, samples = 12 }
checkpoint = { interval = 2 }
train = { epochs = 2, batch = 13, REPLICAS optimizer = { name = "sgd", learning_rate = 0.02, momentum = 0.9 } }
"#;
/// Gradients that are worth an exchange before the step is at its end, found from the input up.
const WIDE: &str = r#"
data = { train_limit = 40, test_limit = 20 }
network = { preset = "mlp", widths = [240, 180, 120] }
credit = { rule = "nmnc", interval = 2, manifold = { dimension = 3, refresh = 2, samples = 20 } }
metrics = { interval = 1, alignment_interval = 3, dimension = 3, samples = 12 }
train = { epochs = 2, batch = 10, streamed = true, REPLICAS optimizer = { name = "adam", learning_rate = 1e-3 } }
"#;
/// A network that takes statistics of the batch.
const DEEP: &str = r#"
data = { train_limit = 20, test_limit = 10 }
network = { preset = "resnet20", scale = 0.25 }
credit = { rule = "manifold-mirror", initial = 4, manifold = { dimension = 2, samples = 8 } }
metrics = { interval = 1, alignment_interval = 3, dimension = 2, samples = 8 }
train = { epochs = 1, batch = 10, REPLICAS optimizer = { name = "adam", learning_rate = 1e-3 } }
"#;
const TRIALS: &str = r#"
task = "DelayMatchSample"
recurrent = { units = 12, state_noise = 0.1 }
credit = { rule = "nmnc", lags = 2, manifold = { dimension = 4, refresh = 3 } }
metrics = { interval = 1, alignment_interval = 3, dimension = 3, lags = 2 }
checkpoint = { interval = 2 }
train = { epochs = 2, trials = 30, batch = 6, REPLICAS evaluation = 20 }
"#;

fn config(text: &str, replicas: usize) -> Resolved<AnyConfig> {
    let replicas = format!("replicas = {replicas},");
    AnyConfig::parse(&text.replace("REPLICAS", &replicas), "test", &[]).unwrap().resolve().unwrap()
}

/// Stops after a step.
struct Until(u64);

impl Observer for Until {
    fn stop(&mut self) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 == 0
    }

    fn progress(&mut self, _: Progress) {}
}

/// What each of so many processes comes to, of which the first keeps the run.
fn run(
    config: &Resolved<AnyConfig>,
    processes: usize,
    folder: &Path,
    options: &RunOptions,
    until: Option<u64>,
) -> Vec<Result<()>> {
    thread::scope(|scope| {
        let threads: Vec<_> = Pretended::of(processes)
            .into_iter()
            .map(|own| {
                scope.spawn(move || match own.number() {
                    0 => {
                        let options = RunOptions { processes: Some(own), ..options.clone() };
                        let watched: &mut dyn Observer = match until {
                            Some(step) => &mut Until(step),
                            None => &mut Silent,
                        };
                        config.run(folder, &options, watched).map(|_| ())
                    }
                    _ => config.assist(folder, &own, &mut Silent),
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn done(outcomes: Vec<Result<()>>) {
    outcomes.into_iter().for_each(|outcome| outcome.unwrap());
}

#[test]
fn any_number_of_processes_comes_to_the_same_bits() {
    let down = WIDE.replace(
        "rule = \"nmnc\", interval = 2, manifold = { dimension = 3, refresh = 2, samples = 20 }",
        "rule = \"bp\"",
    );
    for text in [IMAGES, WIDE, &down.replace("streamed = true,", ""), DEEP, TRIALS] {
        let folder = TempDir::new().unwrap();
        let config = config(text, 4);
        let found: Vec<_> = [1, 2, 3, 4]
            .map(|processes| {
                let run_folder = folder.path().join(format!("{processes}"));
                done(run(&config, processes, &run_folder, &RunOptions::default(), None));
                outcome(&run_folder)
            })
            .into();
        assert!(!found[0].0.is_empty() && found[0].0.iter().any(|record| !record.stages.is_empty()));
        for other in &found[1..] {
            assert_eq!(found[0].0, other.0);
            assert!(found[0].1 == other.1, "other weights");
        }
    }
}

#[test]
fn sums_that_processes_make_differ_by_rounding_alone() {
    for text in [IMAGES, WIDE, DEEP, TRIALS] {
        let folder = TempDir::new().unwrap();
        let reduced = config(&text.replace("REPLICAS", "sums = 'reduced', REPLICAS"), 4);
        let outcomes = [1, 2, 4, 4].map(|processes| {
            let run_folder = folder.path().join(format!("{}", folder.path().read_dir().unwrap().count()));
            done(run(&reduced, processes, &run_folder, &RunOptions::default(), None));
            outcome(&run_folder)
        });
        assert!(outcomes[2] == outcomes[3], "the same number of processes comes to the same");
        assert!(
            outcomes[0].1 != outcomes[1].1 && outcomes[1].1 != outcomes[2].1,
            "sums are made in one order"
        );
        for other in &outcomes[1..] {
            for (one, other) in outcomes[0].0.iter().zip(&other.0) {
                let (Some(a), Some(b)) = (one.train, other.train) else { continue };
                assert!(
                    (a.loss - b.loss).abs() < 1e-3 * a.loss,
                    "step {}: {} and {}",
                    one.step,
                    a.loss,
                    b.loss
                );
            }
        }
    }
}

#[test]
fn replicas_come_to_what_one_network_would_but_for_rounding() {
    for text in [IMAGES, TRIALS] {
        let folder = TempDir::new().unwrap();
        let records = [1, 3].map(|replicas| {
            let run_folder = folder.path().join(format!("{replicas}"));
            done(run(&config(text, replicas), 1, &run_folder, &RunOptions::default(), None));
            RunRecords::read(&run_folder).unwrap().records
        });
        let [one, three] = &records;
        assert_eq!(one.len(), three.len());
        for (one, three) in one.iter().zip(three) {
            assert_eq!((one.step, one.probes), (three.step, three.probes));
            for (a, b) in [(one.train, three.train), (one.test, three.test)] {
                let (Some(a), Some(b)) = (a, b) else {
                    assert_eq!(a, b);
                    continue;
                };
                assert!(
                    (a.loss - b.loss).abs() < 1e-3 * a.loss,
                    "step {}: {} and {}",
                    one.step,
                    a.loss,
                    b.loss
                );
            }
            assert_eq!(one.stages.len(), three.stages.len());
            for (a, b) in one.stages.iter().zip(&three.stages) {
                let (a, b) = (a.cosine, b.cosine);
                assert!((a - b).abs() < 0.02, "step {}: cosines {a} and {b}", one.step);
            }
        }
    }
}

#[test]
fn a_run_goes_on_with_another_number_of_processes() {
    for text in [IMAGES, TRIALS] {
        let folder = TempDir::new().unwrap();
        let config = config(text, 4);
        let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
        done(run(&config, 1, &whole, &RunOptions::default(), None));
        let resume = RunOptions { resume: true, ..RunOptions::default() };
        for (processes, until) in [(2, Some(1)), (4, Some(3)), (1, Some(2)), (3, None)] {
            let outcomes = run(&config, processes, &parts, &resume, until);
            for outcome in outcomes {
                match until {
                    Some(_) => assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Stopped),
                    None => outcome.unwrap(),
                }
            }
        }
        let [whole_outcome, parts_outcome] = [&whole, &parts].map(|run| outcome(run));
        assert_eq!(whole_outcome.0, parts_outcome.0);
        assert!(whole_outcome.1 == parts_outcome.1, "other weights");
        // Where nothing is left to be done, all hear of it.
        done(run(&config, 2, &parts, &resume, None));
    }
}

#[test]
fn any_process_may_stop_the_run_for_all() {
    let folder = TempDir::new().unwrap();
    let config = config(IMAGES, 3);
    let run_folder = &folder.path().join("run");
    let outcomes: Vec<Result<()>> = thread::scope(|scope| {
        let threads: Vec<_> = Pretended::of(3)
            .into_iter()
            .map(|own| {
                let config = &config;
                scope.spawn(move || match own.number() {
                    0 => {
                        let options = RunOptions { processes: Some(own), ..RunOptions::default() };
                        config.run(run_folder, &options, &mut Silent).map(|_| ())
                    }
                    1 => config.assist(run_folder, &own, &mut Until(2)),
                    _ => config.assist(run_folder, &own, &mut Silent),
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stopped);
        // After the step in which the others hear of it.
        assert!(error.to_string().contains("stopped after step 3 of 10"), "{error}");
    }
    let resume = RunOptions { resume: true, ..RunOptions::default() };
    done(run(&config, 2, run_folder, &resume, None));
}

#[test]
fn what_diverges_in_one_place_ends_everywhere() {
    let folder = TempDir::new().unwrap();
    for sums in ["ordered", "reduced"] {
        let text = IMAGES.replace("learning_rate = 0.02", "learning_rate = 1e30").replace("tanh", "relu");
        let config = config(&text.replace("REPLICAS", &format!("sums = '{sums}', REPLICAS")), 3);
        let run_folder = folder.path().join(sums);
        for outcome in run(&config, 2, &run_folder, &RunOptions::default(), None) {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Diverged);
        }
        let summary = RunRecords::read(&run_folder).unwrap().summary.unwrap();
        assert_eq!(summary.status, nmnc_core::records::Status::Diverged);
    }
}

#[test]
fn rounds_that_are_begun_end_in_their_order_or_all_with_what_went_wrong() {
    let one = |number: f64| Contribution::new(vec![number], []);
    for sums in [Sums::Ordered, Sums::Reduced] {
        for processes in [1, 2] {
            thread::scope(|scope| {
                for own in Pretended::of(processes) {
                    let team = Team::new(own, 4, sums).unwrap();
                    for replica in team.replicas() {
                        scope.spawn(move || {
                            let number = replica.number() as f64;
                            let begun: Vec<_> = (0..3)
                                .map(|round| replica.begin_sum(one(number + 10.0 * f64::from(round))))
                                .collect();
                            let gathered = replica.gather(one(number)).unwrap();
                            assert_eq!(
                                gathered.iter().map(|given| given.numbers[0]).collect::<Vec<_>>(),
                                [0.0, 1.0, 2.0, 3.0]
                            );
                            // In whatever order they are waited for, and more than once.
                            for round in [2, 0, 1, 2] {
                                let sum = begun[round].as_ref().unwrap().wait().unwrap();
                                assert_eq!(sum.numbers, [6.0 + 40.0 * round as f64]);
                            }
                            if number == 2.0 {
                                return replica.give_up(&Error::data("images", "are gone"));
                            }
                            // The others have begun what the third takes no part in.
                            let more = [replica.begin_sum(one(1.0)), replica.begin_sum(one(1.0))];
                            for sum in more {
                                let error = sum.and_then(|sum| sum.wait()).unwrap_err().to_string();
                                assert!(error.ends_with("replica 2: images: are gone"), "{error}");
                            }
                            assert!(replica.gather(one(1.0)).is_err());
                        });
                    }
                }
            });
        }
    }
}

/// A process whose way to the others ends by a fault in the program.
#[derive(Debug)]
struct Faulty;

impl Processes for Faulty {
    fn count(&self) -> usize {
        2
    }

    fn number(&self) -> usize {
        0
    }

    fn gather(&self, _: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        panic!("a fault")
    }

    fn sum(&self, _: Numbers) -> Result<()> {
        panic!("a fault")
    }
}

#[test]
fn nobody_waits_for_a_courier_that_met_a_fault() {
    let team = Team::new(Arc::new(Faulty), 2, Sums::Ordered).unwrap();
    let replica = team.replicas().next().unwrap();
    let begun = [1.0, 2.0].map(|number| replica.begin_sum(Contribution::new(vec![number], [])));
    for sum in begun {
        let error = sum.and_then(|sum| sum.wait()).unwrap_err().to_string();
        assert!(error.contains("ended by a fault in the program"), "{error}");
    }
}

#[test]
fn a_process_that_cannot_begin_ends_the_others() {
    let folder = TempDir::new().unwrap();
    let config = config(IMAGES, 3);
    for failing in 0..3 {
        let outcomes = thread::scope(|scope| {
            let threads: Vec<_> = Pretended::of(3)
                .into_iter()
                .map(|own| {
                    let (config, folder) = (&config, folder.path().join(format!("{failing}")));
                    scope.spawn(move || match own.number() {
                        number if number == failing => {
                            let error = Error::data("images", "are on another disk");
                            give_up(own.as_ref(), &error);
                            Err(error)
                        }
                        0 => {
                            let options = RunOptions { processes: Some(own), ..RunOptions::default() };
                            config.run(&folder, &options, &mut Silent).map(|_| ())
                        }
                        _ => config.assist(&folder, &own, &mut Silent),
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        for (number, outcome) in outcomes.into_iter().enumerate() {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Data);
            if number != failing {
                assert_eq!(error.to_string(), format!("process {failing}: images: are on another disk"));
            }
        }
    }
}

#[test]
fn a_folder_in_use_ends_all_processes() {
    let folder = TempDir::new().unwrap();
    let config = config(IMAGES, 2);
    done(run(&config, 1, folder.path(), &RunOptions::default(), None));
    for outcome in run(&config, 2, folder.path(), &RunOptions::default(), None) {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("already holds a run"), "{error}");
    }
}

#[test]
fn processes_without_a_replica_are_refused() {
    let processes = Pretended::of(3);
    let error = Team::new(processes[0].clone(), 2, Sums::Ordered).err().unwrap().to_string();
    let expected = "train.replicas: 2 cannot be divided among 3 processes; set it to 3 or more, or start fewer processes";
    assert_eq!(error, expected);
}
