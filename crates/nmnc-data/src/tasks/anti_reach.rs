//! Anti-reach: answer in the direction opposite to the stimulus (Munoz and Everling 2004).

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
pub struct AntiReach {
    /// Milliseconds a step.
    #[schemars(transform = nmnc_core::ranges::MILLISECONDS.stated())]
    pub dt: f64,
    /// Answer opposite to the stimulus, not toward it.
    pub anti: bool,
    /// Number of directions.
    #[schemars(transform = super::RING.stated())]
    pub dim_ring: usize,
    /// Durations of fixation, stimulus, delay and decision.
    pub timing: Timing,
}

impl Default for AntiReach {
    fn default() -> Self {
        Self { dt: 100.0, anti: true, dim_ring: 32, timing: Timing::new() }
    }
}

const PERIODS: [&str; 4] = ["fixation", "stimulus", "delay", "decision"];

impl AntiReach {
    pub(super) fn resolve(mut self) -> Result<Self> {
        let durations = [500.0, 500.0, 0.0, 500.0].map(Span::Fixed);
        let own: Vec<_> = PERIODS.into_iter().zip(durations).collect();
        self.timing = resolve(&self.timing, &own)?;
        Ok(self)
    }
}

impl Task for AntiReach {
    fn channels(&self) -> Channels {
        Channels::fixation_and("stimulus", self.dim_ring)
    }

    fn dt(&self) -> f64 {
        self.dt
    }

    fn conditions(&self) -> Vec<String> {
        (1..=self.dim_ring).map(|choice| format!("choice {choice}")).collect()
    }

    fn longest(&self) -> Option<usize> {
        Some(super::timing::longest(&self.timing, self.dt))
    }

    fn warnings(&self) -> Vec<String> {
        super::timing::stretched(&self.timing, self.dt)
    }

    fn trial(&self, _id: TrialId, stream: &mut Stream) -> Result<Trial> {
        let choice = stream.below(self.dim_ring);
        let mut sketch = Sketch::timed(1 + self.dim_ring, &self.timing, &PERIODS, self.dt, stream);
        let theta = ring(self.dim_ring);
        let direction = if self.anti { theta[choice] + std::f64::consts::PI } else { theta[choice] };
        let decision = sketch.period("decision");
        sketch.add(0..decision.start, 0, &[1.0]);
        sketch.add(sketch.period("stimulus"), 1, &tuned(&theta, direction, 1.0, 0.0));
        let label = 1 + choice as u32;
        sketch.label(decision, label);
        Ok(sketch.choice("decision", label, choice))
    }

    fn ideal_accuracy(&self) -> Option<f64> {
        Some(1.0)
    }
}
