//! The network of a run or checkpoint, and examples to show it.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};

use nmnc_core::device::{self, Precision, matrix};
use nmnc_core::doing;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::{Role, Seed};
use nmnc_data::{DataConfig, Dataset, Standardize, Statistics};
use nmnc_learn::net::Network;
use nmnc_train::checkpoint::{self, Checkpoint};
use nmnc_train::{AnyConfig, Config, Loss, Resolved, Schedule, TrainedOn};

/// Which examples to show a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExampleSplit {
    /// Those it was trained on, not augmented: rules fit their manifold to them.
    Train,
    /// Those it is evaluated on.
    Test,
}

/// Where a network and its examples come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// A run folder, whose latest whole checkpoint is taken, or the folder of one checkpoint.
    pub path: PathBuf,
    /// Data instead of the run's own: a name or path as in `data.source`.
    pub data: Option<String>,
    /// The split to draw from.
    pub split: ExampleSplit,
    /// Device instead of the one that the run was trained on.
    pub device: Option<String>,
}

/// A trained network read back.
pub struct Loaded {
    /// Configuration of the run.
    pub config: Resolved<Config>,
    /// The run folder.
    pub run: PathBuf,
    /// The checkpoint's folder.
    pub checkpoint: PathBuf,
    /// Training steps done.
    pub step: u64,
    /// The network of the checkpoint.
    pub network: Network,
    /// The network before the first step: the same configuration and seed.
    pub untrained: Network,
    /// Where examples are drawn from.
    pub data: Dataset,
    /// The training split.
    pub training: Dataset,
    /// Names of the classes that the network was trained to tell apart, in the order of its outputs.
    pub classes: Vec<String>,
    /// What the user should know, one sentence each.
    pub warnings: Vec<String>,
    pub(super) device: Device,
    /// The checkpoint as it was read: a run at work may remove it.
    pub(super) saved: Checkpoint,
}

impl Loaded {
    /// Reads what `source` names.
    ///
    /// # Errors
    /// If it is no run or checkpoint, is damaged or of another configuration, or if the data cannot be read or do not fit.
    pub fn open(source: &Source) -> Result<Self> {
        let (run, single) = find(&source.path)?;
        let config = match AnyConfig::read(&run.join("config.toml"), &[])? {
            AnyConfig::Images(config) => config.resolve()?,
            AnyConfig::Trials(_) => {
                return Err(Error::checkpoint(run.display(), "is a run on a task, whose network sees trials and no images")
                    .mend("give runs on images (`data` in their configuration); `nmnc analyze` writes states and outputs of a run on a task"));
            }
        };
        let _opening = doing::now(|| format!("opening {}", run.display()));
        let device = device_for(&config.device, config.precision, source.device.as_deref())?;
        let (checkpoint, mut warnings) = match single {
            Some(path) => (checkpoint::load(&path, &device)?, Vec::new()),
            None => latest(&run, &device)?,
        };
        if !config.identity().continues(&checkpoint.config) {
            return Err(Error::checkpoint(
                checkpoint.path.display(),
                "belongs to another configuration than the run's config.toml",
            )
            .mend("put back the config.toml that the run wrote"));
        }
        let own = config.data.clone();
        let mut trained = None;
        let splits = match &source.data {
            Some(given) => {
                // Other images are shifted and scaled as those were that the network was trained on.
                let seen = trained_on(&checkpoint, &own, config.seed)?;
                let Statistics { mean, sd } = seen.statistics.clone();
                trained = Some(seen);
                let standardize = Standardize::Fixed { mean, sd };
                DataConfig { source: given.clone(), standardize, ..own }.open_shown(config.seed)
            }
            None => own.open(config.seed),
        }?;
        warnings.extend(splits.warnings);
        let training = splits.train.clone();
        let data = match source.split {
            ExampleSplit::Train => splits.train,
            ExampleSplit::Test => splits.evaluation,
        };
        let classes = trained.map_or_else(|| training.classes().to_vec(), |trained| trained.classes);
        let shape = data.shape();
        let input = [shape.channels, shape.height, shape.width];
        let outputs = outputs(&config, input, &checkpoint, data.classes().len(), &device)?;
        let untrained = config.initial_network(input, outputs, &device)?;
        let mut network = config.network.build(input, outputs, config.seed, &device)?;
        checkpoint.restore_weights(&mut network, &device)?;
        let (step, path, saved) = (checkpoint.step, checkpoint.path.clone(), checkpoint);
        Ok(Self {
            config,
            run,
            checkpoint: path,
            step,
            network,
            untrained,
            data,
            training,
            classes,
            warnings,
            device,
            saved,
        })
    }

    /// `count` examples drawn by `seed` without replacement (all when there are no more), `[count, inputs]`.
    ///
    /// # Errors
    /// If the data cannot be read.
    pub fn inputs(&self, count: usize, seed: Seed) -> Result<Tensor<2>> {
        self.chosen(&self.sample(count, seed))
    }

    /// Which examples [`Loaded::inputs`] draws.
    pub fn sample(&self, count: usize, seed: Seed) -> Vec<usize> {
        seed.stream(Role::Analysis, 0, 0).sample(self.data.len(), count)
    }

    /// The given examples, `[chosen, inputs]`.
    ///
    /// # Errors
    /// If the data cannot be read, or an example is not there.
    pub fn chosen(&self, chosen: &[usize]) -> Result<Tensor<2>> {
        let batch = self.data.batch(chosen)?;
        Ok(matrix(batch.images, [chosen.len(), self.data.shape().len()], &self.device))
    }

    /// The device that holds the networks.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Training steps an epoch.
    pub(super) fn steps_per_epoch(&self) -> u64 {
        self.training.len().div_ceil(self.config.train.batch) as u64
    }

    /// The run's learning-rate schedule.
    pub(super) fn schedule(&self) -> Schedule {
        let steps = self.steps_per_epoch();
        self.config.train.schedule.in_steps(steps, self.config.train.epochs * steps)
    }

    /// The network before the first step once more, to be given other weights.
    pub(super) fn fresh(&self) -> Result<Network> {
        let shape = self.data.shape();
        let input = [shape.channels, shape.height, shape.width];
        self.config.network.build(input, self.network.outputs(), self.config.seed, &self.device)
    }

    /// Whether the loss does not see a shift common to all outputs.
    pub fn centered(&self) -> bool {
        self.config.train.loss == Loss::CrossEntropy
    }

    /// What this is, in one line.
    pub fn describe(&self) -> String {
        format!(
            "{} after {} training steps ({}, seed {})",
            self.run.display(),
            self.step,
            self.config.credit.rule,
            self.config.seed.0
        )
    }
}

/// The examples that a network was trained on: what its checkpoint says, or the data themselves where it is older than that.
fn trained_on(checkpoint: &Checkpoint, data: &DataConfig, seed: Seed) -> Result<TrainedOn> {
    match &checkpoint.trained_on {
        Some(known) => Ok(known.clone()),
        None => {
            let train = data.open(seed)?.train;
            Ok(TrainedOn { statistics: train.statistics().clone(), classes: train.classes().to_vec() })
        }
    }
}

/// Opens the device called `given`, or else the run's own.
pub(super) fn device_for(own: &str, precision: Precision, given: Option<&str>) -> Result<Device> {
    match given {
        Some(name) => device::open(name),
        None => device::open_with(own, precision),
    }
}

/// The run folder, and the checkpoint if one was named.
pub(super) fn find(path: &Path) -> Result<(PathBuf, Option<PathBuf>)> {
    if path.join("config.toml").is_file() {
        return Ok((path.to_owned(), None));
    }
    let mend = "give a run folder, or a folder in its checkpoints/";
    if path.is_file() {
        let mend = format!("{mend}; files of arrays have options of their own, see --help");
        return Err(Error::checkpoint(path.display(), "is a file, not a folder").mend(mend));
    }
    if !path.is_dir() {
        return Err(Error::checkpoint(path.display(), "no such folder").mend(mend));
    }
    if !path.join("state.json").is_file() {
        return Err(Error::checkpoint(path.display(), "is neither a run nor a checkpoint").mend(mend));
    }
    let whole = std::path::absolute(path).map_err(|e| Error::io(path, "find", e))?;
    match whole.parent().and_then(Path::parent).filter(|run| run.join("config.toml").is_file()) {
        Some(run) => Ok((run.to_owned(), Some(path.to_owned()))),
        None => Err(Error::checkpoint(path.display(), "is not in the checkpoints/ of a run")
            .mend("leave checkpoints in their run folder, whose config.toml describes the network")),
    }
}

pub(super) fn latest(run: &Path, device: &Device) -> Result<(Checkpoint, Vec<String>)> {
    let folder = run.join("checkpoints");
    let none = || Error::checkpoint(run.display(), "holds no checkpoint yet").mend("let it train for longer");
    if !folder.is_dir() {
        return Err(none());
    }
    let (found, warnings) = checkpoint::latest(&folder, device)?;
    Ok((found.ok_or_else(none)?, warnings))
}

/// Outputs of the network saved, which other data may have another number of classes than.
fn outputs(
    config: &Resolved<Config>,
    input: [usize; 3],
    checkpoint: &Checkpoint,
    classes: usize,
    device: &Device,
) -> Result<usize> {
    let network = config.network.build(input, classes, config.seed, device)?;
    let readout = network.nodes().last().map(|node| format!("{}.bias", node.name()));
    let bias = readout.and_then(|name| checkpoint.weights.get(&name)?.shape.first().copied());
    Ok(bias.unwrap_or(classes))
}
