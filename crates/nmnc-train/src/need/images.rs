//! The memory of training on images.

use super::{Need, stage};
use crate::config::{Config, Resolved};
use crate::images::EVALUATION_BATCH;
use nmnc_core::error::Result;
use nmnc_kernels::Pool;
use nmnc_learn::needs::{Sizes, Values, product};
use nmnc_learn::net::Geometry;

/// Parts in which gradients of a convolution are summed, and their sum.
const PARTIAL_SUMS: u128 = 17;

impl Resolved<Config> {
    /// The memory of a training on so many images of `[channels, height, width]` and `outputs` classes, evaluated on so many; the images
    /// themselves, which are open by then, are not counted.
    ///
    /// # Errors
    /// A stage whose geometry is impossible; impossible settings of the rule.
    pub fn need(&self, input: [usize; 3], outputs: usize, [examples, held_out]: [usize; 2]) -> Result<Need> {
        let stages = self.network.geometry(input)?;
        let (outs, batch) = (outputs as u128, self.train.batch.min(examples) as u128);
        let units = |stage: &Geometry| stage.units() as u128;
        let pixels = product(input.map(|side| side as u128));
        let last = stages.last().map_or(pixels, units);
        let sizes = Sizes {
            batch,
            steps: 1,
            outputs: outs,
            inputs: pixels,
            stages: stages.iter().map(|s| stage(s.units(), s.unpooled(), s.parameters())).collect(),
        };
        let mut need = Need::new("lower the sizes of the network, train.batch, or settings of the rule");
        // Batches are decoded ahead, and the next one is on the device.
        need.add(None, "input images", Values { held: product([4, batch, pixels]), passing: 0 });
        let all_units = sizes.stages.iter().fold(0, |sum: u128, stage| sum.saturating_add(stage.units));
        for (index, ((geometry, own), rule)) in
            stages.iter().zip(&sizes.stages).zip(self.credit.needs(&sizes)?).enumerate()
        {
            let place = Some(index + 1);
            need.add_parameters(place, own.parameters, &self.train.optimizer);
            let kept = kept_units(geometry);
            let read = if index == 0 { pixels } else { sizes.stages[index - 1].units };
            let sums = match geometry {
                Geometry::Conv(_) => product([PARTIAL_SUMS, own.parameters]),
                Geometry::Dense { .. } => own.parameters,
            };
            let signal = product([2, batch, own.units]);
            let passing = product([batch, own.units.saturating_add(read)]).saturating_add(sums);
            let activity = product([batch, kept]).saturating_add(signal);
            let values = match self.train.streamed {
                true => Values { held: 0, passing: activity.saturating_add(passing) },
                false => Values { held: activity, passing },
            };
            need.add(place, "activity", values);
            need.add(place, "the rule", rule);
        }
        need.add_parameters(None, product([outs, last.saturating_add(1)]), &self.train.optimizer);
        let outputs = Values { held: product([6, batch, outs]), passing: product([2, batch, last]) };
        need.add(None, "outputs", outputs);
        let widest = sizes.widest();
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
            need.add(None, "measurements against backprop", Values { held: 0, passing });
        }
        Ok(need)
    }
}

/// Numbers an example leaves behind at a stage: its activity, and slopes or winners for the error.
fn kept_units(geometry: &Geometry) -> u128 {
    let units = geometry.units() as u128;
    match geometry {
        Geometry::Conv(spec) if spec.pool == Pool::Max => 2 * units,
        _ => units.saturating_add(geometry.unpooled() as u128),
    }
}
