//! Dropout (Srivastava et al. 2014): units that are silent for one training step.

use burn::tensor::Tensor;
use nmnc_core::device::matrix;

use crate::net::block::{Block, Mode};
use crate::net::trace::Trace;

/// y = m x, where in training each m is 0 with probability `rate` and else 1 / (1 - rate); in evaluation y = x. A perturbed pass keeps the
/// masks of the clean one.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    units: usize,
    rate: f64,
}

/// m `[batch, units]`; none in evaluation.
struct Mask(Option<Tensor<2>>);

impl Mask {
    fn apply(&self, values: Tensor<2>) -> Tensor<2> {
        match &self.0 {
            Some(mask) => values * mask.clone(),
            None => values,
        }
    }
}

impl Dropout {
    /// Silences each of `units` units with probability `rate`.
    ///
    /// # Panics
    /// If `rate` is not in [0, 1).
    pub fn new(units: usize, rate: f64) -> Self {
        assert!((0.0..1.0).contains(&rate), "a dropout rate of {rate} is not in [0, 1)");
        Self { units, rate }
    }
}

impl Block for Dropout {
    fn inputs(&self) -> Vec<usize> {
        vec![self.units]
    }

    fn units(&self) -> usize {
        self.units
    }

    fn describe(&self) -> String {
        format!("dropout of {}, rate {}", self.units, self.rate)
    }

    fn forward(&self, inputs: &[Tensor<2>], mode: Mode) -> (Tensor<2>, Trace) {
        let x = inputs[0].clone();
        let (shape, louder) = (x.dims(), (1.0 / (1.0 - self.rate)) as f32);
        let mask = Mask(mode.uniform(shape).map(|numbers| {
            let kept = numbers.into_iter().map(|number| if number < self.rate { 0.0 } else { louder });
            matrix(kept.collect(), shape, &x.device()).cast(x.dtype())
        }));
        (mask.apply(x), Trace::new(mask))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        inputs[0].clone()
    }

    fn replay(&self, inputs: &[Tensor<2>], trace: &Trace) -> Tensor<2> {
        trace.of::<Mask>().apply(inputs[0].clone())
    }

    fn replay_needs_trace(&self) -> bool {
        true
    }

    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, _input: usize, _weights: &[Tensor<2>]) -> Tensor<2> {
        trace.of::<Mask>().apply(error)
    }

    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], _weights: &[Tensor<2>]) -> Tensor<2> {
        trace.of::<Mask>().apply(changes[0].clone())
    }
}
