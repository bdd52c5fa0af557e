//! Does the manifold's dimension grow with the number of units? Networks of several widths, every estimator, an exponent each.

mod figures;
mod fits;
mod rows;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Experiment;
use super::base::{self, Options, Size};
use super::findings::{Findings, Outcome};
use super::widths::{self, FAMILIES};
use nmnc_analysis::analysis::{ExampleSplit, Loaded, Source, activity};
use nmnc_analysis::dimension::{self, DimensionSettings, Dimensions};
use nmnc_core::error::{Error, Result};
use nmnc_report::Measurements;
use nmnc_train::{Config, PlannedRun};

/// The experiment.
#[derive(Clone, Debug)]
pub struct Dimension {
    /// Index of its family, and the run.
    runs: Vec<(usize, PlannedRun)>,
    settings: DimensionSettings,
    examples: usize,
}

/// What is measured of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DimensionRun {
    /// Each stage after training.
    pub stages: Vec<StageDimension>,
    /// Each stage before training.
    pub untrained: Vec<StageDimension>,
}

/// The dimension of one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageDimension {
    /// Number of the stage, from 1.
    pub stage: usize,
    /// Number n of units.
    pub units: usize,
    /// Every estimate.
    pub dimensions: Dimensions,
}

impl Dimension {
    /// The experiment as `options` ask for it, with widths multiplied by `scales`.
    ///
    /// # Errors
    /// Settings that no run can have; fewer than two different scales.
    pub fn new(options: &Options, scales: &[f64]) -> Result<Self> {
        let runs = widths::runs(options, scales)?;
        let quick = options.size() == Size::Quick;
        let examples = options.examples.unwrap_or(if quick { 400 } else { 1000 });
        if examples < 40 {
            return Err(Error::config("examples", format!("{examples} are too few")).mend("use at least 40"));
        }
        Ok(Self { runs, settings: DimensionSettings::default(), examples })
    }
}

/// Every stage's dimension.
fn stages(
    loaded: &Loaded,
    network: &nmnc_learn::net::Network,
    examples: usize,
    settings: &DimensionSettings,
) -> Result<Vec<StageDimension>> {
    let inputs = loaded.inputs(examples, settings.seed)?;
    let stage = |(index, &units): (usize, &usize)| {
        let place = |e: Error| e.within(format!("stage {}", index + 1));
        let samples = activity(network, &inputs, index);
        // Only the spectrum is wanted of the components, not the axes.
        let settings = DimensionSettings { components: examples.min(units), ..*settings };
        let (dimensions, _) = dimension::measure(&samples, &settings).map_err(place)?;
        Ok(StageDimension { stage: index + 1, units, dimensions })
    };
    network.stage_units().iter().enumerate().map(stage).collect()
}

impl Experiment for Dimension {
    type Config = Config;
    type Measured = DimensionRun;

    fn name(&self) -> &'static str {
        "dimension"
    }

    fn runs(&self) -> Vec<&PlannedRun> {
        self.runs.iter().map(|(_, run)| run).collect()
    }

    fn measurement(&self) -> Value {
        json!({ "examples": self.examples, "settings": self.settings })
    }

    fn measure(&self, folder: &Path) -> Result<DimensionRun> {
        let source = Source { path: folder.to_owned(), data: None, split: ExampleSplit::Train, device: None };
        let loaded = Loaded::open(&source)?;
        Ok(DimensionRun {
            stages: stages(&loaded, &loaded.network, self.examples, &self.settings)?,
            untrained: stages(&loaded, &loaded.untrained, self.examples, &self.settings)?,
        })
    }

    fn tabulate(&self, run: usize, measured: &DimensionRun, table: &mut Measurements) {
        let (family, run) = &self.runs[run];
        fits::tabulate(&FAMILIES[*family], run.config.seed.0, measured, table);
    }

    fn outcome(
        &self,
        measured: &[Option<DimensionRun>],
        table: &Measurements,
        command: &str,
    ) -> Result<Outcome> {
        let fits = fits::fits(&FAMILIES, table);
        if fits.is_empty() {
            return Err(Error::data("activity", "too few widths gave a dimension to fit an exponent to"));
        }
        let runs = self.runs.iter().zip(measured).filter_map(|((family, run), measured)| {
            Some((FAMILIES[*family].name, run.config.seed.0, measured.as_ref()?))
        });
        let config = &self.runs[0].1.config;
        let findings = Findings {
            title: "Dimension of the manifold against width",
            sentences: fits::verdict(&fits),
            setup: vec![
                ("Data", config.data.source.clone()),
                ("Training", format!("backprop, {}", base::training(config))),
                ("Seeds", base::seeds(self.runs.iter().map(|(_, run)| run.config.seed))),
                ("Samples", format!("{} a network; no count of components can exceed them", self.examples)),
            ],
            notices: Vec::new(),
            figures: figures::figures(&FAMILIES, table),
            tables: vec![(
                "Exponents",
                fits::table(&fits),
                "Exponent b of dimension ~ n^b: for each seed the slope of a least-squares line through ln dimension against ln n over \
                 the widths; then mean over seeds with the 95 % interval by Student’s t. n itself has exponent 1.",
            )],
            settings: vec![("examples", json!(self.examples)), ("settings", json!(self.settings))],
            results: vec![("exponents", json!(fits))],
            csv: vec![("dimension.csv", rows::estimates(runs)), ("exponents.csv", rows::exponents(&fits))],
        };
        Ok(findings.outcome(self.name(), command))
    }
}
