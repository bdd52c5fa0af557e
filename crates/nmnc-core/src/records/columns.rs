//! A record as a row of a flat table: what CSV, event files and other tools have of it.

use super::{Record, StageRecord};

/// What a run is trained on. Columns that belong to the other kind are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Examples {
    /// Images and their classes.
    Images,
    /// Trials of a task.
    Trials,
    /// Something else, or not known: every column is there.
    #[default]
    Any,
}

/// A column of the flat table.
#[derive(Clone, Copy, Debug)]
pub struct Column<T: 'static> {
    /// Name.
    pub name: &'static str,
    /// Unit, or what kind of number it is.
    pub unit: &'static str,
    /// What it is.
    pub meaning: &'static str,
    /// Runs that have it.
    pub examples: Examples,
    pub(super) value: fn(&T) -> Option<f64>,
}

impl<T> Column<T> {
    pub(super) const fn new(
        name: &'static str,
        unit: &'static str,
        value: fn(&T) -> Option<f64>,
        meaning: &'static str,
    ) -> Self {
        Self { name, unit, meaning, examples: Examples::Any, value }
    }

    const fn of(self, examples: Examples) -> Self {
        Self { examples, ..self }
    }

    fn is_of(&self, examples: Examples) -> bool {
        self.examples == examples || self.examples == Examples::Any || examples == Examples::Any
    }
}

/// Columns of a record.
pub const COLUMNS: [Column<Record>; 20] = [
    Column::new("step", "count", |r| Some(r.step as f64), "training steps done"),
    Column::new("epoch", "count", |r| Some(r.epoch), "epochs done, a fraction on the way"),
    Column::new("probes", "count", |r| Some(r.probes as f64), "perturbed examples so far, summed over stages"),
    Column::new("learning_rate", "number", |r| Some(r.learning_rate), "learning rate of the last step"),
    Column::new(
        "seconds",
        "seconds",
        |r| Some(r.seconds),
        "time spent training so far, over all resumed parts, without evaluations and measurements",
    ),
    Column::new(
        "images_per_second",
        "1 / second",
        |r| Some(r.images_per_second),
        "training images (or trials) a second since the previous record",
    ),
    Column::new(
        "waiting",
        "fraction",
        |r| Some(r.waiting),
        "share of the training time since the previous record that was spent waiting for data",
    ),
    Column::new(
        "train_loss",
        "loss",
        |r| Some(r.train?.loss),
        "mean over the training batches since the previous record, before each update",
    ),
    Column::new(
        "train_accuracy",
        "fraction",
        |r| Some(r.train?.accuracy),
        "decided right in these batches; of trials as the task counts it",
    ),
    Column::new("test_loss", "loss", |r| Some(r.test?.loss), "mean over the evaluation split, at the end of an epoch"),
    Column::new(
        "test_accuracy",
        "fraction",
        |r| Some(r.test?.accuracy),
        "decided right in the evaluation split, at the end of an epoch",
    ),
    Column::new(
        "test_top5",
        "fraction",
        |r: &Record| r.test?.top5,
        "of the evaluation split, examples whose label is among the five largest outputs; with more than ten classes",
    )
    .of(Examples::Images),
    Column::new(
        "fixation_breaks",
        "fraction",
        |r: &Record| Some(r.trials?.fixation_breaks),
        "evaluation trials with an answer before the response period",
    )
    .of(Examples::Trials),
    Column::new("misses", "fraction", |r: &Record| Some(r.trials?.misses), "evaluation trials without an answer")
        .of(Examples::Trials),
    Column::new(
        "unbroken_accuracy",
        "fraction",
        |r: &Record| Some(r.trials?.unbroken_accuracy),
        "evaluation trials answered rightly with no answer before the response period",
    )
    .of(Examples::Trials),
    Column::new(
        "answer_error",
        "value",
        |r: &Record| r.trials?.answer_error,
        "of tasks whose answers are values, the root mean square of their deviations from the targets over trials and outputs, at the last step of the \
         response period, in the unit of the targets",
    )
    .of(Examples::Trials),
    Column::new(
        "psychometric_mu",
        "of the strength",
        |r: &Record| Some(r.psychometric.as_ref()?.fit?.mu),
        "of tasks with a graded stimulus, `mu` of the psychometric curve of the evaluation trials (below)",
    )
    .of(Examples::Trials),
    Column::new(
        "psychometric_sigma",
        "of the strength",
        |r: &Record| Some(r.psychometric.as_ref()?.fit?.sigma),
        "the same, `sigma`",
    )
    .of(Examples::Trials),
    Column::new(
        "psychometric_lapse_low",
        "fraction",
        |r: &Record| Some(r.psychometric.as_ref()?.fit?.lapse_low),
        "the same, `lapse_low`",
    )
    .of(Examples::Trials),
    Column::new(
        "psychometric_lapse_high",
        "fraction",
        |r: &Record| Some(r.psychometric.as_ref()?.fit?.lapse_high),
        "the same, `lapse_high`",
    )
    .of(Examples::Trials),
];

/// Columns of a stage.
pub const STAGE_COLUMNS: [Column<StageRecord>; 14] = [
    Column::new(
        "cosine",
        "-1 to 1",
        |s| Some(s.cosine),
        "cosine between the error signal and backprop's, per example, averaged over the batch",
    ),
    Column::new("angle_degrees", "degrees", |s| Some(s.angle_degrees), "mean angle between the same"),
    Column::new(
        "norm_ratio",
        "ratio",
        |s| Some(s.norm_ratio),
        "Frobenius norm of the batch's error signals over that of backprop's",
    ),
    Column::new(
        "weight_cosine",
        "-1 to 1",
        |s| Some(s.weight_cosine),
        "cosine between the weight gradient and backprop's",
    ),
    Column::new("weight_angle_degrees", "degrees", |s| Some(s.weight_angle_degrees), "the same as an angle"),
    Column::new(
        "weight_norm_ratio",
        "ratio",
        |s| Some(s.weight_norm_ratio),
        "norm of the weight gradient over that of backprop's",
    ),
    Column::new(
        "mean_cosine",
        "-1 to 1",
        |s| s.mean_cosine,
        "cosine between the error signal and that of the exact mean Jacobian over the batch; with at most 64 outputs",
    ),
    Column::new(
        "rule_dimension",
        "count",
        |s| Some(s.rule_dimension? as f64),
        "components of the rule's own manifold, if it has one; the participation ratio of its noise's variances, where it shapes that",
    ),
    Column::new(
        "feedback_error",
        "ratio",
        |s| s.feedback_error,
        "squared error of the responses that the rule's feedback predicted at its last update, over their square; over time, the mean over lags",
    ),
    Column::new(
        "probe_rate",
        "count",
        |s| s.probe_rate,
        "perturbed examples a training step that the rule spends, if it chooses them",
    ),
    Column::new(
        "manifold_share",
        "fraction",
        |s| s.manifold_share,
        "share of the rule's probes, or of their energy, that lies on the manifold, if it chooses that",
    ),
    Column::new(
        "dimension",
        "count",
        |s| Some(s.dimension? as f64),
        "components of the measured manifold, the same for every rule; none where activity does not vary",
    ),
    Column::new(
        "captured_energy",
        "fraction",
        |s| s.captured_energy,
        "alpha = |J U|^2 / |J|^2 of the examples' Jacobians on the measured manifold",
    ),
    Column::new(
        "margin",
        "fraction",
        |s| s.margin,
        "captured energy less d / n, what a random subspace of the same dimension captures",
    ),
];

/// Which columns a table has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Stages of the network.
    pub stages: usize,
    /// What the run is trained on.
    pub examples: Examples,
}

impl Layout {
    /// The names of the columns: those of stages are `stage1.cosine` and so on.
    pub fn names(self) -> Vec<String> {
        let plain = self.plain().map(|column| column.name.to_owned());
        let staged = (1..=self.stages)
            .flat_map(|s| STAGE_COLUMNS.iter().map(move |column| format!("stage{s}.{}", column.name)));
        plain.chain(staged).collect()
    }

    /// The values of `record` in the order of [`Layout::names`]; none where nothing was measured.
    pub fn values(self, record: &Record) -> Vec<Option<f64>> {
        let plain = self.plain().map(|column| (column.value)(record));
        let staged = (1..=self.stages).flat_map(|number| {
            let stage = record.stages.iter().find(move |s| s.stage == number);
            STAGE_COLUMNS.iter().map(move |column| stage.and_then(column.value))
        });
        plain.chain(staged).collect()
    }

    fn plain(self) -> impl Iterator<Item = &'static Column<Record>> {
        COLUMNS.iter().filter(move |column| column.is_of(self.examples))
    }
}
