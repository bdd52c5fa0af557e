//! Batches decoded ahead on worker threads through a bounded queue.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::dataset::{Batch, Dataset};
use nmnc_core::error::Result;
use nmnc_core::seed::{Role, Seed};

/// The order in which epoch `epoch` visits `len` examples: a permutation that depends on seed and epoch alone.
pub fn order(len: usize, seed: Seed, epoch: u64) -> Vec<usize> {
    seed.stream(Role::Order, 0, epoch).permutation(len)
}

impl Dataset {
    /// The examples at `order` in batches of `batch_size` (0 counts as 1; the last batch may be smaller), decoded ahead on
    /// worker threads.
    ///
    /// With `augmentation` (the seed of the run and the epoch), the changes that the configuration asks for are made to the
    /// images of a training split; an evaluation split is never changed. They are a pure function of seed, epoch and index of
    /// the example: neither the order nor the number of workers matters.
    pub fn batches(
        &self,
        order: Vec<usize>,
        batch_size: usize,
        augmentation: Option<(Seed, u64)>,
    ) -> BatchStream {
        BatchStream::new(self.clone(), order, batch_size, augmentation)
    }
}

/// Batches in the order asked for. Ends after the first error. Dropping it stops the workers.
pub struct BatchStream {
    job: Arc<Job>,
    /// Batches handed out.
    given: usize,
    failed: bool,
    threads: Vec<JoinHandle<()>>,
}

/// Of `workers` threads, how many make a batch of `values` numbers together, and how many such teams there are. A large batch is made by
/// many, so that few are in memory and the first is soon there; two teams, so that none waits for the last image of another's.
fn teams(workers: usize, values: usize) -> (usize, usize) {
    let team = (values / LARGE).clamp(1, workers.div_ceil(2).max(1));
    (team, workers.div_ceil(team))
}

/// Numbers of a part of a batch that keeps a thread busy for long enough: 8 MiB.
const LARGE: usize = 1 << 21;

/// What workers share with the consumer.
struct Job {
    dataset: Dataset,
    order: Vec<usize>,
    batch_size: usize,
    augmentation: Option<(Seed, u64)>,
    /// Threads that make one batch together.
    team: usize,
    /// The most batches claimed but not yet handed out.
    ahead: usize,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    claimed: usize,
    given: usize,
    stopped: bool,
    ready: BTreeMap<usize, Made>,
}

/// A batch, an error, or the panic of the worker that tried.
type Made = std::result::Result<Result<Batch>, Box<dyn Any + Send>>;

impl BatchStream {
    pub(crate) fn new(
        dataset: Dataset,
        order: Vec<usize>,
        batch_size: usize,
        augmentation: Option<(Seed, u64)>,
    ) -> Self {
        let batch_size = batch_size.max(1);
        let (team, teams) = teams(dataset.workers(), batch_size * dataset.shape().len());
        let workers = teams.min(order.len().div_ceil(batch_size));
        let job = Arc::new(Job {
            dataset,
            order,
            batch_size,
            augmentation,
            team,
            ahead: workers + 2,
            queue: Mutex::default(),
            changed: Condvar::new(),
        });
        // Where the system grants no thread, those it did grant or the caller do the work; only the pace changes.
        let threads = (0..workers)
            .map_while(|_| {
                let job = job.clone();
                std::thread::Builder::new().name("nmnc-data".to_owned()).spawn(move || job.work()).ok()
            })
            .collect();
        Self { job, given: 0, failed: false, threads }
    }

    /// Number of batches in all.
    pub fn total(&self) -> usize {
        self.job.batches()
    }
}

impl Job {
    fn batches(&self) -> usize {
        self.order.len().div_ceil(self.batch_size)
    }

    fn make(&self, number: usize) -> Made {
        let start = number * self.batch_size;
        let end = (start + self.batch_size).min(self.order.len());
        catch_unwind(AssertUnwindSafe(|| {
            self.dataset.assemble(&self.order[start..end], self.augmentation, self.team)
        }))
    }

    /// The lock guards plain counters that no panic leaves half-changed.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let number = {
                let mut queue = self.lock();
                while !queue.stopped
                    && queue.claimed < self.batches()
                    && queue.claimed >= queue.given + self.ahead
                {
                    queue = self.wait(queue);
                }
                if queue.stopped || queue.claimed >= self.batches() {
                    return;
                }
                queue.claimed += 1;
                queue.claimed - 1
            };
            let made = self.make(number);
            self.lock().ready.insert(number, made);
            self.changed.notify_all();
        }
    }

    fn take(&self, number: usize) -> Made {
        let mut queue = self.lock();
        loop {
            if let Some(made) = queue.ready.remove(&number) {
                queue.given = number + 1;
                drop(queue);
                self.changed.notify_all();
                return made;
            }
            queue = self.wait(queue);
        }
    }
}

impl Iterator for BatchStream {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        if self.failed || self.given == self.total() {
            return None;
        }
        let made =
            if self.threads.is_empty() { self.job.make(self.given) } else { self.job.take(self.given) };
        self.given += 1;
        let batch = made.unwrap_or_else(|panic| resume_unwind(panic));
        self.failed = batch.is_err();
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = if self.failed { 0 } else { self.total() - self.given };
        (usize::from(left > 0), Some(left))
    }
}

impl Drop for BatchStream {
    fn drop(&mut self) {
        self.job.lock().stopped = true;
        self.job.changed.notify_all();
        for thread in self.threads.drain(..) {
            // Workers catch panics of the work itself; nothing else in them can panic.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_batches_are_made_than_may_wait() {
        let data = crate::DataConfig { workers: Some(3), ..Default::default() }.open(Seed(1)).unwrap().train;
        let mut stream = data.batches((0..400).collect(), 1, None);
        for given in 0..3 {
            loop {
                let queue = stream.job.lock();
                assert!(queue.claimed <= given + stream.job.ahead && queue.ready.len() <= stream.job.ahead);
                if queue.ready.len() == stream.job.ahead {
                    break;
                }
                drop(queue);
                std::thread::yield_now();
            }
            stream.next().unwrap().unwrap();
        }
    }

    #[test]
    fn small_batches_have_a_worker_each_and_large_ones_two_teams() {
        let values = |size: usize, side: usize| size * 3 * side * side;
        assert_eq!(teams(0, values(128, 32)), (1, 0));
        assert_eq!(teams(1, values(256, 224)), (1, 1));
        assert_eq!(teams(8, values(128, 32)), (1, 8));
        assert_eq!(teams(2, values(256, 224)), (1, 2));
        assert_eq!(teams(16, values(256, 224)), (8, 2));
        assert_eq!(teams(16, values(64, 224)), (4, 4));
        assert_eq!(teams(5, values(512, 224)), (3, 2));
    }
}
