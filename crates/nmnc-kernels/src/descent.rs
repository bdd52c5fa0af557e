//! The steps of optimizers, each in one pass over memory and in place where nothing else owns a tensor.
//!
//! The formulas are those of PyTorch's optimizers of the same names.

use burn::tensor::Tensor;

#[cfg(feature = "accelerator")]
use crate::accelerator;
use crate::cpu;

/// Settings of one [`sgd`] step.
#[derive(Clone, Copy, Debug)]
pub struct SgdStep {
    /// Learning rate.
    pub rate: f64,
    /// Momentum; without it there is no velocity.
    pub momentum: f64,
    /// Whether to look ahead along the velocity (Nesterov).
    pub nesterov: bool,
    /// L2 penalty: `penalty · value` is added to the gradient.
    pub penalty: f64,
}

/// Settings of one [`adam`] step.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// Learning rate.
    pub rate: f64,
    /// Decay rates of the two moments.
    pub betas: [f64; 2],
    /// Added to the denominator.
    pub epsilon: f64,
    /// L2 penalty: `penalty · value` is added to the gradient.
    pub penalty: f64,
    /// Decoupled decay: the value shrinks by `rate · decay`.
    pub decay: f64,
    /// Number of this step, from 1.
    pub steps: u64,
}

impl AdamStep {
    /// What the moments fall short of their expectations by, having started from zero.
    pub(crate) fn corrections(&self) -> [f64; 2] {
        self.betas.map(|beta| 1.0 - beta.powf(self.steps as f64))
    }
}

/// One step of stochastic gradient descent: the new value, and the new velocity if there is momentum.
///
/// A velocity that is not there yet starts from zero, and so becomes the gradient.
///
/// # Panics
/// If the shapes differ.
pub fn sgd(
    value: Tensor<2>,
    gradient: Tensor<2>,
    velocity: Option<Tensor<2>>,
    step: &SgdStep,
) -> (Tensor<2>, Option<Tensor<2>>) {
    assert_eq!(value.dims(), gradient.dims(), "shapes of value and gradient");
    if step.momentum == 0.0 {
        return match cpu::owned_operands([value, gradient]) {
            Ok([value, gradient]) => (cpu::descend(value, &gradient, step), None),
            Err([value, gradient]) => {
                #[cfg(feature = "accelerator")]
                if let Some([value, gradient]) = accelerator::operands([&value, &gradient]) {
                    return (accelerator::whole(accelerator::descend(&value, &gradient, step)), None);
                }
                let gradient = penalized(gradient, &value, step.penalty);
                (value - gradient * step.rate, None)
            }
        };
    }
    let velocity = velocity.unwrap_or_else(|| gradient.zeros_like());
    assert_eq!(value.dims(), velocity.dims(), "shapes of value and velocity");
    match cpu::owned_operands([value, gradient, velocity]) {
        Ok([value, gradient, velocity]) => {
            let [value, velocity] = cpu::descend_with_momentum(value, &gradient, velocity, step);
            (value, Some(velocity))
        }
        Err([value, gradient, velocity]) => {
            #[cfg(feature = "accelerator")]
            if let Some([value, gradient, velocity]) = accelerator::operands([&value, &gradient, &velocity]) {
                let [value, velocity] =
                    accelerator::descend_with_momentum(&value, &gradient, &velocity, step);
                return (accelerator::whole(value), Some(accelerator::whole(velocity)));
            }
            let gradient = penalized(gradient, &value, step.penalty);
            let velocity = velocity * step.momentum + gradient.clone();
            let ahead = velocity.clone();
            let direction = if step.nesterov { gradient + ahead * step.momentum } else { ahead };
            (value - direction * step.rate, Some(velocity))
        }
    }
}

/// One step of Adam, or of AdamW where the decay is decoupled: the new value, first and second moment.
///
/// # Panics
/// If the shapes differ.
pub fn adam(
    value: Tensor<2>,
    gradient: Tensor<2>,
    first: Tensor<2>,
    second: Tensor<2>,
    step: &AdamStep,
) -> [Tensor<2>; 3] {
    for other in [&gradient, &first, &second] {
        assert_eq!(value.dims(), other.dims(), "shapes of value, gradient and moments");
    }
    match cpu::owned_operands([value, gradient, first, second]) {
        Ok([value, gradient, first, second]) => cpu::adam([value, first, second], &gradient, step),
        Err([value, gradient, first, second]) => {
            #[cfg(feature = "accelerator")]
            if let Some([value, gradient, first, second]) =
                accelerator::operands([&value, &gradient, &first, &second])
            {
                return accelerator::adam([value, first, second], &gradient, step).map(accelerator::whole);
            }
            let gradient = penalized(gradient, &value, step.penalty);
            let square = gradient.clone() * gradient.clone();
            let first = first * step.betas[0] + gradient * (1.0 - step.betas[0]);
            let second = second * step.betas[1] + square * (1.0 - step.betas[1]);
            let [first_correction, second_correction] = step.corrections();
            let denominator = second.clone().sqrt() / second_correction.sqrt() + step.epsilon;
            let change = first.clone() / denominator * (step.rate / first_correction);
            let value = if step.decay == 0.0 { value } else { value * (1.0 - step.rate * step.decay) };
            [value - change, first, second]
        }
    }
}

/// Adds the gradient of an L2 penalty.
fn penalized(gradient: Tensor<2>, value: &Tensor<2>, penalty: f64) -> Tensor<2> {
    if penalty == 0.0 { gradient } else { gradient + value.clone() * penalty }
}
