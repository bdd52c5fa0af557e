//! Feedback alignment (Lillicrap et al. 2016): backprop's path, through fixed random weights.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backprop::carried;
use super::context::StepContext;
use super::kind::{Layered, RuleSetup};
use super::rule::CreditRule;
use crate::needs::{Sizes, StageSizes, Values};
use crate::net::Network;
use crate::registry::{Preset, RuleConfig};
use crate::work::Work;
use nmnc_core::device::matrix;
use nmnc_core::error::Result;
use nmnc_core::ranges;
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
    #[schemars(transform = ranges::FACTOR.stated())]
    pub scale: f64,
}

impl RuleConfig<Layered> for FeedbackAlignmentConfig {
    fn resolve(self) -> Result<Self> {
        ranges::check(&self)?;
        Ok(self)
    }

    fn needs(&self, sizes: &Sizes) -> Vec<Values> {
        let of = |stage: &StageSizes| Values { held: stage.parameters, passing: 0 };
        sizes.stages.iter().map(of).collect()
    }

    fn work(&self, network: &Network, [rows, _]: [usize; 2]) -> Vec<Work> {
        carried(network, rows)
    }

    fn build(self, setup: &RuleSetup) -> Box<dyn CreditRule> {
        Box::new(FeedbackAlignment::new(&self, setup))
    }
}

/// Fixed random weights in the place of the transposed ones. They follow from the seed, so there is no state to save.
pub struct FeedbackAlignment {
    /// One for each map through which an error reaches a stage.
    weights: Vec<Tensor<2>>,
}

impl FeedbackAlignment {
    /// Draws the random weights, those next to the output first.
    pub fn new(config: &FeedbackAlignmentConfig, setup: &RuleSetup) -> Self {
        let top_down = setup.network.readers().iter().rev().enumerate();
        let mut weights: Vec<Tensor<2>> = top_down
            .map(|(index, reader)| {
                let shape = setup.network.map(*reader).parameter.value.dims();
                let mut values = vec![0.0; shape[0] * shape[1]];
                setup.seed.stream(Role::Feedback, index, 0).fill_normal(&mut values);
                let deviation = config.scale * (2.0 / shape[1] as f64).sqrt();
                values.iter_mut().for_each(|v| *v *= deviation as f32);
                matrix(values, shape, setup.device)
            })
            .collect();
        weights.reverse();
        Self { weights }
    }
}

impl CreditRule for FeedbackAlignment {
    fn signals(&mut self, context: &StepContext) -> Result<Vec<Tensor<2>>> {
        Ok(context.network.input_vjps(context.pass, context.error, &self.weights))
    }
}
