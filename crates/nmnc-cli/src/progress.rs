//! Showing a run: a bar on a terminal, plain lines elsewhere, events for machines.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use nmnc::records::{Record, Score, Status, Summary};
use nmnc::report::text::shortened;
use nmnc::train::{Observer, Progress, RunConfig};
use serde_json::json;

use crate::naming;
use crate::output::Output;
use crate::progress_line::{fitted, loss, of_record, off, top5};
use crate::signals::{self, Training};
use crate::waiting;

/// Plain lines come at most this often, except for those with an evaluation.
const PACE: Duration = Duration::from_secs(1);

/// Characters of a rule's name before its bar.
const LONGEST: usize = 24;

/// Shows one run.
pub struct Watcher {
    out: Output,
    run: String,
    /// What to put before the description, such as the number of the run in a comparison.
    label: String,
    epochs: u64,
    /// What examples are called.
    examples: &'static str,
    /// Whether answers are values, of which how far they are off says more than how many are near.
    values: bool,
    /// What it is evaluated on.
    evaluated: &'static str,
    bar: ProgressBar,
    /// When the first step of this process ended, and which it was: what it compiles and finds for the first time is no measure for the
    /// others.
    first: Option<(Instant, u64)>,
    last: Option<Progress>,
    shown: Option<Instant>,
    /// From the start of the training loop to the run's end.
    training: Option<Training>,
}

impl Watcher {
    /// For the run of `config` in `folder`.
    pub fn new(out: Output, folder: &Path, config: &impl RunConfig, label: &str) -> Self {
        let visible = !out.quiet && !out.json && std::io::stderr().is_terminal();
        let bar = if visible { ProgressBar::no_length() } else { ProgressBar::hidden() };
        // The bar has what the texts leave of the line.
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}  {msg}");
        bar.set_style(style.expect("the template is right"));
        bar.set_prefix(format!("{} seed {}", shortened(config.rule(), LONGEST), config.seed().0));
        Self {
            out,
            run: naming::text(folder),
            label: label.to_owned(),
            epochs: config.epochs(),
            examples: config.examples(),
            values: config.answers_are_values(),
            evaluated: evaluated(config.held_out()),
            bar,
            first: None,
            last: None,
            shown: None,
            training: None,
        }
    }

    fn remaining(&self) -> String {
        let Some(Progress { step, total, .. }) = self.last else { return String::new() };
        let left = self.first.and_then(|(since, first)| left(since.elapsed(), first, step, total));
        left.map_or_else(String::new, |seconds| format!("{} left", duration(seconds)))
    }
}

impl Observer for Watcher {
    fn started(&mut self, description: &str, progress: Progress) {
        (self.first, self.last) = (None, Some(progress));
        self.training = Some(signals::training());
        self.out.event(
            "started",
            json!({
                "run": self.run, "description": description, "step": progress.step, "steps": progress.total
            }),
        );
        let resumed = match progress.step {
            0 => String::new(),
            step => format!(", going on after step {step}"),
        };
        self.bar.suspend(|| self.out.prose(format_args!("{}{description}{resumed}", self.label)));
        if !self.bar.is_hidden() {
            waiting::tell_in(Some(self.bar.clone()));
        }
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.step);
    }

    fn progress(&mut self, progress: Progress) {
        self.last = Some(progress);
        self.first.get_or_insert_with(|| (Instant::now(), progress.step));
        waiting::heard();
        if !self.bar.is_hidden() {
            self.bar.set_position(progress.step);
            let parts = vec![(0, format!("loss {}", loss(progress.loss))), (1, self.remaining())];
            self.bar.set_message(fitted(parts));
        }
    }

    fn record(&mut self, record: &Record) {
        self.out.event("record", json!({ "run": self.run, "record": record }));
        let evaluated = record.test.is_some();
        let due = self.shown.is_none_or(|at| at.elapsed() >= PACE) && self.bar.is_hidden();
        if evaluated || due {
            self.shown = Some(Instant::now());
            let line = of_record(
                record,
                self.epochs,
                (self.examples, self.evaluated),
                self.values,
                self.remaining(),
            );
            self.bar.suspend(|| self.out.line(line));
        }
    }

    fn warning(&mut self, text: &str) {
        self.bar.suspend(|| self.out.warning(&self.run, text));
    }

    fn checkpoint(&mut self, path: &Path) {
        self.out.event("checkpoint", json!({ "run": self.run, "path": naming::text(path) }));
    }

    fn stop(&mut self) -> bool {
        signals::asked().is_some()
    }

    fn finished(&mut self, summary: &Summary) {
        self.training = None;
        waiting::tell_in(None);
        self.bar.finish_and_clear();
        self.out.event("finished", json!({ "run": self.run, "summary": summary }));
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        waiting::tell_in(None);
        // A run that ends in an error would leave its bar under the message.
        self.bar.finish_and_clear();
    }
}

/// Seconds that the steps after `step` take if they take as long as those between `first` and it, which took `elapsed`; none before the
/// second step and after the last.
fn left(elapsed: Duration, first: u64, step: u64, total: u64) -> Option<f64> {
    let done = step.checked_sub(first).filter(|done| *done > 0)?;
    let left = total.checked_sub(step).filter(|left| *left > 0)?;
    Some(elapsed.as_secs_f64() / done as f64 * left as f64)
}

/// What a run is evaluated on, in a word.
fn evaluated(held_out: bool) -> &'static str {
    if held_out { "validation" } else { "test" }
}

/// How a run came out, in a few words.
pub fn outcome(summary: &Summary) -> String {
    let error = summary.trials.and_then(|trials| trials.answer_error);
    let evaluated = evaluated(summary.held_out);
    let told = |score: Option<Score>| match (score, error) {
        (None, _) => "not evaluated".to_owned(),
        (Some(score), Some(error)) => format!("{evaluated} {}", off(error, score)),
        (Some(score), None) => {
            format!("{evaluated} accuracy {:.1} %{}", 100.0 * score.accuracy, top5(score))
        }
    };
    let diverging = summary
        .loss_factor
        .map_or_else(String::new, |factor| format!(", diverging (loss {} times its start)", loss(factor)));
    let state = match summary.status {
        Status::Complete => told(summary.test) + &diverging,
        Status::Diverged => format!("diverged after {} steps", summary.steps),
    };
    let probes = match summary.probes {
        0 => String::new(),
        probes => format!(", {probes} probes"),
    };
    format!("{state}{probes}, {}", duration(summary.seconds))
}

/// Seconds for people.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        let shown = [0.4, 59.6, 61.0, 3600.0, 7500.0].map(duration);
        assert_eq!(shown, ["0 s", "1 min 0 s", "1 min 1 s", "1 h 0 min", "2 h 5 min"]);
    }

    #[test]
    fn the_first_step_is_no_measure_for_the_others() {
        // Of 101 steps the first took 4 s to compile: nothing is reckoned by it. Ten more in 2 s leave 90 of 0.2 s.
        assert_eq!(left(Duration::ZERO, 1, 1, 101), None);
        assert_eq!(left(Duration::from_secs(2), 1, 11, 101), Some(18.0));
        assert_eq!(left(Duration::from_secs(2), 1, 101, 101), None);
        // A run that goes on after step 50 knows its own steps alone.
        assert_eq!(left(Duration::from_secs(3), 51, 52, 62), Some(30.0));
    }
}
