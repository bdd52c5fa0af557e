//! What a training will take, before it is run: operations and bytes of each stage, memory, and the time of a step, an epoch and the whole.
//!
//! What is done in a step is counted ([`work`](nmnc_learn::work)), from the configuration and the shapes of the network. Each operation is
//! then timed by itself on the device, for a moment, on random numbers, and the times add up. What is not counted are the loss, the reading of data, which goes
//! on beside the work, and measurements against backprop.

mod clock;
mod layered;
mod over_time;

use nmnc_core::error::Result;
use nmnc_learn::work::{Job, Work};
use nmnc_train::{AnyConfig, Need, Resolved};

use clock::Clock;
pub use clock::Timed;

/// What is known of the data without reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataSize {
    /// Channels, height and width of an image.
    pub image: [usize; 3],
    /// Classes.
    pub classes: usize,
    /// Examples for training and for evaluation.
    pub examples: [usize; 2],
}

/// What a training will take.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rule.
    pub rule: String,
    /// Data and network in a few words.
    pub subject: String,
    /// What examples are called.
    pub examples: &'static str,
    /// The device.
    pub device: String,
    /// Examples of a batch.
    pub batch: usize,
    /// Training steps of an epoch.
    pub steps_per_epoch: u64,
    /// Epochs.
    pub epochs: u64,
    /// Examples of an evaluation, one of which follows each epoch.
    pub held_out: usize,
    /// Parameters in all.
    pub parameters: usize,
    /// The stages, and at last what lies behind them.
    pub stages: Vec<StagePlan>,
    /// An evaluation.
    pub evaluation: Amount,
    /// Memory.
    pub need: Need,
    /// Each operation that was timed.
    pub timed: Vec<Timed>,
}

/// What one stage takes.
#[derive(Clone, Debug)]
pub struct StagePlan {
    /// Its number, from 1; nothing for what lies behind the last.
    pub stage: Option<usize>,
    /// Units n.
    pub units: usize,
    /// Dimension d of the manifold that noise lives on, where there is one and it is known beforehand.
    pub dimension: Option<usize>,
    /// Parameters of its section.
    pub parameters: usize,
    /// Forward pass, gradients and update of a step.
    pub training: Amount,
    /// What the rule does in every step beside perturbing.
    pub signals: Amount,
    /// One perturbed pass of a batch from here on, with its share of what is learned from it.
    pub probe: Amount,
    /// Such passes a step.
    pub probes: f64,
    /// One refresh of the manifold.
    pub refresh: Amount,
    /// Refreshes a step.
    pub refreshes: f64,
    /// What comes before the first step.
    pub start: Amount,
}

/// What some work takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amount {
    /// Multiplications and additions of maps, products and decompositions, worked out directly.
    pub flops: f64,
    /// Bytes read and written.
    pub bytes: f64,
    /// Seconds, where operations were timed.
    pub seconds: Option<f64>,
}

impl Amount {
    /// All of it so many times.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            flops: self.flops * factor,
            bytes: self.bytes * factor,
            seconds: self.seconds.map(|seconds| seconds * factor),
        }
    }
}

impl std::ops::Add for Amount {
    type Output = Self;

    /// Seconds are known of a sum if they are of both.
    fn add(self, other: Self) -> Self {
        Self {
            flops: self.flops + other.flops,
            bytes: self.bytes + other.bytes,
            seconds: self.seconds.zip(other.seconds).map(|(own, other)| own + other),
        }
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        let nothing = Self { seconds: Some(0.0), ..Self::default() };
        amounts.fold(nothing, |sum, next| sum + next)
    }
}

impl StagePlan {
    /// A training step, in the long run.
    pub fn step(&self) -> Amount {
        [self.training, self.signals, self.probe.times(self.probes), self.refresh.times(self.refreshes)]
            .into_iter()
            .sum()
    }
}

impl Plan {
    /// What `part` of every stage comes to together.
    pub fn sum(&self, part: impl Fn(&StagePlan) -> Amount) -> Amount {
        self.stages.iter().map(part).sum()
    }

    /// A training step, in the long run.
    pub fn step(&self) -> Amount {
        self.sum(StagePlan::step)
    }

    /// An epoch, with the evaluation at its end.
    pub fn epoch(&self) -> Amount {
        self.step().times(self.steps_per_epoch as f64) + self.evaluation
    }

    /// The whole training.
    pub fn run(&self) -> Amount {
        self.epoch().times(self.epochs as f64) + self.sum(|stage| stage.start)
    }
}

/// Plans the training that `config` describes. Data are opened to learn their size, unless `size` says it; trials of a task are always
/// made. Operations are timed if `timed`.
///
/// # Errors
/// Data or device that cannot be opened; an impossible network or rule.
pub fn plan(config: &Resolved<AnyConfig>, size: Option<DataSize>, timed: bool) -> Result<Plan> {
    match &**config {
        AnyConfig::Images(config) => layered::plan(&config.resolve()?, size, timed),
        AnyConfig::Trials(config) => over_time::plan(&config.resolve()?, timed),
    }
}

/// What `jobs` take.
fn amount(jobs: &[Job], clock: &mut Option<Clock>) -> Result<Amount> {
    let mut sum = Amount { seconds: clock.as_ref().map(|_| 0.0), ..Amount::default() };
    for job in jobs {
        sum.flops += job.times * job.flops;
        sum.bytes += job.times * job.bytes;
        if let (Some(seconds), Some(clock)) = (&mut sum.seconds, clock.as_mut()) {
            *seconds += job.times * clock.seconds(job)?;
        }
    }
    Ok(sum)
}

/// Plans of stages from what training and the rule do at each; `stages` are their units and parameters.
fn stages(
    stages: Vec<[usize; 2]>,
    training: Vec<Work>,
    mut rule: Vec<Work>,
    moments: usize,
    clock: &mut Option<Clock>,
) -> Result<Vec<StagePlan>> {
    rule.resize_with(stages.len(), Work::default);
    let last = stages.len();
    let each = stages.into_iter().zip(training).zip(rule).enumerate();
    each.map(|(index, (([units, parameters], mut training), rule))| {
        // Gradients are looked at for numbers that are not finite, then each number and each of its moments is read and written.
        training.step.push(Job::pass(parameters * (2 + 2 * (1 + moments))));
        Ok(StagePlan {
            stage: (index + 1 < last || last == 1).then_some(index + 1),
            units,
            dimension: rule.dimension,
            parameters,
            training: amount(&training.step, clock)?,
            signals: amount(&rule.step, clock)?,
            probe: amount(&rule.probe, clock)?,
            probes: rule.probes,
            refresh: amount(&rule.refresh, clock)?,
            refreshes: rule.refreshes,
            start: amount(&rule.start, clock)?,
        })
    })
    .collect()
}
