//! Data-parallel training: replicas of one network, each with its part of every batch, in one process or several.
//!
//! How a batch is divided depends on the number of replicas alone, and what they give is summed in order of their numbers. So the processes
//! that host them, any number up to that of the replicas, change no bit of a result.

mod hub;
mod processes;
mod said;

use std::sync::Arc;
use std::thread;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use hub::give_up;
pub use processes::{Numbers, OneProcess, Processes};

use hub::Hub;
use nmnc_core::error::{Error, Result};
use nmnc_learn::workers::{Contribution, Pending, Workers};
use said::fault;

/// How what replicas make of their parts of a batch is summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sums {
    /// Every process receives what each replica makes and adds it in their order: the same bits on any number of processes.
    #[default]
    Ordered,
    /// Processes add on the way, so that each sends and receives about twice what one replica makes, however many there are. Another number of
    /// processes differs by rounding.
    Reduced,
}

impl Sums {
    /// Whether they are as they are unless told.
    pub(crate) fn are_ordered(&self) -> bool {
        *self == Self::Ordered
    }
}

/// The replicas of a training that are hosted by this process.
pub struct Team {
    hub: Arc<Hub>,
}

impl Team {
    /// `count` replicas, divided among `processes` as evenly as can be.
    ///
    /// # Errors
    /// If some process would have none.
    pub fn new(processes: Arc<dyn Processes>, count: usize, sums: Sums) -> Result<Self> {
        let of = processes.count();
        if count < of {
            let problem = format!("{count} cannot be divided among {of} processes");
            let mend = format!("set it to {of} or more, or start fewer processes");
            return Err(Error::config("train.replicas", problem).mend(mend));
        }
        Ok(Self { hub: Arc::new(Hub::new(processes, count, sums)) })
    }

    /// Those of this process, in order of their numbers.
    pub fn replicas(&self) -> impl Iterator<Item = Replica> {
        self.hub.here.clone().map(|number| Replica { hub: self.hub.clone(), number })
    }

    /// Whether the first of all replicas is here, which keeps the run.
    pub fn leads(&self) -> bool {
        self.hub.here.start == 0
    }

    /// Tells the other processes, in the place of what the replicas here would say, that these cannot take part, and why.
    pub fn give_up(&self, reason: &Error) {
        self.hub.give_up_here(reason);
    }

    /// A number of each process, in order. Before any replica speaks.
    ///
    /// # Errors
    /// If another process cannot be reached, or has given up.
    pub fn agree(&self, own: f64) -> Result<Vec<f64>> {
        let given = self.hub.agree(Contribution::new(vec![own], []))?;
        Ok(given.into_iter().map(|given| given.numbers[0]).collect())
    }
}

/// One replica.
pub struct Replica {
    hub: Arc<Hub>,
    number: usize,
}

impl Workers for Replica {
    fn count(&self) -> usize {
        self.hub.count
    }

    fn number(&self) -> usize {
        self.number
    }

    fn gather(&self, own: Contribution) -> Result<Vec<Contribution>> {
        self.hub.gather(self.number, own)
    }

    fn sum(&self, own: Contribution) -> Result<Contribution> {
        self.begin_sum(own)?.wait()
    }

    fn begin_sum(&self, own: Contribution) -> Result<Pending> {
        self.hub.begin_sum(self.number, own)
    }

    fn give_up(&self, reason: &Error) {
        self.hub.give_up(self.number, reason);
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if thread::panicking() {
            self.give_up(&fault());
        }
    }
}
