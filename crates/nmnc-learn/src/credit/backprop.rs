//! Backpropagation: the exact signal delta_l = J_l^T e, and the reference every other rule is measured against.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::context::StepContext;
use super::kind::{Layered, RuleSetup};
use super::rule::CreditRule;
use crate::net::{ForwardPass, Network, Reader};
use crate::registry::{Preset, RuleConfig};
use crate::work::{Operation, Work, errors_through, exact_errors, layered_job};
use nmnc_core::error::Result;

/// Registry entry.
pub(super) const BP: Preset<BackpropConfig> =
    Preset { name: "bp", summary: "backpropagation: exact gradients", settings: || BackpropConfig {} };

/// Backprop has no settings.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackpropConfig {}

impl RuleConfig<Layered> for BackpropConfig {
    fn resolve(self) -> Result<Self> {
        Ok(self)
    }

    fn work(&self, network: &Network, [rows, _]: [usize; 2]) -> Vec<Work> {
        exact_errors(network, rows)
    }

    fn build(self, _setup: &RuleSetup) -> Box<dyn CreditRule> {
        Box::new(Backprop)
    }
}

/// An error of `rows` examples on its way to all stages, by whatever weights.
pub(super) fn carried(network: &Network, rows: usize) -> Vec<Work> {
    errors_through(network, rows, |node, input| {
        vec![layered_job(network, Operation::InputGradient { node, input, rows })]
    })
}

/// The exact gradient.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backprop;

impl CreditRule for Backprop {
    fn signals(&mut self, context: &StepContext) -> Result<Vec<Tensor<2>>> {
        Ok(backpropagate(context.network, context.pass, context.error))
    }

    fn is_exact(&self) -> bool {
        true
    }
}

/// J_l^T e for every stage l: the error `[batch, outputs]` carried back through the network's own weights.
///
/// With `error` a one-hot row this is a row of the Jacobian ([`jacobian_rows`](super::jacobian_rows)).
pub fn backpropagate(network: &Network, pass: &ForwardPass, error: &Tensor<2>) -> Vec<Tensor<2>> {
    let own = |reader: &Reader| network.map(*reader).parameter.value.clone();
    let weights: Vec<Tensor<2>> = network.readers().iter().map(own).collect();
    network.input_vjps(pass, error, &weights)
}
