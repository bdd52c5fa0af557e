//! Plans of training on images.

use super::clock::Clock;
use super::{DataSize, Plan, amount, stages};
use nmnc_core::device;
use nmnc_core::error::Result;
use nmnc_learn::net::Network;
use nmnc_learn::work::{Operation, Work, layered, layered_job};
use nmnc_train::{Config, EVALUATION_BATCH, Resolved};

/// The plan of `config`.
pub(super) fn plan(config: &Resolved<Config>, size: Option<DataSize>, timed: bool) -> Result<Plan> {
    let device = device::open_with(&config.device, config.precision)?;
    let size = match size {
        Some(size) => size,
        None => {
            let splits = config.data.open(config.seed)?;
            let shape = splits.train.shape();
            DataSize {
                image: [shape.channels, shape.height, shape.width],
                classes: splits.train.classes().len(),
                examples: [splits.train.len(), splits.evaluation.len()],
            }
        }
    };
    let DataSize { image, classes, examples: [train, held_out] } = size;
    let network = config.network.build(image, classes, config.seed, &device)?;
    let need = config.need(image, classes, size.examples, Some(&network))?;
    let batch = config.train.batch.min(train);
    let training = layered(&network, batch, config.train.streamed);
    let rule = config.credit.work(&network, [batch, 1])?;
    let bytes = training.iter().chain(&rule).map(Work::bytes).sum();
    let mut clock = timed.then(|| Clock::layered(&network, &device, config.seed, bytes));
    let stages = stages(sections(&network), training, rule, config.train.optimizer.moments(), &mut clock)?;
    let rows = held_out.min(EVALUATION_BATCH);
    let nodes = 0..network.nodes().len();
    let all: Vec<_> = nodes.map(|node| layered_job(&network, Operation::Evaluate { node, rows })).collect();
    let evaluation = amount(&all, &mut clock)?.times(held_out as f64 / rows as f64);
    let [channels, height, width] = image;
    let name = config.network.preset.as_deref().unwrap_or("network");
    Ok(Plan {
        rule: config.credit.rule.clone(),
        subject: format!(
            "{name} on {} ({train} training, {held_out} held-out images of {channels}x{height}x{width}, {classes} classes)",
            config.data.source
        ),
        examples: "images",
        device: config.device.clone(),
        batch,
        steps_per_epoch: train.div_ceil(config.train.batch) as u64,
        epochs: config.train.epochs,
        held_out,
        parameters: network.parameter_count(),
        stages,
        evaluation,
        need,
        timed: clock.map(Clock::timed).unwrap_or_default(),
    })
}

/// Units and parameters of each section, the last of which ends at the output. What is in several counts where it is first.
fn sections(network: &Network) -> Vec<[usize; 2]> {
    let mut units = network.stage_units();
    units.push(network.outputs());
    let mut seen = vec![false; network.nodes().len()];
    let each = units.into_iter().enumerate();
    each.map(|(section, units)| {
        let nodes = network.section_nodes(section).iter();
        let own = nodes.filter(|&&node| !std::mem::replace(&mut seen[node], true));
        let parameters = own.flat_map(|&node| network.nodes()[node].block().parameters());
        [units, parameters.map(|parameter| parameter.shape.iter().product::<usize>()).sum()]
    })
    .collect()
}
