//! Backpropagation: the exact signal delta_l = J_l^T e, and the reference every other rule is measured against.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::{CreditRule, Preset, RuleConfig, RuleSetup, StepContext};
use crate::net::{ForwardPass, Network, Stage};
use nmnc_core::error::Result;

/// Registry entry.
pub(super) const BP: Preset<BackpropConfig> =
    Preset { name: "bp", summary: "backpropagation: exact gradients", settings: || BackpropConfig {} };

/// Backprop has no settings.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackpropConfig {}

impl RuleConfig for BackpropConfig {
    fn resolve(self) -> Result<Self> {
        Ok(self)
    }

    fn build(self, _setup: &RuleSetup) -> Box<dyn CreditRule> {
        Box::new(Backprop)
    }
}

/// The exact gradient.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backprop;

impl CreditRule for Backprop {
    fn signals(&mut self, context: &StepContext) -> Result<Vec<Tensor<2>>> {
        Ok(backpropagate(context.network, context.pass, context.error))
    }
}

/// J_l^T e for every stage l: the error `[batch, outputs]` carried back through the network's own weights.
///
/// With `error` a one-hot row this is a row of the Jacobian.
pub fn backpropagate(network: &Network, pass: &ForwardPass, error: &Tensor<2>) -> Vec<Tensor<2>> {
    carry_back(network, pass, error, |part| part.parameters()[0].value.clone())
}

/// Carries an output error down the chain, through each part's own gates and the weight that `weight_of` names for it.
pub(super) fn carry_back(
    network: &Network,
    pass: &ForwardPass,
    error: &Tensor<2>,
    mut weight_of: impl FnMut(&dyn Stage) -> Tensor<2>,
) -> Vec<Tensor<2>> {
    let readout = network.readout();
    let mut signals = vec![readout.carry_back(pass.readout_trace(), error.clone(), weight_of(readout))];
    for index in (1..network.stages().len()).rev() {
        let stage = network.stage(index);
        let above = signals[signals.len() - 1].clone();
        signals.push(stage.carry_back(pass.trace(index), above, weight_of(stage)));
    }
    signals.reverse();
    signals
}
