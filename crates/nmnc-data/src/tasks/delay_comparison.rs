//! Delayed comparison: which of two stimuli, apart in time, is larger (Romo and Salinas; Barak, Tsodyks and Romo 2010).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::perceptual_decision::discriminability;
use super::timing::{Span, Timing, resolve, whole_steps};
use super::trial::{Sketch, Trial};
use super::{Channels, Task, TrialId};
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Stream;

/// Settings, with neurogym's names and defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DelayComparison {
    /// Milliseconds a step.
    #[schemars(transform = nmnc_core::ranges::MILLISECONDS.stated())]
    pub dt: f64,
    /// Pairs of stimuli, the larger first; they are scaled so that the smallest is 0.5 and the largest 1.
    #[schemars(transform = nmnc_core::ranges::Range::closed(-1e12, 1e12).stated())]
    pub vpairs: Vec<[f64; 2]>,
    /// Noise: its deviation at each step is sigma / sqrt(dt). As in neurogym, the fixation cue has it too.
    #[schemars(transform = nmnc_core::ranges::STRENGTH.stated())]
    pub sigma: f64,
    /// Durations of fixation, stimulus1, delay, stimulus2 and decision.
    pub timing: Timing,
}

impl Default for DelayComparison {
    fn default() -> Self {
        let vpairs = vec![[18.0, 10.0], [22.0, 14.0], [26.0, 18.0], [30.0, 22.0], [34.0, 26.0]];
        Self { dt: 100.0, vpairs, sigma: 1.0, timing: Timing::new() }
    }
}

const PERIODS: [&str; 5] = ["fixation", "stimulus1", "delay", "stimulus2", "decision"];

impl DelayComparison {
    pub(super) fn resolve(mut self) -> Result<Self> {
        let [low, high] = self.extremes();
        if low >= high || self.vpairs.is_empty() {
            return Err(Error::config("vpairs", "needs pairs of different numbers"));
        }
        let durations = [500.0, 500.0, 1000.0, 500.0, 100.0].map(Span::Fixed);
        let own: Vec<_> = PERIODS.into_iter().zip(durations).collect();
        self.timing = resolve(&self.timing, &own)?;
        Ok(self)
    }

    fn extremes(&self) -> [f64; 2] {
        let all = || self.vpairs.iter().flatten().copied();
        [all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max)]
    }

    /// Between 0.5 and 1.
    fn represented(&self, value: f64) -> f64 {
        let [low, high] = self.extremes();
        (1.0 + (value - low) / (high - low)) / 2.0
    }
}

impl Task for DelayComparison {
    fn channels(&self) -> Channels {
        let mut channels = Channels::fixation_and("choice", 2);
        channels.inputs = super::delay_match::names(["fixation", "stimulus"]);
        channels
    }

    fn dt(&self) -> f64 {
        self.dt
    }

    fn conditions(&self) -> Vec<String> {
        let named = |[a, b]: &[f64; 2]| [format!("{a} then {b}"), format!("{b} then {a}")];
        self.vpairs.iter().flat_map(named).collect()
    }

    /// As they are shown, between 0.5 and 1, over the mean of both.
    fn strength(&self) -> Option<String> {
        Some("first stimulus less second, of their mean (%)".to_owned())
    }

    fn longest(&self) -> Option<usize> {
        Some(super::timing::longest(&self.timing, self.dt))
    }

    fn warnings(&self) -> Vec<String> {
        super::timing::stretched(&self.timing, self.dt)
    }

    fn trial(&self, _id: TrialId, stream: &mut Stream) -> Result<Trial> {
        let (answer, pair) = (stream.below(2), stream.below(self.vpairs.len()));
        let mut values = self.vpairs[pair];
        if answer == 1 {
            values.reverse();
        }
        let mut sketch = Sketch::timed(2, &self.timing, &PERIODS, self.dt, stream);
        let decision = sketch.period("decision");
        sketch.add(0..decision.start, 0, &[1.0]);
        for (period, value) in ["stimulus1", "stimulus2"].into_iter().zip(values) {
            let steps = sketch.period(period);
            sketch.add(steps.clone(), 1, &[self.represented(value)]);
            sketch.noise(steps, 0..2, self.sigma / self.dt.sqrt(), stream);
        }
        let label = 1 + answer as u32;
        sketch.label(decision, label);
        let [first, second] = values.map(|value| self.represented(value));
        let trial = sketch.choice("decision", label, pair * 2 + answer);
        Ok(Trial { strength: Some(200.0 * (first - second) / (first + second)), ..trial })
    }

    /// By the difference of the means of both stimuli, when they last equally long.
    fn ideal_accuracy(&self) -> Option<f64> {
        let (Span::Fixed(first), Span::Fixed(second)) =
            (&self.timing["stimulus1"], &self.timing["stimulus2"])
        else {
            return None;
        };
        let steps = [first, second].map(|duration| whole_steps(*duration, self.dt));
        if steps[0] != steps[1] || self.vpairs.iter().any(|[a, b]| a < b) {
            return None;
        }
        let right = |[a, b]: &[f64; 2]| {
            let difference = self.represented(*a) - self.represented(*b);
            discriminability(difference, steps[0], self.sigma / self.dt.sqrt())
        };
        Some(self.vpairs.iter().map(right).sum::<f64>() / self.vpairs.len() as f64)
    }
}
