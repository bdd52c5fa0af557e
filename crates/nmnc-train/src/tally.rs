//! Bookkeeping of a run: sums since the last record, time, warnings, evaluations.

use serde::{Deserialize, Serialize};

use crate::problem::Evaluation;
use nmnc_core::error::Result;
use nmnc_core::records::{Score, TrialRecord};
use nmnc_core::state::State;

/// The share of an epoch's time above which waiting for data is worth a word,
const NOTICED_SHARE: f64 = 0.1;
/// and the seconds.
const NOTICED_SECONDS: f64 = 5.0;

/// Times of a run, in seconds: what differs between runs that are the same otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Of training.
    seconds: f64,
    /// Of training since the last record.
    interval_seconds: f64,
    /// Of waiting for data since the last record.
    interval_waited: f64,
}

/// Sums of a run. All of it goes into checkpoints, so that a resumed run writes the records it would have written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Loss times images since the last record.
    loss: f64,
    correct: f64,
    interval_images: u64,
    interval_seconds: f64,
    interval_waited: f64,
    /// Of the epoch, as far as this process trained it.
    epoch_seconds: f64,
    epoch_waited: f64,
    images: u64,
    seconds: f64,
    /// Since this process took the run up, for the rate that people see.
    process_images: u64,
    process_seconds: f64,
    last_test: Option<Score>,
    best_accuracy: Option<f64>,
    last_trials: Option<TrialRecord>,
    notes: Vec<String>,
}

impl Tally {
    /// Counts one training step: mean loss and, possibly in part, right ones of its `images` (or other examples), and
    /// the seconds it took, of which some went by waiting for data.
    pub fn add(&mut self, loss: f64, correct: f64, images: usize, [seconds, waited]: [f64; 2]) {
        self.loss += loss * images as f64;
        self.correct += correct;
        for counter in [&mut self.interval_images, &mut self.images, &mut self.process_images] {
            *counter += images as u64;
        }
        for clock in [
            &mut self.interval_seconds,
            &mut self.epoch_seconds,
            &mut self.seconds,
            &mut self.process_seconds,
        ] {
            *clock += seconds;
        }
        self.interval_waited += waited;
        self.epoch_waited += waited;
    }

    /// Mean score, images per second and the share of time spent waiting for data since the last call.
    pub fn take_interval(&mut self) -> (Option<Score>, f64, f64) {
        let count = self.interval_images as f64;
        let score = Score { loss: self.loss / count, accuracy: self.correct / count, top5: None };
        let rate = rate(self.interval_images, self.interval_seconds);
        let counted = self.interval_images > 0;
        let waiting =
            if self.interval_seconds > 0.0 { self.interval_waited / self.interval_seconds } else { 0.0 };
        (self.loss, self.correct, self.interval_images) = (0.0, 0.0, 0);
        (self.interval_seconds, self.interval_waited) = (0.0, 0.0);
        (counted.then_some(score), rate, waiting)
    }

    /// The share of its time that the epoch spent waiting for data, if that is worth a word. A new epoch begins.
    pub fn take_epoch(&mut self) -> Option<f64> {
        let (seconds, waited) = (self.epoch_seconds, self.epoch_waited);
        (self.epoch_seconds, self.epoch_waited) = (0.0, 0.0);
        (waited > NOTICED_SHARE * seconds && waited > NOTICED_SECONDS).then(|| waited / seconds)
    }

    /// Counts an evaluation.
    pub fn evaluated(&mut self, found: Evaluation) {
        let score = found.score;
        self.last_test = Some(score);
        self.last_trials = found.trials;
        self.best_accuracy = Some(self.best_accuracy.map_or(score.accuracy, |best| best.max(score.accuracy)));
    }

    /// How the last evaluation trials went beside their answers.
    pub fn last_trials(&self) -> Option<TrialRecord> {
        self.last_trials
    }

    /// Notes a warning; true the first time.
    pub fn note(&mut self, text: &str) -> bool {
        let new = !self.notes.iter().any(|known| known == text);
        if new {
            self.notes.push(text.to_owned());
        }
        new
    }

    /// Warnings so far, each once.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Seconds of training.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Training images seen.
    pub fn images(&self) -> u64 {
        self.images
    }

    /// Images per second since the run was started or resumed.
    pub fn images_per_second(&self) -> f64 {
        rate(self.process_images, self.process_seconds)
    }

    /// The last evaluation, as a problem gave it.
    pub fn last_evaluation(&self) -> Option<Evaluation> {
        self.last_test.map(|score| Evaluation { score, trials: self.last_trials })
    }

    /// Scores of the last evaluation.
    pub fn last_test(&self) -> Option<Score> {
        self.last_test
    }

    /// The best accuracy of any evaluation.
    pub fn best_accuracy(&self) -> Option<f64> {
        self.best_accuracy
    }

    /// Times, which a checkpoint keeps apart.
    pub fn clock(&self) -> Clock {
        let Self { seconds, interval_seconds, interval_waited, .. } = *self;
        Clock { seconds, interval_seconds, interval_waited }
    }

    /// What a checkpoint keeps beside them.
    pub fn state(&self) -> State {
        let mut state = State::default();
        let counters = [("interval_images", self.interval_images), ("images", self.images)];
        state.counters.extend(counters.map(|(name, value)| (name.to_owned(), value)));
        let test = self
            .last_test
            .map_or(Vec::new(), |score| [score.loss, score.accuracy].into_iter().chain(score.top5).collect());
        let numbers = [
            ("sums", vec![self.loss, self.correct]),
            ("last_test", test),
            ("best_accuracy", self.best_accuracy.into_iter().collect()),
            (
                "last_trials",
                self.last_trials
                    .map_or(Vec::new(), |t| vec![t.fixation_breaks, t.misses, t.unbroken_accuracy]),
            ),
        ];
        // Empty lists cannot be told from absent ones in some formats, so they are left out.
        let present = numbers.into_iter().filter(|(_, list)| !list.is_empty());
        state.numbers.extend(present.map(|(name, list)| (name.to_owned(), list)));
        state.texts.insert("notes".into(), self.notes.clone());
        state
    }

    /// Takes back what [`Tally::state`] and [`Tally::clock`] gave.
    ///
    /// # Errors
    /// If something is missing.
    pub fn restore(state: &State, clock: Clock) -> Result<Self> {
        let Clock { seconds, interval_seconds, interval_waited } = clock;
        let &[loss, correct] = state.numbers("sums", 2)?.first_chunk().expect("two numbers");
        let test = |list: &Vec<f64>| {
            let &[loss, accuracy] = list.first_chunk()?;
            Some(Score { loss, accuracy, top5: list.get(2).copied() })
        };
        let trials = state.numbers.get("last_trials").and_then(|list| list.first_chunk::<3>());
        Ok(Self {
            loss,
            correct,
            interval_images: state.counter("interval_images")?,
            interval_seconds,
            interval_waited,
            epoch_seconds: 0.0,
            epoch_waited: 0.0,
            images: state.counter("images")?,
            seconds,
            process_images: 0,
            process_seconds: 0.0,
            last_test: state.numbers.get("last_test").and_then(test),
            best_accuracy: state.numbers.get("best_accuracy").and_then(|list| list.first()).copied(),
            last_trials: trials.map(|&[fixation_breaks, misses, unbroken_accuracy]| TrialRecord {
                fixation_breaks,
                misses,
                unbroken_accuracy,
            }),
            notes: state.texts.get("notes").cloned().unwrap_or_default(),
        })
    }
}

fn rate(images: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { images as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_tally_goes_on_as_the_first_would_have() {
        let mut tally = Tally::default();
        tally.add(2.0, 3.0, 10, [0.5, 0.25]);
        tally.evaluated(Evaluation {
            score: Score { loss: 1.0, accuracy: 0.25, top5: Some(0.75) },
            trials: None,
        });
        assert!(tally.note("dead stage") && !tally.note("dead stage"));
        let mut restored = Tally::restore(&tally.state(), tally.clock()).unwrap();
        for each in [&mut tally, &mut restored] {
            each.add(1.0, 5.5, 30, [0.5, 0.0]);
        }
        let interval = restored.take_interval();
        assert_eq!(interval, tally.take_interval());
        assert_eq!(interval, (Some(Score { loss: 1.25, accuracy: 0.2125, top5: None }), 40.0, 0.25));
        assert_eq!((restored.notes(), restored.best_accuracy()), (tally.notes(), Some(0.25)));
        assert_eq!(restored.last_test(), tally.last_test());
    }

    #[test]
    fn waiting_is_told_by_the_epoch_where_it_is_long_enough() {
        let mut tally = Tally::default();
        let mut epoch = |steps: [[f64; 2]; 2]| {
            steps.into_iter().for_each(|times| tally.add(1.0, 1.0, 1, times));
            tally.take_interval();
            tally.take_epoch()
        };
        assert_eq!(epoch([[10.0, 6.0], [10.0, 0.0]]), Some(0.3));
        assert_eq!(epoch([[100.0, 6.0], [100.0, 0.0]]), None);
        assert_eq!(epoch([[4.0, 3.0], [1.0, 1.0]]), None);
        assert_eq!(epoch([[4.0, 4.0], [4.0, 4.0]]), Some(1.0));
    }
}
