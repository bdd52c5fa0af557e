//! The parts that a configuration of trials describes.

use burn::tensor::Device;

use super::learner;
use super::together::Parts;
use crate::config::{Resolved, SequenceConfig};
use crate::learner::Learner;
use crate::problem::Problem;
use crate::replicas::Team;
use crate::run::RunPlan;
use crate::trials::{TrialOptions, Trials};
use nmnc_core::device::{self, matrix};
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Role;
use nmnc_data::tasks::{Task, TrialSet, generate};
use nmnc_learn::manifold::{self, Dimension, PcaMethod, Subspace};
use nmnc_learn::recurrent::{RecurrentNetwork, TimeSetup, live_rows, selected};

/// Training trials whose states give the manifold of a readout within it.
const TRIALS: u64 = 256;

impl Resolved<SequenceConfig> {
    /// The problem: task and device opened, network and rule built.
    ///
    /// # Errors
    /// Data or device that cannot be opened; an impossible network or rule; too little memory.
    pub fn trials(&self) -> Result<Trials> {
        self.trials_of_some(&device::open_with(&self.device, self.precision)?, 1)
    }

    /// Problem and learner of each replica of `team` here.
    pub(super) fn parts(&self, team: &Team) -> Result<Parts<Trials>> {
        let device = device::open_with(&self.device, self.precision)?;
        let here = team.replicas().count();
        let part = |replica| {
            let trials = self.trials_of_some(&device, here)?.shared(replica);
            let learner = self.learner(trials.steps_per_epoch());
            Ok((trials, learner))
        };
        team.replicas().map(part).collect()
    }

    /// The problem where there is to be memory for so many of them.
    fn trials_of_some(&self, device: &Device, some: usize) -> Result<Trials> {
        let task = self.task.open(self.seed)?;
        self.need(task.as_ref())?.times(some).check()?;
        let network = self.initial_network(task.as_ref(), device)?;
        let setup = TimeSetup { network: &network, seed: self.seed, device };
        let rule = self.credit.build(&setup)?;
        let options = TrialOptions {
            name: self.task.name(),
            seed: self.seed,
            batch: self.train.batch,
            trials: self.train.trials,
            evaluation: self.train.evaluation,
            response_weight: self.train.response_weight,
            fixed: self.train.fixed.clone(),
            dimension: self.metrics.dimension,
            lags: self.metrics.lags,
        };
        Trials::new(network, rule, task, options)
    }

    /// The learner of a training of `steps_per_epoch` steps an epoch.
    pub fn learner(&self, steps_per_epoch: u64) -> Learner {
        let train = &self.train;
        learner(&train.optimizer, &train.schedule, train.clip_norm, [train.epochs, steps_per_epoch])
    }

    /// How long to train, and what to do on the way.
    pub fn plan(&self) -> RunPlan {
        RunPlan {
            epochs: self.train.epochs,
            record_interval: self.metrics.interval,
            measure_interval: self.metrics.alignment_interval,
            checkpoint: self.checkpoint.clone(),
            logging: self.logging.clone(),
        }
    }

    /// The network that training on `task` starts from.
    ///
    /// # Errors
    /// An impossible network; weights that cannot be read or are of another one; trials that cannot be made; states without as many components as the readout is to lie in.
    pub fn initial_network(&self, task: &dyn Task, device: &Device) -> Result<RecurrentNetwork> {
        let channels = task.channels();
        let size = [channels.inputs.len(), channels.outputs.len()];
        let mut network = self.recurrent.build(size, task.dt(), self.seed, device)?;
        if let Some(dimension) = self.recurrent.readout_dimension {
            let within = self.manifold(&network, task, dimension)?;
            // Rows of length one in expectation, as they have anywhere.
            let mut coordinates = vec![0.0; size[1] * dimension];
            self.seed.stream(Role::Weights, 1, 0).fill_normal(&mut coordinates);
            let scale = 1.0 / (dimension as f32).sqrt();
            coordinates.iter_mut().for_each(|value| *value *= scale);
            network.replace_readout_weight(within.embed(matrix(coordinates, [size[1], dimension], device)));
        }
        self.weights.give(&mut network, device)?;
        Ok(network)
    }

    /// The subspace of the leading principal components of the network's states over training trials.
    fn manifold(&self, network: &RecurrentNetwork, task: &dyn Task, dimension: usize) -> Result<Subspace> {
        let batch = generate(task, self.seed, TrialSet::Training, 0..TRIALS)?;
        let pass = network.forward(&batch.values, [batch.steps, batch.size()], None);
        let lengths: Vec<usize> = batch.info.iter().map(|info| info.steps).collect();
        let states = selected(&pass.activity(), &live_rows(&lengths));
        let mut stream = self.seed.stream(Role::ManifoldSample, 0, 0);
        let fit = manifold::fit(states, Dimension::Count(dimension), PcaMethod::Exact, &mut stream)?;
        let found = fit.subspace.as_ref().map_or(0, Subspace::dimension);
        fit.subspace.filter(|_| found == dimension).ok_or_else(|| {
            let problem = format!("untrained states have {found} components of the {dimension} asked for");
            Error::config("recurrent.readout_dimension", problem).mend("use a smaller dimension")
        })
    }
}
