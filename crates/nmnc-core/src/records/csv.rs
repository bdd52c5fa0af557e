//! Records as CSV: `metrics.csv`, one row a record, and the long form for many runs, one row a number.

use super::columns::Layout;
use super::{Examples, Record, RunRecords};
use crate::spreadsheet;

/// The run that records are of: the same cells in every row, so that tables of several runs can be joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The credit rule.
    pub rule: String,
    /// The seed.
    pub seed: u64,
    /// Name of the task, or of the images; empty where neither is known.
    pub task: String,
    /// What the run is trained on.
    pub examples: Examples,
}

impl Origin {
    /// Of a run of `rule` and `seed` with the settings `config` (TOML).
    pub fn of(rule: &str, seed: u64, config: &str) -> Self {
        let table: toml::Table = config.parse().unwrap_or_default();
        let text = |table: &str, key: &str, of: &toml::Table| {
            Some(of.get(table)?.as_table()?.get(key)?.as_str()?.to_owned())
        };
        let (task, examples) = match (text("task", "name", &table), text("data", "source", &table)) {
            (Some(task), _) => (task, Examples::Trials),
            (None, Some(data)) => (data, Examples::Images),
            (None, None) => (String::new(), Examples::Any),
        };
        Self { rule: rule.to_owned(), seed, task, examples }
    }
}

/// Writes records of one run as rows.
#[derive(Clone, Debug)]
pub struct CsvRows {
    layout: Layout,
    /// The first cells of every row.
    origin: String,
}

impl CsvRows {
    /// Of the run of this origin, whose network has `stages` stages.
    pub fn new(origin: &Origin, stages: usize) -> Self {
        let cells = [origin.rule.clone(), origin.seed.to_string(), origin.task.clone()];
        Self { layout: Layout { stages, examples: origin.examples }, origin: spreadsheet::row(&cells) }
    }

    /// The header line: `rule`, `seed`, `task`, and the names of the layout.
    pub fn header(&self) -> String {
        format!("rule,seed,task,{}\n", self.layout.names().join(","))
    }

    /// One line for `record`.
    pub fn row(&self, record: &Record) -> String {
        let cell = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
        let cells: Vec<String> = self.layout.values(record).into_iter().map(cell).collect();
        format!("{},{}\n", self.origin, cells.join(","))
    }
}

/// Every number of every record of several runs in long form: `run,rule,seed,task,step,epoch,stage,metric,value`, where `run` is the name of
/// the run's folder and `stage` is empty for what belongs to the whole network.
pub fn csv_long(runs: &[RunRecords]) -> String {
    csv_long_beside(runs, &[], &[])
}

/// The same with further columns of these names after `task`, of which `cells` has the values of each run.
///
/// # Panics
/// If there are not as many rows of cells as runs, or of cells in one as names.
pub fn csv_long_beside(runs: &[RunRecords], names: &[String], cells: &[Vec<String>]) -> String {
    assert!(names.is_empty() || cells.len() == runs.len(), "cells of every run");
    let columns = ["run", "rule", "seed", "task"].map(str::to_owned);
    let after = ["step", "epoch", "stage", "metric", "value"].map(str::to_owned);
    let mut table = spreadsheet::row(&[&columns[..], names, &after[..]].concat()) + "\n";
    for (number, run) in runs.iter().enumerate() {
        let own = cells.get(number).map_or(&[][..], Vec::as_slice);
        assert_eq!(own.len(), names.len(), "a cell for every name");
        let origin = Origin::of(&run.rule, run.seed, &run.config_text);
        let name =
            run.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let of_run = [name, origin.rule, origin.seed.to_string(), origin.task];
        let cells = spreadsheet::row(&[&of_run[..], own].concat());
        let stages =
            run.records.iter().flat_map(|record| record.stages.iter().map(|s| s.stage)).max().unwrap_or(0);
        let layout = Layout { stages, examples: origin.examples };
        let names = layout.names();
        for record in &run.records {
            for (name, value) in names.iter().zip(layout.values(record)) {
                let Some(value) = value.filter(|_| !["step", "epoch"].contains(&name.as_str())) else {
                    continue;
                };
                let (stage, metric) = name
                    .strip_prefix("stage")
                    .and_then(|rest| rest.split_once('.'))
                    .unwrap_or(("", name.as_str()));
                table += &format!("{cells},{},{},{stage},{metric},{value}\n", record.step, record.epoch);
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Score;

    fn record() -> Record {
        Record {
            step: 3,
            epoch: 0.5,
            probes: 12,
            learning_rate: 0.001,
            seconds: 2.0,
            images_per_second: 64.0,
            waiting: 0.0,
            train: Some(Score { loss: 1.25, accuracy: 0.5, top5: None }),
            test: None,
            trials: None,
            conditions: Vec::new(),
            psychometric: None,
            stages: Vec::new(),
        }
    }

    #[test]
    fn rows_have_as_many_cells_as_the_header_and_absent_values_are_empty() {
        let images = Origin::of("nmnc", 7, "[data]\nsource = 'a'");
        let rows = CsvRows::new(&images, 2);
        let row = rows.row(&record());
        assert!(row.starts_with("nmnc,7,a,3,0.5,12,0.001,2,64,0,1.25,0.5,,,"), "{row}");
        assert_eq!(row.matches(',').count(), rows.header().matches(',').count());
    }

    #[test]
    fn columns_of_the_other_kind_of_run_are_absent() {
        let header = |config: &str| CsvRows::new(&Origin::of("bp", 0, config), 1).header();
        let [images, trials, any] = ["data.source = 'a'", "task.name = 'Adding'", "x = 1"].map(header);
        for (name, of) in [("test_top5", &images), ("misses", &trials)] {
            for header in [&images, &trials, &any] {
                let there = header.split(',').any(|cell| cell == name);
                assert_eq!(there, header == of || *header == any, "{name}: {header}");
            }
        }
    }

    #[test]
    fn the_long_form_has_a_row_for_every_number() {
        let run = RunRecords {
            folder: "runs/cmp/bp-seed0".into(),
            config_text: "[data]\nsource = 'a,b'".to_owned(),
            rule: "bp".to_owned(),
            seed: 0,
            records: vec![record()],
            summary: None,
        };
        let table = csv_long(std::slice::from_ref(&run));
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "run,rule,seed,task,step,epoch,stage,metric,value");
        assert_eq!(lines[1], "bp-seed0,bp,0,\"a,b\",3,0.5,,probes,12");
        assert!(lines.contains(&"bp-seed0,bp,0,\"a,b\",3,0.5,,train_accuracy,0.5"));
        assert_eq!(lines.len(), 1 + 7);
        let beside = csv_long_beside(&[run], &["train.batch".to_owned()], &[vec!["4,5".to_owned()]]);
        let lines: Vec<&str> = beside.lines().collect();
        assert_eq!(lines[0], "run,rule,seed,task,train.batch,step,epoch,stage,metric,value");
        assert_eq!(lines[1], "bp-seed0,bp,0,\"a,b\",\"4,5\",3,0.5,,probes,12");
    }
}
