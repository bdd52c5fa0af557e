//! Gradients of a step as they are found: kept, or, where workers share the step, on their way to the others while the step goes on.

use burn::tensor::{Device, Tensor};

use crate::weights::device_of;
use nmnc_core::error::Result;
use nmnc_learn::net::{Gradients, Weights};
use nmnc_learn::workers::{Contribution, Pending, Workers};

/// Bytes of gradients that are worth an exchange of their own: it takes as long as some 64 KB on their way at a gigabyte a second.
const WORTH: usize = 1 << 16;

/// Takes up the gradients of one step.
pub(crate) struct Found<'a> {
    workers: &'a dyn Workers,
    weight: f64,
    held: Gradients,
    bytes: usize,
    given: Vec<Given>,
}

/// Gradients of some parameters that are being summed, each times the weight of its worker's part.
#[derive(Clone, Debug)]
struct Given {
    names: Vec<String>,
    sum: Pending,
}

/// Gradients of a step that are being summed already.
#[derive(Clone, Debug, Default)]
pub struct UnderWay {
    given: Vec<Given>,
    /// The names of all gradients of the step, in the order of the network's parameters.
    order: Vec<String>,
    device: Device,
}

impl<'a> Found<'a> {
    /// Of a step whose part is divided by `weight`.
    pub fn new(workers: &'a dyn Workers, weight: f64) -> Self {
        Self { workers, weight, held: Gradients::default(), bytes: 0, given: Vec::new() }
    }

    /// More gradients, in the same parts for all workers.
    ///
    /// # Errors
    /// A worker that cannot be reached.
    pub fn take(&mut self, gradients: Gradients) -> Result<()> {
        let size = |gradient: &Tensor<2>| gradient.dims().iter().product::<usize>() * gradient.dtype().size();
        self.bytes += gradients.iter().map(|(_, gradient)| size(gradient)).sum::<usize>();
        self.held.extend(gradients);
        if self.workers.count() > 1 && self.bytes >= WORTH {
            self.bytes = 0;
            let held = std::mem::take(&mut self.held).scaled(self.weight);
            let (names, matrices): (Vec<String>, Vec<Tensor<2>>) = held.into_iter().unzip();
            let sum = self.workers.begin_sum(Contribution::owned(Vec::new(), matrices))?;
            self.given.push(Given { names, sum });
        }
        Ok(())
    }

    /// The gradients that are still here, in the order of the parameters of `network`, and those under way.
    pub fn end(self, network: &impl Weights) -> (Gradients, UnderWay) {
        let order: Vec<String> = network.parameters().into_iter().map(|(name, _)| name).collect();
        let held = self.held.in_order(order.iter().map(String::as_str));
        (held, UnderWay { given: self.given, order, device: device_of(network) })
    }
}

impl UnderWay {
    /// Adds to `rest`, the others' means, what came of those under way, with `weight` as the sum of all workers' weights.
    ///
    /// # Errors
    /// A worker that cannot be reached, or has given up.
    pub(crate) fn arrived(self, mut rest: Gradients, weight: f64) -> Result<Gradients> {
        let Self { given, order, device } = self;
        if given.is_empty() {
            return Ok(rest);
        }
        for Given { names, sum } in given {
            let means = sum.wait()?.tensors(&device).map(|sum| sum / weight);
            rest.extend(names.into_iter().zip(means).collect());
        }
        Ok(rest.in_order(order.iter().map(String::as_str)))
    }
}
