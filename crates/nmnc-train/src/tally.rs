//! Bookkeeping of a run: sums since the last record, time, warnings, evaluations.

use crate::clock::Clock;
use crate::problem::Evaluation;
use nmnc_core::error::Result;
use nmnc_core::records::{Psychometric, Score, TrialRecord};
use nmnc_core::state::State;
use nmnc_core::statistics::psychometric::Level;

/// The share of an epoch's time above which waiting for data is worth a word,
const NOTICED_SHARE: f64 = 0.1;
/// and the seconds.
const NOTICED_SECONDS: f64 = 5.0;
/// How many times that of the first step a loss is that has left its start: no training that goes well comes near.
const LEFT: f64 = 10.0;

/// How what is told of such a loss begins.
const LEFT_ITS_START: &str = "the loss has left its start";

/// Name of the text that says what strengths of evidence are.
const STRENGTH: &str = "strength";

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
    last_psychometric: Option<Psychometric>,
    /// Loss of the first step.
    first_loss: Option<f64>,
    /// That of the last record in it, where it has left it.
    loss_factor: Option<f64>,
    notes: Vec<String>,
}

impl Tally {
    /// Counts one training step: mean loss and, possibly in part, right ones of its `images` (or other examples), and
    /// the seconds it took, of which some went by waiting for data.
    pub fn add(&mut self, loss: f64, correct: f64, images: usize, [seconds, waited]: [f64; 2]) {
        self.first_loss.get_or_insert(loss);
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

    /// Compares the losses of a record with that of the first step. What to tell where they have left it, the same for all steps of a run.
    pub fn look(&mut self, step: u64, losses: impl Iterator<Item = f64>) -> Option<String> {
        let first = self.first_loss.filter(|first| *first > 0.0)?;
        let worst = losses.fold(0.0, f64::max);
        let new = worst > LEFT * first && !self.notes.iter().any(|note| note.starts_with(LEFT_ITS_START));
        self.loss_factor = (worst > LEFT * first).then(|| worst / first);
        new.then(|| {
            format!(
                "{LEFT_ITS_START}: {} at step {step}, {} at the first; training diverges: try a lower learning rate, \
                 weight decay or train.clip_norm",
                short(worst),
                short(first)
            )
        })
    }

    /// The loss at the last record in that of the first step, where it is far more.
    pub fn loss_factor(&self) -> Option<f64> {
        self.loss_factor
    }

    /// Counts an evaluation.
    pub fn evaluated(&mut self, found: &Evaluation) {
        let score = found.score;
        self.last_test = Some(score);
        self.last_trials = found.trials;
        self.last_psychometric = found.psychometric.clone();
        self.best_accuracy = Some(self.best_accuracy.map_or(score.accuracy, |best| best.max(score.accuracy)));
    }

    /// How the last evaluation trials went beside their answers.
    pub fn last_trials(&self) -> Option<TrialRecord> {
        self.last_trials
    }

    /// How they went by strength of the evidence.
    pub fn last_psychometric(&self) -> Option<&Psychometric> {
        self.last_psychometric.as_ref()
    }

    /// Notes a warning; true the first time.
    pub fn note(&mut self, text: &str) -> bool {
        let new = !self.notes.iter().any(|known| known == text);
        if new {
            self.notes.push(text.to_owned());
        }
        new
    }

    /// Notes a warning that comes again and again with other numbers, such as the rank of an activity at each refresh; true the first time for
    /// a stage.
    pub fn note_once(&mut self, text: &str) -> bool {
        let kind = kind(text);
        if self.notes.iter().any(|known| self::kind(known) == kind) { false } else { self.note(text) }
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

    /// The last evaluation, as a problem gave it, but not by condition.
    pub fn last_evaluation(&self) -> Option<Evaluation> {
        self.last_test.map(|score| Evaluation {
            score,
            trials: self.last_trials,
            conditions: Vec::new(),
            psychometric: self.last_psychometric.clone(),
        })
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
            ("answer_error", self.last_trials.and_then(|t| t.answer_error).into_iter().collect()),
            (
                "psychometric",
                self.last_psychometric.iter().flat_map(|found| &found.levels).flat_map(numbers_of).collect(),
            ),
            ("first_loss", self.first_loss.into_iter().collect()),
            ("loss_factor", self.loss_factor.into_iter().collect()),
        ];
        // Empty lists cannot be told from absent ones in some formats, so they are left out.
        let present = numbers.into_iter().filter(|(_, list)| !list.is_empty());
        state.numbers.extend(present.map(|(name, list)| (name.to_owned(), list)));
        state.texts.insert("notes".into(), self.notes.clone());
        if let Some(found) = &self.last_psychometric {
            state.texts.insert(STRENGTH.into(), vec![found.strength.clone()]);
        }
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
        let number = |name: &str| state.numbers.get(name).and_then(|list| list.first()).copied();
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
            best_accuracy: number("best_accuracy"),
            last_trials: trials.map(|&[fixation_breaks, misses, unbroken_accuracy]| TrialRecord {
                fixation_breaks,
                misses,
                unbroken_accuracy,
                answer_error: number("answer_error"),
            }),
            last_psychometric: state.texts.get(STRENGTH).and_then(|names| {
                let numbers = state.numbers.get("psychometric").map_or(&[][..], Vec::as_slice);
                // The curve follows from the counts.
                Some(Psychometric::new(
                    names.first()?.clone(),
                    numbers.chunks_exact(3).map(level_of).collect(),
                ))
            }),
            // There is one from the first step on.
            first_loss: match state.counter("images")? {
                0 => None,
                _ => Some(state.numbers("first_loss", 1)?[0]),
            },
            loss_factor: number("loss_factor"),
            notes: state.texts.get("notes").cloned().unwrap_or_default(),
        })
    }
}

fn numbers_of(level: &Level) -> [f64; 3] {
    [level.strength, level.trials as f64, level.chosen as f64]
}

/// What [`numbers_of`] gave.
fn level_of(numbers: &[f64]) -> Level {
    Level { strength: numbers[0], trials: numbers[1] as usize, chosen: numbers[2] as usize }
}

/// A loss in a few characters.
fn short(loss: f64) -> String {
    if (1e-3..1e4).contains(&loss) { format!("{loss:.3}") } else { format!("{loss:.2e}") }
}

fn rate(images: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { images as f64 / seconds } else { 0.0 }
}

/// A warning without its numbers but those of stages.
fn kind(text: &str) -> Vec<String> {
    let mut of_stage = false;
    let word = |word: &str| {
        let kept = std::mem::replace(&mut of_stage, word == "stage");
        if kept { word.to_owned() } else { word.chars().filter(|c| !c.is_ascii_digit()).collect() }
    };
    text.split(' ').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_with_other_numbers_is_noted_once_a_stage() {
        let mut tally = Tally::default();
        let text = |stage, found| format!("stage {stage}: manifold dimension 64 clipped to {found}");
        assert!(
            tally.note_once(&text(5, 63)) && !tally.note_once(&text(5, 7)) && !tally.note_once(&text(5, 63))
        );
        assert!(tally.note_once(&text(6, 63)) && tally.note_once("stage 5: activity is zero"));
        assert_eq!(tally.notes().len(), 3);
    }

    #[test]
    fn a_restored_tally_goes_on_as_the_first_would_have() {
        let mut tally = Tally::default();
        tally.add(2.0, 3.0, 10, [0.5, 0.25]);
        let level = |strength: f64, chosen| Level { strength, trials: 90, chosen };
        let levels = [level(-2.0, 3), level(-1.0, 20), level(0.0, 50), level(0.5, 68), level(2.0, 88)];
        let found = Psychometric::new("coherence".into(), levels.to_vec());
        assert!(found.fit.is_some());
        tally.evaluated(&Evaluation {
            score: Score { loss: 1.0, accuracy: 0.25, top5: Some(0.75) },
            trials: None,
            conditions: Vec::new(),
            psychometric: Some(found.clone()),
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
        assert_eq!(restored.last_psychometric(), Some(&found));
    }

    #[test]
    fn a_loss_that_left_its_start_is_told_once_and_as_it_last_was() {
        let mut tally = Tally::default();
        tally.add(2.0, 0.0, 10, [0.0, 0.0]);
        assert_eq!((tally.look(1, [2.0, 20.0].into_iter()), tally.loss_factor()), (None, None));
        let told = tally.look(5, [1.0, 3e8].into_iter()).unwrap();
        assert!(
            told.starts_with("the loss has left its start: 3.00e8 at step 5, 2.000 at the first; "),
            "{told}"
        );
        assert!(tally.note(&told));
        let mut tally = Tally::restore(&tally.state(), tally.clock()).unwrap();
        assert_eq!(tally.loss_factor(), Some(1.5e8));
        assert_eq!((tally.look(9, [24.0].into_iter()), tally.loss_factor()), (None, Some(12.0)));
        assert_eq!((tally.look(9, [1.0].into_iter()), tally.loss_factor()), (None, None));
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
