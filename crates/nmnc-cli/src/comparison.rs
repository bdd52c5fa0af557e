//! Several runs, one report: what `compare` and `demo` share.

use std::path::PathBuf;
use std::time::Instant;

use nmnc::records::{RunRecords, Status};
use nmnc::train::{AnyConfig, Found, PlannedRun, RunConfig, RunFolder, RunOptions};
use nmnc::{Error, ErrorKind, Result, report};
use serde_json::json;

use crate::naming::{self, command_line};
use crate::output::Output;
use crate::progress::{Watcher, duration, outcome};
use crate::trial;

/// Runs to make, or to take as they are where they have been made.
pub struct Comparison {
    /// The runs.
    pub runs: Vec<PlannedRun<AnyConfig>>,
    /// Folder that takes a folder for each run, and the report.
    pub folder: PathBuf,
    /// Title of the report.
    pub title: String,
    /// What to do about a run of another configuration in the way.
    pub different: &'static str,
}

impl Comparison {
    /// Makes the runs that are missing, then writes the report.
    ///
    /// # Errors
    /// [`ErrorKind::Diverged`] at the end if any run diverged; anything else at once.
    pub fn run(&self, out: Output) -> Result<()> {
        let started = Instant::now();
        self.runs.iter().try_for_each(|run| trial::check(run.config.device()))?;
        let folders: Vec<PathBuf> = self.runs.iter().map(|run| self.folder.join(&run.name)).collect();
        // Every folder is looked at before any work is done, so that no run is made for nothing.
        let mut found = Vec::new();
        for (run, folder) in self.runs.iter().zip(&folders) {
            let state = RunFolder::find(folder, &run.config.identity());
            found.push(
                state.map_err(
                    |e| if e.kind() == ErrorKind::Checkpoint { e.mend(self.different) } else { e },
                )?,
            );
        }
        let mut diverged = Vec::new();
        for (index, (run, state)) in self.runs.iter().zip(found).enumerate() {
            let place = format!("[{}/{}] ", index + 1, self.runs.len());
            if self.make(run, state, &place, out)? == Status::Diverged {
                diverged.push(run.name.as_str());
            }
        }
        let records = folders.iter().map(RunRecords::read).collect::<Result<Vec<_>>>()?;
        let path = self.folder.join("report.html");
        report::write(&path, &report::html(&records, &self.title, &[command_line()])?)?;
        out.line(format_args!("\n{}", report::table(&records)));
        let runs: Vec<String> = folders.iter().map(|folder| naming::text(folder)).collect();
        out.event("report", json!({ "path": naming::text(&path), "runs": runs }));
        out.line(format_args!(
            "{} runs in {}; the report:",
            self.runs.len(),
            duration(started.elapsed().as_secs_f64())
        ));
        out.result(naming::shown(&path));
        if diverged.is_empty() {
            return Ok(());
        }
        let problem =
            format!("{} of {} runs diverged ({})", diverged.len(), self.runs.len(), diverged.join(", "));
        Err(Error::new(ErrorKind::Diverged, self.folder.display(), problem)
            .mend("try a lower learning rate or train.clip_norm for all of them"))
    }

    fn make(&self, run: &PlannedRun<AnyConfig>, state: Found, place: &str, out: Output) -> Result<Status> {
        let folder = self.folder.join(&run.name);
        if let Found::Ended(summary) = state {
            out.event("skipped", json!({ "run": naming::text(&folder), "summary": summary }));
            out.line(format_args!("{place}{}: made before, kept: {}", run.name, outcome(&summary)));
            return Ok(summary.status);
        }
        let mut watcher = Watcher::new(out, &folder, &*run.config, place);
        let options = RunOptions { resume: true, command: command_line() };
        match run.config.run(&folder, &options, &mut watcher) {
            Ok(summary) => {
                out.line(format_args!("{}: {}", run.name, outcome(&summary)));
                Ok(summary.status)
            }
            Err(error) if error.kind() == ErrorKind::Diverged => {
                out.warning(&naming::text(&folder), &format!("diverged: {error}"));
                Ok(Status::Diverged)
            }
            Err(error) => Err(error.within(&run.name)),
        }
    }
}
