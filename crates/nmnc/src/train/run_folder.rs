//! The folder of a run: resolved configuration, metric records, checkpoints, summary.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::config::Config;
use crate::error::{Error, Result};
use crate::files::write_atomically;
use crate::records::{Record, RunRecords, Summary, csv_header, csv_row};

/// An open run folder.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    jsonl: File,
    csv: File,
    stages: usize,
}

impl RunFolder {
    /// Creates the folder for a new run.
    ///
    /// # Errors
    /// If it already holds a run, or cannot be written.
    pub fn create(path: &Path, config: &Config, stages: usize) -> Result<Self> {
        if path.join("config.toml").exists() {
            return Err(Error::checkpoint(path.display(), "already holds a run")
                .mend("continue it with --resume, or name another folder with --out"));
        }
        fs::create_dir_all(path.join("checkpoints")).map_err(|e| Error::io(path, "create folder", e))?;
        write_atomically(&path.join("config.toml"), config.to_toml().as_bytes())?;
        Self::open(path, stages, &[])
    }

    /// Reopens the folder of a run that is to go on after training step `step`: later records are dropped.
    ///
    /// # Errors
    /// If the folder holds no run, or one of another configuration.
    pub fn reopen(path: &Path, config: &Config, stages: usize, step: u64) -> Result<Self> {
        let kept = fs::read_to_string(path.join("config.toml")).map_err(|_| {
            Error::checkpoint(path.display(), "holds no run to resume")
                .mend("leave out --resume to start one")
        })?;
        if kept != config.to_toml() {
            let difference = first_difference(&kept, &config.to_toml());
            return Err(Error::checkpoint(
                path.display(),
                format!("was made with another configuration ({difference})"),
            )
            .mend("resume with the same configuration, or start in another folder"));
        }
        fs::create_dir_all(path.join("checkpoints")).map_err(|e| Error::io(path, "create folder", e))?;
        let mut records = RunRecords::read(path)?.records;
        records.retain(|record| record.step <= step);
        // The run has not ended any more.
        let summary = path.join("summary.json");
        if summary.exists() {
            fs::remove_file(&summary).map_err(|e| Error::io(&summary, "remove", e))?;
        }
        Self::open(path, stages, &records)
    }

    fn open(path: &Path, stages: usize, records: &[Record]) -> Result<Self> {
        let lines: String = records.iter().map(json_line).collect();
        let rows: String = records.iter().map(|r| csv_row(r, stages)).collect();
        let append = |name: &str, text: String| {
            let file = path.join(name);
            write_atomically(&file, text.as_bytes())?;
            OpenOptions::new().append(true).open(&file).map_err(|e| Error::io(&file, "append", e))
        };
        let jsonl = append("metrics.jsonl", lines)?;
        let csv = append("metrics.csv", csv_header(stages) + &rows)?;
        Ok(Self { path: path.to_owned(), jsonl, csv, stages })
    }

    /// Appends a record to both metric files.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn append(&mut self, record: &Record) -> Result<()> {
        let write = |file: &mut File, name: &str, text: String| {
            file.write_all(text.as_bytes()).map_err(|e| Error::io(&self.path.join(name), "append", e))
        };
        write(&mut self.jsonl, "metrics.jsonl", json_line(record))?;
        write(&mut self.csv, "metrics.csv", csv_row(record, self.stages))
    }

    /// Flushes the metric files to disk, so that no checkpoint is newer than the records before it.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn sync(&self) -> Result<()> {
        self.jsonl
            .sync_data()
            .and_then(|()| self.csv.sync_data())
            .map_err(|e| Error::io(&self.path, "sync", e))
    }

    /// Writes `summary.json`, which marks the run as ended.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(&self, summary: &Summary) -> Result<()> {
        self.sync()?;
        let text = serde_json::to_string_pretty(summary).expect("a summary is representable in JSON") + "\n";
        write_atomically(&self.path.join("summary.json"), text.as_bytes())
    }

    /// Where checkpoints go.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }
}

fn json_line(record: &Record) -> String {
    serde_json::to_string(record).expect("a record is representable in JSON") + "\n"
}

fn first_difference(kept: &str, given: &str) -> String {
    let (mut kept, mut given) = (kept.lines(), given.lines());
    loop {
        match (kept.next(), given.next()) {
            (Some(a), Some(b)) if a == b => {}
            (a, b) => return format!("there `{}`, here `{}`", a.unwrap_or(""), b.unwrap_or("")),
        }
    }
}
