//! Multiplications and additions that a network's passes and steps take when every convolution and product is worked out
//! directly. Nonlinearities, pooling, noise and the optimizer are not counted.

use nmnc_learn::credit::{CreditConfig, Memory, NoiseCorrelationConfig};
use nmnc_learn::manifold::Dimension;
use nmnc_learn::net::{Map, Network};

/// Operations of each part of a network for one image.
pub(super) struct Operations {
    /// Of all maps.
    forward: f64,
    /// Of the maps through which an error reaches a stage.
    back: f64,
    /// Of the maps behind each stage.
    behind: Vec<f64>,
    /// Units of each stage.
    units: Vec<f64>,
    outputs: f64,
}

impl Operations {
    /// Counts for `network`.
    pub fn count(network: &Network) -> Self {
        let flops = |map: Map| map.operation.flops();
        let nodes: Vec<f64> =
            network.nodes().iter().map(|node| node.block().maps().into_iter().map(flops).sum()).collect();
        let behind = |stage| network.behind(stage).map(|node| nodes[node]).sum();
        let units: Vec<f64> = network.stage_units().into_iter().map(|units| units as f64).collect();
        Self {
            forward: nodes.iter().sum(),
            back: network.readers().iter().map(|&reader| flops(network.map(reader))).sum(),
            behind: (0..units.len()).map(behind).collect(),
            units,
            outputs: network.outputs() as f64,
        }
    }

    /// A forward pass of one image.
    pub fn forward(&self) -> f64 {
        self.forward
    }

    /// A training step with the (resolved) rule, an image of a batch of `batch`; none for a rule that is not known here.
    pub fn step(&self, credit: &CreditConfig, batch: usize) -> Option<f64> {
        // The forward pass, and as much for the gradients of the parameters.
        let local = 2.0 * self.forward();
        match credit.rule.as_str() {
            // The error goes back through all parts but the first.
            "bp" | "fa" | "usf" | "brsf" | "frsf" => Some(local + self.back),
            "dfa" => Some(local + self.signals()),
            _ => {
                let settings = credit.settings.clone().try_into().ok()?;
                Some(local + self.noise_correlation(&settings, batch as f64)?)
            }
        }
    }

    /// The product of output error and feedback weights at every stage.
    fn signals(&self) -> f64 {
        self.units.iter().map(|units| 2.0 * self.outputs * units).sum()
    }

    fn noise_correlation(&self, settings: &NoiseCorrelationConfig, batch: f64) -> Option<f64> {
        let dimensions = settings.manifold.as_ref().map(|manifold| &manifold.dimension);
        let probes = settings.probes as f64;
        let passes = if settings.antithetic { 2.0 } else { 1.0 };
        let mut sum = 0.0;
        for (index, units) in self.units.iter().enumerate() {
            let coordinates = match dimensions.map(|dimensions| dimensions.of(index)) {
                Some(Dimension::Variance(_)) => return None,
                Some(Dimension::Count(count)) => units.min(count as f64),
                None => *units,
            };
            // From coordinates to units.
            let embedding = dimensions.map_or(0.0, |_| 2.0 * coordinates * units);
            sum += probes * (passes * self.behind[index] + embedding);
            sum += match settings.memory {
                Memory::Feedback => {
                    probes * 2.0 * self.outputs * coordinates + self.outputs * embedding / batch
                }
                Memory::None => probes * 2.0 * (self.outputs + coordinates) + embedding,
            };
        }
        Some(match settings.memory {
            Memory::Feedback => sum / settings.interval.unwrap_or(1) as f64 + self.signals(),
            Memory::None => sum,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use nmnc_core::Seed;
    use nmnc_learn::net::NetworkConfig;

    /// Input 1x6x6, a 3x3 convolution to 2x6x6 pooled to 2x3x3 = 18 units, 5 dense units, 3 outputs.
    fn counted() -> Operations {
        let text = "[[stages]]\nkind = 'conv'\nchannels = 2\n[[stages]]\nkind = 'dense'\nunits = 5\n";
        let config = toml::from_str::<NetworkConfig>(text).unwrap().resolve().unwrap();
        let network = config.build([1, 6, 6], 3, Seed(0), &Device::flex()).unwrap();
        Operations::count(&network)
    }

    fn rule(text: &str) -> CreditConfig {
        toml::from_str::<CreditConfig>(text).unwrap().resolve().unwrap()
    }

    #[test]
    fn counts_are_those_worked_out_by_hand() {
        let (conv, dense, readout) = (2.0 * 9.0 * 72.0, 2.0 * 18.0 * 5.0, 2.0 * 5.0 * 3.0);
        let forward = conv + dense + readout;
        let operations = counted();
        assert_eq!(operations.forward(), forward);
        let step = |text: &str| operations.step(&rule(text), 4).unwrap();
        assert_eq!(step("rule = 'bp'"), 2.0 * forward + dense + readout);
        let signals = 2.0 * 3.0 * (18.0 + 5.0);
        assert_eq!(step("rule = 'dfa'"), 2.0 * forward + signals);
        let perturbed = (dense + readout) + readout;
        let correlated = 2.0 * 3.0 * (18.0 + 5.0);
        assert_eq!(step("rule = 'vnc'"), 2.0 * forward + perturbed + correlated + signals);
        assert_eq!(
            step("rule = 'vnc'\nantithetic = true\nprobes = 3\ninterval = 2"),
            2.0 * forward + (3.0 * 2.0 * perturbed + 3.0 * correlated) / 2.0 + signals
        );
        // Four coordinates: noise 4 -> 18 and 4 -> 5, the estimate 3x4 correlated for each image and embedded once a batch.
        let embedding = 2.0 * 4.0 * (18.0 + 5.0);
        assert_eq!(
            step("rule = 'nmnc'\nmanifold = { dimension = 4 }"),
            2.0 * forward + perturbed + embedding + 2.0 * (2.0 * 3.0 * 4.0) + 3.0 * embedding / 4.0 + signals
        );
        let settings = rule("rule = 'nmnc'\nmanifold = { dimension = 0.9, method = 'exact' }");
        assert_eq!(operations.step(&settings, 4), None, "the dimension is not known beforehand");
    }
}
