//! Parts of what many processes make together: which runs there are, and how many have ended.

use std::path::PathBuf;

use nmnc::Result;
use nmnc::records::RunRecords;
use nmnc::train::{AnyConfig, PlannedRun};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde_json::json;

use crate::naming;
use crate::output::Output;

/// The run at each place, counted from 0.
pub type Plan<'a> = dyn Fn(usize) -> Result<PlannedRun<AnyConfig>> + Sync + 'a;

/// The runs at these places. Checking a configuration takes milliseconds and there may be thousands, so that it is done by all threads.
///
/// # Errors
/// The first of them that is wrong.
pub fn planned(chosen: &[usize], plan: &Plan<'_>) -> Result<Vec<PlannedRun<AnyConfig>>> {
    let planned: Vec<_> = chosen.par_iter().map(|&at| plan(at)).collect();
    planned.into_iter().collect()
}

/// Prints for each of the runs called `names` the command that makes it alone, one a line.
///
/// # Errors
/// If standard output takes no more.
pub fn list<'a>(names: impl Iterator<Item = &'a str>, out: Output) -> Result<()> {
    let mut text = String::new();
    for (at, name) in names.enumerate() {
        let command = naming::of_task(at + 1);
        out.event("task", json!({ "task": at + 1, "name": name, "command": command }));
        text += &(command + "\n");
    }
    if out.json { Ok(()) } else { out.payload(&text) }
}

/// How many of the runs in `folders` have ended.
///
/// # Errors
/// If a folder cannot be looked into.
pub fn ended(folders: &[PathBuf]) -> Result<usize> {
    let mut ended = 0;
    for folder in folders {
        ended += usize::from(RunRecords::summary(folder)?.is_some());
    }
    Ok(ended)
}

/// Says how far all are when a part of them was made.
pub fn told(ended: usize, runs: usize, folder: &std::path::Path, out: Output) {
    out.event("part", json!({ "folder": naming::text(folder), "ended": ended, "runs": runs }));
    out.result(format_args!("{ended} of {runs} runs in {} have ended", naming::shown(folder)));
}
