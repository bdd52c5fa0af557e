//! Reading a run folder back, finished or not.

use std::path::{Path, PathBuf};

use super::{Record, Status, Summary, check};
use crate::doing;
use crate::error::{Error, Result};
use crate::files::read_if_there;

/// Everything a run folder says about a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecords {
    /// The run folder.
    pub folder: PathBuf,
    /// `config.toml`, word for word.
    pub config_text: String,
    /// Name of the credit rule.
    pub rule: String,
    /// The seed.
    pub seed: u64,
    /// The lines of `metrics.jsonl` in order of step.
    pub records: Vec<Record>,
    /// `summary.json`; none while the run has not ended.
    pub summary: Option<Summary>,
}

impl RunRecords {
    /// Reads a run folder. A run may still be in progress: a missing `metrics.jsonl`, a half-written last line and a
    /// missing `summary.json` are no errors.
    ///
    /// # Errors
    /// [`ErrorKind::Checkpoint`](crate::ErrorKind::Checkpoint) where it is no run folder or a file in it is not what a run writes:
    /// steps rise, stages are numbered from 1 to [`MOST_STAGES`](super::MOST_STAGES), numbers and names have the size of such.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let _reading = doing::now(|| format!("reading {}", folder.display()));
        let config_path = folder.join("config.toml");
        let Some(config) = read_if_there(&config_path)? else {
            return Err(Error::checkpoint(folder.display(), "not a run folder (it has no config.toml)")
                .mend("give the folder that a training run wrote"));
        };
        let config_text = String::from_utf8(config)
            .map_err(|e| Error::checkpoint(config_path.display(), "not UTF-8 text").caused_by(e))?;
        let metrics_path = folder.join("metrics.jsonl");
        let records = match read_if_there(&metrics_path)? {
            Some(bytes) => parse_records(&bytes, &metrics_path)?,
            None => Vec::new(),
        };
        let summary = Self::summary(folder)?;
        let (rule, seed) = match &summary {
            Some(summary) => (summary.rule.clone(), summary.seed),
            None => rule_and_seed(&config_text).map_err(|e| e.within(config_path.display()))?,
        };
        Ok(Self { folder: folder.to_owned(), config_text, rule, seed, records, summary })
    }

    /// The summary of the run in `folder`, which is there once it has ended. Nothing else is looked at.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    pub fn summary(folder: &Path) -> Result<Option<Summary>> {
        let path = folder.join("summary.json");
        read_if_there(&path)?.map(|bytes| parse_summary(&bytes, &path)).transpose()
    }

    /// How the run ended; none while it has not.
    pub fn status(&self) -> Option<Status> {
        self.summary.as_ref().map(|s| s.status)
    }
}

fn parse_summary(bytes: &[u8], path: &Path) -> Result<Summary> {
    let wrong = |line: usize, problem: &str| {
        Error::checkpoint(format!("{}:{line}", path.display()), format!("not a summary: {problem}"))
            .mend("remove it: resuming the run writes it anew")
    };
    let summary: Summary = serde_json::from_slice(bytes).map_err(|e| {
        let text = e.to_string();
        wrong(e.line(), text.split(" at line ").next().unwrap_or(&text)).caused_by(e)
    })?;
    check::summary(&summary).map_err(|problem| wrong(1, &problem))?;
    Ok(summary)
}

/// One record a line, of rising steps.
fn parse_records(bytes: &[u8], path: &Path) -> Result<Vec<Record>> {
    let mut records: Vec<Record> = Vec::new();
    for (index, line) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let wrong = |problem: &str| {
            let place = format!("{}:{}", path.display(), index + 1);
            Error::checkpoint(place, format!("not a metrics record: {problem}"))
                .mend("remove the line, or the run folder if there are more")
        };
        match serde_json::from_slice::<Record>(line) {
            Ok(record) => {
                check::record(&record, records.last().map(|last| last.step)).map_err(|p| wrong(&p))?;
                records.push(record);
            }
            // Only the last line can lack its newline: the run is writing it, or was stopped while it did.
            Err(_) if !line.ends_with(b"\n") => {}
            Err(e) => {
                // serde_json counts lines within this one line; only its column says something.
                let text = e.to_string();
                let problem = text.split(" at line ").next().unwrap_or(&text);
                return Err(wrong(&format!("{problem} (column {})", e.column())).caused_by(e));
            }
        }
    }
    Ok(records)
}

/// The rule and the seed of a run without a summary, from its configuration.
fn rule_and_seed(config: &str) -> Result<(String, u64)> {
    let table: toml::Table =
        config.parse().map_err(|e: toml::de::Error| Error::checkpoint("", e.message()).caused_by(e))?;
    let rule = table.get("credit").and_then(|credit| credit.get("rule")).and_then(toml::Value::as_str);
    let seed = table.get("seed").and_then(toml::Value::as_integer);
    match (rule, seed) {
        (Some(rule), Some(seed)) => {
            check::rule(rule).map_err(|problem| Error::checkpoint("credit.rule", problem))?;
            let seed = seed.try_into().map_err(|_| Error::checkpoint("seed", "is negative"))?;
            Ok((rule.to_owned(), seed))
        }
        (None, _) => Err(Error::checkpoint("credit.rule", "missing")),
        (_, None) => Err(Error::checkpoint("seed", "missing")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::records::Score;

    fn line(step: u64) -> String {
        let record = Record {
            step,
            epoch: step as f64 / 10.0,
            probes: 0,
            learning_rate: 0.1,
            seconds: 1.0,
            images_per_second: 10.0,
            waiting: 0.0,
            train: Some(Score { loss: 1.5, accuracy: 0.5, top5: None }),
            test: None,
            trials: None,
            conditions: Vec::new(),
            psychometric: None,
            stages: Vec::new(),
        };
        serde_json::to_string(&record).unwrap()
    }

    fn folder(config: &str, metrics: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.toml"), config).unwrap();
        fs::write(folder.path().join("metrics.jsonl"), metrics).unwrap();
        folder
    }

    const CONFIG: &str = "seed = 3\n[credit]\nrule = \"nmnc\"\n";

    #[test]
    fn a_half_written_last_line_is_ignored() {
        let whole = line(1);
        let metrics = format!("{whole}\n{}", &line(2)[..40]);
        let run = RunRecords::read(folder(CONFIG, &metrics).path()).unwrap();
        assert_eq!((run.rule.as_str(), run.seed, run.records.len()), ("nmnc", 3, 1));
        assert_eq!(run.status(), None);
        let run = RunRecords::read(folder(CONFIG, &format!("{whole}\n{}", line(2))).path()).unwrap();
        assert_eq!(run.records.len(), 2);
    }

    #[test]
    fn a_bad_line_is_one_error_with_its_line_number() {
        let folder = folder(CONFIG, &format!("{}\n{{\"step\": 2}}\n{}\n", line(1), line(3)));
        let error = RunRecords::read(folder.path()).unwrap_err().to_string();
        let expected = format!(
            "{}:2: not a metrics record: missing field `epoch` (column 11); remove the line, or the run folder if \
             there are more",
            folder.path().join("metrics.jsonl").display()
        );
        assert_eq!(error, expected);
    }

    #[test]
    fn a_loss_that_was_not_finite_reads_as_nan() {
        let metrics = line(1).replace("\"loss\":1.5", "\"loss\":null");
        let run = RunRecords::read(folder(CONFIG, &metrics).path()).unwrap();
        assert!(run.records[0].train.unwrap().loss.is_nan());
    }

    #[test]
    fn a_folder_without_a_configuration_is_no_run_folder() {
        let folder = tempfile::tempdir().unwrap();
        let error = RunRecords::read(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with(
            "not a run folder (it has no config.toml); give the folder that a training run wrote"
        ));
    }
}
