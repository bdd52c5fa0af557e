//! Multiplications and additions that a network's passes and steps take when every convolution and product is worked out
//! directly. Nonlinearities, pooling, noise, the optimizer and refreshes of the manifold, which have rows of their own, are not counted.

use nmnc_learn::credit::CreditConfig;
use nmnc_learn::net::Network;
use nmnc_learn::work::{Operation, Work, layered, layered_job};

/// A forward pass of one image.
pub(super) fn forward(network: &Network) -> f64 {
    let of = |node| layered_job(network, Operation::Evaluate { node, rows: 1 }).flops;
    (0..network.nodes().len()).map(of).sum()
}

/// A training step with the (resolved) rule, an image of a batch of `batch`; none where the activity decides how many directions
/// there are, and for a rule that does not fit the network.
pub(super) fn step(network: &Network, credit: &CreditConfig, batch: usize) -> Option<f64> {
    let rule = credit.work(network, [batch, 1]).ok()?;
    let stages = network.stages().len();
    if rule.iter().take(stages).any(|work| work.refreshes > 0.0 && work.dimension.is_none()) {
        return None;
    }
    let all = layered(network, batch, false).into_iter().chain(rule);
    let flops = all.map(|work| Work { refreshes: 0.0, ..work }.flops()).sum::<f64>();
    Some(flops / batch as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use nmnc_core::Seed;
    use nmnc_learn::net::NetworkConfig;

    /// Input 1x6x6, a 3x3 convolution to 2x6x6 pooled to 2x3x3 = 18 units, 5 dense units, 3 outputs.
    fn small() -> Network {
        let text =
            "[[stages]]\nkind = 'conv'\nchannels = 2\npool = 'max'\n[[stages]]\nkind = 'dense'\nunits = 5\n";
        let config = toml::from_str::<NetworkConfig>(text).unwrap().resolve().unwrap();
        config.build([1, 6, 6], 3, Seed(0), &Device::flex()).unwrap()
    }

    fn rule(text: &str) -> CreditConfig {
        toml::from_str::<CreditConfig>(text).unwrap().resolve().unwrap()
    }

    #[test]
    fn counts_are_those_worked_out_by_hand() {
        let (conv, dense, readout) = (2.0 * 9.0 * 72.0, 2.0 * 18.0 * 5.0, 2.0 * 5.0 * 3.0);
        let whole = conv + dense + readout;
        let network = small();
        assert_eq!(forward(&network), whole);
        let step = |text: &str| step(&network, &rule(text), 4).unwrap();
        assert_eq!(step("rule = 'bp'"), 2.0 * whole + dense + readout);
        let signals = 2.0 * 3.0 * (18.0 + 5.0);
        assert_eq!(step("rule = 'dfa'"), 2.0 * whole + signals);
        let perturbed = (dense + readout) + readout;
        let correlated = 2.0 * 3.0 * (18.0 + 5.0);
        assert_eq!(step("rule = 'vnc'"), 2.0 * whole + perturbed + correlated + signals);
        assert_eq!(
            step("rule = 'vnc'\nantithetic = true\nprobes = 3\ninterval = 2"),
            2.0 * whole + (3.0 * 2.0 * perturbed + 3.0 * correlated) / 2.0 + signals
        );
        // Four coordinates: noise 4 -> 18 and 4 -> 5, the estimate 3x4 correlated for each image and embedded once a batch.
        let embedding = 2.0 * 4.0 * (18.0 + 5.0);
        assert_eq!(
            step("rule = 'nmnc'\nmanifold = { dimension = 4 }"),
            2.0 * whole + perturbed + embedding + 2.0 * (2.0 * 3.0 * 4.0) + 3.0 * embedding / 4.0 + signals
        );
        let settings = rule("rule = 'nmnc'\nmanifold = { dimension = 0.9, method = 'exact' }");
        assert_eq!(super::step(&network, &settings, 4), None, "the dimension is not known beforehand");
    }
}
