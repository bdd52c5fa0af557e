//! What a run leaves behind: metric records and a summary, and how they are read back.
//!
//! A run folder holds `config.toml` (resolved), `metrics.jsonl` and `metrics.csv` (one [`Record`] a line), `checkpoints/`
//! and, once the run has ended, `summary.json` (a [`Summary`]).

use serde::{Deserialize, Deserializer, Serialize};

mod check;
mod columns;
mod csv;
mod events;
mod psychometric;
mod run;

pub use check::MOST_STAGES;
pub use columns::{COLUMNS, Column, Examples, Layout, STAGE_COLUMNS};
pub use csv::{CsvRows, Origin, csv_long, csv_long_beside};
pub use events::Events;
pub use psychometric::{FIT_COLUMNS, PSYCHOMETRIC_COLUMNS, Psychometric, PsychometricPoint};
pub use run::RunRecords;

/// Metrics of one stage at one training step, against the exact gradient of backprop (BP) and against what the exact mean Jacobian gives.
///
/// A cosine with a zero vector is defined as 0 and a ratio to a zero norm as 0, so no field is ever NaN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Number of the stage, from 1.
    pub stage: usize,
    /// Number of activities n.
    pub units: usize,
    /// Cosine between the error signal and BP's, per example, averaged over the batch.
    pub cosine: f64,
    /// Mean angle in degrees between the error signal and BP's, per example, averaged over the batch.
    pub angle_degrees: f64,
    /// Frobenius norm of the batch's error signals over BP's.
    #[serde(deserialize_with = "nan_if_null")]
    pub norm_ratio: f64,
    /// Cosine between the weight gradient and BP's.
    pub weight_cosine: f64,
    /// The same as an angle in degrees.
    pub weight_angle_degrees: f64,
    /// Norm of the weight gradient over BP's.
    #[serde(deserialize_with = "nan_if_null")]
    pub weight_norm_ratio: f64,
    /// Cosine between the error signal and that of the exact mean Jacobian over the batch's own examples, per example, averaged over
    /// the batch; of layered networks with at most 64 outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_cosine: Option<f64>,
    /// Dimension of the rule's own manifold, if it has one; of its noise, as the participation ratio of its variances, where it shapes that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_dimension: Option<usize>,
    /// Squared error of the responses that the rule's feedback predicted at its last update, over their square, if it measures that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback_error: Option<f64>,
    /// Perturbed examples a training step that the rule spends, if it chooses them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_rate: Option<f64>,
    /// Share of the rule's probes, or of their energy, that lies on the manifold, if it chooses that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifold_share: Option<f64>,
    /// Dimension d of the measured manifold (the same for every rule); none where activity does not vary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<usize>,
    /// Captured energy alpha = ||J U||^2 / ||J||^2 of the per-example Jacobians.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured_energy: Option<f64>,
    /// Manifold margin alpha - d/n.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
}

/// Mean loss and accuracy over some examples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean loss per example.
    #[serde(deserialize_with = "nan_if_null")]
    pub loss: f64,
    /// Fraction of examples whose largest output is the label's.
    pub accuracy: f64,
    /// Fraction of examples whose label is among the five largest outputs; of evaluations with more than ten classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top5: Option<f64>,
}

/// How trials of a task went beside their answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// Fraction of trials with an answer before the response period.
    pub fixation_breaks: f64,
    /// Fraction of trials without an answer.
    pub misses: f64,
    /// Fraction of trials answered rightly with no answer before the response period: accuracy if fixation breaks count as errors.
    pub unbroken_accuracy: f64,
    /// Of a task whose answers are values: root mean square of their deviations from the targets, over trials and outputs, at the last
    /// step of the response period, in the unit of the targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_error: Option<f64>,
}

/// How trials of one condition of a task were answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConditionRecord {
    /// Name of the condition.
    pub condition: String,
    /// Number of trials.
    pub trials: usize,
    /// Fraction of them answered rightly.
    pub accuracy: f64,
}

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Training steps done.
    pub step: u64,
    /// Epochs done, fractional.
    pub epoch: f64,
    /// Perturbed examples so far, summed over stages.
    pub probes: u64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Seconds of training so far (over all resumed parts, evaluation and metrics left out).
    pub seconds: f64,
    /// Training images per second since the previous record.
    #[serde(deserialize_with = "nan_if_null")]
    pub images_per_second: f64,
    /// Share of the training time since the previous record that was spent waiting for data.
    #[serde(default)]
    pub waiting: f64,
    /// Mean over the training batches since the previous record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<Score>,
    /// Over the evaluation split, where it was evaluated (at the end of each epoch).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Score>,
    /// Over the evaluation trials of a task, where they were evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<TrialRecord>,
    /// The same by condition, of a task with at most 256 of them; conditions without a trial are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ConditionRecord>,
    /// The same by strength of the evidence, of a task whose trials have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psychometric: Option<Psychometric>,
    /// Per-stage alignment, where it was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageRecord>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// All epochs done.
    Complete,
    /// Stopped because a number was no longer finite.
    Diverged,
}

/// `summary.json`: what was run, with what, and what came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Preset name of the credit rule.
    pub rule: String,
    /// The seed.
    pub seed: u64,
    /// How it ended.
    pub status: Status,
    /// The last evaluation.
    pub test: Option<Score>,
    /// Whether that, and all of the run, is of images held out of those to train on (`data.validation`), and not of the test split.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held_out: bool,
    /// The best test accuracy of any epoch.
    pub best_test_accuracy: Option<f64>,
    /// Of a task: the last evaluation beside the answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<TrialRecord>,
    /// The same by strength of the evidence, of a task whose trials have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psychometric: Option<Psychometric>,
    /// Training steps done.
    pub steps: u64,
    /// Epochs done.
    pub epochs: f64,
    /// Perturbed examples, summed over stages.
    pub probes: u64,
    /// Probes per training example seen.
    pub probes_per_example: f64,
    /// Seconds of training (evaluation and metrics left out).
    pub seconds: f64,
    /// Units n of each stage.
    pub stage_units: Vec<usize>,
    /// Number of trainable parameters.
    pub parameters: usize,
    /// Loss at the last record, of training or test, over that of the first training step, if it was more than 10 times as much: the run
    /// has diverged, though within the finite numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_factor: Option<f64>,
    /// Warnings given during the run, each once.
    pub warnings: Vec<String>,
    /// Version of nmnc.
    pub version: String,
    /// Versions of what the numbers depend on (`burn`, `rustc`, operating system).
    pub environment: Vec<(String, String)>,
    /// Device name.
    pub device: String,
    /// Command line that made the run.
    pub command: String,
    /// SHA-256 of the resolved configuration.
    pub config_sha256: String,
}

/// JSON has no NaN and no infinity; they are written as null, by a run that diverges.
fn nan_if_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}
