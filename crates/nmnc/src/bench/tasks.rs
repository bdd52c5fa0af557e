//! What is timed.

use std::sync::Arc;
use std::time::Instant;

use burn::tensor::{Device, Tensor};

use nmnc_core::device::matrix;
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::seed::{Role, Seed};
use nmnc_kernels::Activation;
use nmnc_learn::credit::{CreditRule, InputSampler, RuleSetup, StepContext};
use nmnc_learn::net::Inputs;
use nmnc_learn::workers::Share;
use nmnc_train::{Classifier, Config, ImageBatch, Learner, Resolved};

/// Batches that steps take in turn.
const BATCHES: usize = 2;

/// One row's work.
pub(super) trait Task {
    /// Does it once and gives the seconds it took.
    fn run(&mut self) -> Result<f64>;

    /// Takes what the rule complained about.
    fn take_warnings(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// Seconds from `started` until `device` has done what it was given.
fn seconds(started: Instant, device: &Device) -> Result<f64> {
    device.sync().map_err(|e| Error::new(ErrorKind::Device, "device", e))?;
    Ok(started.elapsed().as_secs_f64())
}

/// Standard normal matrices, labels drawn evenly.
pub(super) struct Data {
    batches: Vec<ImageBatch>,
    inputs: Vec<Tensor<2>>,
}

impl Data {
    /// Batches as `config` wants them, and `[sets, count]` inputs for manifolds.
    pub fn draw(
        config: &Config,
        input: [usize; 3],
        outputs: usize,
        sets: [usize; 2],
        device: &Device,
    ) -> Self {
        let units = input.iter().product();
        let mut index = 0;
        let mut draw = |rows: usize| {
            index += 1;
            normal(config.seed, index, [rows, units], device)
        };
        let batch = config.train.batch;
        let images: Vec<Tensor<2>> = (0..BATCHES).map(|_| draw(batch)).collect();
        let inputs = (0..sets[0]).map(|_| draw(sets[1])).collect();
        let mut stream = config.seed.stream(Role::Analysis, 0, 0);
        let mut labels = || (0..batch).map(|_| stream.below(outputs) as u32).collect();
        Self {
            batches: images.into_iter().map(|images| ImageBatch { images, labels: labels() }).collect(),
            inputs,
        }
    }
}

impl InputSampler for Data {
    fn sample(&self, count: usize, step: u64) -> Result<Inputs> {
        let set = self.inputs[step as usize % self.inputs.len()].clone();
        let rows = set.dims()[0];
        Ok(if count < rows { set.narrow(0, 0, count) } else { set }.into())
    }
}

fn normal(seed: Seed, index: usize, shape: [usize; 2], device: &Device) -> Tensor<2> {
    let mut values = vec![0.0; shape[0] * shape[1]];
    seed.stream(Role::Analysis, index, 0).fill_normal(&mut values);
    matrix(values, shape, device)
}

/// The product of two square matrices.
pub(super) struct Product {
    factors: [Tensor<2>; 2],
    pool: Option<rayon::ThreadPool>,
    device: Device,
}

impl Product {
    pub fn new(seed: Seed, side: usize, pool: Option<rayon::ThreadPool>, device: Device) -> Self {
        let factors = [1, 2].map(|index| normal(seed, index, [side, side], &device));
        Self { factors, pool, device }
    }
}

impl Task for Product {
    fn run(&mut self) -> Result<f64> {
        let [a, b] = self.factors.clone();
        let started = Instant::now();
        // An accelerator is waited for on the thread that asked it.
        let product = match &self.pool {
            Some(pool) => pool.install(|| nmnc_kernels::map_product(a, b)),
            None => nmnc_kernels::map_product(a, b),
        };
        let seconds = seconds(started, &self.device);
        drop(product);
        seconds
    }
}

/// A pass over memory: two numbers read and one written, in memory that is there already.
pub(super) struct Copy {
    /// There but while it is replaced, so that it can be changed in place.
    numbers: Option<Tensor<2>>,
    others: Tensor<2>,
    device: Device,
}

impl Copy {
    pub fn new(count: usize, device: Device) -> Self {
        let ones = || Tensor::ones([1, count], &device);
        Self { numbers: Some(ones()), others: ones(), device }
    }
}

impl Task for Copy {
    fn run(&mut self) -> Result<f64> {
        let started = Instant::now();
        let others = self.others.clone();
        self.numbers = self.numbers.take().map(|numbers| nmnc_kernels::blend(numbers, others, 0.5));
        seconds(started, &self.device)
    }
}

/// An operation on a single number, of very many.
pub(super) struct Launch {
    number: Tensor<2>,
    count: u64,
    device: Device,
}

impl Launch {
    pub fn new(count: u64, device: Device) -> Self {
        Self { number: Tensor::ones([1, 1], &device), count, device }
    }
}

impl Task for Launch {
    fn run(&mut self) -> Result<f64> {
        let started = Instant::now();
        for _ in 0..self.count {
            self.number = nmnc_kernels::activate(Activation::Relu, self.number.clone());
        }
        seconds(started, &self.device)
    }
}

/// The output for one batch.
pub(super) struct Forward {
    classifier: Classifier,
    data: Arc<Data>,
    device: Device,
}

impl Forward {
    pub fn new(classifier: Classifier, data: Arc<Data>, device: Device) -> Self {
        Self { classifier, data, device }
    }
}

impl Task for Forward {
    fn run(&mut self) -> Result<f64> {
        let images = self.data.batches[0].images.clone();
        let started = Instant::now();
        let output = self.classifier.network().output(images);
        let seconds = seconds(started, &self.device);
        drop(output);
        seconds
    }
}

/// As many training steps as lie between two feedback updates.
pub(super) struct Steps {
    classifier: Classifier,
    learner: Learner,
    data: Arc<Data>,
    device: Device,
    count: u64,
}

impl Steps {
    pub fn new(
        classifier: Classifier,
        learner: Learner,
        data: Arc<Data>,
        device: Device,
        count: u64,
    ) -> Self {
        Self { classifier, learner, data, device, count }
    }
}

impl Task for Steps {
    fn run(&mut self) -> Result<f64> {
        let started = Instant::now();
        for _ in 0..self.count {
            let step = self.learner.step();
            let batch = self.data.batches[step as usize % BATCHES].clone();
            let (assessed, _) = self.classifier.assess(batch, step, self.data.as_ref(), false)?;
            self.learner.update(self.classifier.network_mut(), assessed)?;
        }
        seconds(started, &self.device)
    }

    fn take_warnings(&mut self) -> Vec<String> {
        self.classifier.rule_mut().take_warnings()
    }
}

/// A rule's manifold refresh: its first, or one with those before it in memory. The training step around it is that of a
/// single image.
pub(super) struct Refresh {
    classifier: Classifier,
    config: Resolved<Config>,
    data: Arc<Data>,
    device: Device,
    following: bool,
    rule: Option<Box<dyn CreditRule>>,
    step: u64,
}

impl Refresh {
    pub fn new(
        classifier: Classifier,
        config: Resolved<Config>,
        data: Arc<Data>,
        device: Device,
        following: bool,
    ) -> Self {
        Self { classifier, config, data, device, following, rule: None, step: 0 }
    }
}

impl Task for Refresh {
    fn run(&mut self) -> Result<f64> {
        let network = self.classifier.network();
        if self.rule.is_none() || !self.following {
            let setup = RuleSetup { network, seed: self.config.seed, device: &self.device };
            self.rule = Some(self.config.credit.build(&setup)?);
        }
        let rule = self.rule.as_mut().expect("built above");
        let image = self.data.batches[0].images.clone().narrow(0, 0, 1);
        let pass = network.forward(image);
        let error = pass.output.zeros_like();
        // Feedback is updated at step 0 alone.
        self.step += 1;
        let context = StepContext {
            network,
            pass: &pass,
            error: &error,
            step: self.step,
            seed: self.config.seed,
            inputs: self.data.as_ref(),
            share: &Share::alone(1),
        };
        let started = Instant::now();
        let signals = rule.signals(&context)?;
        let seconds = seconds(started, &self.device);
        drop(signals);
        seconds
    }

    fn take_warnings(&mut self) -> Vec<String> {
        self.rule.as_mut().map_or_else(Vec::new, |rule| rule.take_warnings())
    }
}
