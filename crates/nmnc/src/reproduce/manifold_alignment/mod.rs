//! Does training draw the rows of the Jacobian onto the manifold? Optimizers with and without weight decay, and NMNC, against the
//! untrained network and random subspaces.

mod figures;
mod tables;
mod verdict;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Experiment;
use super::base::{self, Options, Size};
use super::findings::{Findings, Outcome};
use super::statistics::Interval;
use nmnc_analysis::analysis::{
    self, Analysis, AnalysisSettings, Captured, ExampleSplit, OverTraining, Source, training_rows,
    weight_rows,
};
use nmnc_core::error::{Error, Result};
use nmnc_report::measurements::Place;
use nmnc_report::{Measurements, csv};
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
    settings: AnalysisSettings,
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
        let settings = AnalysisSettings {
            examples,
            jacobians: (examples / 4).max(1),
            curve: 128,
            probes: 0,
            ..AnalysisSettings::default()
        };
        settings.check()?;
        Ok(Self { runs, settings })
    }

    /// Dimension of the sentences, and of figures over training.
    fn headline(&self) -> usize {
        self.settings.dimensions.iter().copied().min_by_key(|d| d.abs_diff(64)).unwrap_or(64)
    }
}

/// What was found: the table of measurements, and what there is in it.
pub(super) struct Found<'a> {
    table: &'a Measurements,
    /// Those that did not diverge with every seed.
    conditions: Vec<Condition>,
    /// Number of each stage from 1, and its units.
    stages: Vec<(usize, usize)>,
    dimensions: &'a [usize],
    headline: usize,
}

/// The facet of a stage, with captured energy against the dimension d.
pub(super) fn facet(stage: usize) -> String {
    format!("stage {stage}")
}

/// The facet of a stage, with what changes against the training step.
pub(super) fn over_training(stage: usize) -> String {
    format!("stage {stage} over training")
}

impl Found<'_> {
    /// A metric at a stage and dimension over the seeds of a condition.
    fn over_seeds(&self, condition: Condition, stage: usize, d: usize, metric: &str) -> Option<Interval> {
        self.table.over_seeds(&Place::new(condition.name, facet(stage), d as f64), metric)
    }
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
        let source = Source { path: folder.to_owned(), data: None, split: ExampleSplit::Train, device: None };
        let (training, last) = analysis::over_training(&source, &self.settings, &[])?;
        Ok(AlignmentRun { training, last })
    }

    fn tabulate(&self, run: usize, measured: &AlignmentRun, table: &mut Measurements) {
        let (condition, run) = &self.runs[run];
        let (condition, seed) = (CONDITIONS[*condition].name, run.config.seed.0);
        for stage in &measured.last.stages {
            let Some(a) = &stage.alignment else { continue };
            let at = |values: &[f64], d: usize| values.get(d - 1).copied();
            for d in 1..=a.captured.mean_jacobian.len() {
                let place = Place::new(condition, facet(stage.stage), d as f64);
                let before = |f: fn(&Captured) -> &Vec<f64>| at(f(a.untrained.as_ref()?), d);
                let metrics = [
                    ("alpha_mean_jacobian", at(&a.captured.mean_jacobian, d)),
                    ("alpha_per_example", at(&a.captured.per_example, d)),
                    ("untrained_mean_jacobian", before(|c| &c.mean_jacobian)),
                    ("untrained_per_example", before(|c| &c.per_example)),
                    ("random", at(&a.random.mean, d)),
                ];
                table.add(&place, seed, metrics);
            }
            for row in &a.table {
                let place = Place::new(condition, facet(stage.stage), row.dimension as f64);
                let metrics = [
                    ("random_sd", at(&a.random.sd, row.dimension)),
                    ("shuffled_mean_jacobian", row.shuffled),
                    ("margin_mean_jacobian", Some(row.margin)),
                    ("gain_mean_jacobian", row.untrained.map(|before| row.mean_jacobian - before)),
                    ("gain_per_example", row.untrained_per_example.map(|before| row.per_example - before)),
                ];
                table.add(&place, seed, metrics);
            }
        }
        let headline = self.headline();
        for moment in &measured.training.moments {
            for stage in &moment.stages {
                let place = Place::new(condition, over_training(stage.stage), moment.step as f64);
                let row = stage.table.iter().find(|row| row.dimension == headline);
                // The rows of a stage's Jacobian lie in the row space of the next part's weight.
                let weight = moment.weights.get(stage.stage);
                let metrics = [
                    ("alpha_mean_jacobian", row.map(|row| row.mean_jacobian)),
                    ("chance", row.map(|row| row.chance)),
                    ("initial_weight", weight.map(|w| w.initial)),
                    ("decay_law", weight.and_then(|w| w.law)),
                    ("off_manifold", stage.table.last().map(|row| 1.0 - row.mean_jacobian)),
                    ("participation_ratio", stage.dimensions.participation.and_then(|p| p.corrected)),
                    ("cosine", Some(stage.agreement.cosine)),
                ];
                table.add(&place, seed, metrics);
            }
        }
    }

    fn outcome(
        &self,
        measured: &[Option<AlignmentRun>],
        table: &Measurements,
        command: &str,
    ) -> Result<Outcome> {
        // In the order of conditions: name, seed, what was measured.
        let runs: Vec<(&'static str, u64, &AlignmentRun)> = self
            .runs
            .iter()
            .zip(measured)
            .filter_map(|((at, run), m)| Some((CONDITIONS[*at].name, run.config.seed.0, m.as_ref()?)))
            .collect();
        if runs.iter().all(|(.., run)| run.last.stages.iter().all(|s| s.alignment.is_none())) {
            return Err(Error::data("activity", "does not vary in any run, so there is no alignment"));
        }
        let there = |c: &&Condition| runs.iter().any(|(name, ..)| *name == c.name);
        let found = Found {
            table,
            conditions: CONDITIONS.iter().filter(there).copied().collect(),
            stages: runs.first().map_or_else(Vec::new, |(.., run)| {
                run.last.stages.iter().map(|s| (s.stage, s.units)).collect()
            }),
            dimensions: &self.settings.dimensions,
            headline: self.headline(),
        };
        let config = &self.runs[0].1.config;
        let rows = tables::rows(&found);
        let findings = Findings {
            title: "Alignment of the Jacobian with the manifold",
            sentences: verdict::verdict(&found),
            setup: vec![
                ("Data", config.data.source.clone()),
                ("Training", base::training(config)),
                ("Seeds", base::seeds(self.runs.iter().map(|(_, run)| run.config.seed))),
                (
                    "Samples",
                    format!("{}, Jacobians of {} of them", self.settings.examples, self.settings.jacobians),
                ),
            ],
            notices: runs.iter().flat_map(|(.., run)| run.training.warnings.clone()).collect(),
            figures: figures::figures(&found),
            tables: vec![(
                "Captured energy",
                tables::table(&rows),
                "Mean ± s.e.m. over seeds. α: energy of the Jacobian on the top d principal axes, of the mean Jacobian over \
                 examples and averaged over each example’s own. Untrained: the same network before training, on its own \
                 manifold. Shuffled: principal axes of the activity after each unit was permuted over samples. Gain: α of the \
                 mean Jacobian less that of the same network untrained, ± half the 95 % t interval over seeds.",
            )],
            settings: vec![("settings", json!(self.settings))],
            results: vec![("rows", tables::json(&rows))],
            csv: vec![
                ("alignment.csv", tables::csv(&rows)),
                ("training.csv", joined(&runs, training_rows)),
                ("weights.csv", joined(&runs, weight_rows)),
            ],
        };
        Ok(findings.outcome(self.name(), command))
    }
}

/// The condition and seed of a row.
#[derive(Default, Serialize)]
struct Of {
    condition: &'static str,
    seed: u64,
}

/// The rows of all runs in one file.
fn joined<R: Serialize + Default>(
    runs: &[(&'static str, u64, &AlignmentRun)],
    rows: fn(&OverTraining) -> Vec<R>,
) -> String {
    csv(runs.iter().flat_map(|&(condition, seed, run)| {
        rows(&run.training).into_iter().map(move |row| (Of { condition, seed }, row))
    }))
}
