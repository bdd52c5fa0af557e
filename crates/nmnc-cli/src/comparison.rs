//! Several runs, one report: what `compare`, `sweep` and `demo` share.

use std::path::{Path, PathBuf};
use std::time::Instant;

use nmnc::files::{IfTaken, write_atomically};
use nmnc::records::{RunRecords, Status, csv_long_beside};
use nmnc::train::{AnyConfig, Found, PlannedRun, RunConfig, RunFolder, RunOptions, share};
use nmnc::{Error, ErrorKind, Result, report};
use serde_json::json;

use crate::naming::{self, command_line};
use crate::output::Output;
use crate::part::{self, Plan};
use crate::progress::{Watcher, duration, outcome};
use crate::signals;
use crate::trial;

/// Columns that the table of all records has beside its own.
#[derive(Default)]
pub struct Beside {
    /// Their names.
    pub names: Vec<String>,
    /// What each run has there.
    pub cells: Vec<Vec<String>>,
}

/// Runs to make, or to take as they are where they have been made.
pub struct Comparison<'a> {
    /// Names of the runs, which their folders have.
    pub names: Vec<String>,
    /// The run at each place.
    pub plan: &'a Plan<'a>,
    /// Places of those that this process is to make, counted from 0.
    pub chosen: Vec<usize>,
    /// Folder that takes a folder for each run, and the report.
    pub folder: PathBuf,
    /// Title of the report.
    pub title: String,
    /// What the table of all records has beside its own.
    pub beside: Beside,
    /// What to do about a run of another configuration in the way.
    pub different: &'static str,
}

impl Comparison<'_> {
    /// Makes the chosen runs that are missing, then writes the report if all runs have ended.
    ///
    /// # Errors
    /// [`ErrorKind::Diverged`] at the end if any run diverged; anything else at once.
    pub fn run(&self, out: Output) -> Result<()> {
        let started = Instant::now();
        let runs = part::planned(&self.chosen, self.plan)?;
        runs.iter().try_for_each(|run| trial::check(run.config.device()))?;
        let folders: Vec<PathBuf> = self.names.iter().map(|name| self.folder.join(name)).collect();
        // Every folder is looked at before any work is done, so that no run is made for nothing.
        for (run, &at) in runs.iter().zip(&self.chosen) {
            self.find(run, &folders[at])?;
        }
        // Runs that another process is making are left to it, so that two calls share the work.
        let place = |at: usize| format!("[{}/{}] ", at + 1, self.names.len());
        let waiting = |number: usize, busy: &Error| {
            let index = self.chosen[number];
            out.event(
                "waiting",
                json!({ "run": naming::text(&folders[index]), "message": busy.to_string() }),
            );
            out.line(format_args!("{}{}: another process is at it", place(index), self.names[index]));
        };
        let make = |number: usize| {
            let index = self.chosen[number];
            self.make(&runs[number], &folders[index], &place(index), out)
        };
        let ended = share(self.chosen.len(), make, waiting)?;
        let diverged = runs.iter().zip(ended).filter(|(_, status)| *status == Status::Diverged);
        let diverged: Vec<&str> = diverged.map(|(run, _)| run.name.as_str()).collect();
        // Whoever finds that nothing is left to do for anybody writes the report.
        let all = part::ended(&folders)?;
        if all < folders.len() {
            part::told(all, folders.len(), &self.folder, out);
        } else {
            self.report(&folders, started, out)?;
        }
        if diverged.is_empty() {
            return Ok(());
        }
        let problem =
            format!("{} of {} runs diverged ({})", diverged.len(), self.chosen.len(), diverged.join(", "));
        Err(Error::new(ErrorKind::Diverged, self.folder.display(), problem)
            .mend("try a lower learning rate or train.clip_norm for all of them"))
    }

    fn report(&self, folders: &[PathBuf], started: Instant, out: Output) -> Result<()> {
        // Those of others, too.
        for at in (0..folders.len()).filter(|at| !self.chosen.contains(at)) {
            self.find(&(self.plan)(at)?, &folders[at])?;
        }
        let records = folders.iter().map(RunRecords::read).collect::<Result<Vec<_>>>()?;
        let path = self.folder.join("report.html");
        write_atomically(
            &self.folder.join("records.csv"),
            csv_long_beside(&records, &self.beside.names, &self.beside.cells).as_bytes(),
        )?;
        report::write(&path, &report::html(&records, &self.title, &[command_line()])?)?;
        out.line(format_args!("\n{}", report::table(&records)));
        let runs: Vec<String> = folders.iter().map(|folder| naming::text(folder)).collect();
        out.event("report", json!({ "path": naming::text(&path), "runs": runs }));
        out.line(format_args!(
            "{} in {}; the report:",
            report::text::plural(self.names.len(), "run"),
            duration(started.elapsed().as_secs_f64())
        ));
        out.result(naming::shown(&path));
        Ok(())
    }

    fn find(&self, run: &PlannedRun<AnyConfig>, folder: &Path) -> Result<Found> {
        RunFolder::find(folder, &run.config.identity()).map_err(|e| e.or_mend(self.different))
    }

    fn make(&self, run: &PlannedRun<AnyConfig>, folder: &Path, place: &str, out: Output) -> Result<Status> {
        signals::check().map_err(|e| e.within(&run.name))?;
        if let Found::Ended(summary) = self.find(run, folder)? {
            RunFolder::tidy(folder);
            out.event("skipped", json!({ "run": naming::text(folder), "summary": summary }));
            out.line(format_args!("{place}{}: made before, kept: {}", run.name, outcome(&summary)));
            return Ok(summary.status);
        }
        let mut watcher = Watcher::new(out, folder, &*run.config, place);
        let options = RunOptions {
            resume: true,
            if_taken: IfTaken::ComeBack,
            command: command_line(),
            ..RunOptions::default()
        };
        match run.config.run(folder, &options, &mut watcher) {
            Ok(summary) => {
                out.line(format_args!("{}: {}", run.name, outcome(&summary)));
                Ok(summary.status)
            }
            Err(error) if error.kind() == ErrorKind::Diverged => {
                out.warning(&naming::text(folder), &format!("diverged: {error}"));
                Ok(Status::Diverged)
            }
            Err(error) => Err(error.within(&run.name)),
        }
    }
}
