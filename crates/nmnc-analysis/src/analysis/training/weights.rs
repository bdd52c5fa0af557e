//! How much of the initial weights is left.

use serde::{Deserialize, Serialize};

use super::super::load::Loaded;
use super::decay::decay_law;
use nmnc_core::device::values;
use nmnc_learn::net::Network;

/// One weight at one training step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightMoment {
    /// `stage1`, `stage2`, ..., `readout`.
    pub part: String,
    /// Fraction of the initial weight W_0 still present in W: <W, W_0> / ||W_0||^2.
    pub initial: f64,
    /// ||W|| / ||W_0||.
    pub norm: f64,
    /// What decay alone leaves ([`super::decay_law`]), where there is such a law.
    pub law: Option<f64>,
}

/// Every weight of `network`, `step` steps after that of `loaded` untrained.
pub(super) fn weights(loaded: &Loaded, network: &Network, step: u64) -> Vec<WeightMoment> {
    let law = decay_law(&loaded.config.train.optimizer, &loaded.schedule(), step);
    let (now, before) = (network.parameters(), loaded.untrained.parameters());
    let weights = now.into_iter().zip(before).filter(|((name, _), _)| name.ends_with(".weight"));
    weights
        .map(|((name, now), (_, before))| {
            let (now, before) = (values::<f64>(&now.value), values::<f64>(&before.value));
            let square = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>();
            let cross: f64 = now.iter().zip(&before).map(|(a, b)| a * b).sum();
            let whole = square(&before);
            let ratio = |value: f64| if whole > 0.0 { value / whole } else { 0.0 };
            WeightMoment {
                part: name.trim_end_matches(".weight").to_owned(),
                initial: ratio(cross),
                norm: ratio(square(&now)).sqrt(),
                law,
            }
        })
        .collect()
}
