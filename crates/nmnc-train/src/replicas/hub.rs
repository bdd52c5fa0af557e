//! Where the replicas of one process meet, and this process the others.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::processes::Processes;
use super::said::{Failure, Said, contributions, decoded, encoded};
use nmnc_core::error::{Error, Result};
use nmnc_learn::workers::Contribution;

/// The meeting place of the replicas of this process.
pub(super) struct Hub {
    processes: Arc<dyn Processes>,
    /// Replicas in all, and which of them are here.
    pub(super) count: usize,
    pub(super) here: Range<usize>,
    round: Mutex<Round>,
    done: Condvar,
}

/// One call of each replica.
struct Round {
    number: u64,
    /// What each replica here has said in this round.
    said: Vec<Option<Said>>,
    /// What the round before came to. It stays until all here have taken part in the next one, and so have seen it.
    outcome: Arc<Vec<Contribution>>,
    /// Why no round follows.
    over: Option<Failure>,
}

impl Hub {
    pub(super) fn new(processes: Arc<dyn Processes>, count: usize) -> Self {
        let (number, of) = (processes.number(), processes.count());
        let here = number * count / of..(number + 1) * count / of;
        let said = vec![None; here.len()];
        let round = Round { number: 0, said, outcome: Arc::default(), over: None };
        Self { processes, count, here, round: Mutex::new(round), done: Condvar::new() }
    }

    /// What all replicas contribute, once all have, in order of their numbers.
    pub(super) fn gather(&self, replica: usize, own: Contribution) -> Result<Vec<Contribution>> {
        let mut round = self.say(replica, Said::Gave(own))?;
        let number = round.number;
        if !self.complete(&mut round)? {
            while round.number == number && round.over.is_none() {
                round = self.done.wait(round).unwrap_or_else(PoisonError::into_inner);
            }
        }
        match &round.over {
            Some(failure) => Err(failure.error()),
            None => Ok(round.outcome.to_vec()),
        }
    }

    /// Lets all know that this replica calls no more. Nothing where they know already that it is over.
    pub(super) fn give_up(&self, replica: usize, reason: &Error) {
        let failure = Failure::new(format!("replica {replica}"), reason);
        if let Ok(mut round) = self.say(replica, Said::GaveUp(failure)) {
            // A process that cannot be reached any more hears nothing.
            let _ = self.complete(&mut round);
        }
    }

    /// Lets the other processes know that the replicas here will not call.
    pub(super) fn give_up_here(&self, reason: &Error) {
        give_up(self.processes.as_ref(), reason);
    }

    /// A round of processes, outside of the replicas' rounds.
    pub(super) fn agree(&self, own: Contribution) -> Result<Vec<Contribution>> {
        self.exchanged(vec![Said::Gave(own)])?.map_err(|failure| failure.error())
    }

    /// Puts down what a replica says.
    fn say(&self, replica: usize, said: Said) -> Result<MutexGuard<'_, Round>> {
        let mut round = self.round.lock().unwrap_or_else(PoisonError::into_inner);
        match &round.over {
            Some(failure) => Err(failure.error()),
            None => {
                round.said[replica - self.here.start] = Some(said);
                Ok(round)
            }
        }
    }

    /// Ends the round if all here have said something.
    fn complete(&self, round: &mut Round) -> Result<bool> {
        if round.said.iter().any(Option::is_none) {
            return Ok(false);
        }
        let said = round.said.iter_mut().filter_map(Option::take).collect();
        let outcome = self.exchanged(said).unwrap_or_else(|error| {
            Err(Failure::new(format!("process {}", self.processes.number()), &error))
        });
        match outcome {
            Ok(all) => round.outcome = Arc::new(all),
            Err(failure) => round.over = Some(failure),
        }
        round.number += 1;
        self.done.notify_all();
        Ok(true)
    }

    fn exchanged(&self, said: Vec<Said>) -> Result<std::result::Result<Vec<Contribution>, Failure>> {
        match self.processes.count() {
            1 => Ok(contributions(said)),
            _ => decoded(&self.processes.gather(encoded(&said))?),
        }
    }
}

/// Tells the other processes, which wait for this one's first word, that it cannot take part, and why.
pub fn give_up(processes: &dyn Processes, reason: &Error) {
    if processes.count() > 1 {
        let failure = Failure::new(format!("process {}", processes.number()), reason);
        // Processes that cannot be reached hear nothing.
        let _ = processes.gather(encoded(&[Said::GaveUp(failure)]));
    }
}
