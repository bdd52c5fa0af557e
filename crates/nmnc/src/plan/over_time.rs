//! Plans of training on trials.

use super::clock::Clock;
use super::{Amount, Plan, amount, stages};
use nmnc_core::device;
use nmnc_core::error::Result;
use nmnc_data::tasks::{TrialSet, generate};
use nmnc_learn::net::Weights;
use nmnc_learn::work::{SequencePart, Work, over_time, sequence_job};
use nmnc_train::{Resolved, SequenceConfig};

/// Batches whose length is looked at.
const LOOKED_AT: u64 = 4;

/// The plan of `config`.
pub(super) fn plan(config: &Resolved<SequenceConfig>, timed: bool) -> Result<Plan> {
    let device = device::open_with(&config.device, config.precision)?;
    let task = config.task.open(config.seed)?;
    let need = config.need(task.as_ref())?;
    let network = config.initial_network(task.as_ref(), &device)?;
    let train = &config.train;
    // As many steps as the longest trial of a batch, in the mean.
    let steps = |set, batches: u64, size: u64| -> Result<usize> {
        let mut sum = 0;
        for batch in 0..batches {
            sum += generate(task.as_ref(), config.seed, set, batch * size..(batch + 1) * size)?.steps;
        }
        Ok(sum.div_ceil(batches as usize))
    };
    let length = steps(TrialSet::Training, LOOKED_AT, train.batch as u64)?;
    let training = vec![over_time(&network, [train.batch, length])];
    let rule = config.credit.work(&network, [train.batch, length])?;
    let bytes = training.iter().chain(&rule).map(Work::bytes).sum();
    let mut clock = timed.then(|| Clock::over_time(&network, &device, config.seed, bytes));
    let trained: usize =
        Weights::parameters(&network).iter().map(|(_, p)| p.shape.iter().product::<usize>()).sum();
    let stages =
        stages(vec![[network.units(), trained]], training, rule, train.optimizer.moments(), &mut clock)?;
    let held_out = task.evaluation_size().map_or(train.evaluation, |most| most.min(train.evaluation));
    // What derivatives need is made as well, since it is what has been timed.
    let tested = sequence_job(&network, SequencePart::Forward, train.batch, length);
    let evaluation: Amount = amount(&[tested], &mut clock)?.times(held_out as f64 / train.batch as f64);
    Ok(Plan {
        rule: config.credit.rule.clone(),
        subject: format!("{} units on {} ({length} steps)", network.units(), config.task.name()),
        examples: "trials",
        device: config.device.clone(),
        batch: train.batch,
        steps_per_epoch: train.trials.div_ceil(train.batch) as u64,
        epochs: train.epochs,
        held_out,
        parameters: trained,
        stages,
        evaluation,
        need,
        timed: clock.map(Clock::timed).unwrap_or_default(),
    })
}
