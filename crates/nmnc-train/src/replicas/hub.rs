//! Where the replicas of one process meet, and this process the others.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Sums;
use super::processes::{Numbers, Processes};
use super::said::{Failure, Said, contributions, decoded, encoded};
use burn::tensor::DType;
use nmnc_core::error::{Error, Result};
use nmnc_learn::workers::Contribution;

/// The meeting place of the replicas of this process.
pub(super) struct Hub {
    processes: Arc<dyn Processes>,
    sums: Sums,
    /// Replicas in all, and which of them are here.
    pub(super) count: usize,
    pub(super) here: Range<usize>,
    round: Mutex<Round>,
    done: Condvar,
}

/// What a round is to come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    /// What each contributes.
    #[default]
    Each,
    /// The sum of that.
    Sum,
}

/// One call of each replica.
struct Round {
    number: u64,
    /// What each replica here has said in this round.
    said: Vec<Option<Said>>,
    /// What they ask for.
    asked: Asked,
    /// What the round before came to. It stays until all here have taken part in the next one, and so have seen it.
    outcome: Arc<Vec<Contribution>>,
    /// Why no round follows.
    over: Option<Failure>,
}

impl Hub {
    pub(super) fn new(processes: Arc<dyn Processes>, count: usize, sums: Sums) -> Self {
        let (number, of) = (processes.number(), processes.count());
        let here = number * count / of..(number + 1) * count / of;
        let said = vec![None; here.len()];
        let round = Round { number: 0, said, asked: Asked::Each, outcome: Arc::default(), over: None };
        Self { processes, sums, count, here, round: Mutex::new(round), done: Condvar::new() }
    }

    /// What all replicas contribute, once all have, in order of their numbers.
    pub(super) fn gather(&self, replica: usize, own: Contribution) -> Result<Vec<Contribution>> {
        self.call(replica, own, Asked::Each)
    }

    /// The sum of what all replicas contribute, once all have.
    pub(super) fn sum(&self, replica: usize, own: Contribution) -> Result<Contribution> {
        Ok(Contribution::sum(self.call(replica, own, Asked::Sum)?))
    }

    fn call(&self, replica: usize, own: Contribution, asked: Asked) -> Result<Vec<Contribution>> {
        let mut round = self.say(replica, Said::Gave(own))?;
        let number = round.number;
        if !self.complete(&mut round, asked) {
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
            self.complete(&mut round, Asked::Each);
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

    /// Ends the round if all here have said something. A replica that gives up does not know what the others ask for: they do.
    fn complete(&self, round: &mut Round, asked: Asked) -> bool {
        round.asked = round.asked.max(asked);
        if round.said.iter().any(Option::is_none) {
            return false;
        }
        let said = round.said.iter_mut().filter_map(Option::take).collect();
        let outcome = match std::mem::take(&mut round.asked) {
            Asked::Sum if self.sums == Sums::Reduced => self.reduced(said),
            _ => self.exchanged(said),
        };
        let outcome = outcome.unwrap_or_else(|error| {
            Err(Failure::new(format!("process {}", self.processes.number()), &error))
        });
        match outcome {
            Ok(all) => round.outcome = Arc::new(all),
            Err(failure) => round.over = Some(failure),
        }
        round.number += 1;
        self.done.notify_all();
        true
    }

    /// The sum alone, made by the processes.
    fn reduced(&self, said: Vec<Said>) -> Result<std::result::Result<Vec<Contribution>, Failure>> {
        // Whoever cannot go on says so before: it has nothing to add.
        let failed = said.iter().filter(|said| matches!(said, Said::GaveUp(_))).cloned().collect();
        if let Err(failure) = self.exchanged(failed)? {
            return Ok(Err(failure));
        }
        let mut sum = Contribution::sum(contributions(said).expect("none has given up"));
        self.processes.sum(Numbers::Double(&mut sum.numbers))?;
        for matrix in &mut sum.matrices {
            self.processes.sum(match matrix.dtype() {
                DType::F64 => Numbers::Double(matrix.as_mut_slice().expect("of this type")),
                _ => Numbers::Single(matrix.as_mut_slice().expect("weights are single or double")),
            })?;
        }
        Ok(Ok(vec![sum]))
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
