//! The recurrent network of a run or checkpoint, and the task it was trained on.

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::load::{device_for, find, latest};
use nmnc_core::error::{Error, Result};
use nmnc_data::tasks::Task;
use nmnc_learn::recurrent::RecurrentNetwork;
use nmnc_train::{Resolved, SequenceConfig, checkpoint};

/// A trained recurrent network read back.
pub struct TaskLoaded {
    /// Configuration of the run.
    pub config: Resolved<SequenceConfig>,
    /// The run folder.
    pub run: PathBuf,
    /// Training steps done.
    pub step: u64,
    /// The task.
    pub task: Box<dyn Task>,
    /// The network of the checkpoint.
    pub network: RecurrentNetwork,
    /// The network before the first step: the same configuration and seed.
    pub untrained: RecurrentNetwork,
    /// What the user should know, one sentence each.
    pub warnings: Vec<String>,
    /// The device that holds the networks.
    pub device: Device,
}

impl TaskLoaded {
    /// Reads the run folder, of which the latest whole checkpoint is taken, or the folder of one checkpoint at `path`. The networks are on
    /// `device` or, if none is given, on the one that the run was trained on.
    ///
    /// # Errors
    /// If it is no run on a task, is damaged or of another configuration, or if trials cannot be made.
    pub fn open(path: &Path, device: Option<&str>) -> Result<Self> {
        let (run, single) = find(path)?;
        let config = SequenceConfig::read(&run.join("config.toml"), &[])?.resolve()?;
        let device = device_for(&config.device, config.precision, device)?;
        let (saved, warnings) = match single {
            Some(path) => (checkpoint::load(&path, &device)?, Vec::new()),
            None => latest(&run, &device)?,
        };
        if !config.identity().continues(&saved.config) {
            let problem = "belongs to another configuration than the run's config.toml";
            return Err(Error::checkpoint(saved.path.display(), problem)
                .mend("put back the config.toml that the run wrote"));
        }
        let task = config.task.open(config.seed)?;
        let untrained = config.initial_network(task.as_ref(), &device)?;
        let mut network = untrained.clone();
        saved.restore_weights(&mut network, &device)?;
        Ok(Self { config, run, step: saved.step, task, network, untrained, warnings, device })
    }
}
