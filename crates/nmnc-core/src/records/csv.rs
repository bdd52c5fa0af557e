//! `metrics.csv`: the records as a flat table, one row a record, empty cells where nothing was measured.

use super::Record;
use super::columns::{columns, values};

/// The header line for a network of `stages` stages: the names of [`columns`].
pub fn csv_header(stages: usize) -> String {
    columns(stages).join(",") + "\n"
}

/// One line for `record`.
pub fn csv_row(record: &Record, stages: usize) -> String {
    let cell = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
    values(record, stages).into_iter().map(cell).collect::<Vec<_>>().join(",") + "\n"
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
            conditions: Vec::new(),
            stages: Vec::new(),
        };
        let row = csv_row(&record, 2);
        assert!(row.starts_with("3,0.5,12,0.001,2,64,0,1.25,0.5,,,"), "{row}");
        assert_eq!(row.matches(',').count(), csv_header(2).matches(',').count());
    }
}
