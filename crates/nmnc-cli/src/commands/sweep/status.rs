//! `nmnc sweep status`: how far a sweep is, from what lies in its folder. Takes no lock and changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use nmnc::Result;
use nmnc::files::{FolderLock, Writer, is_there};
use nmnc::records::{RunRecords, Status};
use nmnc::sweep::Sweep;
use nmnc::train::{Found, RunFolder};
use serde_json::json;

use crate::naming;
use crate::output::Output;
use crate::progress::{duration, outcome};

/// How a run is, from the most to the least done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Complete,
    Diverged,
    Running,
    Interrupted,
    Waiting,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Diverged => "diverged",
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Waiting => "waiting",
        }
    }
}

/// Prints a line for each run, and how many there are of each kind.
pub fn run(sweep: &Sweep, folder: &Path, out: Output) -> Result<()> {
    let mut counts: BTreeMap<State, usize> = BTreeMap::new();
    let digits = sweep.names.len().to_string().len();
    let width = sweep.names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    for (at, name) in sweep.names.iter().enumerate() {
        let own = folder.join(name);
        let (state, told, writer) = look(sweep, at, &own)?;
        *counts.entry(state).or_default() += 1;
        let writer = writer.map(|writer| {
            json!({ "pid": writer.pid, "host": writer.host, "silent_seconds": writer.silent.as_secs_f64() })
        });
        out.event(
            "state",
            json!({ "task": at + 1, "run": naming::text(&own), "state": state.name(), "writer": writer }),
        );
        out.line(format_args!("{:>digits$}  {:width$}  {told}", at + 1, name));
    }
    let of_each: Vec<String> =
        counts.iter().map(|(state, count)| format!("{count} {}", state.name())).collect();
    let runs = nmnc::report::text::plural(sweep.names.len(), "run");
    out.result(format_args!("{}: {runs}: {}", naming::shown(folder), of_each.join(", ")));
    Ok(())
}

/// The state of the run at this place, the same for people, and who is writing it.
fn look(sweep: &Sweep, at: usize, folder: &Path) -> Result<(State, String, Option<Writer>)> {
    let writer = FolderLock::holder(folder)?;
    let found = match is_there(folder)? {
        true => RunFolder::find(folder, &sweep.run(at)?.config.identity())?,
        false => Found::Nothing,
    };
    Ok(match (found, writer) {
        (Found::Ended(summary), _) => {
            let state = match summary.status {
                Status::Complete => State::Complete,
                Status::Diverged => State::Diverged,
            };
            (state, outcome(&summary), None)
        }
        (found, Some(writer)) => {
            let at = if found == Found::Partial { step(folder)? } else { String::new() };
            // Two signs of life may be missed.
            let silent = match writer.silent.as_secs() {
                0..15 => String::new(),
                seconds => format!(", without a sign for {}", duration(seconds as f64)),
            };
            let told = format!("running{at}: process {} on {}{silent}", writer.pid, writer.host);
            (State::Running, told, Some(writer))
        }
        (Found::Partial, None) => (State::Interrupted, format!("interrupted{}", step(folder)?), None),
        (Found::Nothing, None) => (State::Waiting, "waiting".to_owned(), None),
    })
}

/// The last step that is on record.
fn step(folder: &Path) -> Result<String> {
    let records = RunRecords::read(folder)?.records;
    Ok(records.last().map_or_else(String::new, |record| format!(" after step {}", record.step)))
}
