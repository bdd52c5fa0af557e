//! Does training draw the rows of the Jacobian onto the manifold? Optimizers with and without weight decay, and NMNC, against the
//! untrained network and random subspaces.

mod figures;
mod tables;
mod verdict;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::base::{Options, Size};
use super::page::Page;
use super::statistics::{Interval, interval};
use super::{Experiment, Outcome};
use nmnc_analysis::analysis::{
    self, Analysis, AtDimension, OverTraining, Settings, Source, Split, StageAnalysis, training_rows,
    weight_rows,
};
use nmnc_core::error::{Error, Result};
use nmnc_report::csv;
use nmnc_train::{Config, PlannedRun};

const BASE: &str = include_str!("base.toml");

/// A way to train.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    name: &'static str,
    label: &'static str,
    changes: &'static [&'static str],
}

const CONDITIONS: [Condition; 4] = [
    Condition {
        name: "sgd-decay",
        label: "SGD with decay",
        changes: &["train.optimizer={name='sgd', learning_rate=0.02, momentum=0.9, weight_decay=5e-3}"],
    },
    Condition {
        name: "sgd",
        label: "SGD without decay",
        changes: &["train.optimizer={name='sgd', learning_rate=0.02, momentum=0.9, weight_decay=0.0}"],
    },
    Condition {
        name: "adam",
        label: "Adam",
        changes: &["train.optimizer={name='adam', learning_rate=1e-3}"],
    },
    Condition {
        name: "nmnc",
        label: "NMNC, SGD with decay",
        changes: &[
            "credit.rule=nmnc",
            "train.clip_norm=1.0",
            "train.optimizer={name='sgd', learning_rate=0.02, momentum=0.9, weight_decay=5e-3}",
        ],
    },
];

/// The experiment.
#[derive(Clone, Debug)]
pub struct Alignment {
    /// Index of its condition, and the run.
    runs: Vec<(usize, PlannedRun)>,
    settings: Settings,
}

/// What is measured of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlignmentRun {
    /// Every checkpoint.
    pub training: OverTraining,
    /// The last one, with all controls.
    pub last: Analysis,
}

impl Alignment {
    /// The experiment as `options` ask for it.
    ///
    /// # Errors
    /// Settings that no run can have.
    pub fn new(options: &Options) -> Result<Self> {
        let own: &[&str] = match options.size() {
            Size::Quick => &[
                "data.train_limit=2000",
                "network.widths=[8, 16, 32]",
                "train.epochs=6",
                "train.batch=32",
                "checkpoint.history=5",
            ],
            Size::Sample => &[],
            Size::Full => &[
                "data.train_limit=20000",
                "network.widths=[32, 64, 128]",
                "train.epochs=6",
                "train.batch=128",
            ],
        };
        let mut runs = Vec::new();
        for (index, condition) in CONDITIONS.iter().enumerate() {
            let changes: Vec<String> = own.iter().chain(condition.changes).map(|c| (*c).to_owned()).collect();
            runs.extend(options.runs(condition.name, BASE, &changes)?.into_iter().map(|run| (index, run)));
        }
        let quick = options.size() == Size::Quick;
        let examples = options.examples.unwrap_or(if quick { 400 } else { 1000 });
        let settings = Settings {
            examples,
            jacobians: (examples / 4).max(1),
            curve: 128,
            probes: 0,
            ..Settings::default()
        };
        settings.check()?;
        Ok(Self { runs, settings })
    }

    fn split(&self, measured: &[Option<AlignmentRun>]) -> Result<Vec<(Condition, Vec<Seeded>)>> {
        let mut found: Vec<(Condition, Vec<Seeded>)> = CONDITIONS.iter().map(|c| (*c, Vec::new())).collect();
        for ((condition, run), measured) in self.runs.iter().zip(measured) {
            if let Some(measured) = measured {
                let seeded = Seeded { seed: run.config.seed.0, measured: measured.clone() };
                found[*condition].1.push(seeded);
            }
        }
        found.retain(|(_, runs)| !runs.is_empty());
        if found.iter().all(|(_, runs)| runs.iter().all(|r| r.stages().all(|s| s.alignment.is_none()))) {
            return Err(Error::data("activity", "does not vary in any run, so there is no alignment"));
        }
        Ok(found)
    }
}

/// One run of a condition.
pub(super) struct Seeded {
    seed: u64,
    measured: AlignmentRun,
}

impl Seeded {
    fn stages(&self) -> impl Iterator<Item = &StageAnalysis> {
        self.measured.last.stages.iter()
    }

    /// The table row of a stage (number from 1) at dimension `d`.
    fn at(&self, stage: usize, d: usize) -> Option<AtDimension> {
        let stage = self.stages().find(|s| s.stage == stage)?;
        stage.alignment.as_ref()?.table.iter().find(|row| row.dimension == d).copied()
    }
}

/// A value of every seed of a condition at a stage and dimension.
pub(super) fn over_seeds(
    runs: &[Seeded],
    stage: usize,
    d: usize,
    value: impl Fn(&AtDimension) -> Option<f64>,
) -> Option<Interval> {
    interval(runs.iter().filter_map(|run| value(&run.at(stage, d)?)))
}

impl Experiment for Alignment {
    type Config = Config;
    type Measured = AlignmentRun;

    fn name(&self) -> &'static str {
        "alignment"
    }

    fn runs(&self) -> Vec<&PlannedRun> {
        self.runs.iter().map(|(_, run)| run).collect()
    }

    fn measurement(&self) -> Value {
        serde_json::to_value(&self.settings).expect("settings are representable in JSON")
    }

    fn measure(&self, folder: &Path) -> Result<AlignmentRun> {
        let source = Source { path: folder.to_owned(), data: None, split: Split::Train };
        let (training, last) = analysis::over_training(&source, &self.settings, &[])?;
        Ok(AlignmentRun { training, last })
    }

    fn outcome(&self, measured: &[Option<AlignmentRun>], command: &str) -> Result<Outcome> {
        let conditions = self.split(measured)?;
        let headline = self.settings.dimensions.iter().copied().min_by_key(|d| d.abs_diff(64)).unwrap_or(64);
        let verdict = verdict::verdict(&conditions, headline);
        let table = tables::table(&conditions, &self.settings.dimensions);
        let config = &self.runs[0].1.config;
        let setup = vec![
            ("Data", config.data.source.clone()),
            ("Training", format!("{} epochs, batches of {}", config.train.epochs, config.train.batch)),
            ("Seeds", format!("{}", self.runs.iter().filter(|(c, _)| *c == 0).count())),
            (
                "Samples",
                format!("{}, Jacobians of {} of them", self.settings.examples, self.settings.jacobians),
            ),
            ("Version", format!("nmnc {}", env!("CARGO_PKG_VERSION"))),
        ];
        let note = "Mean ± s.e.m. over seeds. α: energy of the Jacobian on the top d principal axes, of the mean Jacobian over \
                    examples and averaged over each example’s own. Untrained: the same network before training, on its own \
                    manifold. Shuffled: principal axes of the activity after each unit was permuted over samples. Gain: α of the \
                    mean Jacobian less that of the same network untrained, ± half the 95 % t interval over seeds.";
        let page = Page {
            title: "Alignment of the Jacobian with the manifold",
            verdict: &verdict,
            setup,
            notes: conditions
                .iter()
                .flat_map(|(_, r)| r)
                .flat_map(|r| r.measured.training.warnings.clone())
                .collect(),
            figures: figures::figures(&conditions, headline),
            tables: vec![("Captured energy", &table, note.to_owned())],
            command,
        };
        let html = page.html();
        let json = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "command": command,
            "settings": self.settings,
            "verdict": verdict,
            "rows": tables::json(&conditions, &self.settings.dimensions),
        });
        let json = serde_json::to_string_pretty(&json).expect("numbers are representable in JSON") + "\n";
        let files = vec![
            ("report.html".to_owned(), html),
            ("alignment.json".to_owned(), json),
            ("alignment.csv".to_owned(), tables::csv(&conditions, &self.settings.dimensions)),
            (
                "training.csv".to_owned(),
                joined(&conditions, |t| training_rows(t).collect::<Vec<_>>().into_iter()),
            ),
            (
                "weights.csv".to_owned(),
                joined(&conditions, |t| weight_rows(t).collect::<Vec<_>>().into_iter()),
            ),
        ];
        Ok(Outcome { verdict, table, files, diverged: Vec::new() })
    }
}

/// The condition and seed of a row.
#[derive(Default, Serialize)]
struct Of {
    condition: &'static str,
    seed: u64,
}

/// The CSV files of all runs under one header, with condition and seed in front.
fn joined<R: Serialize + Default, I: Iterator<Item = R>>(
    conditions: &[(Condition, Vec<Seeded>)],
    rows: impl Fn(&OverTraining) -> I,
) -> String {
    let mut out = Vec::new();
    for (condition, runs) in conditions {
        for run in runs {
            let of = || Of { condition: condition.name, seed: run.seed };
            out.extend(rows(&run.measured.training).map(|row| (of(), row)));
        }
    }
    csv(out)
}
