//! Direct feedback alignment (Nokland 2016): the output error, projected to each stage by a fixed random matrix.

use burn::tensor::Tensor;
use nmnc_kernels::matmul;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::context::LocalContext;
use super::context::StepContext;
use super::kind::{Layered, RuleSetup};
use super::local::{LocalRule, local_signals};
use super::rule::CreditRule;
use crate::needs::{Sizes, StageSizes, Values, product};
use crate::net::Network;
use crate::registry::{Preset, RuleConfig};
use crate::work::{Job, Work};
use nmnc_core::device::matrix;
use nmnc_core::error::Result;
use nmnc_core::ranges;
use nmnc_core::seed::Role;

/// Registry entry.
pub(super) const DFA: Preset<DirectFeedbackConfig> = Preset {
    name: "dfa",
    summary: "direct feedback alignment: fixed random feedback from the output",
    settings: || DirectFeedbackConfig { scale: 1.0 },
};

/// Settings of direct feedback alignment.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectFeedbackConfig {
    /// Standard deviation of the feedback weights over 1 / sqrt(n_l).
    #[schemars(transform = ranges::FACTOR.stated())]
    pub scale: f64,
}

impl RuleConfig<Layered> for DirectFeedbackConfig {
    const LOCAL: bool = true;

    fn resolve(self) -> Result<Self> {
        ranges::check(&self)?;
        Ok(self)
    }

    fn needs(&self, sizes: &Sizes) -> Vec<Values> {
        let of = |stage: &StageSizes| Values { held: product([sizes.outputs, stage.units]), passing: 0 };
        sizes.stages.iter().map(of).collect()
    }

    fn work(&self, network: &Network, [rows, _]: [usize; 2]) -> Vec<Work> {
        let of = |units| Work { step: vec![Job::product(rows, network.outputs(), units)], ..Work::default() };
        network.stage_units().into_iter().map(of).collect()
    }

    fn build(self, setup: &RuleSetup) -> Box<dyn CreditRule> {
        Box::new(DirectFeedback::new(&self, setup))
    }
}

/// Fixed random feedback B_l `[outputs, n_l]`. It follows from the seed, so there is no state to save.
pub struct DirectFeedback {
    feedback: Vec<Tensor<2>>,
}

impl DirectFeedback {
    /// Draws the feedback weights.
    pub fn new(config: &DirectFeedbackConfig, setup: &RuleSetup) -> Self {
        let outputs = setup.network.outputs();
        let draw = |(index, units): (usize, usize)| {
            let mut values = vec![0.0; outputs * units];
            setup.seed.stream(Role::Feedback, index, 0).fill_normal(&mut values);
            let deviation = config.scale / (units as f64).sqrt();
            values.iter_mut().for_each(|v| *v *= deviation as f32);
            matrix(values, [outputs, units], setup.device)
        };
        Self { feedback: setup.network.stage_units().into_iter().enumerate().map(draw).collect() }
    }
}

impl LocalRule for DirectFeedback {
    fn in_any_order(&self, _step: u64) -> bool {
        true
    }

    fn begin(&mut self, _context: &LocalContext) -> Result<()> {
        Ok(())
    }

    fn signal(&mut self, stage: usize, _activity: &Tensor<2>, context: &LocalContext) -> Result<Tensor<2>> {
        Ok(matmul(context.error.clone(), self.feedback[stage].clone()))
    }
}

impl CreditRule for DirectFeedback {
    fn signals(&mut self, context: &StepContext) -> Result<Vec<Tensor<2>>> {
        local_signals(self, context)
    }

    fn local(&mut self) -> Option<&mut dyn LocalRule> {
        Some(self)
    }
}
