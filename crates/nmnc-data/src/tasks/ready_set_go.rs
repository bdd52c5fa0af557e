//! Ready, set, go: measure an interval and produce it (Remington et al. 2018).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::delay_match::names;
use super::timing::{Draw, Span, Timing, resolve, whole_steps};
use super::trial::{Answer, Sketch, Trial};
use super::{Channels, Task, TrialId};
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Stream;

/// Settings, with neurogym's names and defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReadySetGo {
    /// Milliseconds a step.
    #[schemars(transform = nmnc_core::ranges::MILLISECONDS.stated())]
    pub dt: f64,
    /// The interval to produce over the interval measured.
    #[schemars(transform = nmnc_core::ranges::Range::above_zero(1e3).stated())]
    pub gain: f64,
    /// An answer counts when it is off by at most this fraction of the interval, plus 25 ms.
    #[schemars(transform = nmnc_core::ranges::Range::above_zero(1e3).stated())]
    pub prod_margin: f64,
    /// Durations of fixation, ready, measure and set; ready is the beginning of measure, and production lasts twice the interval to
    /// produce.
    pub timing: Timing,
}

impl Default for ReadySetGo {
    fn default() -> Self {
        Self { dt: 80.0, gain: 1.0, prod_margin: 0.2, timing: Timing::new() }
    }
}

/// Conditions: fifths of the range of intervals.
const CONDITIONS: usize = 5;

impl ReadySetGo {
    pub(super) fn resolve(mut self) -> Result<Self> {
        let own = [
            ("fixation", Span::Fixed(100.0)),
            ("ready", Span::Fixed(83.0)),
            ("measure", Span::Drawn(Draw::Uniform([800.0, 1500.0]))),
            ("set", Span::Fixed(83.0)),
        ];
        self.timing = resolve(&self.timing, &own)?;
        let shortest = |name: &str| whole_steps(self.timing[name].range()[0], self.dt);
        if shortest("measure") * self.gain < 1.0 || shortest("measure") < shortest("ready").max(1.0) {
            return Err(Error::config(
                "timing.measure",
                "can be too short to be produced or to hold `ready`",
            ));
        }
        Ok(self)
    }
}

impl Task for ReadySetGo {
    fn channels(&self) -> Channels {
        Channels {
            inputs: names(["fixation", "ready", "set"]),
            outputs: names(["fixation", "go"]),
            fixation: true,
        }
    }

    fn dt(&self) -> f64 {
        self.dt
    }

    fn conditions(&self) -> Vec<String> {
        let [low, high] = self.timing["measure"].range();
        let edge = |i: usize| low + (high - low) * i as f64 / CONDITIONS as f64;
        (0..CONDITIONS).map(|i| format!("{:.0} to {:.0} ms", edge(i), edge(i + 1))).collect()
    }

    fn longest(&self) -> Option<usize> {
        let produced = 2.0 * self.gain * self.timing["measure"].range()[1] / self.dt;
        Some(super::timing::longest(&self.timing, self.dt).saturating_add(produced as usize))
    }

    fn warnings(&self) -> Vec<String> {
        super::timing::stretched(&self.timing, self.dt)
    }

    fn trial(&self, _id: TrialId, stream: &mut Stream) -> Result<Trial> {
        let mut steps = |name: &str| self.timing[name].steps(self.dt, stream);
        let (fixation, ready, measure, set) =
            (steps("fixation"), steps("ready"), steps("measure"), steps("set"));
        let produced = measure as f64 * self.gain;
        // As int(2 * production / dt) and int(production / dt) of neurogym.
        let (production, go) = ((2.0 * produced).floor() as usize, produced.floor() as usize);
        let periods =
            [("fixation", fixation), ("measure", measure), ("set", set), ("production", production)];
        let mut sketch = Sketch::new(3, &periods);
        let response = sketch.period("production");
        sketch.add(0..response.start, 0, &[1.0]);
        sketch.add(fixation..fixation + ready, 1, &[1.0]);
        sketch.add(sketch.period("set"), 2, &[1.0]);
        let due = response.start + go;
        sketch.label(due..due + 1, 1);
        // The interval runs from the beginning of set, as neurogym rewards it.
        let (interval, beginning) = (produced * self.dt, fixation + measure);
        let margin = self.prod_margin * interval + 25.0;
        let right = |step: &usize| ((step - beginning) as f64 * self.dt - interval).abs() <= margin;
        let first = response.clone().find(right).unwrap_or(due);
        let last = response.clone().rfind(right).unwrap_or(due);
        let [low, high] = self.timing["measure"].range();
        let place = (measure as f64 * self.dt - low) / (high - low).max(self.dt) * CONDITIONS as f64;
        let answer = Answer::Choice { label: 1, window: first..last + 1 };
        Ok(sketch.finish(response, answer, (place.max(0.0) as usize).min(CONDITIONS - 1)))
    }
}
