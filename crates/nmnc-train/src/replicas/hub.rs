//! Where the replicas of one process meet, and this process the others.

use std::collections::VecDeque;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::Sums;
use super::processes::{Numbers, Processes};
use super::said::{Failure, Said, contributions, decoded, encoded, fault};
use burn::tensor::DType;
use nmnc_core::error::{Error, Result};
use nmnc_learn::workers::{Contribution, Pending};

/// The meeting place of the replicas of this process.
///
/// The n-th calls of all replicas are round n. A round that all here have called is complete; it goes to the other processes by way of a
/// courier, one round after the other, while the replicas go on with whatever they have to do until they wait for what it comes to.
pub(super) struct Hub {
    processes: Arc<dyn Processes>,
    /// Replicas in all, and which of them are here.
    pub(super) count: usize,
    pub(super) here: Range<usize>,
    rounds: Arc<Mutex<Rounds>>,
    courier: Option<Courier>,
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

/// Rounds that are not complete yet.
struct Rounds {
    /// The next round of each replica here.
    next: Vec<u64>,
    /// The number of the first one that is open.
    first: u64,
    open: VecDeque<Round>,
    /// Why no round follows.
    over: Option<Failure>,
}

/// One call of each replica.
struct Round {
    /// What each replica here has said.
    said: Vec<Option<Said>>,
    /// What they ask for.
    asked: Asked,
    outcome: Arc<Outcome>,
}

/// What a round comes to, for all who wait.
#[derive(Default)]
struct Outcome {
    known: Mutex<Option<std::result::Result<Arc<Vec<Contribution>>, Failure>>>,
    done: Condvar,
}

impl Outcome {
    fn set(&self, outcome: std::result::Result<Arc<Vec<Contribution>>, Failure>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get_or_insert(outcome);
        self.done.notify_all();
    }

    fn wait(&self) -> Result<Arc<Vec<Contribution>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*known {
                Some(Ok(all)) => return Ok(all.clone()),
                Some(Err(failure)) => return Err(failure.error()),
                None => known = self.done.wait(known).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl Rounds {
    fn end(&mut self, failure: &Failure) {
        self.open.drain(..).for_each(|round| round.outcome.set(Err(failure.clone())));
        self.over.get_or_insert_with(|| failure.clone());
    }
}

impl Hub {
    pub(super) fn new(processes: Arc<dyn Processes>, count: usize, sums: Sums) -> Self {
        let (number, of) = (processes.number(), processes.count());
        let here = number * count / of..(number + 1) * count / of;
        let rounds = Rounds { next: vec![0; here.len()], first: 0, open: VecDeque::new(), over: None };
        let rounds = Arc::new(Mutex::new(rounds));
        let courier = (of > 1).then(|| Courier::new(processes.clone(), sums, rounds.clone()));
        Self { processes, count, here, rounds, courier }
    }

    /// What all replicas contribute, once all have, in order of their numbers.
    pub(super) fn gather(&self, replica: usize, own: Contribution) -> Result<Vec<Contribution>> {
        Ok(self.call(replica, Said::Gave(own), Asked::Each)?.wait()?.to_vec())
    }

    /// The sum of what all replicas contribute, once all have.
    pub(super) fn begin_sum(&self, replica: usize, own: Contribution) -> Result<Pending> {
        let outcome = self.call(replica, Said::Gave(own), Asked::Sum)?;
        Ok(Pending::new(move || Ok(Contribution::sum(&outcome.wait()?))))
    }

    /// Lets all know that this replica calls no more. Nothing where they know already that it is over.
    pub(super) fn give_up(&self, replica: usize, reason: &Error) {
        let failure = Failure::new(format!("replica {replica}"), reason);
        let _ = self.call(replica, Said::GaveUp(failure), Asked::Each);
    }

    /// Lets the other processes know that the replicas here will not call.
    pub(super) fn give_up_here(&self, reason: &Error) {
        give_up(self.processes.as_ref(), reason);
    }

    /// A round of processes, outside of the replicas' rounds.
    pub(super) fn agree(&self, own: Contribution) -> Result<Vec<Contribution>> {
        exchanged(self.processes.as_ref(), vec![Said::Gave(own)])?.map_err(|failure| failure.error())
    }

    /// Puts down what a replica says in its next round, which it may be the last to complete. A replica that gives up does not know what the
    /// others ask for: they do.
    fn call(&self, replica: usize, said: Said, asked: Asked) -> Result<Arc<Outcome>> {
        let mut rounds = locked(&self.rounds);
        if let Some(failure) = &rounds.over {
            return Err(failure.error());
        }
        let own = replica - self.here.start;
        let place = (rounds.next[own] - rounds.first) as usize;
        rounds.next[own] += 1;
        if place == rounds.open.len() {
            let said = vec![None; self.here.len()];
            rounds.open.push_back(Round { said, asked: Asked::Each, outcome: Arc::default() });
        }
        let round = &mut rounds.open[place];
        round.said[own] = Some(said);
        round.asked = round.asked.max(asked);
        let outcome = round.outcome.clone();
        // Whoever completes a round has been in all before it, and so has everyone else.
        if round.said.iter().all(Option::is_some) {
            let round = rounds.open.pop_front().expect("it is the first");
            rounds.first += 1;
            match &self.courier {
                Some(courier) => courier.send(round),
                None => match contributions(round.said.into_iter().flatten().collect()) {
                    Ok(all) => round.outcome.set(Ok(Arc::new(all))),
                    Err(failure) => {
                        round.outcome.set(Err(failure.clone()));
                        rounds.end(&failure);
                    }
                },
            }
        }
        Ok(outcome)
    }
}

fn locked(rounds: &Mutex<Rounds>) -> MutexGuard<'_, Rounds> {
    rounds.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that carries complete rounds to the other processes.
struct Courier {
    /// Closed at the end, so that the thread ends.
    line: Option<Sender<Round>>,
    thread: Option<JoinHandle<()>>,
}

impl Courier {
    fn new(processes: Arc<dyn Processes>, sums: Sums, rounds: Arc<Mutex<Rounds>>) -> Self {
        let (line, complete) = channel();
        let carry = move || carry(processes.as_ref(), sums, &rounds, &complete);
        let thread = thread::Builder::new().name("courier".to_owned()).spawn(carry);
        Self { line: Some(line), thread: Some(thread.expect("a system that runs processes has threads")) }
    }

    fn send(&self, round: Round) {
        let line = self.line.as_ref().expect("open to the end");
        line.send(round).expect("the courier waits for rounds to the end");
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.line = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Exchanges rounds until there are no more to come. After one that failed there is nothing to exchange.
fn carry(processes: &dyn Processes, sums: Sums, rounds: &Mutex<Rounds>, complete: &Receiver<Round>) {
    let mut over: Option<Failure> = None;
    for Round { said, asked, outcome } in complete {
        if let Some(failure) = &over {
            outcome.set(Err(failure.clone()));
            continue;
        }
        let said = said.into_iter().flatten().collect();
        // Whoever waits would wait for ever for a courier that is gone.
        let came = catch_unwind(AssertUnwindSafe(|| match asked {
            Asked::Sum if sums == Sums::Reduced => reduced(processes, said),
            _ => exchanged(processes, said),
        }));
        let came = came.unwrap_or_else(|_| Err(fault()));
        let failed = |error| Err(Failure::new(format!("process {}", processes.number()), &error));
        match came.unwrap_or_else(failed) {
            Ok(all) => outcome.set(Ok(Arc::new(all))),
            Err(failure) => {
                locked(rounds).end(&failure);
                outcome.set(Err(failure.clone()));
                over = Some(failure);
            }
        }
    }
}

/// The sum alone, made by the processes.
fn reduced(
    processes: &dyn Processes,
    said: Vec<Said>,
) -> Result<std::result::Result<Vec<Contribution>, Failure>> {
    // Whoever cannot go on says so before: it has nothing to add.
    let failed = said.iter().filter(|said| matches!(said, Said::GaveUp(_))).cloned().collect();
    if let Err(failure) = exchanged(processes, failed)? {
        return Ok(Err(failure));
    }
    let mut sum = Contribution::sum(&contributions(said).expect("none has given up"));
    processes.sum(Numbers::Double(&mut sum.numbers))?;
    for matrix in &mut sum.matrices {
        processes.sum(match matrix.dtype() {
            DType::F64 => Numbers::Double(matrix.as_mut_slice().expect("of this type")),
            _ => Numbers::Single(matrix.as_mut_slice().expect("weights are single or double")),
        })?;
    }
    Ok(Ok(vec![sum]))
}

fn exchanged(
    processes: &dyn Processes,
    said: Vec<Said>,
) -> Result<std::result::Result<Vec<Contribution>, Failure>> {
    match processes.count() {
        1 => Ok(contributions(said)),
        _ => decoded(&processes.gather(encoded(&said))?),
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
