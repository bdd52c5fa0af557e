//! The folder of a run: resolved configuration, metric records, checkpoints, summary.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::checkpoint;
use crate::event_file::EventFile;
use crate::identity::Identity;
use crate::ledger::{Ledger, Ledgered, Mark};
use nmnc_core::error::{Error, Result};
use nmnc_core::files::{FolderLock, clean, clean_own, is_there, read_if_there, write_atomically};
use nmnc_core::records::{CsvRows, Layout, Origin, Record, RunRecords, Status, Summary};

const CONFIG: &str = "config.toml";
const ROWS: &str = "metrics.jsonl";
const TABLE: &str = "metrics.csv";
const SUMMARY: &str = "summary.json";
const PSYCHOMETRIC: &str = "psychometric.csv";
const CHECKPOINTS: &str = "checkpoints";

/// What to do about records that are not as the run left them.
pub(crate) const RESTORE: &str =
    "put the file back as the run left it, or go on with what is left of it by --resume --accept-records";

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

/// What records are written as, beside JSON lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forms {
    /// Stages of the network, which columns are named by.
    pub stages: usize,
    /// Whether there is an event file of TensorBoard.
    pub tensorboard: bool,
}

/// An open run folder, which no other process writes.
#[derive(Debug)]
pub struct RunFolder {
    lock: FolderLock,
    jsonl: File,
    csv: File,
    events: Option<EventFile>,
    rows: CsvRows,
    origin: Origin,
    ledger: Ledger,
}

impl RunFolder {
    /// What `path` holds of the run of this identity. Changes nothing, and needs no lock.
    ///
    /// # Errors
    /// If it holds a run of another configuration, one that cannot be read, or one that is complete but for rows of its records.
    pub fn find(path: &Path, identity: &Identity) -> Result<Found> {
        let found = Self::look(path, identity)?;
        if let Found::Ended(summary) = &found
            && summary.status == Status::Complete
        {
            check_ended(path, identity, summary)?;
        }
        Ok(found)
    }

    /// [`RunFolder::find`] that lets records be what they are.
    pub(crate) fn look(path: &Path, identity: &Identity) -> Result<Found> {
        let file = path.join(CONFIG);
        let Some(kept) = read_if_there(&file)? else { return Ok(Found::Nothing) };
        if kept != identity.to_toml().as_bytes() {
            let different = std::str::from_utf8(&kept)
                .map_or("it is no text".to_owned(), |kept| identity.difference(kept));
            let problem = format!("was made with another configuration ({different})");
            return Err(Error::checkpoint(path.display(), problem));
        }
        Ok(RunRecords::summary(path)?.map_or(Found::Partial, |summary| Found::Ended(Box::new(summary))))
    }

    /// In what the run in `path` differs from that of this identity, if it is another one that can go on as it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn extends(path: &Path, identity: &Identity) -> Result<Option<String>> {
        let Some(kept) = read_if_there(&path.join(CONFIG))? else { return Ok(None) };
        let other = std::str::from_utf8(&kept).ok().filter(|kept| *kept != identity.to_toml());
        Ok(other.filter(|kept| identity.continues(kept)).map(|kept| identity.difference(kept)))
    }

    /// Makes a new run of the locked folder.
    ///
    /// # Errors
    /// If it already holds a run or a part of one, or cannot be written.
    pub(crate) fn create(lock: FolderLock, identity: &Identity, forms: Forms) -> Result<Self> {
        let path = lock.folder().to_owned();
        if is_there(&path.join(CONFIG))? {
            return Err(Error::checkpoint(path.display(), "already holds a run")
                .mend("continue it with --resume, or name another folder with --out"));
        }
        // A run begins with its configuration, so what is here without one has lost it.
        let checkpoints = path.join(CHECKPOINTS);
        let has_checkpoints = is_there(&checkpoints)? && !checkpoint::list(&checkpoints)?.is_empty();
        if has_checkpoints || is_there(&path.join(ROWS))? || is_there(&path.join(SUMMARY))? {
            let problem = "holds a run without its config.toml";
            return Err(Error::checkpoint(path.display(), problem)
                .mend("put the file back, or name another folder with --out"));
        }
        clean(&path);
        fs::create_dir_all(&checkpoints).map_err(|e| Error::io(&checkpoints, "create folder", e))?;
        clean_own(&checkpoints)?;
        write_atomically(&path.join(CONFIG), identity.to_toml().as_bytes())?;
        Self::open(lock, identity, forms, Ledgered::default())
    }

    /// Reopens the locked folder of a run that is to go on after the given rows, as that of `identity`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn reopen(
        lock: FolderLock,
        identity: &Identity,
        forms: Forms,
        rows: Ledgered,
    ) -> Result<Self> {
        let path = lock.folder().to_owned();
        let checkpoints = path.join(CHECKPOINTS);
        fs::create_dir_all(&checkpoints).map_err(|e| Error::io(&checkpoints, "create folder", e))?;
        // What a process that was killed left half-written.
        clean(&path);
        clean_own(&checkpoints)?;
        // The run has not ended any more.
        for name in [SUMMARY, PSYCHOMETRIC] {
            let file = path.join(name);
            match fs::remove_file(&file) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io(&file, "remove", e));
                }
                _ => {}
            }
        }
        // Only now: a summary of the run as it was would make that of the new configuration look complete.
        let config = path.join(CONFIG);
        if read_if_there(&config)?.is_none_or(|kept| kept != identity.to_toml().as_bytes()) {
            write_atomically(&config, identity.to_toml().as_bytes())?;
        }
        Self::open(lock, identity, forms, rows)
    }

    fn open(lock: FolderLock, identity: &Identity, forms: Forms, rows: Ledgered) -> Result<Self> {
        let Forms { stages, tensorboard } = forms;
        let origin = Origin::of(identity.rule(), identity.seed().0, identity.to_toml());
        let form = CsvRows::new(&origin, stages);
        let append = |name: &str, bytes: &[u8]| {
            let file = lock.folder().join(name);
            write_atomically(&file, bytes)?;
            OpenOptions::new().append(true).open(&file).map_err(|e| Error::io(&file, "append", e))
        };
        let (mut table, mut records) = (form.header(), Vec::new());
        for line in rows.bytes.split_inclusive(|byte| *byte == b'\n') {
            let record: Record = serde_json::from_slice(line).map_err(|e| {
                Error::checkpoint(lock.folder().join(ROWS).display(), "holds a row that is no record")
                    .caused_by(e)
            })?;
            table += &form.row(&record);
            records.push(record);
        }
        let (jsonl, csv) = (append(ROWS, &rows.bytes)?, append(TABLE, table.as_bytes())?);
        let layout = Layout { stages, examples: origin.examples };
        let begin = || EventFile::begin(lock.folder(), &records, layout);
        let events = tensorboard.then(begin).transpose()?;
        Ok(Self { jsonl, csv, events, rows: form, origin, ledger: rows.ledger, lock })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.lock.folder()
    }

    /// Appends a record to the metric files.
    ///
    /// # Errors
    /// If they cannot be written, or the folder is not there or not this process's any more.
    pub(crate) fn append(&mut self, record: &Record) -> Result<()> {
        self.lock.check()?;
        let row = serde_json::to_string(record).expect("a record is representable in JSON") + "\n";
        let failed = |name: &str, e| Error::io(&self.lock.folder().join(name), "append", e);
        self.jsonl.write_all(row.as_bytes()).map_err(|e| failed(ROWS, e))?;
        self.csv.write_all(self.rows.row(record).as_bytes()).map_err(|e| failed(TABLE, e))?;
        self.ledger.add(record.step, row.as_bytes());
        self.events.as_mut().map_or(Ok(()), |events| events.append(record))
    }

    /// Flushes the metric files to disk, so that no checkpoint is newer than the records before it. Gives what they hold.
    ///
    /// # Errors
    /// As [`RunFolder::append`].
    pub(crate) fn sync(&self) -> Result<Mark> {
        self.lock.check()?;
        let synced = self.jsonl.sync_data().and_then(|()| self.csv.sync_data());
        synced.map_err(|e| Error::io(self.path(), "sync", e))?;
        Ok(self.ledger.mark())
    }

    /// Writes `summary.json`, which marks the run as ended, and of a task with graded stimuli `psychometric.csv` before it.
    ///
    /// # Errors
    /// As [`RunFolder::append`].
    pub(crate) fn finish(&self, summary: &Summary) -> Result<()> {
        self.sync()?;
        if let Some(found) = &summary.psychometric {
            write_atomically(&self.path().join(PSYCHOMETRIC), found.csv(&self.origin).as_bytes())?;
        }
        let text = serde_json::to_string_pretty(summary).expect("a summary is representable in JSON") + "\n";
        write_atomically(&self.path().join(SUMMARY), text.as_bytes())
    }

    /// Gives the folder back to other processes.
    ///
    /// # Errors
    /// If the file system refuses.
    pub(crate) fn close(self) -> Result<()> {
        self.lock.release()
    }

    /// Removes what a process left in `path` that was killed at the very end of a run: its lock, which nobody would take over any more.
    pub fn tidy(path: &Path) {
        FolderLock::clear(path);
    }

    /// Where checkpoints go.
    pub(crate) fn checkpoints(&self) -> PathBuf {
        checkpoints(self.path())
    }
}

/// Where the checkpoints of the run in the folder `run` are.
pub(crate) fn checkpoints(run: &Path) -> PathBuf {
    run.join(CHECKPOINTS)
}

/// The rows up to a checkpoint as they stand in the folder `run`. Where they are not as the run wrote them, they are refused, or with
/// `accept` what is left of them is taken, and what is wrong is told.
///
/// # Errors
/// If the file cannot be read, or does not begin with the rows.
pub(crate) fn rows(run: &Path, mark: &Mark, accept: bool) -> Result<(Ledgered, Option<String>)> {
    let file = run.join(ROWS);
    let mut bytes = read_if_there(&file)?.unwrap_or_default();
    if mark.begins(&bytes) {
        bytes.truncate(mark.bytes as usize);
        return Ok((Ledgered { ledger: Ledger::of(mark, &bytes), bytes }, None));
    }
    let complaint = complaint(run, mark, &bytes)?;
    match accept {
        true => Ok((mark.salvage(&bytes)?, Some(format!("{ROWS} {complaint}")))),
        false => Err(Error::checkpoint(file.display(), complaint).mend(RESTORE)),
    }
}

/// Refuses a run that is complete if its records are not all that its last checkpoint was made after.
fn check_ended(run: &Path, identity: &Identity, summary: &Summary) -> Result<()> {
    let folder = checkpoints(run);
    if !is_there(&folder)? {
        return Ok(());
    }
    let Some(last) = checkpoint::list(&folder)?.pop() else { return Ok(()) };
    let Some((step, config, mark)) = checkpoint::glance(&last) else { return Ok(()) };
    let file = run.join(ROWS);
    let bytes = read_if_there(&file)?.unwrap_or_default();
    if step != summary.steps || config != identity.to_toml() || mark.is_all_of(&bytes) {
        return Ok(());
    }
    Err(Error::checkpoint(file.display(), complaint(run, &mark, &bytes)?).mend(RESTORE))
}

fn complaint(run: &Path, mark: &Mark, bytes: &[u8]) -> Result<String> {
    let folder = checkpoints(run);
    let kept = checkpoint::list(&folder)?;
    let sound: Vec<Mark> = kept.iter().filter_map(|path| Some(checkpoint::glance(path)?.2)).collect();
    mark.complaint(bytes, &sound)
}
