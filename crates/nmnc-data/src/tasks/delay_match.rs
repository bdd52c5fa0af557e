//! Delayed match to sample: is the test the sample seen before (Miller, Erickson and Desimone 1996).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::timing::{Span, Timing, resolve};
use super::trial::{Sketch, Trial, ring, tuned};
use super::{Channels, Task, TrialId};
use nmnc_core::error::Result;
use nmnc_core::seed::Stream;

/// Settings, with neurogym's names and defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DelayMatchSample {
    /// Milliseconds a step.
    #[schemars(transform = nmnc_core::ranges::MILLISECONDS.stated())]
    pub dt: f64,
    /// Number of stimuli.
    #[schemars(transform = super::RING.stated())]
    pub dim_ring: usize,
    /// Noise: its deviation at each step is sigma / sqrt(dt).
    #[schemars(transform = nmnc_core::ranges::STRENGTH.stated())]
    pub sigma: f64,
    /// Durations of fixation, sample, delay, test and decision.
    pub timing: Timing,
}

impl Default for DelayMatchSample {
    fn default() -> Self {
        Self { dt: 100.0, dim_ring: 2, sigma: 1.0, timing: Timing::new() }
    }
}

const PERIODS: [&str; 5] = ["fixation", "sample", "delay", "test", "decision"];

impl DelayMatchSample {
    pub(super) fn resolve(mut self) -> Result<Self> {
        let durations = [300.0, 500.0, 1000.0, 500.0, 900.0].map(Span::Fixed);
        let own: Vec<_> = PERIODS.into_iter().zip(durations).collect();
        self.timing = resolve(&self.timing, &own)?;
        Ok(self)
    }
}

impl Task for DelayMatchSample {
    fn channels(&self) -> Channels {
        Channels {
            outputs: names(["fixation", "match", "non-match"]),
            ..Channels::fixation_and("stimulus", self.dim_ring)
        }
    }

    fn dt(&self) -> f64 {
        self.dt
    }

    fn conditions(&self) -> Vec<String> {
        let named = |sample: usize| ["match", "non-match"].map(|answer| format!("sample {sample}, {answer}"));
        (1..=self.dim_ring).flat_map(named).collect()
    }

    fn longest(&self) -> Option<usize> {
        Some(super::timing::longest(&self.timing, self.dt))
    }

    fn warnings(&self) -> Vec<String> {
        super::timing::stretched(&self.timing, self.dt)
    }

    fn trial(&self, _id: TrialId, stream: &mut Stream) -> Result<Trial> {
        let (answer, sample) = (stream.below(2), stream.below(self.dim_ring));
        let mut sketch = Sketch::timed(1 + self.dim_ring, &self.timing, &PERIODS, self.dt, stream);
        let theta = ring(self.dim_ring);
        let shown = theta[sample];
        // What does not match is the opposite direction.
        let test = if answer == 0 { shown } else { shown + std::f64::consts::PI };
        sketch.add(0..sketch.period("decision").start, 0, &[1.0]);
        for (period, direction) in [("sample", shown), ("test", test)] {
            let steps = sketch.period(period);
            sketch.add(steps.clone(), 1, &tuned(&theta, direction, 0.5, 0.5));
            sketch.noise(steps, 1..1 + self.dim_ring, self.sigma / self.dt.sqrt(), stream);
        }
        let label = 1 + answer as u32;
        sketch.label(sketch.period("decision"), label);
        Ok(sketch.choice("decision", label, sample * 2 + answer))
    }
}

/// Owned names.
pub(super) fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}
