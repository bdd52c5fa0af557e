//! For which networks does the manifold help? Networks that differ in one thing each, how their Jacobians lie to their manifolds, and what NMNC
//! gains on VNC in them.

mod figures;
mod law;
mod networks;
mod predictors;
mod rows;
mod tables;
mod verdict;

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::networks::{Network, RULES, memory, networks};
use self::rows::{Found, MEANS, STAGES, rows};
use super::Experiment;
use super::base::{self, Options, Size};
use super::findings::{Findings, Outcome};
use crate::reduced::reduce;
use nmnc_analysis::analysis::{self, AnalysisSettings, ExampleSplit, Loaded, Source, Subject};
use nmnc_core::doing;
use nmnc_core::error::{Error, Result};
use nmnc_core::records::RunRecords;
use nmnc_data::{Augment, DataConfig, Standardize};
use nmnc_report::Measurements;
use nmnc_report::measurements::Place;
use nmnc_report::text::plural;
use nmnc_train::{Config, PlannedRun};

/// The experiment.
#[derive(Clone, Debug)]
pub struct Margin {
    networks: Vec<Network>,
    /// Index of its network, and the run.
    runs: Vec<(usize, PlannedRun)>,
    settings: AnalysisSettings,
    dimension: usize,
}

/// What is measured of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarginRun {
    /// Fraction of test examples classified correctly at the end of training.
    pub accuracy: f64,
    /// Probes per training example seen.
    pub probes_per_example: f64,
    /// Probes of the whole run.
    pub probes: u64,
    /// Training steps.
    pub steps: u64,
    /// Cosine of each stage's error signal and backprop's at the last step where it was measured.
    pub cosines: Vec<f64>,
    /// Where the Jacobian lies, after training by backprop; empty for other rules.
    pub stages: Vec<StageMargin>,
}

/// The Jacobian of one stage and its manifold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageMargin {
    /// Number of the stage, from 1.
    pub stage: usize,
    /// Number n of units.
    pub units: usize,
    /// Dimension d of the manifold.
    pub dimension: usize,
    /// Captured energy of the mean Jacobian.
    pub alpha: f64,
    /// Captured energy of each example's Jacobian, averaged.
    pub alpha_per_example: f64,
    /// The examples' energy on the manifold over all of it.
    pub pooled: f64,
    /// Mean over examples of ||J||^2 over ||mean J||^2.
    pub variation: f64,
    /// Alpha of the same network before training, on its own manifold.
    pub untrained: Option<f64>,
    /// Alpha on the principal axes of the activity with each unit permuted over samples.
    pub shuffled: Option<f64>,
}

impl StageMargin {
    /// Captured energy less what a random subspace captures.
    pub fn margin(&self) -> f64 {
        self.alpha - self.dimension as f64 / self.units as f64
    }
}

impl Margin {
    /// The experiment as `options` ask for it, on the networks called `names`, or all. Data sets that it makes for some of them are kept in
    /// `folder`.
    ///
    /// # Errors
    /// Settings that no run can have; an unknown network.
    pub fn new(options: &Options, names: &[String], folder: &Path) -> Result<Self> {
        let own: &[&str] = match options.size() {
            Size::Quick => &[
                "data.train_limit=1000",
                "network.widths=[8, 16, 32]",
                "train.batch=32",
                "credit.nmnc.manifold={dimension=16}",
                "credit.nmnc.interval=5",
                "credit.vnc.interval=5",
                "metrics.dimension=16",
            ],
            Size::Sample => &["data.train_limit=4000", "network.widths=[16, 32, 64]"],
            Size::Full => &[],
        };
        let own: Vec<String> = own.iter().map(|&change| change.to_owned()).collect();
        let networks = networks(names, options.quick)?;
        let mut runs = Vec::new();
        for (index, network) in networks.iter().enumerate() {
            for rule in RULES {
                runs.extend(network.runs(rule, options, &own, folder)?.into_iter().map(|run| (index, run)));
            }
        }
        let dimension = runs[0].1.config.metrics.dimension;
        let quick = options.size() == Size::Quick;
        let examples = options.examples.unwrap_or(if quick { 400 } else { 1000 });
        let settings = AnalysisSettings {
            examples,
            jacobians: (examples / 4).max(1),
            curve: dimension,
            dimensions: vec![dimension],
            probes: 0,
            ..AnalysisSettings::default()
        };
        settings.check()?;
        Ok(Self { networks, runs, settings, dimension })
    }

    /// Where the Jacobian of the run in `folder` lies.
    fn stages(&self, folder: &Path) -> Result<Vec<StageMargin>> {
        let source = Source { path: folder.to_owned(), data: None, split: ExampleSplit::Train, device: None };
        let loaded = Loaded::open(&source)?;
        let settings = AnalysisSettings { centered: loaded.centered(), ..self.settings.clone() };
        let inputs = loaded.inputs(settings.examples, settings.seed)?;
        let subject = Subject {
            network: &loaded.network,
            untrained: Some(&loaded.untrained),
            inputs: &inputs,
            stages: &[],
        };
        let found = analysis::network(&subject, &settings)?;
        let stage = |stage: &analysis::StageAnalysis| {
            let alignment = stage.alignment.as_ref()?;
            // A stage of fewer components has all of its manifold in them.
            let dimension = self.dimension.min(alignment.captured.mean_jacobian.len());
            let at = |curve: &[f64]| curve.get(dimension.checked_sub(1)?).copied();
            Some(StageMargin {
                stage: stage.stage,
                units: stage.units,
                dimension,
                alpha: at(&alignment.captured.mean_jacobian)?,
                alpha_per_example: at(&alignment.captured.per_example)?,
                pooled: at(&alignment.captured.pooled)?,
                variation: alignment.variation,
                untrained: alignment.untrained.as_ref().and_then(|captured| at(&captured.mean_jacobian)),
                shuffled: alignment.shuffled.as_ref().and_then(|captured| at(&captured.mean_jacobian)),
            })
        };
        Ok(found.stages.iter().filter_map(stage).collect())
    }
}

impl Experiment for Margin {
    type Config = Config;
    type Measured = MarginRun;

    fn name(&self) -> &'static str {
        "margin"
    }

    fn runs(&self) -> Vec<&PlannedRun> {
        self.runs.iter().map(|(_, run)| run).collect()
    }

    fn prepare(&self, run: usize) -> Result<()> {
        let (network, run) = &self.runs[run];
        let Some(components) = self.networks[*network].components else { return Ok(()) };
        let path = Path::new(&run.config.data.source);
        if path.exists() {
            return Ok(());
        }
        let _making = doing::now(|| format!("projecting the images on {components} components"));
        // The images of the first network.
        let base = &self.runs[0].1.config;
        let data = DataConfig {
            augment: Augment::default(),
            standardize: Standardize::default(),
            ..base.data.clone()
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| Error::io(folder, "make", e))?;
        }
        reduce(&data, components, base.seed, path).map(|_| ())
    }

    fn measurement(&self) -> Value {
        serde_json::to_value(&self.settings).expect("settings are representable in JSON")
    }

    fn measure(&self, folder: &Path) -> Result<MarginRun> {
        let records = RunRecords::read(folder)?;
        let place = folder.join("summary.json");
        let missing = |what: &str| Error::checkpoint(place.display(), format!("has no {what}"));
        let summary = records.summary.ok_or_else(|| missing("summary"))?;
        let accuracy = summary.test.ok_or_else(|| missing("test accuracy"))?.accuracy;
        let last = records.records.iter().rev().find(|record| !record.stages.is_empty());
        let stages = if summary.rule == "bp" { self.stages(folder)? } else { Vec::new() };
        Ok(MarginRun {
            accuracy,
            probes_per_example: summary.probes_per_example,
            probes: summary.probes,
            steps: summary.steps,
            cosines: last.map_or_else(Vec::new, |r| r.stages.iter().map(|s| s.cosine).collect()),
            stages,
        })
    }

    fn tabulate(&self, run: usize, measured: &MarginRun, table: &mut Measurements) {
        let (network, run) = &self.runs[run];
        let (network, seed) = (self.networks[*network].name.as_str(), run.config.seed.0);
        let rule = run.config.credit.rule.as_str();
        let stage_count = measured.cosines.len();
        let mean =
            |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        let remembered = memory(&run.config).filter(|_| stage_count > 0).map(|(eta, interval)| {
            let updates = measured.steps.div_ceil(interval).max(1);
            let batch = measured.probes as f64 / (updates * stage_count as u64) as f64;
            law::remembered(batch, eta, updates)
        });
        let metrics = [
            ("accuracy", Some(measured.accuracy)),
            ("probes_per_example", Some(measured.probes_per_example)),
            ("remembered", remembered),
            ("cosine", mean(&measured.cosines)),
        ];
        table.add(&Place::new(network, rule, None), seed, metrics);
        for (stage, cosine) in measured.cosines.iter().enumerate() {
            let place = Place::new(network, format!("{rule} by stage"), (stage + 1) as f64);
            table.add(&place, seed, [("cosine", Some(*cosine))]);
        }
        for stage in &measured.stages {
            let metrics = [
                ("units", Some(stage.units as f64)),
                ("dimension", Some(stage.dimension as f64)),
                ("alpha", Some(stage.alpha)),
                ("margin", Some(stage.margin())),
                ("alpha_per_example", Some(stage.alpha_per_example)),
                ("pooled", Some(stage.pooled)),
                ("variation", Some(stage.variation)),
                ("untrained", stage.untrained),
                ("shuffled", stage.shuffled),
            ];
            table.add(&Place::new(network, STAGES, stage.stage as f64), seed, metrics);
        }
        let over_stages = |value: &dyn Fn(&StageMargin) -> f64| {
            mean(&measured.stages.iter().map(value).collect::<Vec<_>>())
        };
        let metrics = [
            ("alpha", over_stages(&|s| s.alpha)),
            ("margin", over_stages(&StageMargin::margin)),
            ("alpha_per_example", over_stages(&|s| s.alpha_per_example)),
            ("untrained", over_stages(&|s| s.untrained.unwrap_or(f64::NAN)).filter(|mean| mean.is_finite())),
        ];
        table.add(&Place::new(network, MEANS, None), seed, metrics);
    }

    fn outcome(
        &self,
        measured: &[Option<MarginRun>],
        table: &Measurements,
        command: &str,
    ) -> Result<Outcome> {
        let runs = || self.runs.iter().zip(measured).filter_map(|((at, _), m)| Some((*at, m.as_ref()?)));
        if runs().all(|(_, run)| run.stages.is_empty()) {
            return Err(Error::data("activity", "does not vary in any run, so there is no margin"));
        }
        let found = Found { table, networks: &self.networks, rows: rows(&self.networks, table) };
        let predictors = predictors::predictors(&found.rows);
        let config = &self.runs[0].1.config;
        let limit = config.data.train_limit.map_or_else(|| "all".to_owned(), |n| n.to_string());
        let units = &found.rows[0].units;
        let first = units.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        let first = format!("{}: {first} units", plural(units.len(), "stage"));
        let findings = Findings {
            title: "Where the manifold helps",
            sentences: verdict::verdict(&found, &predictors),
            setup: vec![
                ("Data", format!("{}, {limit} training images", config.data.source)),
                ("First network", first),
                ("Training", base::training(config)),
                ("Seeds", base::seeds(self.runs.iter().map(|(_, run)| run.config.seed))),
                ("Dimension d", self.dimension.to_string()),
                (
                    "Samples",
                    format!("{}, Jacobians of {} of them", self.settings.examples, self.settings.jacobians),
                ),
            ],
            notices: Vec::new(),
            figures: figures::figures(&found, &predictors),
            tables: vec![("Networks", tables::networks(&found), tables::NETWORKS_NOTE)],
            settings: vec![("settings", json!(self.settings))],
            results: vec![("rows", json!(found.rows)), ("predictors", json!(predictors))],
            csv: vec![
                ("networks.csv", tables::csv(&found)),
                ("stages.csv", tables::stages_csv(&found)),
                ("predictors.csv", tables::predictors_csv(&predictors)),
            ],
        };
        Ok(findings.outcome(self.name(), command))
    }
}
