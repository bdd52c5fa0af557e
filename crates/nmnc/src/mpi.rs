//! The processes of an MPI job, as those that host the replicas of a training.
//!
//! MPI is called by a thread of its own, which begins and ends it, so that whichever replica comes last may ask for an exchange.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use mpi::Threading;
use mpi::collective::SystemOperation;
use mpi::datatype::PartitionMut;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Equivalence};

use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_train::replicas::{Numbers, Processes};

/// Bytes that all processes together exchange in one call of MPI, whose counts are of 31 bits.
const MOST: usize = 1 << 30;

/// All processes of the job.
#[derive(Debug)]
pub struct World {
    count: usize,
    number: usize,
    line: Mutex<Line>,
}

/// The way to the thread that calls MPI.
#[derive(Debug)]
struct Line {
    /// Closed at the end, so that the thread ends.
    asks: Option<Sender<Ask>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

/// What is asked of MPI.
enum Ask {
    Gather(Vec<u8>),
    SumSingle(Vec<f32>),
    SumDouble(Vec<f64>),
}

/// What it comes to.
enum Answer {
    Gathered(Vec<Vec<u8>>),
    Single(Vec<f32>),
    Double(Vec<f64>),
}

impl World {
    /// Joins the job that this process was started in. Once a process.
    ///
    /// # Errors
    /// If MPI has been begun already.
    pub fn join() -> Result<Self> {
        let failed = |problem: &str| Error::new(ErrorKind::Io, "MPI", problem);
        let (asks, asked) = channel::<Ask>();
        let (answer, answers) = channel();
        let (tell, told) = channel();
        let serve = move || {
            let Some((universe, _)) = mpi::initialize_with_threading(Threading::Funneled) else { return };
            let world = universe.world();
            let _ = tell.send([world.size(), world.rank()]);
            for ask in asked {
                let answered = match ask {
                    Ask::Gather(own) => Answer::Gathered(gathered(&world, &own)),
                    Ask::SumSingle(own) => Answer::Single(summed(&world, &own)),
                    Ask::SumDouble(own) => Answer::Double(summed(&world, &own)),
                };
                if answer.send(answered).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name("mpi".to_owned()).spawn(serve);
        let thread = thread.map_err(|e| failed("its thread cannot be started").caused_by(e))?;
        let [count, number] = told.recv().map_err(|_| failed("has been begun already"))?;
        let line = Line { asks: Some(asks), answers, thread: Some(thread) };
        Ok(Self { count: count as usize, number: number as usize, line: Mutex::new(line) })
    }
}

impl Processes for World {
    fn count(&self) -> usize {
        self.count
    }

    fn number(&self) -> usize {
        self.number
    }

    fn gather(&self, own: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        match self.answered(Ask::Gather(own))? {
            Answer::Gathered(all) => Ok(all),
            _ => unreachable!("answers are of the kind that was asked for"),
        }
    }

    fn sum(&self, numbers: Numbers) -> Result<()> {
        match numbers {
            Numbers::Single(own) => match self.answered(Ask::SumSingle(own.to_vec()))? {
                Answer::Single(sums) => own.copy_from_slice(&sums),
                _ => unreachable!("answers are of the kind that was asked for"),
            },
            Numbers::Double(own) => match self.answered(Ask::SumDouble(own.to_vec()))? {
                Answer::Double(sums) => own.copy_from_slice(&sums),
                _ => unreachable!("answers are of the kind that was asked for"),
            },
        }
        Ok(())
    }
}

impl World {
    fn answered(&self, ask: Ask) -> Result<Answer> {
        let gone = || Error::new(ErrorKind::Io, "MPI", "the other processes cannot be reached");
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.asks.as_ref().ok_or_else(gone)?.send(ask).map_err(|_| gone())?;
        line.answers.recv().map_err(|_| gone())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let line = self.line.get_mut().unwrap_or_else(PoisonError::into_inner);
        line.asks = None;
        if let Some(thread) = line.thread.take() {
            // A job whose processes leave without ending MPI counts as failed.
            let _ = thread.join();
        }
    }
}

/// Sums over all processes, a piece at a time.
fn summed<E: Equivalence + Clone>(world: &SimpleCommunicator, own: &[E]) -> Vec<E> {
    let mut sums = own.to_vec();
    for (own, sums) in own.chunks(MOST / 8).zip(sums.chunks_mut(MOST / 8)) {
        world.all_reduce_into(own, sums, SystemOperation::sum());
    }
    sums
}

/// What every process gives, in order, a piece of each at a time.
fn gathered(world: &SimpleCommunicator, own: &[u8]) -> Vec<Vec<u8>> {
    let count = world.size() as usize;
    let mut lengths = vec![0u64; count];
    world.all_gather_into(&(own.len() as u64), &mut lengths[..]);
    let longest = lengths.iter().copied().max().unwrap_or(0) as usize;
    let piece = MOST / count;
    let mut all: Vec<Vec<u8>> = lengths.iter().map(|&length| Vec::with_capacity(length as usize)).collect();
    for start in (0..longest).step_by(piece) {
        let part = |length: usize| length.clamp(start, start + piece) - start;
        let counts: Vec<i32> = lengths.iter().map(|&length| part(length as usize) as i32).collect();
        let places: Vec<i32> = counts
            .iter()
            .scan(0, |next, &count| {
                let place = *next;
                *next += count;
                Some(place)
            })
            .collect();
        let mut received = vec![0u8; counts.iter().map(|&count| count as usize).sum()];
        let mut partition = PartitionMut::new(&mut received[..], &counts[..], &places[..]);
        let sent = &own[start.min(own.len())..][..part(own.len())];
        world.all_gather_varcount_into(sent, &mut partition);
        for (all, (&place, &count)) in all.iter_mut().zip(places.iter().zip(&counts)) {
            all.extend_from_slice(&received[place as usize..][..count as usize]);
        }
    }
    all
}
