//! Showing a run: a bar on a terminal, plain lines elsewhere, events for machines.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use nmnc::records::{Record, Score, Status, Summary};
use nmnc::train::{Observer, Progress, RunConfig};
use serde_json::json;

use crate::naming;
use crate::output::Output;

/// Plain lines come at most this often, except for those with an evaluation.
const PACE: Duration = Duration::from_secs(1);

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
    bar: ProgressBar,
    start: Instant,
    first: u64,
    last: Option<Progress>,
    shown: Option<Instant>,
}

impl Watcher {
    /// For the run of `config` in `folder`.
    pub fn new(out: Output, folder: &Path, config: &impl RunConfig, label: &str) -> Self {
        let visible = !out.quiet && !out.json && std::io::stderr().is_terminal();
        let bar = if visible { ProgressBar::no_length() } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len}  {msg}");
        bar.set_style(style.expect("the template is right"));
        bar.set_prefix(format!("{} seed {}", config.rule(), config.seed().0));
        Self {
            out,
            run: naming::text(folder),
            label: label.to_owned(),
            epochs: config.epochs(),
            examples: config.examples(),
            values: config.answers_are_values(),
            bar,
            start: Instant::now(),
            first: 0,
            last: None,
            shown: None,
        }
    }

    fn remaining(&self) -> String {
        let Some(Progress { step, total, .. }) = self.last else { return String::new() };
        let done = step.saturating_sub(self.first);
        if done == 0 || step >= total {
            return String::new();
        }
        let seconds = self.start.elapsed().as_secs_f64() / done as f64 * (total - step) as f64;
        format!("  {} left", duration(seconds))
    }
}

impl Observer for Watcher {
    fn started(&mut self, description: &str, progress: Progress) {
        (self.start, self.first, self.last) = (Instant::now(), progress.step, Some(progress));
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
        self.bar.suspend(|| self.out.line(format_args!("{}{description}{resumed}", self.label)));
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.step);
    }

    fn progress(&mut self, progress: Progress) {
        self.last = Some(progress);
        if !self.bar.is_hidden() {
            self.bar.set_position(progress.step);
            self.bar.set_message(format!(
                "loss {}  {:.0} {}/s{}",
                loss(progress.loss),
                progress.images_per_second,
                self.examples,
                self.remaining()
            ));
        }
    }

    fn record(&mut self, record: &Record) {
        self.out.event("record", json!({ "run": self.run, "record": record }));
        let evaluated = record.test.is_some();
        let due = self.shown.is_none_or(|at| at.elapsed() >= PACE) && self.bar.is_hidden();
        if evaluated || due {
            self.shown = Some(Instant::now());
            let steps = self.last.map_or(0, |progress| progress.total);
            let mut line = format!("epoch {:.2}/{}  step {}/{steps}", record.epoch, self.epochs, record.step);
            if let Some(score) = record.train {
                line += &format!("  loss {}", loss(score.loss));
                if !self.values {
                    line += &format!("  accuracy {:.1} %", 100.0 * score.accuracy);
                }
            }
            if let Some(score) = record.test {
                line += &match record.trials.and_then(|trials| trials.answer_error) {
                    Some(error) => format!("  test {}", off(error, score)),
                    None => format!("  test {:.1} %{}", 100.0 * score.accuracy, top5(score)),
                };
            }
            if let Some(trials) = record.trials
                && trials.answer_error.is_none()
            {
                line += &format!(
                    "  fixation breaks {:.1} % (as errors: {:.1} %)",
                    100.0 * trials.fixation_breaks,
                    100.0 * trials.unbroken_accuracy
                );
            }
            if record.probes > 0 {
                line += &format!("  probes {}", record.probes);
            }
            line += &format!("  {:.0} {}/s{}", record.images_per_second, self.examples, self.remaining());
            self.bar.suspend(|| self.out.line(line));
        }
    }

    fn warning(&mut self, text: &str) {
        self.bar.suspend(|| self.out.warning(&self.run, text));
    }

    fn checkpoint(&mut self, path: &Path) {
        self.out.event("checkpoint", json!({ "run": self.run, "path": naming::text(path) }));
    }

    fn finished(&mut self, summary: &Summary) {
        self.bar.finish_and_clear();
        self.out.event("finished", json!({ "run": self.run, "summary": summary }));
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // A run that ends in an error would leave its bar under the message.
        self.bar.finish_and_clear();
    }
}

/// How a run came out, in a few words.
pub fn outcome(summary: &Summary) -> String {
    let error = summary.trials.and_then(|trials| trials.answer_error);
    let told = |score: Option<Score>| match (score, error) {
        (None, _) => "not evaluated".to_owned(),
        (Some(score), Some(error)) => format!("test {}", off(error, score)),
        (Some(score), None) => format!("test accuracy {:.1} %{}", 100.0 * score.accuracy, top5(score)),
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

/// How far answers are off, and how many are near.
fn off(error: f64, score: Score) -> String {
    format!("error {error:.4} (r.m.s.), within tolerance {:.1} %", 100.0 * score.accuracy)
}

/// How often the label is among the five largest outputs, where that was measured.
fn top5(score: Score) -> String {
    score.top5.map_or_else(String::new, |top5| format!(" (top 5: {:.1} %)", 100.0 * top5))
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

/// A loss in a few characters, also on the way to divergence.
fn loss(value: f64) -> String {
    if value.abs() < 1e4 { format!("{value:.3}") } else { format!("{value:.2e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        let shown = [0.4, 59.6, 61.0, 3600.0, 7500.0].map(duration);
        assert_eq!(shown, ["0 s", "1 min 0 s", "1 min 1 s", "1 h 0 min", "2 h 5 min"]);
    }
}
