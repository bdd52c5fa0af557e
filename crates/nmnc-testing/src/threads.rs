//! Threads of one process as workers.

use std::sync::mpsc::{Receiver, Sender, channel};

use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_learn::workers::{Contribution, Workers};

/// One of several threads that share each step.
pub struct Threads {
    number: usize,
    /// To and from each of them, itself among them, in order of their numbers.
    to: Vec<Sender<Contribution>>,
    from: Vec<Receiver<Contribution>>,
}

impl Threads {
    /// `count` of them, one for each thread.
    pub fn of(count: usize) -> Vec<Self> {
        let empty = |number| Self { number, to: Vec::new(), from: Vec::new() };
        let mut threads: Vec<Self> = (0..count).map(empty).collect();
        for giver in 0..count {
            for taker in 0..count {
                let (to, from) = channel();
                threads[giver].to.push(to);
                threads[taker].from.push(from);
            }
        }
        threads
    }
}

impl Workers for Threads {
    fn count(&self) -> usize {
        self.to.len()
    }

    fn number(&self) -> usize {
        self.number
    }

    fn gather(&self, own: Contribution) -> Result<Vec<Contribution>> {
        // A channel is closed when the thread at its other end is done.
        let gone = || Error::new(ErrorKind::Io, "workers", "another worker has given up");
        self.to.iter().try_for_each(|to| to.send(own.clone()).map_err(|_| gone()))?;
        self.from.iter().map(|from| from.recv().map_err(|_| gone())).collect()
    }
}
