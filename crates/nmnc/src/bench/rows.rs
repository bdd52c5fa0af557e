//! The rows of a bench, ready to be run.

use std::sync::Arc;

use burn::tensor::Device;

use super::exchange::{Exchange, Kind};
use super::loading::Loading;
use super::operations;
use super::tasks::{Copy, Data, Forward, Launch, Product, Refresh, Steps, Task};
use super::{Bench, Part};
use nmnc_core::device;
use nmnc_core::error::{Error, Result};
use nmnc_core::ranges;
use nmnc_data::DataConfig;
use nmnc_learn::credit::CreditConfig;
use nmnc_train::replicas::Processes;
use nmnc_train::{Classifier, Config, Resolved};

/// Sides of the square matrices multiplied on the processor, and on an accelerator, whose work is larger.
const SIDES: [usize; 3] = [512, 1024, 1536];
const ACCELERATOR_SIDES: [usize; 3] = [1024, 4096, 8192];
/// Numbers that a pass over memory writes: more than caches hold.
const COPIED: usize = 1 << 25;
/// Operations asked for in a row before the device is waited for.
const LAUNCHES: u64 = 1000;
/// Numbers that a process gives away at once.
const EXCHANGED: [usize; 4] = [1, 1 << 12, 1 << 18, 1 << 22];
/// An interval that no bench lives to see twice.
const NEVER: i64 = ranges::INTERVAL.most() as i64;

/// A row and what was measured of it so far.
pub(super) struct Prepared {
    pub part: Part,
    pub variant: Option<String>,
    pub threads: usize,
    pub images: Option<usize>,
    pub operations: Option<f64>,
    pub bytes: Option<f64>,
    /// Steps in one repetition.
    pub steps: u64,
    pub task: Box<dyn Task>,
    pub seconds: Vec<f64>,
    pub faults: Vec<f64>,
}

impl Prepared {
    fn new(part: Part, task: impl Task + 'static) -> Self {
        Self {
            part,
            variant: None,
            threads: rayon::current_num_threads(),
            images: None,
            operations: None,
            bytes: None,
            steps: 1,
            task: Box::new(task),
            seconds: Vec::new(),
            faults: Vec::new(),
        }
    }
}

/// Builds every row that `bench` asks for.
pub(super) fn prepare(bench: &Bench) -> Result<Vec<Prepared>> {
    let Some(first) = bench.runs.first() else { return Ok(Vec::new()) };
    let device = device::open_with(&first.config.device, first.config.precision)?;
    let asked = |part| bench.parts.contains(&part);
    let mut rows = Vec::new();
    if asked(Part::Matmul) {
        products(&first.config, &device, &mut rows)?;
    }
    if asked(Part::Copy) {
        rows.push(Prepared {
            // Two numbers are read for each that is written.
            bytes: Some((3 * COPIED * size_of::<f32>()) as f64),
            ..Prepared::new(Part::Copy, Copy::new(COPIED, device.clone()))
        });
    }
    if asked(Part::Launch) {
        rows.push(Prepared {
            steps: LAUNCHES,
            ..Prepared::new(Part::Launch, Launch::new(LAUNCHES, device.clone()))
        });
    }
    if asked(Part::Data) {
        loading(&first.config, &mut rows)?;
    }
    if let Some(processes) = bench.processes.as_ref().filter(|_| asked(Part::Network)) {
        exchanges(processes, &mut rows);
    }
    if !(asked(Part::Forward) || asked(Part::Step) || asked(Part::Refresh)) {
        return Ok(rows);
    }
    let with_manifold = bench.runs.iter().find(|run| samples(&run.config.credit).is_some());
    // Two sets of inputs, so that no refresh sees what the one before saw; steps need a manifold only once.
    let sets = if asked(Part::Refresh) { 2 } else { 1 };
    let sets =
        with_manifold.and_then(|run| samples(&run.config.credit)).map_or([0, 0], |count| [sets, count]);
    let data = Arc::new(Data::draw(&first.config, bench.input, bench.outputs, sets, &device));
    if asked(Part::Forward) {
        let classifier = classifier(&first.config, bench, &device)?;
        let counted = operations::forward(classifier.network());
        let batch = first.config.train.batch;
        rows.push(Prepared {
            images: Some(batch),
            operations: Some(counted * batch as f64),
            ..Prepared::new(Part::Forward, Forward::new(classifier, data.clone(), device.clone()))
        });
    }
    if asked(Part::Step) {
        for run in &bench.runs {
            rows.push(step(&run.config, bench, &data, &device)?);
        }
    }
    if let Some(run) = with_manifold.filter(|_| asked(Part::Refresh)) {
        for (variant, following) in [("first", false), ("following", true)] {
            let config = refreshing(&run.config)?;
            let classifier = classifier(&config, bench, &device)?;
            rows.push(Prepared {
                variant: Some(variant.to_owned()),
                images: samples(&config.credit),
                ..Prepared::new(
                    Part::Refresh,
                    Refresh::new(classifier, config, data.clone(), device.clone(), following),
                )
            });
        }
    }
    Ok(rows)
}

/// What processes give to each other, from a few bytes to a large gradient.
fn exchanges(processes: &Arc<dyn Processes>, rows: &mut Vec<Prepared>) {
    for kind in [Kind::Gather, Kind::Sum] {
        for numbers in EXCHANGED {
            let task = Exchange::new(processes.clone(), kind, numbers);
            rows.push(Prepared {
                variant: Some(task.describe()),
                bytes: Some(task.received()),
                ..Prepared::new(Part::Network, task)
            });
        }
    }
}

/// The configuration's training images by one worker, and by as many as it asks for or there are threads.
fn loading(config: &Config, rows: &mut Vec<Prepared>) -> Result<()> {
    let all = config.data.workers.filter(|&workers| workers > 0).unwrap_or(rayon::current_num_threads());
    for workers in if all > 1 { vec![1, all] } else { vec![1] } {
        let data = DataConfig { workers: Some(workers), ..config.data.clone() };
        let task = Loading::new(data.open(config.seed)?.train, config.seed, config.train.batch);
        rows.push(Prepared {
            variant: Some(task.shape()),
            threads: workers,
            images: Some(task.images()),
            ..Prepared::new(Part::Data, task)
        });
    }
    Ok(())
}

fn classifier(config: &Resolved<Config>, bench: &Bench, device: &Device) -> Result<Classifier> {
    config.classifier(bench.input, bench.outputs, device)
}

fn products(config: &Config, device: &Device, rows: &mut Vec<Prepared>) -> Result<()> {
    let all = rayon::current_num_threads();
    // An accelerator has no number of threads to choose.
    let processor = config.device == "flex";
    let counts = if all > 1 && processor { vec![1, all] } else { vec![all] };
    for threads in counts {
        for side in if processor { SIDES } else { ACCELERATOR_SIDES } {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool =
                pool.map_err(|e| Error::config("--threads", format!("cannot start {threads} threads: {e}")))?;
            let pool = processor.then_some(pool);
            rows.push(Prepared {
                variant: Some(format!("{side}x{side}x{side}")),
                threads,
                operations: Some(2.0 * (side as f64).powi(3)),
                ..Prepared::new(Part::Matmul, Product::new(config.seed, side, pool, device.clone()))
            });
        }
    }
    Ok(())
}

fn step(config: &Resolved<Config>, bench: &Bench, data: &Arc<Data>, device: &Device) -> Result<Prepared> {
    let mut config = config.clone().into_inner();
    // The refresh has a row of its own; the first step, a warm-up, still makes one.
    if let Some(refresh) = manifold(&mut config.credit).and_then(|manifold| manifold.get_mut("refresh")) {
        *refresh = NEVER.into();
    }
    let interval = config.credit.settings.get("interval").and_then(toml::Value::as_integer).unwrap_or(1);
    let config = config.resolve()?;
    let (classifier, learner) = (classifier(&config, bench, device)?, config.learner(1));
    let batch = config.train.batch;
    let counted = operations::step(classifier.network(), &config.credit, batch);
    Ok(Prepared {
        variant: Some(config.credit.rule.clone()),
        images: Some(batch),
        operations: counted.map(|operations| operations * batch as f64),
        steps: interval as u64,
        ..Prepared::new(
            Part::Step,
            Steps::new(classifier, learner, data.clone(), device.clone(), interval as u64),
        )
    })
}

/// The same with a manifold refresh at every step and no feedback update after the first.
fn refreshing(config: &Resolved<Config>) -> Result<Resolved<Config>> {
    let mut config = config.clone().into_inner();
    if let Some(refresh) = manifold(&mut config.credit).and_then(|manifold| manifold.get_mut("refresh")) {
        *refresh = 1.into();
    }
    if let Some(interval) = config.credit.settings.get_mut("interval") {
        *interval = NEVER.into();
    }
    config.resolve()
}

fn manifold(credit: &mut CreditConfig) -> Option<&mut toml::Table> {
    credit.settings.get_mut("manifold")?.as_table_mut()
}

/// Examples that the rule's manifold is found from, if it has one.
fn samples(credit: &CreditConfig) -> Option<usize> {
    let count = credit.settings.get("manifold")?.get("samples")?.as_integer()?;
    usize::try_from(count).ok()
}
