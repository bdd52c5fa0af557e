//! Batches as training gets them.

use std::time::Instant;

use super::tasks::Task;
use nmnc_core::error::Result;
use nmnc_core::seed::Seed;
use nmnc_data::{Dataset, order};

/// Images that one measurement takes, if there are as many.
const IMAGES: usize = 1024;

/// The first images of one epoch after another.
pub(super) struct Loading {
    data: Dataset,
    seed: Seed,
    batch: usize,
    epoch: u64,
}

impl Loading {
    pub(super) fn new(data: Dataset, seed: Seed, batch: usize) -> Self {
        Self { data, seed, batch, epoch: 0 }
    }

    /// The shape of its images.
    pub(super) fn shape(&self) -> String {
        self.data.shape().to_string()
    }

    /// Images of one measurement.
    pub(super) fn images(&self) -> usize {
        self.data.len().min(IMAGES)
    }
}

impl Task for Loading {
    fn run(&mut self) -> Result<f64> {
        let mut order = order(self.data.len(), self.seed, self.epoch);
        order.truncate(self.images());
        let started = Instant::now();
        for batch in self.data.batches(order, self.batch, Some((self.seed, self.epoch))) {
            std::hint::black_box(batch?);
        }
        self.epoch += 1;
        Ok(started.elapsed().as_secs_f64())
    }
}
