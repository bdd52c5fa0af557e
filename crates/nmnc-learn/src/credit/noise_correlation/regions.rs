//! Regions of examples: which examples have feedback of their own together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::centres::Centres;
use crate::credit::context::LocalContext;
use nmnc_core::config_text::only_with as only;
use nmnc_core::device::values;
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::ranges;
use nmnc_core::seed::Seed;
use nmnc_core::state::State;

/// What decides on the region of an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RegionsBy {
    /// The output whose error dLoss/dy is most negative, the one that the loss wants higher the most: with cross entropy the example's
    /// label, since e = p - onehot; with squares the output that is furthest below its target. As many regions as outputs.
    Class,
    /// The nearest of centres of the output that follow the batches (k-means).
    #[default]
    Output,
}

/// Feedback that differs by region of examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Regions {
    /// What decides on the region of an example.
    #[serde(default)]
    pub by: RegionsBy,
    /// Number of regions (by = "output"; 4 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::COUNT.stated())]
    pub count: Option<usize>,
    /// Share of what is expected of the Jacobian that is expected to differ by region, in (0, 1]: the smaller, the closer the feedback of
    /// all regions stays; 1 has every region learn by itself from what is observed (0.1 when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::WEIGHT.stated())]
    pub share: Option<f64>,
}

impl Regions {
    /// Errors where settings have no meaning, defaults where they were left out.
    pub(super) fn resolve(&mut self) -> Result<()> {
        only("count", self.count.is_some(), self.by == RegionsBy::Output, "by = \"output\"")?;
        if self.by == RegionsBy::Output {
            self.count.get_or_insert(4);
        }
        self.share.get_or_insert(0.1);
        Ok(())
    }

    /// Number of regions of a network of so many outputs. Settings must be resolved.
    pub(super) fn regions(&self, outputs: usize) -> usize {
        self.count.unwrap_or(outputs)
    }
}

/// Finds the regions of the examples of each step.
pub(super) struct Finder {
    by: RegionsBy,
    centres: Centres,
    /// Regions of all examples of the present step, those of other workers among them.
    found: Vec<usize>,
}

impl Finder {
    /// Settings must be resolved.
    pub(super) fn new(regions: &Regions, outputs: usize, seed: Seed) -> Self {
        let centres = Centres::new([regions.regions(outputs), outputs], seed);
        Self { by: regions.by, centres, found: Vec::new() }
    }

    /// Finds the regions of the step's examples; centres follow them.
    ///
    /// # Errors
    /// Output that is not finite; a worker that cannot be reached.
    pub(super) fn find(&mut self, context: &LocalContext) -> Result<()> {
        let &LocalContext { share, step, .. } = context;
        self.found = match self.by {
            RegionsBy::Class => {
                // Errors of workers have factors of their own, which no comparison within an example sees.
                let outputs = context.error.dims()[1];
                let own = values::<f64>(context.error);
                let own = own.chunks(outputs).map(|error| lowest(error) as f64).collect();
                share.numbers(own)?.into_iter().map(|region| region as usize).collect()
            }
            RegionsBy::Output => {
                let output = values::<f64>(&share.all(context.output)?);
                if !output.iter().all(|value| value.is_finite()) {
                    return Err(Error::new(ErrorKind::Diverged, "", "output is not finite"));
                }
                self.centres.follow(&output, step)
            }
        };
        Ok(())
    }

    /// The regions of all examples of the step, as they were found.
    pub(super) fn all(&self) -> &[usize] {
        &self.found
    }

    /// What a checkpoint keeps.
    pub(super) fn state(&self) -> State {
        self.centres.state()
    }

    /// Takes back what [`Finder::state`] gave.
    ///
    /// # Errors
    /// If something has the wrong shape.
    pub(super) fn restore(&mut self, state: &State) -> Result<()> {
        self.centres.restore(state)
    }
}

/// The place of the lowest number, the first of equal ones.
fn lowest(numbers: &[f64]) -> usize {
    (1..numbers.len()).fold(0, |low, i| if numbers[i] < numbers[low] { i } else { low })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_error_is_that_of_the_label_and_the_first_of_several() {
        // Softmax of (0, 1, 2) less one at the label, worked out.
        let softmax = [0.090_030_573, 0.244_728_471, 0.665_240_956];
        for label in 0..3 {
            let mut error = softmax;
            error[label] -= 1.0;
            assert_eq!(lowest(&error), label);
        }
        assert_eq!(lowest(&[0.0, 0.0, 1.0]), 0);
        assert_eq!(lowest(&[0.0, f64::NAN, -1.0]), 2);
    }
}
