//! How many probes does a Jacobian take as the network grows? Networks of several widths, probed with isotropic noise and with noise
//! on the manifold until the rows of the Jacobian are known, and the exponent of the number of probes against that of units.

mod figures;
mod fits;
mod rows;
mod verdict;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Experiment;
use super::base::{self, Options, Size};
use super::findings::{Findings, Outcome};
use super::widths::{self, FAMILIES};
use nmnc_analysis::analysis::{
    ExampleSplit, Loaded, NeededSettings, Needing, ProbesNeeded, Source, activity, probes_needed,
};
use nmnc_analysis::dimension::{self, Components};
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Seed;
use nmnc_report::Measurements;
use nmnc_train::{Config, PlannedRun};

/// Fraction of the attainable cosine to reach.
const FRACTION: f64 = 0.9;
/// Fraction of the variance that the manifold explains whose dimension is not given.
const VARIANCE: f64 = 0.9;
/// Examples whose own Jacobian is estimated.
const SINGLE: usize = 4;
/// Norm of the noise over norm of the activity: small, since the law is about outputs that are linear in the noise.
const SIGMA: f64 = 0.01;

/// What a user may choose beside [`Options`].
#[derive(Clone, Debug, Default)]
pub struct ScalingChoices {
    /// Multiples of every width.
    pub scales: Vec<f64>,
    /// The most probes of an estimate; the experiment's own number when left out.
    pub probes: Option<usize>,
    /// Dimension of the manifold that is the same at every width; the experiment's own when left out.
    pub dimension: Option<usize>,
}

/// The experiment.
#[derive(Clone, Debug)]
pub struct Scaling {
    /// Index of its family, and the run.
    runs: Vec<(usize, PlannedRun)>,
    /// Examples whose activity makes the manifold.
    examples: usize,
    /// Examples among them whose mean Jacobian is estimated.
    jacobians: usize,
    dimension: usize,
    settings: NeededSettings,
}

/// What is measured of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingRun {
    /// Each stage after training.
    pub stages: Vec<StageScaling>,
}

/// Probes needed at one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageScaling {
    /// Number of the stage, from 1.
    pub stage: usize,
    /// Number n of units.
    pub units: usize,
    /// With isotropic noise, for single examples and for the mean Jacobian.
    pub isotropic: Vec<ProbesNeeded>,
    /// With noise on the manifold of the dimension given.
    pub manifold: Vec<ProbesNeeded>,
    /// With noise on the manifold that explains a given fraction of the variance.
    pub variance: Vec<ProbesNeeded>,
}

impl Scaling {
    /// The experiment as `options` and `choices` ask for it.
    ///
    /// # Errors
    /// Settings that no run can have; fewer than two different scales; too few examples or probes.
    pub fn new(options: &Options, choices: &ScalingChoices) -> Result<Self> {
        let runs = widths::runs(options, &choices.scales)?;
        let quick = options.size() == Size::Quick;
        let examples = options.examples.unwrap_or(if quick { 400 } else { 1000 });
        let least = |key: &str, value: usize, least: usize| match value < least {
            true => {
                Err(Error::config(key, format!("{value} is too few")).mend(format!("use at least {least}")))
            }
            false => Ok(()),
        };
        let dimension = choices.dimension.unwrap_or(if quick { 16 } else { 32 });
        let most = choices.probes.unwrap_or(if quick { 1 << 15 } else { 1 << 18 });
        least("dimension", dimension, 1)?;
        least("examples", examples, (dimension + 1).max(8))?;
        least("probes", most, 8)?;
        let settings = NeededSettings {
            fraction: FRACTION,
            single: SINGLE,
            most,
            sigma: SIGMA,
            centered: true,
            seed: Seed(0),
        };
        Ok(Self { runs, examples, jacobians: (examples / 4).max(SINGLE), dimension, settings })
    }
}

impl Experiment for Scaling {
    type Config = Config;
    type Measured = ScalingRun;

    fn name(&self) -> &'static str {
        "scaling"
    }

    fn runs(&self) -> Vec<&PlannedRun> {
        self.runs.iter().map(|(_, run)| run).collect()
    }

    fn measurement(&self) -> Value {
        json!({
            "examples": self.examples,
            "jacobians": self.jacobians,
            "dimension": self.dimension,
            "settings": self.settings,
        })
    }

    fn measure(&self, folder: &Path) -> Result<ScalingRun> {
        let source = Source { path: folder.to_owned(), data: None, split: ExampleSplit::Train, device: None };
        let loaded = Loaded::open(&source)?;
        let network = &loaded.network;
        let inputs = loaded.inputs(self.examples, self.settings.seed)?;
        let few = inputs.clone().narrow(0, 0, self.jacobians.min(inputs.dims()[0]));
        let settings =
            NeededSettings { centered: loaded.centered() && network.outputs() > 1, ..self.settings.clone() };
        let mut stages = Vec::new();
        // One stage after the other, so that the axes of one are held at a time.
        for (stage, &units) in network.stage_units().iter().enumerate() {
            let place = |e: Error| e.within(format!("stage {}", stage + 1));
            let samples = activity(network, &inputs, stage);
            let axes: Components =
                dimension::components(&samples, self.examples.min(units), settings.seed).map_err(place)?;
            drop(samples);
            let given = Some(self.dimension.min(axes.dimension)).filter(|d| *d > 0);
            let explaining = axes.explaining(VARIANCE).filter(|d| *d > 0);
            // Activity that does not vary has no manifold to put noise on.
            let noises = [Some(None), given.map(Some), explaining.map(Some)];
            let there: Vec<Option<usize>> = noises.iter().copied().flatten().collect();
            let needing = Needing { stage, axes: &axes, noises: &there };
            let mut found = probes_needed(network, &few, &needing, &settings).map_err(place)?.into_iter();
            let [isotropic, manifold, variance] =
                noises.map(|noise| noise.and_then(|_| found.next()).unwrap_or_default());
            stages.push(StageScaling { stage: stage + 1, units, isotropic, manifold, variance });
        }
        Ok(ScalingRun { stages })
    }

    fn tabulate(&self, run: usize, measured: &ScalingRun, table: &mut Measurements) {
        let (family, run) = &self.runs[run];
        fits::tabulate(&FAMILIES[*family], run.config.seed.0, measured, table);
    }

    fn outcome(
        &self,
        measured: &[Option<ScalingRun>],
        table: &Measurements,
        command: &str,
    ) -> Result<Outcome> {
        let fits = fits::fits(&FAMILIES, table, self.dimension);
        if fits.is_empty() {
            return Err(Error::data("probes", "were enough at too few widths to fit an exponent to")
                .mend("raise --probes, or use smaller --scales"));
        }
        let runs: Vec<rows::Run> = self
            .runs
            .iter()
            .zip(measured)
            .filter_map(|((family, run), m)| Some((FAMILIES[*family].name, run.config.seed.0, m.as_ref()?)))
            .collect();
        let config = &self.runs[0].1.config;
        let findings = Findings {
            title: "Probes needed against width",
            sentences: verdict::verdict(&fits, table, self.settings.most),
            setup: vec![
                ("Data", config.data.source.clone()),
                ("Training", format!("backprop, {}", base::training(config))),
                ("Seeds", base::seeds(self.runs.iter().map(|(_, run)| run.config.seed))),
                (
                    "Samples",
                    format!("{} a network, the mean Jacobian of {} of them", self.examples, self.jacobians),
                ),
                ("Probes", format!("normal, averaged, at most {} an estimate", self.settings.most)),
            ],
            notices: vec![
                "The law takes the output as linear in the noise and coordinates as many. Where equal activities compete under max \
                 pooling, as on a uniform background, no noise is small enough for the first and more probes are needed; with fewer \
                 than about twenty coordinates, fewer are."
                    .to_owned(),
                "With the dimension of the manifold given, theory’s exponent of 0 says no more than that n does not matter; what the \
                 manifold costs as n grows is in the attainable cosine."
                    .to_owned(),
            ],
            figures: figures::figures(&FAMILIES, table, self.dimension),
            tables: vec![(
                "Exponents",
                fits::table(&fits),
                "Probes K to 0.9 of the attainable cosine: where the mean over outputs of the cosine of an estimated row of the \
                 Jacobian with what the noise can reach of the true one is 0.9. Exponent b of K ~ n^b: for each seed the slope of a \
                 least-squares line through ln K against ln n over the widths; then mean over seeds with the 95 % interval by \
                 Student’s t. By the law: the same from the K of the law. One example: all probes at that example, so that only \
                 the cross-talk of the noise has to be averaged away. Mean: each probe at an example drawn at random, so that the \
                 variation of the Jacobian over examples has to be averaged away too.",
            )],
            settings: vec![("measurement", self.measurement())],
            results: vec![("exponents", json!(fits))],
            csv: vec![
                ("scaling.csv", rows::probes(&runs)),
                ("curves.csv", rows::curves(&runs)),
                ("exponents.csv", rows::exponents(&fits)),
            ],
        };
        Ok(findings.outcome(self.name(), command))
    }
}
