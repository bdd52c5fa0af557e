//! `metrics.csv`: the records as a flat table, one row a record, empty cells where nothing was measured.

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

const STAGE_COLUMNS: [StageColumn; 13] = [
    ("cosine", |s| Some(s.cosine)),
    ("angle_degrees", |s| Some(s.angle_degrees)),
    ("norm_ratio", |s| Some(s.norm_ratio)),
    ("weight_cosine", |s| Some(s.weight_cosine)),
    ("weight_angle_degrees", |s| Some(s.weight_angle_degrees)),
    ("weight_norm_ratio", |s| Some(s.weight_norm_ratio)),
    ("rule_dimension", |s| Some(s.rule_dimension? as f64)),
    ("feedback_error", |s| s.feedback_error),
    ("probe_rate", |s| s.probe_rate),
    ("manifold_share", |s| s.manifold_share),
    ("dimension", |s| Some(s.dimension? as f64)),
    ("captured_energy", |s| s.captured_energy),
    ("margin", |s| s.margin),
];

/// The header line for a network of `stages` stages: stage columns are named `stage1.cosine` and so on.
pub fn csv_header(stages: usize) -> String {
    let plain = COLUMNS.iter().map(|(name, _)| (*name).to_owned());
    let staged =
        (1..=stages).flat_map(|s| STAGE_COLUMNS.iter().map(move |(name, _)| format!("stage{s}.{name}")));
    plain.chain(staged).collect::<Vec<_>>().join(",") + "\n"
}

/// One line for `record`.
pub fn csv_row(record: &Record, stages: usize) -> String {
    let cell = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
    let plain = COLUMNS.iter().map(|(_, column)| cell(column(record)));
    let staged = (1..=stages).flat_map(|number| {
        let stage = record.stages.iter().find(move |s| s.stage == number);
        STAGE_COLUMNS.iter().map(move |(_, column)| cell(stage.and_then(column)))
    });
    plain.chain(staged).collect::<Vec<_>>().join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Score;

    #[test]
    fn rows_have_as_many_cells_as_the_header_and_absent_values_are_empty() {
        let record = Record {
            step: 3,
            epoch: 0.5,
            probes: 12,
            learning_rate: 0.001,
            seconds: 2.0,
            images_per_second: 64.0,
            waiting: 0.0,
            train: Some(Score { loss: 1.25, accuracy: 0.5, top5: None }),
            test: None,
            trials: None,
            stages: Vec::new(),
        };
        let row = csv_row(&record, 2);
        assert!(row.starts_with("3,0.5,12,0.001,2,64,0,1.25,0.5,,,"), "{row}");
        assert_eq!(row.matches(',').count(), csv_header(2).matches(',').count());
    }
}
