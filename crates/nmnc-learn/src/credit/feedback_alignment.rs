//! Feedback alignment (Lillicrap et al. 2016): backprop's path, through fixed random weights.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backprop::carry_back;
use super::rule::{CreditRule, Preset, RuleConfig, RuleSetup, StepContext};
use crate::net::Stage;
use nmnc_core::config_text::positive;
use nmnc_core::device::matrix;
use nmnc_core::error::Result;
use nmnc_core::seed::Role;

/// Registry entry.
pub(super) const FA: Preset<FeedbackAlignmentConfig> = Preset {
    name: "fa",
    summary: "feedback alignment: backprop's path through fixed random weights",
    settings: || FeedbackAlignmentConfig { scale: 1.0 },
};

/// Settings of feedback alignment.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackAlignmentConfig {
    /// Standard deviation of the random weights over sqrt(2 / fan-in), the deviation of He initialization.
    pub scale: f64,
}

impl RuleConfig for FeedbackAlignmentConfig {
    fn resolve(self) -> Result<Self> {
        positive("scale", self.scale)?;
        Ok(self)
    }

    fn build(self, setup: &RuleSetup) -> Box<dyn CreditRule> {
        Box::new(FeedbackAlignment::new(&self, setup))
    }
}

/// Fixed random weights in the place of the transposed ones. They follow from the seed, so there is no state to save.
pub struct FeedbackAlignment {
    /// Top-down: the readout's first.
    weights: Vec<Tensor<2>>,
}

impl FeedbackAlignment {
    /// Draws the random weights.
    pub fn new(config: &FeedbackAlignmentConfig, setup: &RuleSetup) -> Self {
        let parts = std::iter::once(setup.network.readout() as &dyn Stage);
        let stages: Vec<&dyn Stage> = setup.network.stages().collect();
        let weights = parts
            .chain(stages.into_iter().skip(1).rev())
            .enumerate()
            .map(|(index, part)| {
                let shape = part.parameters()[0].value.dims();
                let mut values = vec![0.0; shape[0] * shape[1]];
                setup.seed.stream(Role::Feedback, index, 0).fill_normal(&mut values);
                let deviation = config.scale * (2.0 / shape[1] as f64).sqrt();
                values.iter_mut().for_each(|v| *v *= deviation as f32);
                matrix(values, shape, setup.device)
            })
            .collect();
        Self { weights }
    }
}

impl CreditRule for FeedbackAlignment {
    fn signals(&mut self, context: &StepContext) -> Result<Vec<Tensor<2>>> {
        let mut weights = self.weights.iter().cloned();
        let next = |_: &dyn Stage| weights.next().expect("one weight a part above the first stage");
        Ok(carry_back(context.network, context.pass, context.error, next))
    }
}
