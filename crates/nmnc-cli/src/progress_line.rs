//! Lines of a run: what a record says, in the room that every terminal has.

use nmnc::records::{Record, Score};
use nmnc::report::COLUMNS;

/// Parts of a line, with how much each matters (0 most); those that matter least are left out until the line has room.
pub fn fitted(parts: Vec<(u8, String)>) -> String {
    let mut parts: Vec<(u8, String)> = parts.into_iter().filter(|(_, text)| !text.is_empty()).collect();
    let width = |parts: &[(u8, String)]| {
        parts.iter().map(|(_, text)| text.chars().count()).sum::<usize>() + 2 * parts.len().saturating_sub(1)
    };
    while width(&parts) > COLUMNS
        && let Some(least) = parts.iter().map(|(rank, _)| *rank).max().filter(|rank| *rank > 0)
    {
        // Of those that matter alike, the last.
        if let Some(at) = parts.iter().rposition(|(rank, _)| *rank == least) {
            parts.remove(at);
        }
    }
    parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("  ")
}

/// The line of a record: where the run is, how it goes, and how long it takes yet (`left`). What has no room is in the records. Of answers that
/// are `values`, how far they are off says more than how many are near.
pub fn of_record(
    record: &Record,
    epochs: u64,
    (examples, evaluated): (&str, &str),
    values: bool,
    left: String,
) -> String {
    let percent = |part: f64| format!("{:.1} %", 100.0 * part);
    let mut parts = vec![(0, format!("epoch {:.2}/{epochs}", record.epoch))];
    if let Some(score) = record.train {
        parts.push((2, format!("loss {}", loss(score.loss))));
        if !values {
            parts.push((3, format!("accuracy {}", percent(score.accuracy))));
        }
    }
    let error = record.trials.and_then(|trials| trials.answer_error);
    if let Some(score) = record.test {
        parts.push(match error {
            Some(error) => (0, format!("{evaluated} {}", off(error, score))),
            None => (0, format!("{evaluated} {}{}", percent(score.accuracy), top5(score))),
        });
    }
    if let Some(trials) = record.trials.filter(|_| error.is_none()) {
        let (breaks, as_errors) = (percent(trials.fixation_breaks), percent(trials.unbroken_accuracy));
        parts.push((4, format!("fixation breaks {breaks} (as errors: {as_errors})")));
    }
    if record.probes > 0 {
        parts.push((5, format!("probes {}", record.probes)));
    }
    parts.push((6, format!("{:.0} {examples}/s", record.images_per_second)));
    parts.push((1, left));
    fitted(parts)
}

/// How far answers are off, and how many are near.
pub fn off(error: f64, score: Score) -> String {
    format!("error {error:.4} (r.m.s.), within tolerance {:.1} %", 100.0 * score.accuracy)
}

/// How often the label is among the five largest outputs, where that was measured.
pub fn top5(score: Score) -> String {
    score.top5.map_or_else(String::new, |top5| format!(" (top 5: {:.1} %)", 100.0 * top5))
}

/// A loss in a few characters, also on the way to divergence.
pub fn loss(value: f64) -> String {
    if value.abs() < 1e4 { format!("{value:.3}") } else { format!("{value:.2e}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nmnc::records::TrialRecord;

    fn record() -> Record {
        let text = r#"{"step":564000,"epoch":123.45,"probes":12345678901,"learning_rate":1,"seconds":1,"images_per_second":123456,
            "train":{"loss":0.535,"accuracy":0.805}}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn lines_have_room_on_every_terminal() {
        let left = || "12 h 34 min left".to_owned();
        let plain = of_record(&record(), 1000, ("images", "validation"), false, left());
        assert_eq!(plain, "epoch 123.45/1000  loss 0.535  accuracy 80.5 %  12 h 34 min left");
        let score = Score { loss: 0.5, accuracy: 0.796, top5: Some(0.951) };
        let trials =
            TrialRecord { fixation_breaks: 0.125, misses: 0.0, unbroken_accuracy: 0.7, answer_error: None };
        let whole = Record { test: Some(score), trials: Some(trials), ..record() };
        let line = of_record(&whole, 1000, ("images", "test"), false, left());
        assert_eq!(line, "epoch 123.45/1000  loss 0.535  test 79.6 % (top 5: 95.1 %)  12 h 34 min left");
        // What has room is there.
        let small = Record { epoch: 1.0, probes: 3648, images_per_second: 5040.0, ..record() };
        let small = Record { test: Some(Score { top5: None, ..score }), ..small };
        assert_eq!(
            of_record(&small, 6, ("images", "test"), false, "7 s left".to_owned()),
            "epoch 1.00/6  loss 0.535  accuracy 80.5 %  test 79.6 %  probes 3648  7 s left"
        );
        for line in [plain, line] {
            assert!(line.chars().count() <= COLUMNS);
        }
    }
}
