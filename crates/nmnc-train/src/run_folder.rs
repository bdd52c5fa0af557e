//! The folder of a run: resolved configuration, metric records, checkpoints, summary.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::identity::Identity;
use nmnc_core::error::{Error, Result};
use nmnc_core::files::{remove_partial, write_atomically};
use nmnc_core::records::{Record, RunRecords, Summary, csv_header, csv_row};

/// What a folder already holds of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// No run.
    Nothing,
    /// A run of the same configuration that has not ended.
    Partial,
    /// A run of the same configuration that has ended.
    Ended(Box<Summary>),
}

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
    pub fn create(path: &Path, identity: &Identity, stages: usize) -> Result<Self> {
        if path.join("config.toml").exists() {
            return Err(Error::checkpoint(path.display(), "already holds a run")
                .mend("continue it with --resume, or name another folder with --out"));
        }
        fs::create_dir_all(path.join("checkpoints")).map_err(|e| Error::io(path, "create folder", e))?;
        // A process that was killed before there was a configuration leaves nothing to resume.
        remove_partial(path)?;
        write_atomically(&path.join("config.toml"), identity.to_toml().as_bytes())?;
        Self::open(path, stages, &[])
    }

    /// What `path` holds of the run of this identity. Changes nothing.
    ///
    /// # Errors
    /// If it holds a run of another configuration, or one that cannot be read.
    pub fn find(path: &Path, identity: &Identity) -> Result<Found> {
        let file = path.join("config.toml");
        let kept = match fs::read_to_string(&file) {
            Ok(kept) => kept,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(e) => return Err(Error::io(&file, "read", e)),
        };
        if kept != identity.to_toml() {
            let problem = format!("was made with another configuration ({})", difference(&kept, identity));
            return Err(Error::checkpoint(path.display(), problem)
                .mend("use the same configuration, or name another folder with --out"));
        }
        Ok(RunRecords::read(path)?.summary.map_or(Found::Partial, |summary| Found::Ended(Box::new(summary))))
    }

    /// Reopens the folder of a run that is to go on after training step `step`: later records are dropped.
    ///
    /// # Errors
    /// If the folder holds no run, or one of another configuration.
    pub fn reopen(path: &Path, identity: &Identity, stages: usize, step: u64) -> Result<Self> {
        if Self::find(path, identity)? == Found::Nothing {
            return Err(Error::checkpoint(path.display(), "holds no run to resume")
                .mend("leave out --resume to start one"));
        }
        fs::create_dir_all(path.join("checkpoints")).map_err(|e| Error::io(path, "create folder", e))?;
        // What a process that was killed left half-written.
        remove_partial(path)?;
        remove_partial(&path.join("checkpoints"))?;
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

/// The first setting in which the configuration `kept` (TOML) differs from that of `identity`.
fn difference(kept: &str, identity: &Identity) -> String {
    let Ok(table) = kept.parse() else { return "it is not valid TOML".to_owned() };
    let (mut there, mut here) = (BTreeMap::new(), BTreeMap::new());
    flatten("", &toml::Value::Table(table), &mut there);
    let table = identity.to_toml().parse().expect("what was written as TOML can be read as TOML");
    flatten("", &toml::Value::Table(table), &mut here);
    let mut keys: Vec<&String> = here.keys().chain(there.keys()).collect();
    // A rule's settings differ whenever the rule does, which says more.
    keys.sort_by_key(|key| (key.as_str() != "credit.rule", key.as_str()));
    match keys.into_iter().find(|key| there.get(*key) != here.get(*key)) {
        Some(key) => {
            let show = |settings: &BTreeMap<String, String>| {
                settings.get(key).map_or_else(|| "not set".to_owned(), Clone::clone)
            };
            format!("{key}: {} there, {} here", show(&there), show(&here))
        }
        None => "it is written differently".to_owned(),
    }
}

/// The values of `value` by dotted key.
fn flatten(place: &str, value: &toml::Value, out: &mut BTreeMap<String, String>) {
    let key = |inner: &str| if place.is_empty() { inner.to_owned() } else { format!("{place}.{inner}") };
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(name, inner)| flatten(&key(name), inner, out)),
        toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
            list.iter().enumerate().for_each(|(i, inner)| flatten(&format!("{place}[{i}]"), inner, out));
        }
        _ => drop(out.insert(place.to_owned(), value.to_string())),
    }
}
