//! The rules over time by name.

use super::kind::OverTime;
use super::{TimeRule, backprop, feedback, mean_jacobian, mirror, noise_correlation};
use crate::recurrent::RecurrentNetwork;
use crate::registry::{RuleChoice, RuleEntry, RuleKind};

impl RuleKind for OverTime {
    type Network = RecurrentNetwork;
    type Rule = dyn TimeRule;
    const SCHEMA: &'static str = "TimeCreditConfig";
    const AMONG: &'static str = " for recurrent networks";

    fn entries() -> &'static [&'static dyn RuleEntry<Self>] {
        TIME_RULES
    }
}

/// `[credit]` of a recurrent network.
pub type TimeCreditConfig = RuleChoice<OverTime>;

/// Every rule over time. To add one: write its file and add its line.
pub const TIME_RULES: &[&dyn RuleEntry<OverTime>] = &[
    &backprop::BPTT,
    &mean_jacobian::MEAN_JACOBIAN,
    &feedback::RFLO,
    &feedback::E_PROP,
    &noise_correlation::VNC,
    &noise_correlation::NMNC,
    &noise_correlation::NODE_PERTURBATION,
    &noise_correlation::MANIFOLD_NODE_PERTURBATION,
    &noise_correlation::ACTIVITY_NODE_PERTURBATION,
    &mirror::WEIGHT_MIRROR,
    &mirror::MANIFOLD_MIRROR,
];

/// The names in the registry.
pub fn time_rule_names() -> impl Iterator<Item = &'static str> {
    TIME_RULES.iter().map(|entry| entry.name())
}
