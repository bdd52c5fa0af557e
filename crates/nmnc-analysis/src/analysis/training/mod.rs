//! A run over its training: every checkpoint that it kept, from the untrained network on.

mod decay;
pub mod figures;
mod page;
mod replayed;
mod tables;
mod weights;

use std::path::Path;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

pub use decay::decay_law;
pub use replayed::StageAgreement;
pub use tables::{TrainingRow, WeightRow, training_rows, weight_rows};
pub use weights::WeightMoment;

use super::load::{Loaded, Source};
use super::network::{Subject, network};
use super::result::{Analysis, AtDimension};
use super::settings::AnalysisSettings;
use super::write::FolderKind;
use crate::dimension::Dimensions;
use nmnc_core::error::{Error, Result};
use nmnc_core::files::{is_there, replace_folder};
use nmnc_learn::net::Network;
use nmnc_report::csv;
use nmnc_train::OptimizerConfig;
use nmnc_train::checkpoint;

/// What is found over the training of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverTraining {
    /// Version of nmnc.
    pub version: String,
    /// What was analyzed, in words.
    pub subject: String,
    /// The credit rule.
    pub rule: String,
    /// Seed of the run.
    pub seed: u64,
    /// The optimizer, on which the law of decay depends.
    pub optimizer: OptimizerConfig,
    /// How it was measured.
    pub settings: AnalysisSettings,
    /// The untrained network (step 0) and every checkpoint, in order of step.
    pub moments: Vec<RunMoment>,
    /// What a reader should know, one sentence each.
    pub warnings: Vec<String>,
}

impl RunMoment {
    /// The stage with the given number, from 1.
    pub fn stage(&self, number: usize) -> Option<&StageMoment> {
        self.stages.iter().find(|s| s.stage == number)
    }
}

/// One training step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunMoment {
    /// Training steps done.
    pub step: u64,
    /// One entry for each stage analyzed.
    pub stages: Vec<StageMoment>,
    /// One entry for each stage's weight and the readout's.
    pub weights: Vec<WeightMoment>,
}

/// One stage at one training step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageMoment {
    /// Number of the stage, from 1.
    pub stage: usize,
    /// Number n of units.
    pub units: usize,
    /// Estimates of the dimension of the manifold.
    pub dimensions: Dimensions,
    /// Captured energy at the dimensions asked for; empty where the activity does not vary.
    pub table: Vec<AtDimension>,
    /// How the rule's error signals agree with backprop's.
    pub agreement: StageAgreement,
}

/// Analyzes every checkpoint that the run named by `source` kept, and its network before training. The same examples are shown to
/// each. The last checkpoint's whole analysis, with all controls, comes along.
///
/// # Errors
/// As [`Loaded::open`] and [`network`]; damaged checkpoints before the last are passed over with a warning.
pub fn over_training(
    source: &Source,
    settings: &AnalysisSettings,
    stages: &[usize],
) -> Result<(OverTraining, Analysis)> {
    let loaded = Loaded::open(source)?;
    let settings = AnalysisSettings { centered: loaded.centered(), ..settings.clone() };
    settings.check()?;
    if source.path.join("config.toml").is_file() {
        over_loaded(loaded, &settings, stages)
    } else {
        Err(Error::checkpoint(source.path.display(), "is one checkpoint of a run")
            .mend("give the run folder to look at its whole training"))
    }
}

fn over_loaded(
    loaded: Loaded,
    settings: &AnalysisSettings,
    stages: &[usize],
) -> Result<(OverTraining, Analysis)> {
    let inputs = loaded.inputs(settings.examples, settings.seed)?;
    let quick = AnalysisSettings { shuffled: false, random: 2, probes: 0, ..settings.clone() };
    let mut warnings = loaded.warnings.clone();
    let mut moments = Vec::new();
    let said = |analysis: &Analysis, step: u64| -> Vec<String> {
        analysis.warnings.iter().map(|warning| format!("step {step}: {warning}")).collect()
    };
    let start = network(&subject(&loaded.untrained, &inputs, stages), &quick)?;
    warnings.extend(said(&start, 0));
    moments.push(moment(
        &start,
        0,
        replayed::agreement(&loaded, None)?,
        weights::weights(&loaded, &loaded.untrained, 0),
    ));
    for path in checkpoint::list(&loaded.run.join("checkpoints"))? {
        let checkpoint = match checkpoint::load(&path, &loaded.device) {
            Ok(checkpoint) if loaded.config.identity().continues(&checkpoint.config) => checkpoint,
            Ok(_) => {
                warnings
                    .push(format!("passing over {}: it belongs to another configuration", path.display()));
                continue;
            }
            // The run is at work, and has later ones.
            Err(_) if !is_there(&path)? => continue,
            Err(error) => {
                warnings.push(format!("passing over a damaged checkpoint: {error}"));
                continue;
            }
        };
        let step = checkpoint.step;
        if step >= loaded.step {
            break;
        }
        let agreement = replayed::agreement(&loaded, Some(&checkpoint))?;
        let mut trained = loaded.fresh()?;
        checkpoint.restore_weights(&mut trained, &loaded.device)?;
        let analysis = network(&subject(&trained, &inputs, stages), &quick)?;
        warnings.extend(said(&analysis, step));
        moments.push(moment(&analysis, step, agreement, weights::weights(&loaded, &trained, step)));
    }
    let last = Subject { untrained: Some(&loaded.untrained), ..subject(&loaded.network, &inputs, stages) };
    let mut last = network(&last, settings)?;
    (last.subject, last.step) = (loaded.describe(), Some(loaded.step));
    let agreement = replayed::agreement(&loaded, Some(&loaded.saved))?;
    moments.push(moment(
        &last,
        loaded.step,
        agreement,
        weights::weights(&loaded, &loaded.network, loaded.step),
    ));
    warnings.extend(said(&last, loaded.step));
    let found = OverTraining {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        subject: loaded.run.display().to_string(),
        rule: loaded.config.credit.rule.clone(),
        seed: loaded.config.seed.0,
        optimizer: loaded.config.train.optimizer.clone(),
        settings: settings.clone(),
        moments,
        warnings,
    };
    Ok((found, last))
}

fn subject<'a>(network: &'a Network, inputs: &'a Tensor<2>, stages: &'a [usize]) -> Subject<'a> {
    Subject { network, untrained: None, inputs, stages }
}

fn moment(
    analysis: &Analysis,
    step: u64,
    agreement: Vec<StageAgreement>,
    weights: Vec<WeightMoment>,
) -> RunMoment {
    let stages = analysis.stages.iter().map(|s| StageMoment {
        stage: s.stage,
        units: s.units,
        dimensions: s.dimensions.clone(),
        table: s.alignment.as_ref().map_or_else(Vec::new, |a| a.table.clone()),
        agreement: agreement[s.stage - 1],
    });
    RunMoment { step, stages: stages.collect(), weights }
}

/// Writes `training.json`, `training.csv`, `weights.csv` and `report.html` to `folder`, whole or not at all. `command` is the
/// command line that made them.
///
/// # Errors
/// If the file system refuses, or `folder` holds something else.
pub fn write_over_training(folder: &Path, found: &OverTraining, command: &str) -> Result<()> {
    let json = serde_json::to_string_pretty(found).expect("numbers are representable in JSON") + "\n";
    let files = vec![
        ("training.json".to_owned(), json.into_bytes()),
        ("training.csv".to_owned(), csv(training_rows(found)).into_bytes()),
        ("weights.csv".to_owned(), csv(weight_rows(found)).into_bytes()),
        ("report.html".to_owned(), page::page(found, command).into_bytes()),
    ];
    replace_folder(folder, &files, FolderKind::OverTraining.files(), "an analysis")
}

/// Captured energy, dimension and agreement against step as text.
pub fn over_training_table(found: &OverTraining) -> String {
    tables::table(found).text()
}
