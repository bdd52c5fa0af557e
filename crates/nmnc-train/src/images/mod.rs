//! Images and their classes, learned by a layered network.

mod classifier;
mod measure;

use std::ops::Range;

use burn::tensor::Device;

pub use classifier::{Classifier, ImageBatch, MeasuredImages};
pub use measure::{EVALUATION_BATCH, align, evaluate};

use crate::loss::Objective;
use crate::problem::{Assessed, Evaluation, Problem};
use crate::trained_on::TrainedOn;
use nmnc_core::device::matrix;
use nmnc_core::error::{Error, Result};
use nmnc_core::records::StageRecord;
use nmnc_core::seed::{Role, Seed};
use nmnc_core::state::State;
use nmnc_data::{BatchStream, Dataset, Splits, order};
use nmnc_learn::credit::{CreditRule, InputSampler};
use nmnc_learn::net::{Inputs, Network};
use nmnc_learn::workers::Workers;

/// What [`Images`] leave open.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageOptions {
    /// What the images are called in descriptions.
    pub name: String,
    /// Seed of the order of examples, of their augmentation, and of the rule's random numbers.
    pub seed: Seed,
    /// Examples a batch; the last batch of an epoch may be smaller.
    pub batch: usize,
    /// Work through the forward pass a second time, one stage after the other, instead of keeping it. For local rules.
    pub streamed: bool,
    /// Dimension of the manifold whose captured energy is measured.
    pub dimension: usize,
    /// Training examples whose activity defines that manifold.
    pub samples: usize,
}

impl Default for ImageOptions {
    fn default() -> Self {
        let name = "images".to_owned();
        Self { name, seed: Seed(0), batch: 128, streamed: false, dimension: 64, samples: 1024 }
    }
}

/// The problem of telling images apart.
pub struct Images {
    classifier: Classifier,
    splits: Splits,
    options: ImageOptions,
    /// Batches decoded ahead, and the step whose batch is next.
    stream: Option<(u64, BatchStream)>,
    /// A batch that is on the device already, and its step.
    prepared: Option<(u64, Result<ImageBatch>)>,
}

impl Images {
    /// The caller's network and rule on `splits`.
    ///
    /// # Errors
    /// A network that takes other images or tells fewer classes apart; a rule that cannot be streamed, if it is to be.
    pub fn new(
        network: Network,
        rule: Box<dyn CreditRule>,
        splits: Splits,
        objective: impl Into<Objective>,
        options: ImageOptions,
    ) -> Result<Self> {
        let (inputs, classes) = (splits.train.shape().len(), splits.train.classes().len());
        if network.inputs() != [inputs] {
            let problem = format!("takes inputs of {:?} numbers, an image has {inputs}", network.inputs());
            return Err(Error::config("network", problem).mend("build it for the shape of the images"));
        }
        if options.batch == 0 {
            return Err(Error::config("train.batch", "must be at least 1"));
        }
        if network.outputs() < classes {
            let problem = format!("has {} outputs for {classes} classes", network.outputs());
            return Err(Error::config("network", problem).mend("give it an output for every class"));
        }
        let classifier = Classifier::new(network, rule, objective, options.seed);
        let classifier = if options.streamed { classifier.streamed()? } else { classifier };
        Ok(Self { classifier, splits, options, stream: None, prepared: None })
    }

    /// The same as one of several workers, each with its part of every batch.
    #[must_use]
    pub fn shared(self, workers: impl Workers + 'static) -> Self {
        Self { classifier: self.classifier.shared(workers), ..self }
    }

    /// Network, rule and loss.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// The images.
    pub fn splits(&self) -> &Splits {
        &self.splits
    }

    /// More training inputs, as rules get them.
    pub fn inputs(&self) -> TrainingInputs<'_> {
        TrainingInputs { data: &self.splits.train, seed: self.options.seed, device: self.classifier.device() }
    }

    /// This worker's parts of the batches from step `step` to the end of its epoch.
    fn open(&self, step: u64) -> Result<BatchStream> {
        let (train, seed, size) = (&self.splits.train, self.options.seed, self.options.batch);
        let (epoch, done) = (step / self.steps_per_epoch(), step % self.steps_per_epoch());
        let order = order(train.len(), seed, epoch);
        let mut own = Vec::new();
        for batch in order[done as usize * size..].chunks(size) {
            own.extend_from_slice(&batch[self.workers().part(batch.len())?]);
        }
        // Of whole batches every part is equally long.
        let part = self.workers().part(size)?.len();
        Ok(train.batches(own, part, Some((seed, epoch))))
    }

    /// The batch of step `step`, copied to the device.
    fn load(&mut self, step: u64) -> Result<ImageBatch> {
        let mut stream = match self.stream.take() {
            Some((next, stream)) if next == step => stream,
            _ => self.open(step)?,
        };
        let batch = match stream.next() {
            Some(batch) => batch?,
            None => {
                stream = self.open(step)?;
                stream.next().expect("an epoch has a batch left")?
            }
        };
        self.stream = Some((step + 1, stream));
        let images = matrix(
            batch.images,
            [batch.labels.len(), self.splits.train.shape().len()],
            &self.classifier.device(),
        );
        Ok(ImageBatch { images, labels: batch.labels })
    }
}

impl Problem for Images {
    type Network = Network;
    type Batch = ImageBatch;
    type Measured = MeasuredImages;

    fn network(&self) -> &Network {
        self.classifier.network()
    }

    fn held_out(&self) -> bool {
        self.splits.evaluation_name == "validation"
    }

    fn network_mut(&mut self) -> &mut Network {
        self.classifier.network_mut()
    }

    fn steps_per_epoch(&self) -> u64 {
        self.splits.train.len().div_ceil(self.options.batch) as u64
    }

    fn workers(&self) -> &dyn Workers {
        self.classifier.workers()
    }

    fn batch(&mut self, step: u64) -> Result<ImageBatch> {
        match self.prepared.take() {
            Some((prepared, batch)) if prepared == step => batch,
            _ => self.load(step),
        }
    }

    fn prepare(&mut self, step: u64) {
        self.prepared = Some((step, self.load(step)));
    }

    fn assess(
        &mut self,
        batch: ImageBatch,
        step: u64,
        measured: bool,
    ) -> Result<(Assessed, Option<MeasuredImages>)> {
        let device = self.classifier.device();
        let inputs = TrainingInputs { data: &self.splits.train, seed: self.options.seed, device };
        self.classifier.assess(batch, step, &inputs, measured)
    }

    fn measure(&self, measured: &MeasuredImages, step: u64) -> Result<Vec<StageRecord>> {
        align(
            &self.classifier,
            measured,
            step,
            &self.inputs(),
            [self.options.dimension, self.options.samples],
        )
    }

    fn evaluate(&self) -> Result<Evaluation> {
        let (data, objective) = (&self.splits.evaluation, self.classifier.objective());
        let score = measure::evaluate_among(self.network(), data, objective, self.workers())?;
        Ok(Evaluation { score, trials: None, conditions: Vec::new(), psychometric: None })
    }

    fn evaluates_together(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        let units = self.stage_units().iter().map(usize::to_string).collect::<Vec<_>>().join("-");
        let Splits { train, evaluation, evaluation_name, .. } = &self.splits;
        let (name, train, held_back) = (&self.options.name, train.len(), evaluation.len());
        format!("{name} ({train} training, {held_back} {evaluation_name} images), stages of {units} units")
    }

    fn stage_units(&self) -> Vec<usize> {
        self.network().stage_units()
    }

    fn trained_on(&self) -> Option<TrainedOn> {
        let train = &self.splits.train;
        Some(TrainedOn { statistics: train.statistics().clone(), classes: train.classes().to_vec() })
    }

    fn warnings(&self) -> Vec<String> {
        self.splits.warnings.clone()
    }

    fn probes(&self) -> u64 {
        self.classifier.rule().probes()
    }

    fn take_warnings(&mut self) -> Vec<String> {
        self.classifier.rule_mut().take_warnings()
    }

    fn state(&self) -> State {
        self.classifier.rule().state()
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        self.classifier.rule_mut().restore(state)
    }
}

/// Training inputs for rules and measurements.
pub struct TrainingInputs<'a> {
    /// The training split.
    pub data: &'a Dataset,
    /// Seed of the run.
    pub seed: Seed,
    /// Device of the tensors.
    pub device: Device,
}

impl InputSampler for TrainingInputs<'_> {
    fn sample(&self, count: usize, step: u64) -> Result<Inputs> {
        self.sample_part(count, step, &|examples| 0..examples)
    }

    fn sample_part(&self, count: usize, step: u64, part: &dyn Fn(usize) -> Range<usize>) -> Result<Inputs> {
        let chosen = self.seed.stream(Role::ManifoldSample, 0, step).sample(self.data.len(), count);
        let chosen = &chosen[part(chosen.len())];
        let batch = self.data.batch(chosen)?;
        Ok(matrix(batch.images, [chosen.len(), self.data.shape().len()], &self.device).into())
    }
}
