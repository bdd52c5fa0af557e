//! The event file of TensorBoard in a run folder: `tensorboard --logdir runs` shows the runs below by their folders.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nmnc_core::error::{Error, Result};
use nmnc_core::files::write_atomically;
use nmnc_core::records::{Events, Layout, Record};

const BEGINNING: &str = "events.out.tfevents.";
const END: &str = ".nmnc";

/// An event file that records are appended to.
#[derive(Debug)]
pub(crate) struct EventFile {
    path: PathBuf,
    file: File,
    events: Events,
}

impl EventFile {
    /// Begins a file in the run folder `run` with the records so far, in the place of those that earlier processes wrote: no step is there
    /// twice, whatever they wrote after the checkpoint that the run goes on from. It has a name of its own, since a TensorBoard that is
    /// reading an old file would not notice that it is another one.
    pub fn begin(run: &Path, records: &[Record], layout: Layout) -> Result<Self> {
        for old in of_earlier_processes(run)? {
            fs::remove_file(&old).map_err(|e| Error::io(&old, "remove", e))?;
        }
        let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |since| since.as_secs_f64());
        let origin = now - records.last().map_or(0.0, |record| record.seconds);
        let events = Events::new(origin, layout);
        let mut bytes = events.header();
        records.iter().for_each(|record| bytes.extend(events.row(record)));
        let path = run.join(format!("{BEGINNING}{:010}{END}", now as u64));
        write_atomically(&path, &bytes)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(|e| Error::io(&path, "append", e))?;
        Ok(Self { path, file, events })
    }

    /// Appends a record.
    pub fn append(&mut self, record: &Record) -> Result<()> {
        self.file.write_all(&self.events.row(record)).map_err(|e| Error::io(&self.path, "append", e))
    }
}

fn of_earlier_processes(run: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::io(run, "list", e);
    let mut found = Vec::new();
    for entry in fs::read_dir(run).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with(BEGINNING) && name.ends_with(END)) {
            found.push(path);
        }
    }
    Ok(found)
}
