//! Backpropagation through time, whole or truncated (Werbos 1990; Williams and Peng 1990).

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kind::{OverTime, TimeSetup};
use super::{TimeContext, TimeRule};
use crate::recurrent::RecurrentNetwork;
use crate::registry::{Preset, RuleConfig};
use crate::work::{SequencePart, Work, sequence_job};
use nmnc_core::error::Result;
use nmnc_core::ranges;

/// Registry entry.
pub(super) const BPTT: Preset<BackpropThroughTime> = Preset {
    name: "bptt",
    summary: "backpropagation through time, exact; truncated with `truncation`",
    settings: || BackpropThroughTime { truncation: None },
};

/// The rule, which is its settings.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackpropThroughTime {
    /// Cut the sequence into pieces of this many steps, between which no error is carried back; none when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::COUNT.stated())]
    pub truncation: Option<usize>,
}

impl RuleConfig<OverTime> for BackpropThroughTime {
    fn resolve(self) -> Result<Self> {
        ranges::check(&self)?;
        Ok(self)
    }

    fn work(&self, network: &RecurrentNetwork, [rows, steps]: [usize; 2]) -> Vec<Work> {
        vec![Work {
            step: vec![sequence_job(network, SequencePart::Backpropagate, rows, steps)],
            ..Work::default()
        }]
    }

    fn build(self, _setup: &TimeSetup) -> Box<dyn TimeRule> {
        Box::new(self)
    }
}

impl TimeRule for BackpropThroughTime {
    fn signals(&mut self, context: &TimeContext) -> Result<Tensor<2>> {
        Ok(context.network.backpropagate(context.pass, context.error, self.truncation))
    }
}
