//! Several runs, one report: what `compare` and `demo` share.

use std::path::{Path, PathBuf};
use std::time::Instant;

use nmnc::files::{IfTaken, write_atomically};
use nmnc::records::{RunRecords, Status, csv_long};
use nmnc::train::{AnyConfig, Found, PlannedRun, RunConfig, RunFolder, RunOptions, share};
use nmnc::{Error, ErrorKind, Result, report};
use serde_json::json;

use crate::naming::{self, command_line};
use crate::output::Output;
use crate::progress::{Watcher, duration, outcome};
use crate::signals;
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
        for (run, folder) in self.runs.iter().zip(&folders) {
            self.find(run, folder)?;
        }
        // Runs that another process is making are left to it, so that two calls share the work.
        let place = |index: usize| format!("[{}/{}] ", index + 1, self.runs.len());
        let waiting = |index: usize, busy: &Error| {
            out.event(
                "waiting",
                json!({ "run": naming::text(&folders[index]), "message": busy.to_string() }),
            );
            out.line(format_args!("{}{}: another process is at it", place(index), self.runs[index].name));
        };
        let make = |index: usize| self.make(&self.runs[index], &folders[index], &place(index), out);
        let ended = share(self.runs.len(), make, waiting)?;
        let diverged = self.runs.iter().zip(ended).filter(|(_, status)| *status == Status::Diverged);
        let diverged: Vec<&str> = diverged.map(|(run, _)| run.name.as_str()).collect();
        let records = folders.iter().map(RunRecords::read).collect::<Result<Vec<_>>>()?;
        let path = self.folder.join("report.html");
        write_atomically(&self.folder.join("records.csv"), csv_long(&records).as_bytes())?;
        report::write(&path, &report::html(&records, &self.title, &[command_line()])?)?;
        out.line(format_args!("\n{}", report::table(&records)));
        let runs: Vec<String> = folders.iter().map(|folder| naming::text(folder)).collect();
        out.event("report", json!({ "path": naming::text(&path), "runs": runs }));
        out.line(format_args!(
            "{} in {}; the report:",
            report::text::plural(self.runs.len(), "run"),
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
