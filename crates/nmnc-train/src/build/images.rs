//! The parts that a configuration of images describes.

use burn::tensor::Device;

use super::learner;
use super::together::Parts;
use crate::config::{Config, Resolved};
use crate::images::{Classifier, ImageOptions, Images};
use crate::learner::Learner;
use crate::problem::Problem;
use crate::replicas::Team;
use crate::run::RunPlan;
use nmnc_core::device;
use nmnc_core::error::Result;
use nmnc_data::Splits;
use nmnc_learn::credit::RuleSetup;
use nmnc_learn::net::Network;

impl Resolved<Config> {
    /// The problem: data and device opened, network and rule built.
    ///
    /// # Errors
    /// Data or device that cannot be opened; an impossible network or rule; too little memory.
    pub fn images(&self) -> Result<Images> {
        let device = device::open_with(&self.device, self.precision)?;
        self.images_of(self.data.open(self.seed)?, &device)
    }

    /// Problem and learner of each replica of `team` here, which share the images.
    pub(super) fn parts(&self, team: &Team) -> Result<Parts<Images>> {
        let device = device::open_with(&self.device, self.precision)?;
        let splits = self.data.open(self.seed)?;
        let here = team.replicas().count();
        let part = |replica| {
            let images = self.images_of_some(splits.clone(), &device, here)?.shared(replica);
            let learner = self.learner(images.steps_per_epoch());
            Ok((images, learner))
        };
        team.replicas().map(part).collect()
    }

    /// The problem on images that are open already.
    ///
    /// # Errors
    /// An impossible network or rule; [`ErrorKind::Memory`](nmnc_core::ErrorKind::Memory) if it needs more memory than there is.
    pub fn images_of(&self, splits: Splits, device: &Device) -> Result<Images> {
        self.images_of_some(splits, device, 1)
    }

    /// The same where there is to be memory for so many of them.
    fn images_of_some(&self, splits: Splits, device: &Device, some: usize) -> Result<Images> {
        let shape = splits.train.shape();
        let input = [shape.channels, shape.height, shape.width];
        let classes = splits.train.classes().len();
        let counts = [splits.train.len(), splits.evaluation.len()];
        let deep = self.network.architecture().is_some();
        if !deep {
            self.need(input, classes, counts, None)?.times(some).check()?;
        }
        let network = self.initial_network(input, classes, device)?;
        if deep {
            self.need(input, classes, counts, Some(&network))?.times(some).check()?;
        }
        let rule = self.credit.build(&RuleSetup { network: &network, seed: self.seed, device })?;
        let options = ImageOptions {
            name: self.data.source.clone(),
            seed: self.seed,
            batch: self.train.batch,
            streamed: self.train.streamed,
            dimension: self.metrics.dimension,
            samples: self.metrics.samples,
        };
        Images::new(network, rule, splits, self.train.objective(), options)
    }

    /// The network that training starts from, for images of `input` channels, height and width.
    ///
    /// # Errors
    /// An impossible network; weights that cannot be read or are of another one.
    pub fn initial_network(&self, input: [usize; 3], outputs: usize, device: &Device) -> Result<Network> {
        let mut network = self.network.build(input, outputs, self.seed, device)?;
        self.weights.give(&mut network, device)?;
        Ok(network)
    }

    /// Network, rule and loss for images of `input` channels, height and width, before the first step.
    ///
    /// # Errors
    /// An impossible network or rule.
    pub fn classifier(&self, input: [usize; 3], outputs: usize, device: &Device) -> Result<Classifier> {
        let network = self.initial_network(input, outputs, device)?;
        let rule = self.credit.build(&RuleSetup { network: &network, seed: self.seed, device })?;
        let classifier = Classifier::new(network, rule, self.train.objective(), self.seed);
        if self.train.streamed { classifier.streamed() } else { Ok(classifier) }
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
}
