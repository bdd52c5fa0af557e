//! Context-dependent decision making: two noisy stimuli, of which a context says which counts (Mante et al. 2013).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::perceptual_decision::discriminability;
use super::timing::{Draw, Span, Timing, resolve, whole_steps};
use super::trial::{Sketch, Trial, ring, tuned};
use super::{COHERENCE, Channels, Task, TrialId, check_strengths};
use nmnc_core::error::Result;
use nmnc_core::seed::Stream;

/// Settings, with neurogym's names.
///
/// Two defaults differ from neurogym 2.2. There, the context is implicit (always the same modality, nothing to decide) and nothing
/// tells when the delay of unknown length is over. Here the context is given (`use_expl_context = true`), and the fixation cue stays
/// on until the decision (`go_cue = true`), as in neurogym's other delay tasks. Both set to false is neurogym's task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContextDecisionMaking {
    /// Milliseconds a step.
    #[schemars(transform = nmnc_core::ranges::MILLISECONDS.stated())]
    pub dt: f64,
    /// The context changes from trial to trial and two more inputs tell which it is. Of neurogym 2.2 the default is false.
    pub use_expl_context: bool,
    /// The modality that always counts when the context is not given: 0 or 1.
    #[schemars(transform = nmnc_core::ranges::Range::closed(0.0, 1.0).stated())]
    pub impl_context_modality: usize,
    /// The fixation cue goes off when the decision is due; without it, at the end of the fixation period, as in neurogym 2.2.
    pub go_cue: bool,
    /// Number of stimuli of each modality, and of choices.
    #[schemars(transform = super::RING.stated())]
    pub dim_ring: usize,
    /// Coherences of each modality, in percent.
    #[schemars(transform = super::PERCENT.stated())]
    pub cohs: Vec<f64>,
    /// Noise: its deviation at each step is sigma / sqrt(dt).
    #[schemars(transform = nmnc_core::ranges::STRENGTH.stated())]
    pub sigma: f64,
    /// Durations of fixation, stimulus, delay and decision.
    pub timing: Timing,
}

impl Default for ContextDecisionMaking {
    fn default() -> Self {
        Self {
            dt: 100.0,
            use_expl_context: true,
            impl_context_modality: 0,
            go_cue: true,
            dim_ring: 2,
            cohs: vec![5.0, 15.0, 50.0],
            sigma: 1.0,
            timing: Timing::new(),
        }
    }
}

const PERIODS: [&str; 4] = ["fixation", "stimulus", "delay", "decision"];

impl ContextDecisionMaking {
    pub(super) fn resolve(mut self) -> Result<Self> {
        check_strengths(&self.cohs)?;
        let delay = Span::Drawn(Draw::TruncatedExponential([600.0, 300.0, 3000.0]));
        let durations = [Span::Fixed(300.0), Span::Fixed(750.0), delay, Span::Fixed(100.0)];
        let own: Vec<_> = PERIODS.into_iter().zip(durations).collect();
        self.timing = resolve(&self.timing, &own)?;
        Ok(self)
    }

    fn contexts(&self) -> Vec<usize> {
        if self.use_expl_context { vec![0, 1] } else { vec![self.impl_context_modality] }
    }
}

impl Task for ContextDecisionMaking {
    fn channels(&self) -> Channels {
        let mut channels = Channels::fixation_and("stimulus", self.dim_ring);
        channels.inputs = vec!["fixation".into()];
        for modality in 1..=2 {
            channels.inputs.extend((1..=self.dim_ring).map(|i| format!("stim{i}_mod{modality}")));
        }
        if self.use_expl_context {
            channels.inputs.extend((1..=2).map(|i| format!("context{i}")));
        }
        channels
    }

    fn dt(&self) -> f64 {
        self.dt
    }

    fn conditions(&self) -> Vec<String> {
        let contexts = self.contexts();
        let of = |context: &usize| {
            let context = context + 1;
            (1..=self.dim_ring).map(move |choice| format!("context {context}, choice {choice}"))
        };
        contexts.iter().flat_map(of).collect()
    }

    /// Of the modality that counts.
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
        let (choice, other) = (stream.below(self.dim_ring), stream.below(self.dim_ring));
        let contexts = self.contexts();
        let place = stream.below(contexts.len());
        let context = contexts[place];
        let coherences = [0; 2].map(|_| self.cohs[stream.below(self.cohs.len())]);
        let width = self.channels().inputs.len();
        let mut sketch = Sketch::timed(width, &self.timing, &PERIODS, self.dt, stream);
        let decision = sketch.period("decision");
        let held = if self.go_cue { 0..decision.start } else { sketch.period("fixation") };
        sketch.add(held, 0, &[1.0]);
        let theta = ring(self.dim_ring);
        let shown = if context == 0 { [choice, other] } else { [other, choice] };
        let steps = sketch.period("stimulus");
        for (modality, (direction, coherence)) in shown.into_iter().zip(coherences).enumerate() {
            let first = 1 + modality * self.dim_ring;
            sketch.add(steps.clone(), first, &tuned(&theta, theta[direction], coherence / 200.0, 0.5));
        }
        sketch.noise(steps, 1..1 + 2 * self.dim_ring, self.sigma / self.dt.sqrt(), stream);
        if self.use_expl_context {
            sketch.add(sketch.all(), 1 + 2 * self.dim_ring + context, &[1.0]);
        }
        let label = 1 + choice as u32;
        sketch.label(decision, label);
        let trial = sketch.choice("decision", label, place * self.dim_ring + choice);
        Ok(match self.dim_ring {
            2 => trial.with_evidence(coherences[context], choice == 0),
            _ => trial,
        })
    }

    /// That of the modality that counts, known when to answer.
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
