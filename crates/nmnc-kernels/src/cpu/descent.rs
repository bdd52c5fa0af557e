//! Optimizer steps in one pass, in the buffers of value and moments where nothing else owns them.

use burn::backend::Flex;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::elementwise::BLOCK;
use super::wide::wide;
use super::{Operand, values};
use crate::descent::{AdamStep, SgdStep};

/// Descent without momentum.
pub(crate) fn descend(mut value: Operand, gradient: &Operand, step: &SgdStep) -> Tensor<2> {
    let (rate, penalty) = (step.rate as f32, step.penalty as f32);
    let blocks = value.storage_mut::<f32>().par_chunks_mut(BLOCK).zip(values(gradient).par_chunks(BLOCK));
    blocks.for_each(|(value, gradient)| {
        wide(
            #[inline(always)]
            move || {
                for (value, gradient) in value.iter_mut().zip(gradient) {
                    *value -= rate * (gradient + penalty * *value);
                }
            },
        );
    });
    Tensor::from_primitive::<Flex>(value)
}

/// Descent along a velocity: value and velocity.
pub(crate) fn descend_with_momentum(
    mut value: Operand,
    gradient: &Operand,
    mut velocity: Operand,
    step: &SgdStep,
) -> [Tensor<2>; 2] {
    let (rate, penalty, momentum) = (step.rate as f32, step.penalty as f32, step.momentum as f32);
    // The direction is `own · gradient + along · velocity`.
    let (own, along) = if step.nesterov { (1.0, momentum) } else { (0.0, 1.0) };
    let blocks = value.storage_mut::<f32>().par_chunks_mut(BLOCK);
    let blocks = blocks.zip(velocity.storage_mut::<f32>().par_chunks_mut(BLOCK));
    blocks.zip(values(gradient).par_chunks(BLOCK)).for_each(|((value, velocity), gradient)| {
        wide(
            #[inline(always)]
            move || {
                for ((value, velocity), gradient) in value.iter_mut().zip(velocity).zip(gradient) {
                    let gradient = gradient + penalty * *value;
                    *velocity = momentum * *velocity + gradient;
                    *value -= rate * (own * gradient + along * *velocity);
                }
            },
        );
    });
    [value, velocity].map(Tensor::from_primitive::<Flex>)
}

/// Adam: value, first and second moment.
pub(crate) fn adam(
    [mut value, mut first, mut second]: [Operand; 3],
    gradient: &Operand,
    step: &AdamStep,
) -> [Tensor<2>; 3] {
    let penalty = step.penalty as f32;
    let [keep_first, keep_second] = step.betas.map(|beta| beta as f32);
    let [take_first, take_second] = step.betas.map(|beta| (1.0 - beta) as f32);
    let [first_correction, second_correction] = step.corrections();
    let rate = (step.rate / first_correction) as f32;
    let root = (1.0 / second_correction.sqrt()) as f32;
    let epsilon = step.epsilon as f32;
    let keep = (1.0 - step.rate * step.decay) as f32;
    let blocks = value.storage_mut::<f32>().par_chunks_mut(BLOCK);
    let blocks = blocks.zip(first.storage_mut::<f32>().par_chunks_mut(BLOCK));
    let blocks = blocks.zip(second.storage_mut::<f32>().par_chunks_mut(BLOCK));
    blocks.zip(values(gradient).par_chunks(BLOCK)).for_each(|(((value, first), second), gradient)| {
        wide(
            #[inline(always)]
            move || {
                let moments = first.iter_mut().zip(second);
                for ((value, (first, second)), gradient) in value.iter_mut().zip(moments).zip(gradient) {
                    let gradient = gradient + penalty * *value;
                    *first = keep_first * *first + take_first * gradient;
                    *second = keep_second * *second + take_second * (gradient * gradient);
                    *value = keep * *value - rate * *first / (second.sqrt() * root + epsilon);
                }
            },
        );
    });
    [value, first, second].map(Tensor::from_primitive::<Flex>)
}
