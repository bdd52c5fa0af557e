//! Perceptual decision making: which of several noisy stimuli is stronger (Britten et al. 1992).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::timing::{Span, Timing, resolve, whole_steps};
use super::trial::{Sketch, Trial, ring, tuned};
use super::{COHERENCE, Channels, Task, TrialId, check_strengths};
use nmnc_core::error::Result;
use nmnc_core::seed::Stream;
use nmnc_core::statistics::normal_distribution;

/// Settings, with neurogym's names and defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PerceptualDecisionMaking {
    /// Milliseconds a step.
    #[schemars(transform = nmnc_core::ranges::MILLISECONDS.stated())]
    pub dt: f64,
    /// Number of stimuli and choices.
    #[schemars(transform = super::RING.stated())]
    pub dim_ring: usize,
    /// Coherences of the stimulus, in percent.
    #[schemars(transform = super::PERCENT.stated())]
    pub cohs: Vec<f64>,
    /// Noise: its deviation at each step is sigma / sqrt(dt).
    #[schemars(transform = nmnc_core::ranges::STRENGTH.stated())]
    pub sigma: f64,
    /// Durations of fixation, stimulus, delay and decision.
    pub timing: Timing,
}

impl Default for PerceptualDecisionMaking {
    fn default() -> Self {
        let cohs = vec![0.0, 6.4, 12.8, 25.6, 51.2];
        Self { dt: 100.0, dim_ring: 2, cohs, sigma: 1.0, timing: Timing::new() }
    }
}

const PERIODS: [&str; 4] = ["fixation", "stimulus", "delay", "decision"];

impl PerceptualDecisionMaking {
    pub(super) fn resolve(mut self) -> Result<Self> {
        check_strengths(&self.cohs)?;
        let durations = [100.0, 2000.0, 0.0, 100.0].map(Span::Fixed);
        let own: Vec<_> = PERIODS.into_iter().zip(durations).collect();
        self.timing = resolve(&self.timing, &own)?;
        Ok(self)
    }
}

impl Task for PerceptualDecisionMaking {
    fn channels(&self) -> Channels {
        Channels::fixation_and("stimulus", self.dim_ring)
    }

    fn dt(&self) -> f64 {
        self.dt
    }

    fn conditions(&self) -> Vec<String> {
        let named = |choice: usize| self.cohs.iter().map(move |coh| format!("choice {choice}, {coh} %"));
        (1..=self.dim_ring).flat_map(named).collect()
    }

    fn strength(&self) -> Option<String> {
        (self.dim_ring == 2).then(|| COHERENCE.to_owned())
    }

    fn longest(&self) -> Option<usize> {
        Some(super::timing::longest(&self.timing, self.dt))
    }

    fn warnings(&self) -> Vec<String> {
        super::timing::stretched(&self.timing, self.dt)
    }

    fn trial(&self, _id: TrialId, stream: &mut Stream) -> Result<Trial> {
        let (choice, coh) = (stream.below(self.dim_ring), stream.below(self.cohs.len()));
        let mut sketch = Sketch::timed(1 + self.dim_ring, &self.timing, &PERIODS, self.dt, stream);
        let theta = ring(self.dim_ring);
        let stimulus = sketch.period("stimulus");
        // The fixation cue goes off with the stimulus, not with the decision: neurogym 2.2 has it so.
        sketch.add(sketch.period("fixation"), 0, &[1.0]);
        sketch.add(stimulus.clone(), 1, &tuned(&theta, theta[choice], self.cohs[coh] / 200.0, 0.5));
        sketch.noise(stimulus, 1..1 + self.dim_ring, self.sigma / self.dt.sqrt(), stream);
        let label = 1 + choice as u32;
        sketch.label(sketch.period("decision"), label);
        let trial = sketch.choice("decision", label, choice * self.cohs.len() + coh);
        Ok(match self.dim_ring {
            2 => trial.with_evidence(self.cohs[coh], choice == 0),
            _ => trial,
        })
    }

    /// The better of two stimuli by the difference of their sums over a stimulus of fixed duration.
    fn ideal_accuracy(&self) -> Option<f64> {
        let Span::Fixed(duration) = self.timing["stimulus"] else { return None };
        if self.dim_ring != 2 {
            return None;
        }
        let steps = whole_steps(duration, self.dt);
        let right = |coh: &f64| discriminability(coh / 100.0, steps, self.sigma / self.dt.sqrt());
        Some(self.cohs.iter().map(right).sum::<f64>() / self.cohs.len() as f64)
    }
}

/// Probability that the sum over `steps` of a difference of two channels, each with noise of the given deviation, has the sign of
/// its mean `difference`.
pub(super) fn discriminability(difference: f64, steps: f64, deviation: f64) -> f64 {
    if deviation == 0.0 {
        return if difference > 0.0 { 1.0 } else { 0.5 };
    }
    normal_distribution(difference * steps.sqrt() / (deviation * std::f64::consts::SQRT_2))
}
