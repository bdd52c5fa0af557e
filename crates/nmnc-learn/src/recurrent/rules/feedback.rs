//! Online local rules with fixed feedback and eligibility traces: RFLO (Murray 2019) and e-prop (Bellec et al. 2020).

use burn::tensor::Tensor;
use nmnc_kernels::matmul;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kind::{OverTime, TimeSetup};
use super::{TimeContext, TimeRule};
use crate::recurrent::{EligibilityTrace, RecurrentNetwork};
use crate::registry::{Preset, RuleConfig};
use crate::work::{Job, SequencePart, Work, sequence_job};
use nmnc_core::device::matrix;
use nmnc_core::error::Result;
use nmnc_core::ranges;
use nmnc_core::seed::Role;

/// Registry entry.
pub(super) const RFLO: Preset<OnlineFeedbackConfig> = Preset {
    name: "rflo",
    summary: "random feedback local online learning: fixed random feedback, eligibility trace of the leak",
    settings: || OnlineFeedbackConfig { scale: 1.0, symmetric: false, trace: EligibilityTrace::Leak },
};

/// Registry entry.
pub(super) const E_PROP: Preset<OnlineFeedbackConfig> = Preset {
    name: "e-prop",
    summary: "e-prop for rate units: fixed random feedback, eligibility trace of each unit's own dynamics",
    settings: || OnlineFeedbackConfig { scale: 1.0, symmetric: false, trace: EligibilityTrace::Diagonal },
};

/// Settings of online rules with fixed feedback.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnlineFeedbackConfig {
    /// Standard deviation of the feedback weights over 1 / sqrt(N).
    #[schemars(transform = ranges::FACTOR.stated())]
    pub scale: f64,
    /// Use the readout's weights as feedback instead of random ones.
    pub symmetric: bool,
    /// How signals reach parameters through earlier steps.
    pub trace: EligibilityTrace,
}

impl RuleConfig<OverTime> for OnlineFeedbackConfig {
    fn resolve(self) -> Result<Self> {
        ranges::check(&self)?;
        Ok(self)
    }

    fn work(&self, network: &RecurrentNetwork, [rows, steps]: [usize; 2]) -> Vec<Work> {
        let fed = Job::product(rows * steps, network.outputs(), network.units());
        let traced = sequence_job(network, SequencePart::Traced(self.trace), rows, steps);
        vec![Work { step: vec![fed, traced], ..Work::default() }]
    }

    fn build(self, setup: &TimeSetup) -> Box<dyn TimeRule> {
        let (outputs, units) = (setup.network.outputs(), setup.network.units());
        let feedback = (!self.symmetric).then(|| {
            let mut values = vec![0.0; outputs * units];
            setup.seed.stream(Role::Feedback, 0, 0).fill_normal(&mut values);
            let deviation = self.scale / (units as f64).sqrt();
            values.iter_mut().for_each(|v| *v *= deviation as f32);
            matrix(values, [outputs, units], setup.device)
        });
        Box::new(OnlineFeedback { feedback, config: self })
    }
}

/// delta_t = B^T e_t. Random feedback follows from the seed, so there is no state to save.
struct OnlineFeedback {
    feedback: Option<Tensor<2>>,
    config: OnlineFeedbackConfig,
}

impl TimeRule for OnlineFeedback {
    fn signals(&mut self, context: &TimeContext) -> Result<Tensor<2>> {
        Ok(match &self.feedback {
            Some(feedback) => matmul(context.error.clone(), feedback.clone()),
            None => context.network.error_at_states(context.error) * self.config.scale,
        })
    }

    fn trace(&self) -> EligibilityTrace {
        self.config.trace
    }
}
