//! A credit rule of one's own: the signs of the exact signal at its root mean square, in one file.
//!
//! A rule inside the crate would add one line to the registry and be available by name; outside it, [`Images`] take any rule.
//!
//!     cargo run --release -p nmnc --example custom_rule

use burn::tensor::{Device, Tensor};
use nmnc::credit::{CreditRule, StepContext, backpropagate};
use nmnc::data::DataConfig;
use nmnc::net::NetworkConfig;
use nmnc::records::Record;
use nmnc::train::{ImageOptions, Images, Learner, Loss, Observer, Optimizer, OptimizerConfig, Schedule, fit};
use nmnc::{Result, Seed};

/// delta = signs of the exact signal, at the exact signal's root mean square: how much of backprop is in the signs alone?
struct SignRule;

impl CreditRule for SignRule {
    fn signals(&mut self, context: &StepContext) -> Result<Vec<Tensor<2>>> {
        let exact = backpropagate(context.network, context.pass, context.error);
        let sign = |signal: Tensor<2>| {
            let size =
                (nmnc::device::energy(&signal) / signal.dims().iter().product::<usize>() as f64).sqrt();
            signal.sign() * size
        };
        Ok(exact.into_iter().map(sign).collect())
    }
}

struct Printer;

impl Observer for Printer {
    fn record(&mut self, record: &Record) {
        if let Some(test) = record.test {
            println!("epoch {:.0}: test accuracy {:.1} %", record.epoch, 100.0 * test.accuracy);
        }
    }
}

fn main() -> Result<()> {
    let (seed, device) = (Seed(0), Device::flex());
    let splits = DataConfig::default().open(seed)?;
    let (shape, classes) = (splits.train.shape(), splits.train.classes().len());
    let input = [shape.channels, shape.height, shape.width];
    let network =
        NetworkConfig { preset: Some("mlp".into()), widths: Some(vec![128]), ..NetworkConfig::default() };
    let network = network.build(input, classes, seed, &device)?;
    let options = ImageOptions { batch: 100, ..ImageOptions::default() };
    let mut images = Images::new(network, Box::new(SignRule), splits, Loss::CrossEntropy, options)?;
    let optimizer = Optimizer::new(OptimizerConfig::default());
    let mut learner = Learner::new(optimizer, Schedule::constant(), None);
    fit(&mut images, &mut learner, 2, &mut Printer)?;
    Ok(())
}
