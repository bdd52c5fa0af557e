//! What a trial is worth: the decision at the response period, and whether fixation was held before.

use super::batch::TrialBatch;
use super::trial::{Answer, Targets};

/// One trial judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// 1 for a right answer, 0 for a wrong one; a fraction for a sequence half remembered.
    pub correct: f64,
    /// No answer was given in the response period.
    pub missed: bool,
    /// An answer was given before the response period. It does not count, and the trial goes on.
    pub broken: bool,
    /// The class that was answered, where answers are a choice or a class and one was given.
    pub chosen: Option<u32>,
    /// Of an answer of values: the square of its deviation from the target, averaged over outputs.
    pub squared_error: Option<f64>,
}

/// Many trials judged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrialScore {
    /// Number of trials.
    pub trials: usize,
    /// Sum of [`Outcome::correct`].
    pub correct: f64,
    /// Trials without an answer.
    pub missed: usize,
    /// Trials with an answer before the response period.
    pub broken: usize,
    /// Sum of [`Outcome::correct`] over the other trials.
    pub unbroken_correct: f64,
    /// Trials with values for answers.
    pub valued: usize,
    /// Sum of [`Outcome::squared_error`].
    pub squared_error: f64,
}

impl TrialScore {
    /// Adds one trial.
    pub fn add(&mut self, outcome: Outcome) {
        self.trials += 1;
        self.correct += outcome.correct;
        self.missed += usize::from(outcome.missed);
        self.broken += usize::from(outcome.broken);
        self.unbroken_correct += if outcome.broken { 0.0 } else { outcome.correct };
        self.valued += usize::from(outcome.squared_error.is_some());
        self.squared_error += outcome.squared_error.unwrap_or(0.0);
    }

    /// Fraction of trials answered rightly in the response period.
    pub fn accuracy(&self) -> f64 {
        self.correct / self.trials.max(1) as f64
    }

    /// The same where an answer before the response period makes a trial wrong.
    pub fn unbroken_accuracy(&self) -> f64 {
        self.unbroken_correct / self.trials.max(1) as f64
    }

    /// Root mean square of the deviations of answers from targets, over trials and outputs, where answers are values.
    pub fn answer_error(&self) -> Option<f64> {
        (self.valued > 0).then(|| (self.squared_error / self.valued as f64).sqrt())
    }

    /// Fraction of trials with an answer before the response period.
    pub fn fixation_breaks(&self) -> f64 {
        self.broken as f64 / self.trials.max(1) as f64
    }

    /// Fraction of trials without an answer.
    pub fn misses(&self) -> f64 {
        self.missed as f64 / self.trials.max(1) as f64
    }
}

/// Judges every trial by `outputs` `[T, B, outputs]`. The class of a step is its largest output, the first of equal ones.
///
/// # Panics
/// If there are not as many outputs as the batch has steps.
pub fn judge(batch: &TrialBatch, outputs: &[f64]) -> Vec<Outcome> {
    let (size, width) = (batch.size(), batch.outputs);
    assert_eq!(outputs.len(), batch.steps * size * width, "number of outputs");
    let row = |trial: usize, step: usize| &outputs[(step * size + trial) * width..][..width];
    let class = |trial: usize, step: usize| {
        let row = row(trial, step);
        (1..width).fold(0, |best, next| if row[next] > row[best] { next } else { best }) as u32
    };
    let one = |(trial, info): (usize, &super::batch::TrialInfo)| {
        let mut outcome =
            Outcome { correct: 0.0, missed: false, broken: false, chosen: None, squared_error: None };
        let last = info.response.end - 1;
        match &info.answer {
            Answer::Choice { label, window } => {
                outcome.broken = (0..info.response.start).any(|step| class(trial, step) != 0);
                let first = info.response.clone().find(|&step| class(trial, step) != 0);
                outcome.missed = first.is_none();
                outcome.chosen = first.map(|step| class(trial, step));
                let right = first.is_some_and(|step| window.contains(&step) && class(trial, step) == *label);
                outcome.correct = f64::from(right);
            }
            Answer::Class(label) => {
                let given = class(trial, last);
                outcome.chosen = Some(given);
                outcome.correct = f64::from(given == *label);
            }
            Answer::Sequence => {
                let Targets::Labels(labels) = &batch.targets else { return outcome };
                let right = |&step: &usize| class(trial, step) == labels[step * size + trial];
                outcome.broken = (0..info.response.start).any(|step| class(trial, step) != 0);
                outcome.correct =
                    info.response.clone().filter(right).count() as f64 / info.response.len() as f64;
            }
            Answer::Value { tolerance } => {
                let Targets::Values(values) = &batch.targets else { return outcome };
                let target = &values[(last * size + trial) * width..][..width];
                let deviations = || row(trial, last).iter().zip(target).map(|(y, t)| y - f64::from(*t));
                outcome.correct = f64::from(deviations().all(|off| off.abs() <= *tolerance));
                outcome.squared_error = Some(deviations().map(|off| off * off).sum::<f64>() / width as f64);
            }
        }
        outcome
    };
    batch.info.iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::batch::TrialInfo;

    /// One trial of five steps, three outputs: fixation for three, then the response.
    fn judged(answer: Answer, classes: [usize; 5]) -> Outcome {
        let batch = TrialBatch {
            steps: 5,
            inputs: 1,
            outputs: 3,
            values: vec![0.0; 5],
            targets: Targets::Labels(vec![0, 0, 0, 2, 1]),
            mask: vec![1.0; 5],
            info: vec![TrialInfo { steps: 5, response: 3..5, answer, condition: 0, strength: None }],
        };
        let outputs: Vec<f64> =
            classes.into_iter().flat_map(|c| (0..3).map(move |i| f64::from(i == c))).collect();
        judge(&batch, &outputs)[0]
    }

    #[test]
    fn the_first_answer_in_the_response_period_counts() {
        let choice = || Answer::Choice { label: 2, window: 3..5 };
        let is = |correct, missed, broken, chosen| Outcome {
            correct,
            missed,
            broken,
            chosen,
            squared_error: None,
        };
        assert_eq!(judged(choice(), [0, 0, 0, 2, 1]), is(1.0, false, false, Some(2)));
        assert_eq!(judged(choice(), [0, 0, 0, 0, 2]), is(1.0, false, false, Some(2)));
        assert_eq!(judged(choice(), [0, 0, 0, 1, 2]), is(0.0, false, false, Some(1)));
        assert_eq!(judged(choice(), [0, 0, 0, 0, 0]), is(0.0, true, false, None));
        // An answer too early is a break, and the trial goes on.
        assert_eq!(judged(choice(), [0, 2, 0, 2, 0]), is(1.0, false, true, Some(2)));
        assert_eq!(judged(choice(), [0, 2, 0, 0, 0]), is(0.0, true, true, None));
        assert_eq!(judged(Answer::Choice { label: 2, window: 4..5 }, [0, 0, 0, 2, 2]).correct, 0.0);
    }

    #[test]
    fn breaks_are_counted_apart_and_as_errors() {
        let mut score = TrialScore::default();
        for (correct, missed, broken) in
            [(1.0, false, false), (1.0, false, true), (0.5, false, false), (0.0, true, true)]
        {
            score.add(Outcome { correct, missed, broken, chosen: None, squared_error: None });
        }
        assert_eq!((score.accuracy(), score.unbroken_accuracy()), (2.5 / 4.0, 1.5 / 4.0));
        assert_eq!((score.fixation_breaks(), score.misses()), (0.5, 0.25));
    }

    #[test]
    fn values_are_off_by_the_root_mean_square() {
        let info = |response| TrialInfo {
            steps: 2,
            response,
            answer: Answer::Value { tolerance: 0.5 },
            condition: 0,
            strength: None,
        };
        let batch = TrialBatch {
            steps: 2,
            inputs: 1,
            outputs: 2,
            values: vec![0.0; 4],
            targets: Targets::Values(vec![9.0, 9.0, 1.0, 2.0, 3.0, 4.0, 9.0, 9.0]),
            mask: vec![1.0; 4],
            info: vec![info(1..2), info(0..1)],
        };
        // Off by 0.3 and 0.4 in the first trial, by 1 and 0 in the second.
        let outcomes = judge(&batch, &[0.0, 0.0, 2.0, 2.0, 3.3, 3.6, 0.0, 0.0]);
        let mut score = TrialScore::default();
        outcomes.into_iter().for_each(|outcome| score.add(outcome));
        assert_eq!(score.accuracy(), 0.5);
        assert!((score.answer_error().unwrap() - ((0.125 + 0.5) / 2.0_f64).sqrt()).abs() < 1e-12);
        assert_eq!(TrialScore::default().answer_error(), None);
    }

    #[test]
    fn classes_and_sequences_have_no_first_answer() {
        let is = |answer, classes| {
            let found = judged(answer, classes);
            (found.correct, found.chosen)
        };
        assert_eq!(is(Answer::Class(1), [2, 2, 2, 0, 1]), (1.0, Some(1)));
        assert_eq!(is(Answer::Class(1), [1, 1, 1, 1, 0]), (0.0, Some(0)));
        assert_eq!(is(Answer::Sequence, [0, 0, 0, 2, 0]), (0.5, None));
    }
}
