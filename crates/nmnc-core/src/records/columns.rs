//! A record as a row of a flat table: what CSV, event files and other tools have of it.

use super::{Record, StageRecord};

type Column = (&'static str, fn(&Record) -> Option<f64>);
type StageColumn = (&'static str, fn(&StageRecord) -> Option<f64>);

const COLUMNS: [Column; 15] = [
    ("step", |r| Some(r.step as f64)),
    ("epoch", |r| Some(r.epoch)),
    ("probes", |r| Some(r.probes as f64)),
    ("learning_rate", |r| Some(r.learning_rate)),
    ("seconds", |r| Some(r.seconds)),
    ("images_per_second", |r| Some(r.images_per_second)),
    ("waiting", |r| Some(r.waiting)),
    ("train_loss", |r| Some(r.train?.loss)),
    ("train_accuracy", |r| Some(r.train?.accuracy)),
    ("test_loss", |r| Some(r.test?.loss)),
    ("test_accuracy", |r| Some(r.test?.accuracy)),
    ("test_top5", |r| r.test?.top5),
    ("fixation_breaks", |r| Some(r.trials?.fixation_breaks)),
    ("misses", |r| Some(r.trials?.misses)),
    ("unbroken_accuracy", |r| Some(r.trials?.unbroken_accuracy)),
];

/// After those of the stages, where none was when tables were first written.
const LAST_COLUMNS: [Column; 1] = [("answer_error", |r| r.trials?.answer_error)];

const STAGE_COLUMNS: [StageColumn; 14] = [
    ("cosine", |s| Some(s.cosine)),
    ("angle_degrees", |s| Some(s.angle_degrees)),
    ("norm_ratio", |s| Some(s.norm_ratio)),
    ("weight_cosine", |s| Some(s.weight_cosine)),
    ("weight_angle_degrees", |s| Some(s.weight_angle_degrees)),
    ("weight_norm_ratio", |s| Some(s.weight_norm_ratio)),
    ("mean_cosine", |s| s.mean_cosine),
    ("rule_dimension", |s| Some(s.rule_dimension? as f64)),
    ("feedback_error", |s| s.feedback_error),
    ("probe_rate", |s| s.probe_rate),
    ("manifold_share", |s| s.manifold_share),
    ("dimension", |s| Some(s.dimension? as f64)),
    ("captured_energy", |s| s.captured_energy),
    ("margin", |s| s.margin),
];

/// The names of the columns for a network of `stages` stages: those of stages are `stage1.cosine` and so on.
pub fn columns(stages: usize) -> Vec<String> {
    let plain = COLUMNS.iter().map(|(name, _)| (*name).to_owned());
    let staged =
        (1..=stages).flat_map(|s| STAGE_COLUMNS.iter().map(move |(name, _)| format!("stage{s}.{name}")));
    plain.chain(staged).chain(LAST_COLUMNS.iter().map(|(name, _)| (*name).to_owned())).collect()
}

/// The values of `record` in the order of [`columns`]; none where nothing was measured.
pub fn values(record: &Record, stages: usize) -> Vec<Option<f64>> {
    let plain = COLUMNS.iter().map(|(_, column)| column(record));
    let staged = (1..=stages).flat_map(|number| {
        let stage = record.stages.iter().find(move |s| s.stage == number);
        STAGE_COLUMNS.iter().map(move |(_, column)| stage.and_then(column))
    });
    plain.chain(staged).chain(LAST_COLUMNS.iter().map(|(_, column)| column(record))).collect()
}
