//! The memory of training on images.

use super::{Need, stage};
use crate::config::{Config, Resolved};
use crate::images::EVALUATION_BATCH;
use nmnc_core::error::Result;
use nmnc_kernels::Pool;
use nmnc_learn::agreement::MOST_OUTPUTS;
use nmnc_learn::credit::mean_jacobian_needs;
use nmnc_learn::needs::{Sizes, StageSizes, Values, product};
use nmnc_learn::net::{Geometry, Network, Node, Parameter};

/// Parts in which gradients of a convolution are summed, and their sum.
const PARTIAL_SUMS: u128 = 17;

/// What an example and the parameters take at a stage and in what leads to it.
struct Section {
    sizes: StageSizes,
    /// Numbers of an example that stay until the error comes.
    kept: u128,
    /// Numbers of an example that it reads.
    read: u128,
    /// Numbers in which gradients are summed.
    sums: u128,
}

impl Section {
    /// Of a stage of a chain that reads `read` numbers.
    fn of_geometry(geometry: &Geometry, read: u128) -> Self {
        let (units, parameters) = (geometry.units(), geometry.parameters());
        let (kept, sums) = match geometry {
            Geometry::Conv(spec) if spec.pool == Pool::Max => {
                (2 * units, product([PARTIAL_SUMS, parameters]))
            }
            Geometry::Conv(_) => (units + geometry.unpooled(), product([PARTIAL_SUMS, parameters])),
            Geometry::Dense { .. } => (units + geometry.unpooled(), parameters),
        };
        Self { sizes: stage(units, geometry.unpooled(), parameters), kept: kept as u128, read, sums }
    }

    /// Of the nodes that lead to a stage of `units` units: each leaves its activity and as much for its derivatives, and the largest
    /// gradient of one is summed at a time.
    fn of_nodes<'a>(nodes: impl Iterator<Item = &'a Node>, units: usize, read: u128) -> Self {
        let (mut all, mut widest, mut parameters, mut largest) = (0u128, read, 0u128, 0u128);
        for node in nodes {
            let own = node.block().units() as u128;
            let count = |parameter: &Parameter| product(parameter.shape.iter().map(|&side| side as u128));
            let counts: Vec<u128> = node.block().parameters().into_iter().map(count).collect();
            all = all.saturating_add(own);
            widest = widest.max(own);
            parameters = parameters.saturating_add(counts.iter().sum());
            largest = largest.max(counts.into_iter().max().unwrap_or(0));
        }
        Self {
            sizes: StageSizes { units: units as u128, unpooled: all, parameters },
            kept: 2 * all,
            read: widest,
            sums: product([PARTIAL_SUMS, largest]),
        }
    }
}

impl Resolved<Config> {
    /// The memory of a training on so many images of `[channels, height, width]` and `outputs` classes, evaluated on so many; the images
    /// themselves, which are open by then, are not counted. Of a chain it is known before anything is built; a deep network comes as
    /// `built`, whose weights are there already and nothing else.
    ///
    /// # Errors
    /// A stage whose geometry is impossible; impossible settings of the rule.
    ///
    /// # Panics
    /// If a deep network is not given.
    pub fn need(
        &self,
        input: [usize; 3],
        outputs: usize,
        [examples, held_out]: [usize; 2],
        built: Option<&Network>,
    ) -> Result<Need> {
        let pixels = product(input.map(|side| side as u128));
        let (sections, readout) = match self.network.geometry(input)? {
            Some(geometry) => {
                let before =
                    std::iter::once(pixels).chain(geometry.iter().map(|stage| stage.units() as u128));
                let sections: Vec<Section> = geometry
                    .iter()
                    .zip(before)
                    .map(|(stage, read)| Section::of_geometry(stage, read))
                    .collect();
                let last = sections.last().map_or(pixels, |section| section.sizes.units);
                (sections, [product([outputs as u128, last.saturating_add(1)]), last])
            }
            None => {
                let network = built.expect("a deep network is built before its memory is reckoned");
                let units = network.stage_units();
                let before = std::iter::once(pixels).chain(units.iter().map(|&units| units as u128));
                let sections = units.iter().zip(before).enumerate();
                let sections = sections
                    .map(|(stage, (&units, read))| Section::of_nodes(network.section(stage), units, read))
                    .collect();
                let read = units.last().map_or(pixels, |&units| units as u128);
                let end = Section::of_nodes(network.section(units.len()), outputs, read);
                (sections, [end.sizes.parameters, end.kept.saturating_add(end.read)])
            }
        };
        let part = self.train.batch.min(examples).div_ceil(self.train.replicas);
        let (outs, batch) = (outputs as u128, part as u128);
        let sizes = Sizes {
            batch,
            steps: 1,
            outputs: outs,
            inputs: pixels,
            stages: sections.iter().map(|section| section.sizes).collect(),
        };
        let mut need = Need::new("lower the sizes of the network, train.batch, or settings of the rule");
        // Batches are decoded ahead, and the next one is on the device.
        need.add(None, "input images", Values { held: product([4, batch, pixels]), passing: 0 });
        let all_units = sizes.stages.iter().fold(0, |sum: u128, stage| sum.saturating_add(stage.units));
        for (index, (section, rule)) in sections.iter().zip(self.credit.needs(&sizes)?).enumerate() {
            let (place, own) = (Some(index + 1), section.sizes);
            need.add_parameters(place, own.parameters, &self.train.optimizer);
            let signal = product([2, batch, own.units]);
            let passing =
                product([batch, own.units.saturating_add(section.read)]).saturating_add(section.sums);
            let activity = product([batch, section.kept]).saturating_add(signal);
            let values = match self.train.streamed {
                true => Values { held: 0, passing: activity.saturating_add(passing) },
                false => Values { held: activity, passing },
            };
            need.add(place, "activity", values);
            need.add(place, "the rule", rule);
        }
        let [parameters, last] = readout;
        need.add_parameters(None, parameters, &self.train.optimizer);
        let outputs = Values { held: product([6, batch, outs]), passing: product([2, batch, last]) };
        need.add(None, "outputs", outputs);
        let read = sections.iter().map(|section| section.read).max().unwrap_or(0);
        let widest = sizes.widest().max(read);
        let tested = product([held_out.min(EVALUATION_BATCH) as u128, 2, widest]);
        need.add(None, "evaluation", Values { held: 0, passing: tested });
        if self.metrics.alignment_interval > 0 {
            let samples = self.metrics.samples.min(examples) as u128;
            let directions = (self.metrics.dimension as u128).min(samples);
            let bases = product([3, all_units, directions.saturating_add(16).min(all_units)]);
            let activity = product([samples, all_units.saturating_add(2 * widest)])
                .saturating_add(product([2, batch, all_units]));
            let parameters = sizes.stages.iter().fold(0, |sum: u128, s| sum.saturating_add(2 * s.parameters));
            let passing = activity.saturating_add(bases).saturating_add(parameters);
            let mean = if outs <= MOST_OUTPUTS as u128 { mean_jacobian_needs(batch, &sizes) } else { 0 };
            let passing = passing.max(mean);
            need.add(None, "measurements against backprop", Values { held: 0, passing });
        }
        Ok(need)
    }
}
