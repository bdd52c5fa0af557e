//! Runs of replicas: the first one keeps the run, the others make its steps beside it.

use std::path::Path;
use std::thread;

use crate::config::WeightsConfig;
use crate::learner::Learner;
use crate::observer::{Observer, Silent};
use crate::place::Place;
use crate::problem::Problem;
use crate::replicas::Team;
use crate::run::{Run, RunPlan};
use crate::run_folder::checkpoints;
use nmnc_core::error::{ErrorKind, Result};
use nmnc_core::records::Summary;
use nmnc_learn::workers::{Contribution, Workers};

/// A problem and its learner for each replica here.
pub(super) type Parts<P> = Vec<(P, Learner)>;

/// The parts, after the observer was told what weights they begin with. The others hear why if there are none.
pub(super) fn told<P: Problem>(
    parts: Result<Parts<P>>,
    weights: &WeightsConfig,
    team: &Team,
    observer: &mut dyn Observer,
) -> Result<Parts<P>> {
    let told = parts.and_then(|parts| Ok((weights.told(parts[0].0.network())?, parts)));
    let (words, parts) = told.inspect_err(|error| team.give_up(error))?;
    words.iter().for_each(|words| observer.warning(words));
    Ok(parts)
}

/// Runs in a folder that has been taken, with the first replica among `parts`.
pub(super) fn lead<P: Problem + Send>(
    parts: Parts<P>,
    plan: RunPlan,
    place: Place,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    let folder = place.folder().to_owned();
    let mut parts = parts.into_iter();
    let (mut problem, mut learner) = parts.next().expect("a process has a replica");
    thread::scope(|scope| {
        for (problem, learner) in parts {
            // What goes wrong there is told to this replica too.
            scope.spawn(|| assist(problem, learner, plan.clone(), &folder, &mut Silent));
        }
        let run = Run::new(&mut problem, &mut learner, plan.clone()).in_place(place, observer);
        let outcome = closed(run.and_then(|run| run.train(observer)), problem.workers())?;
        Ok(outcome.summary.expect("a run in a folder has a summary"))
    })
}

/// Makes the steps of the run in `folder`, the first replica not among `parts`.
pub(super) fn follow<P: Problem + Send>(
    parts: Parts<P>,
    plan: &RunPlan,
    folder: &Path,
    observer: &mut dyn Observer,
) -> Result<()> {
    let mut parts = parts.into_iter();
    let (problem, learner) = parts.next().expect("a process has a replica");
    thread::scope(|scope| {
        for (problem, learner) in parts {
            // What goes wrong there is told to this replica too.
            scope.spawn(|| assist(problem, learner, plan.clone(), folder, &mut Silent));
        }
        assist(problem, learner, plan.clone(), folder, observer)
    })
}

fn assist<P: Problem>(
    mut problem: P,
    mut learner: Learner,
    plan: RunPlan,
    folder: &Path,
    observer: &mut dyn Observer,
) -> Result<()> {
    let run = Run::new(&mut problem, &mut learner, plan).beside(&checkpoints(folder));
    closed(run.and_then(|run| run.assist(observer)), problem.workers())
}

/// What a replica came to, once all have come to theirs: none leaves while another may have to say that it cannot go on.
fn closed<T>(outcome: Result<T>, workers: &dyn Workers) -> Result<T> {
    match outcome {
        Err(error) if error.kind() != ErrorKind::Stopped => {
            workers.give_up(&error);
            Err(error)
        }
        ended if workers.count() == 1 => ended,
        ended => workers.gather(Contribution::default()).and(ended),
    }
}
