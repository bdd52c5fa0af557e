//! What the trials of a task are like, in numbers.

use serde::Serialize;

use super::trial::Targets;
use super::{Task, TrialSet, generate};
use nmnc_core::error::Result;
use nmnc_core::seed::Seed;

/// Statistics over many trials.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrialStatistics {
    /// Number of trials.
    pub trials: usize,
    /// Mean number of steps.
    pub mean_steps: f64,
    /// Fewest and most steps.
    pub steps: [usize; 2],
    /// Every input over all steps of all trials.
    pub inputs: Vec<ChannelStatistics>,
    /// Fraction of steps with each class as target; empty for values.
    pub classes: Vec<f64>,
    /// Trials of each condition.
    pub conditions: Vec<usize>,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChannelStatistics {
    /// Its name.
    pub name: String,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

/// Statistics of the first `count` training trials.
///
/// # Errors
/// Data that cannot be read.
pub fn statistics(task: &dyn Task, seed: Seed, count: u64) -> Result<TrialStatistics> {
    const BATCH: u64 = 1000;
    let channels = task.channels();
    let mut sums = vec![[0.0; 2]; channels.inputs.len()];
    let mut classes = vec![0_u64; channels.outputs.len()];
    let mut conditions = vec![0; task.conditions().len()];
    let (mut total, mut range, mut labelled) = (0_u64, [usize::MAX, 0], true);
    for start in (0..count).step_by(BATCH as usize) {
        let batch = generate(task, seed, TrialSet::Training, start..count.min(start + BATCH))?;
        for (trial, info) in batch.info.iter().enumerate() {
            total += info.steps as u64;
            range = [range[0].min(info.steps), range[1].max(info.steps)];
            conditions[info.condition] += 1;
            for step in 0..info.steps {
                let row = step * batch.size() + trial;
                for (sum, x) in sums.iter_mut().zip(&batch.values[row * batch.inputs..][..batch.inputs]) {
                    let x = f64::from(*x);
                    *sum = [sum[0] + x, sum[1] + x * x];
                }
                match &batch.targets {
                    Targets::Labels(labels) => classes[labels[row] as usize] += 1,
                    Targets::Values(_) => labelled = false,
                }
            }
        }
    }
    let over = |sum: f64| sum / total as f64;
    let inputs = channels.inputs.into_iter().zip(sums).map(|(name, [sum, square])| ChannelStatistics {
        name,
        mean: over(sum),
        sd: (over(square) - over(sum).powi(2)).max(0.0).sqrt(),
    });
    Ok(TrialStatistics {
        trials: count as usize,
        mean_steps: total as f64 / count as f64,
        steps: range,
        inputs: inputs.collect(),
        classes: if labelled { classes.into_iter().map(|n| over(n as f64)).collect() } else { Vec::new() },
        conditions,
    })
}
