//! What this machine does: forward passes, training steps and manifold refreshes, timed side by side with a matrix product.
//!
//! A step is [`Classifier::assess`](nmnc_train::Classifier::assess) and [`Learner::update`](nmnc_train::Learner::update) on
//! synthetic images, the code that training runs. All rows take turns, so that noise from other programs meets all alike.

mod exchange;
mod loading;
mod machine;
mod operations;
mod process;
mod report;
mod rows;
mod spread;
mod tasks;

use std::sync::Arc;

use nmnc_core::error::{Error, Result};
use nmnc_train::PlannedRun;
use nmnc_train::replicas::Processes;

pub use machine::Machine;
pub use report::{Report, Row};
pub use spread::Spread;

/// Repetitions that are not counted, before those that are: the first ones allocate, and fill caches.
const WARM_UPS: usize = 3;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The product of square matrices, on one thread and on all: what the other rows are compared with.
    Matmul,
    /// A pass over memory that does nothing else: what work that is bound by memory is compared with.
    Copy,
    /// An operation on a single number, of very many: what it costs to ask a device for anything.
    Launch,
    /// Batches of the training images that the configuration names, decoded, augmented and standardized.
    Data,
    /// The forward pass of one batch, without traces.
    Forward,
    /// A training step of each rule.
    Step,
    /// The manifold refresh of the first rule that has a manifold: the first, and one that follows another.
    Refresh,
    /// What processes that were started together exchange: a few bytes, and as much as gradients are; what each gives to all, and sums.
    Network,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Matmul,
        Self::Copy,
        Self::Launch,
        Self::Data,
        Self::Forward,
        Self::Step,
        Self::Refresh,
        Self::Network,
    ];

    /// Name for people and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Matmul => "matmul",
            Self::Copy => "copy",
            Self::Launch => "launch",
            Self::Data => "data",
            Self::Forward => "forward",
            Self::Step => "step",
            Self::Refresh => "refresh",
            Self::Network => "network",
        }
    }
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Bench {
    /// One run for each rule; network, batch and optimizer are those of its configuration. Its data are read for [`Part::Data`] alone.
    pub runs: Vec<PlannedRun>,
    /// Channels, height and width of the synthetic images.
    pub input: [usize; 3],
    /// Classes.
    pub outputs: usize,
    /// Which rows.
    pub parts: Vec<Part>,
    /// Measurements of each row.
    pub repetitions: usize,
    /// The processes that were started together, all of which measure the same, for [`Part::Network`]; one alone has nothing to exchange.
    pub processes: Option<Arc<dyn Processes>>,
}

impl Bench {
    /// Measures.
    ///
    /// # Errors
    /// An impossible network or device, nothing to measure, or training that leaves the finite numbers.
    pub fn measure(&self) -> Result<Report> {
        if self.repetitions == 0 {
            return Err(Error::config("bench", "needs at least one run of each row"));
        }
        let mut rows = rows::prepare(self)?;
        if rows.is_empty() && self.parts == [Part::Network] {
            return Err(Error::config("bench", "one process alone has nobody to exchange anything with")
                .mend("start several, for example with `mpirun -n 2 nmnc bench --only network`"));
        }
        if rows.is_empty() {
            return Err(Error::config("bench", "these rules and parts leave nothing to measure")
                .mend("name a rule with a manifold, such as nmnc, to measure its refresh"));
        }
        for round in 0..WARM_UPS + self.repetitions {
            for row in &mut rows {
                let before = process::faults();
                let seconds = row.task.run()?;
                let after = process::faults();
                if round >= WARM_UPS {
                    row.seconds.push(seconds / row.steps as f64);
                    let faults = before.zip(after).map(|(before, after)| after - before);
                    row.faults.extend(faults.map(|faults| faults as f64 / row.steps as f64));
                }
            }
        }
        let device = self.runs.first().map_or("flex", |run| run.config.device.as_str());
        Ok(report::report(rows, Machine::here(&nmnc_core::device::open(device)?)))
    }
}
