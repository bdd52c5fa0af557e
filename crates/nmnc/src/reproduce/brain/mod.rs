//! Do networks trained by NMNC represent what they see more as primates do than those trained by VNC? Rules at equal probes, and the
//! untrained network, against the recordings of a benchmark.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Experiment;
use super::base::{self, Options};
use super::findings::Outcome;
use nmnc_analysis::analysis::{ExampleSplit, Loaded, Source};
use nmnc_analysis::brain::{self, Benchmark, BrainSettings, Representation, Shown, UNTRAINED, represent};
use nmnc_core::error::{Error, Result};
use nmnc_core::records::RunRecords;
use nmnc_core::statistics::interval;
use nmnc_report::Measurements;
use nmnc_report::measurements::Place;
use nmnc_report::text::{list, with_sem};
use nmnc_train::{Config, PlannedRun};

const BASE: &str = include_str!("base.toml");

/// Rules with the settings that make a tenth of a perturbed example per training example, where they perturb (stages are perturbed
/// separately by vnc and nmnc, so that each of three does every 30 steps).
const CONDITIONS: [(&str, &[&str]); 4] = [
    ("bp", &[]),
    ("vnc", &["credit.rule=vnc", "credit.interval=30"]),
    ("nmnc", &["credit.rule=nmnc", "credit.interval=30", "credit.manifold={dimension=64}"]),
    ("manifold-mirror", &["credit.rule=manifold-mirror", "credit.initial=2048"]),
];

/// The differences of interest, in the order of the claims.
const PAIRS: [(&str, &str); 5] =
    [("nmnc", "vnc"), ("nmnc", UNTRAINED), ("manifold-mirror", "nmnc"), ("nmnc", "bp"), ("vnc", UNTRAINED)];

/// The experiment.
#[derive(Clone, Debug)]
pub struct Brain {
    benchmark: Benchmark,
    settings: BrainSettings,
    runs: Vec<PlannedRun>,
}

/// What is measured of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrainRun {
    /// Fraction of test examples classified correctly at the end of training.
    pub accuracy: f64,
    /// Probes per training example seen.
    pub probes_per_example: f64,
    /// What it makes of the stimuli.
    pub representation: Representation,
}

impl Brain {
    /// The experiment as `options` ask for it, against `benchmark`, compared as `settings` say.
    ///
    /// # Errors
    /// Settings that no run can have.
    pub fn new(options: &Options, benchmark: Benchmark, settings: BrainSettings) -> Result<Self> {
        let own: &[&str] = match options.quick {
            true => &["data.train_limit=4000", "network.widths=[8, 16, 32]", "train.epochs=4"],
            false => &[],
        };
        let mut runs = Vec::new();
        for (name, changes) in CONDITIONS {
            let changes: Vec<String> = own.iter().chain(changes).map(|c| (*c).to_owned()).collect();
            runs.extend(options.runs(name, BASE, &changes)?);
        }
        Ok(Self { benchmark, settings, runs })
    }
}

impl Experiment for Brain {
    type Config = Config;
    type Measured = BrainRun;

    fn name(&self) -> &'static str {
        "brain"
    }

    fn runs(&self) -> Vec<&PlannedRun> {
        self.runs.iter().collect()
    }

    fn measurement(&self) -> Value {
        // Recordings enter the measurement only where they are predicted.
        let predicted = self.benchmark.targets.iter().filter_map(|t| Some((&t.name, t.recordings.as_ref()?)));
        let targets: Vec<Value> = predicted
            .map(|(name, r)| json!([name, r.stimulus_of, r.presentations.iter().sum::<f64>()]))
            .collect();
        json!({
            "stimuli": self.benchmark.stimuli.fingerprint(),
            "distance": self.settings.distance,
            "responses": targets,
            "regression": self.settings.regression,
            "components": self.settings.components,
            "seed": self.settings.bootstrap.seed,
        })
    }

    fn measure(&self, folder: &Path) -> Result<BrainRun> {
        let summary = RunRecords::read(folder)?.summary;
        let unfinished = || Error::checkpoint(folder.display(), "has no summary with a test accuracy");
        let summary = summary.ok_or_else(unfinished)?;
        let accuracy = summary.test.ok_or_else(unfinished)?.accuracy;
        let source = Source { path: folder.to_owned(), data: None, split: ExampleSplit::Test, device: None };
        let loaded = Loaded::open(&source)?;
        let representation = represent(&loaded, &self.benchmark, &self.settings)?;
        Ok(BrainRun { accuracy, probes_per_example: summary.probes_per_example, representation })
    }

    fn tabulate(&self, run: usize, measured: &BrainRun, table: &mut Measurements) {
        let config = &self.runs[run].config;
        let place = Place::new(config.credit.rule.as_str(), "", None);
        let metrics = [
            ("accuracy", Some(measured.accuracy)),
            ("probes_per_example", Some(measured.probes_per_example)),
        ];
        table.add(&place, config.seed.0, metrics);
    }

    fn outcome(&self, measured: &[Option<BrainRun>], table: &Measurements, command: &str) -> Result<Outcome> {
        let runs = self.runs.iter().zip(measured).filter_map(|(run, m)| Some((run, m.as_ref()?)));
        let shown: Vec<Shown> = runs
            .map(|(run, measured)| Shown {
                folder: run.name.clone(),
                rule: run.config.credit.rule.clone(),
                seed: run.config.seed.0,
                initial: String::new(),
                representation: measured.representation.clone(),
            })
            .collect();
        let found = brain::gather(&shown);
        let there = |name: &str| found.conditions.iter().any(|c| c.name == name);
        let pairs: Vec<(String, String)> = PAIRS
            .into_iter()
            .filter(|(a, b)| there(a) && there(b))
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .collect();
        let scores = brain::scores(
            &self.benchmark,
            &found.conditions,
            &found.networks,
            &found.pixels,
            &pairs,
            &self.settings,
        )?;
        let each = |metric: &str, scale: f64, decimals: usize| {
            let one = |condition: &brain::Condition| {
                let place = Place::new(condition.name.as_str(), "", None);
                let values = table.by_seed(&place, metric).map(|(_, value)| scale * value);
                Some(format!("{} {}", condition.label, with_sem(Some(interval(values)?), decimals)))
            };
            list(&found.conditions.iter().filter_map(one).collect::<Vec<_>>())
        };
        let config = &self.runs[0].config;
        let setup = [
            ("Data", config.data.source.clone()),
            ("Training", base::training(config)),
            ("Test accuracy (%)", each("accuracy", 100.0, 1)),
            ("Probes per training example", each("probes_per_example", 1.0, 3)),
        ];
        Ok(Outcome {
            verdict: brain::verdict(&scores),
            tables: vec![brain::summary(&scores), brain::contrasts(&scores)],
            files: brain::texts(&scores, &self.benchmark, &found.networks, &setup, command),
            diverged: Vec::new(),
        })
    }
}
