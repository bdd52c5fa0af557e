//! What processes exchange.

use std::sync::Arc;
use std::time::Instant;

use super::tasks::Task;
use nmnc_core::error::Result;
use nmnc_train::replicas::{Numbers, Processes};

/// What is exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What each process gives, to all.
    Gather,
    /// The sum of it, to all.
    Sum,
}

/// One exchange of single-precision numbers.
pub(super) struct Exchange {
    processes: Arc<dyn Processes>,
    kind: Kind,
    own: Vec<f32>,
}

impl Exchange {
    pub fn new(processes: Arc<dyn Processes>, kind: Kind, numbers: usize) -> Self {
        Self { processes, kind, own: vec![1.0; numbers] }
    }

    /// In words.
    pub fn describe(&self) -> String {
        let kind = match self.kind {
            Kind::Gather => "gather",
            Kind::Sum => "sum",
        };
        let bytes = 4 * self.own.len();
        let size = match bytes {
            0..1024 => format!("{bytes} bytes"),
            1024..1_048_576 => format!("{} KiB", bytes / 1024),
            _ => format!("{} MiB", bytes / 1_048_576),
        };
        format!("{kind} {size}, {} processes", self.processes.count())
    }

    /// Bytes that come to each process: what all others give, or twice its own amount, as a sum that is made on the way takes.
    pub fn received(&self) -> f64 {
        let others = match self.kind {
            Kind::Gather => self.processes.count() as f64 - 1.0,
            Kind::Sum => 2.0 * (1.0 - 1.0 / self.processes.count() as f64),
        };
        others * 4.0 * self.own.len() as f64
    }
}

impl Task for Exchange {
    fn run(&mut self) -> Result<f64> {
        // All begin together: what one waits for another is no part of it.
        self.processes.gather(Vec::new())?;
        let started = Instant::now();
        match self.kind {
            Kind::Gather => {
                let own = self.own.iter().flat_map(|number| number.to_ne_bytes()).collect();
                drop(self.processes.gather(own)?);
            }
            Kind::Sum => {
                self.own.fill(1.0);
                self.processes.sum(Numbers::Single(&mut self.own))?;
            }
        }
        Ok(started.elapsed().as_secs_f64())
    }
}
