//! A credit rule of one's own: sign-concordant feedback (Liao, Leibo and Poggio 2016) from the output, in one file.
//!
//! A rule inside the crate would add one line to the registry and be available by name; outside it, a trainer takes any rule.
//!
//!     cargo run --release -p nmnc --example custom_rule

use burn::tensor::{Device, Tensor};
use nmnc::credit::{CreditRule, InputSampler, StepContext, backpropagate};
use nmnc::data::{DataConfig, order};
use nmnc::device::matrix;
use nmnc::net::NetworkConfig;
use nmnc::train::{Loss, Optimizer, OptimizerConfig, evaluate};
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

/// This rule looks at nothing beyond its batch.
struct NoInputs;

impl InputSampler for NoInputs {
    fn sample(&self, _count: usize, _step: u64) -> Result<nmnc::net::Inputs> {
        unreachable!("the rule asks for no inputs")
    }
}

fn main() -> Result<()> {
    let (seed, device, loss) = (Seed(0), Device::flex(), Loss::CrossEntropy);
    let splits = DataConfig::default().open(seed)?;
    let shape = splits.train.shape();
    let network =
        NetworkConfig { preset: Some("mlp".into()), widths: Some(vec![128]), ..NetworkConfig::default() };
    let input = [shape.channels, shape.height, shape.width];
    let mut network = network.build(input, splits.train.classes().len(), seed, &device)?;
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    let mut step = 0;
    for epoch in 0..2 {
        for batch in splits.train.batches(order(splits.train.len(), seed, epoch), 100, None) {
            let batch = batch?;
            let pass = network.forward(matrix(batch.images, [batch.labels.len(), shape.len()], &device));
            let judged = loss.judge(&pass.output, &batch.labels);
            let error = &judged.error;
            let context =
                StepContext { network: &network, pass: &pass, error, step, seed, inputs: &NoInputs };
            let signals = SignRule.signals(&context)?;
            let gradients = network.gradients(&pass, &signals, error);
            optimizer.step(&mut network, gradients, 1.0);
            step += 1;
        }
        let score = evaluate(&network, &splits.evaluation, loss, &device)?;
        println!("epoch {}: test accuracy {:.1} %", epoch + 1, 100.0 * score.accuracy);
    }
    Ok(())
}
