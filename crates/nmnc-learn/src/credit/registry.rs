//! The rules of layered networks by name: the one list that configuration, help, documentation and tests read.

use super::kind::Layered;
use super::rule::CreditRule;
use super::{
    backprop, direct_feedback, feedback_alignment, mean_jacobian, mirror, noise_correlation, sign_concordant,
};
use crate::net::Network;
use crate::registry::{RuleChoice, RuleEntry, RuleKind};

impl RuleKind for Layered {
    type Network = Network;
    type Rule = dyn CreditRule;
    const SCHEMA: &'static str = "CreditConfig";
    const AMONG: &'static str = "";

    fn entries() -> &'static [&'static dyn RuleEntry<Self>] {
        REGISTRY
    }
}

/// `[credit]` of a layered network.
pub type CreditConfig = RuleChoice<Layered>;

/// Every rule. To add one: write its file and add its line.
pub const REGISTRY: &[&dyn RuleEntry<Layered>] = &[
    &backprop::BP,
    &mean_jacobian::MEAN_JACOBIAN,
    &feedback_alignment::FA,
    &direct_feedback::DFA,
    &sign_concordant::USF,
    &sign_concordant::BRSF,
    &sign_concordant::FRSF,
    &noise_correlation::VNC,
    &noise_correlation::NMNC,
    &noise_correlation::NODE_PERTURBATION,
    &noise_correlation::MANIFOLD_NODE_PERTURBATION,
    &noise_correlation::DIRECT_MIRROR,
    &mirror::WEIGHT_MIRROR,
    &mirror::MANIFOLD_MIRROR,
];

/// The names in the registry.
pub fn rule_names() -> impl Iterator<Item = &'static str> {
    REGISTRY.iter().map(|entry| entry.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credit::RuleSetup;

    #[test]
    fn names_are_unique_and_presets_resolve_to_themselves() {
        let mut names: Vec<_> = rule_names().collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), REGISTRY.len());
        for name in names {
            let once = CreditConfig::preset(name).resolve().unwrap();
            assert_eq!(once, once.resolve().unwrap(), "{name}");
        }
    }

    #[test]
    fn the_rules_said_to_be_local_are() {
        let device = burn::tensor::Device::flex();
        let seed = nmnc_core::Seed(0);
        let config = crate::net::NetworkConfig { preset: Some("mlp".into()), ..Default::default() };
        let network = config.build([1, 2, 2], 2, seed, &device).unwrap();
        let setup = RuleSetup { network: &network, seed, device: &device };
        for name in rule_names() {
            let config = CreditConfig::preset(name);
            let mut rule = config.build(&setup).unwrap();
            assert_eq!(rule.local().is_some(), config.is_local().unwrap(), "{name}");
        }
    }

    #[test]
    fn typing_errors_are_pointed_out() {
        let resolve =
            |text: &str| toml::from_str::<CreditConfig>(text).unwrap().resolve().unwrap_err().to_string();
        assert_eq!(resolve("rule = 'nmcn'"), "credit.rule: unknown rule `nmcn`; did you mean `nmnc`?");
        assert_eq!(
            resolve("rule = 'vnc'\nsigm = 1.0"),
            "credit: unknown setting `sigm`; did you mean `sigma`?"
        );
        assert_eq!(resolve("rule = 'vnc'\neta = 0.0"), "credit.eta: 0 is not in (0, 1]");
        assert_eq!(
            resolve("rule = 'bp'\n[vnc]\nsigm = 1.0"),
            "credit.vnc: unknown setting `sigm`; did you mean `sigma`?"
        );
    }

    #[test]
    fn one_file_holds_the_settings_of_several_rules() {
        let text = "rule = 'bp'\n[vnc]\nsigma = 0.5\n[nmnc]\nmanifold = { dimension = 7 }";
        let config: CreditConfig = toml::from_str(text).unwrap();
        assert!(config.resolve().unwrap().settings.is_empty());
        let vnc = config.for_rule("vnc").unwrap().resolve().unwrap();
        assert_eq!(vnc.settings["sigma"].as_float(), Some(0.5));
        let nmnc = config.for_rule("nmnc").unwrap().resolve().unwrap();
        assert_eq!(nmnc.settings["manifold"]["dimension"].as_integer(), Some(7));
        let direct: CreditConfig = toml::from_str("rule = 'vnc'\nsigma = 0.5").unwrap();
        assert_eq!(
            direct.for_rule("bp").unwrap_err().to_string(),
            "credit.sigma: belongs to one rule alone; move it to [credit.vnc] to compare rules"
        );
    }
}
