//! A block and a network of one's own: a residual block with layer normalisation, trained by backprop, noise correlation and a mirror.
//!
//! A block is differentiable by hand: it keeps what its derivatives need and multiplies vectors by its Jacobian from either side. Its
//! two inner weights are maps, through which a rule may carry errors by weights of its own; the skip and the normalisation are
//! carried exactly.
//!
//!     cargo run --release -p nmnc --example custom_block

use burn::tensor::{Device, Tensor};
use nmnc::credit::{CreditConfig, RuleSetup};
use nmnc::data::DataConfig;
use nmnc::net::{Activation, Block, Dense, DenseMap, Init, Map, Mode, Network, Parameter, Trace};
use nmnc::records::Record;
use nmnc::seed::Role;
use nmnc::train::{ImageOptions, Images, Learner, Loss, Observer, Optimizer, OptimizerConfig, Schedule, fit};
use nmnc::{Result, Seed};

/// y = x + tanh(LN(x) W_1^T) W_2^T with LN(x) = gain (x - mean x) / deviation x, over the units of each example.
#[derive(Debug)]
struct Residual {
    gain: Parameter,
    first: Parameter,
    second: Parameter,
    maps: [DenseMap; 2],
}

/// What the derivatives of [`Residual`] need of a pass.
struct Kept {
    standard: Tensor<2>,
    precision: Tensor<2>,
    normal: Tensor<2>,
    hidden: Tensor<2>,
}

impl Residual {
    fn new(first: Tensor<2>, second: Tensor<2>) -> Self {
        let [hidden, units] = first.dims();
        Self {
            gain: Parameter::vector("gain", Tensor::ones([1, units], &first.device())),
            first: Parameter::new("first.weight", first),
            second: Parameter::new("second.weight", second),
            maps: [DenseMap { inputs: units, outputs: hidden }, DenseMap { inputs: hidden, outputs: units }],
        }
    }

    fn pass(&self, x: Tensor<2>) -> (Tensor<2>, Kept) {
        let centered = x.clone() - x.clone().mean_dim(1);
        let precision = (centered.clone().powi_scalar(2).mean_dim(1) + 1e-5).sqrt().recip();
        let standard = centered * precision.clone();
        let normal = standard.clone() * self.gain.value.clone();
        let hidden = normal.clone().matmul(self.first.value.clone().transpose()).tanh();
        let y = x + hidden.clone().matmul(self.second.value.clone().transpose());
        (y, Kept { standard, precision, normal, hidden })
    }

    /// The error at what the first map gives.
    fn at_hidden(kept: &Kept, error: Tensor<2>, second: Tensor<2>) -> Tensor<2> {
        error.matmul(second) * (kept.hidden.clone().powi_scalar(2).neg() + 1.0)
    }
}

impl Block for Residual {
    fn inputs(&self) -> Vec<usize> {
        vec![self.units()]
    }

    fn units(&self) -> usize {
        self.maps[0].inputs
    }

    fn describe(&self) -> String {
        format!("residual {} through {}", self.units(), self.maps[0].outputs)
    }

    fn parameters(&self) -> Vec<&Parameter> {
        vec![&self.gain, &self.first, &self.second]
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        vec![&mut self.gain, &mut self.first, &mut self.second]
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        let (y, kept) = self.pass(inputs[0].clone());
        (y, Trace::new(kept))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        self.pass(inputs[0].clone()).0
    }

    fn parameter_vjp(&self, trace: &Trace, error: Tensor<2>) -> Vec<Tensor<2>> {
        let kept: &Kept = trace.of();
        let second = error.clone().transpose().matmul(kept.hidden.clone());
        let hidden = Self::at_hidden(kept, error, self.second.value.clone());
        let first = hidden.clone().transpose().matmul(kept.normal.clone());
        let gain = (hidden.matmul(self.first.value.clone()) * kept.standard.clone()).sum_dim(0);
        vec![gain, first, second]
    }

    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, _input: usize, weights: &[Tensor<2>]) -> Tensor<2> {
        let kept: &Kept = trace.of();
        let hidden = Self::at_hidden(kept, error.clone(), weights[1].clone());
        let scaled = hidden.matmul(weights[0].clone()) * self.gain.value.clone();
        let along = (scaled.clone() * kept.standard.clone()).mean_dim(1) * kept.standard.clone();
        error + (scaled.clone() - scaled.mean_dim(1) - along) * kept.precision.clone()
    }

    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], weights: &[Tensor<2>]) -> Tensor<2> {
        let kept: &Kept = trace.of();
        let change = changes[0].clone();
        let centered = change.clone() - change.clone().mean_dim(1);
        let along = (centered.clone() * kept.standard.clone()).mean_dim(1) * kept.standard.clone();
        let normal = (centered - along) * kept.precision.clone() * self.gain.value.clone();
        let slope = kept.hidden.clone().powi_scalar(2).neg() + 1.0;
        let hidden = normal.matmul(weights[0].clone().transpose()) * slope;
        change + hidden.matmul(weights[1].clone().transpose())
    }

    fn maps(&self) -> Vec<Map<'_>> {
        let [first, second] = &self.maps;
        vec![
            Map { parameter: &self.first, operation: first, source: None },
            Map { parameter: &self.second, operation: second, source: None },
        ]
    }

    fn map_input(&self, trace: &Trace, map: usize) -> Tensor<2> {
        let kept: &Kept = trace.of();
        if map == 0 { kept.normal.clone() } else { kept.hidden.clone() }
    }
}

/// A rectified stage, two residual blocks that are stages too, and a readout.
fn network(inputs: usize, classes: usize, seed: Seed, device: &Device) -> Result<Network> {
    const UNITS: usize = 96;
    const HIDDEN: usize = 64;
    let weight = |shape: [usize; 2], init: Init, index: usize| {
        init.weight(shape, shape[0], &mut seed.stream(Role::Weights, index, 0), device)
    };
    let dense = |shape: [usize; 2], index: usize, activation: Activation| {
        Dense::new(weight(shape, Init::He, index), Tensor::zeros([1, shape[0]], device), activation)
    };
    let mut network = Network::builder(&[inputs]);
    let images = network.input(0)?;
    let mut last = network.node("stem", dense([UNITS, inputs], 0, Activation::Relu), &[images])?;
    network.stage(last)?;
    for block in 0..2 {
        let first = weight([HIDDEN, UNITS], Init::Lecun, 1 + 2 * block);
        let second = weight([UNITS, HIDDEN], Init::Lecun, 2 + 2 * block);
        last = network.node(&format!("residual{}", block + 1), Residual::new(first, second), &[last])?;
        network.stage(last)?;
    }
    let output = network.node("readout", dense([classes, UNITS], 5, Activation::Identity), &[last])?;
    network.build(output)
}

struct Printer(&'static str);

impl Observer for Printer {
    fn record(&mut self, record: &Record) {
        if let Some(test) = record.test {
            let (rule, epoch, accuracy) = (self.0, record.epoch, 100.0 * test.accuracy);
            println!("{rule}, epoch {epoch:.0}: test accuracy {accuracy:.1} %");
        }
    }
}

fn main() -> Result<()> {
    let (seed, device) = (Seed(0), Device::flex());
    for rule in ["bp", "nmnc", "manifold-mirror"] {
        let splits = DataConfig::default().open(seed)?;
        let network = network(splits.train.shape().len(), splits.train.classes().len(), seed, &device)?;
        let setup = RuleSetup { network: &network, seed, device: &device };
        let built = CreditConfig::preset(rule).build(&setup)?;
        let options = ImageOptions { batch: 100, ..ImageOptions::default() };
        let mut images = Images::new(network, built, splits, Loss::CrossEntropy, options)?;
        let optimizer = Optimizer::new(OptimizerConfig::default());
        let mut learner = Learner::new(optimizer, Schedule::constant(), None);
        fit(&mut images, &mut learner, 2, &mut Printer(rule))?;
    }
    Ok(())
}
