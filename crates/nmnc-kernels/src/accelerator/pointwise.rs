//! Work on every number by itself, each in one pass over memory.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::activation;
use super::operand::{Operand, buffer, dims, fresh};
use crate::descent::{AdamStep, SgdStep};
use crate::spec::Activation;

/// Units of a cube.
const UNITS: u32 = 256;

fn size(operand: &Operand) -> usize {
    dims(operand).iter().product()
}

fn cubes(size: usize) -> CubeCount {
    CubeCount::Static(size.div_ceil(UNITS as usize) as u32, 1, 1)
}

/// `a x + b y`.
pub fn combine(x: &Operand, y: &Operand, a: f32, b: f32) -> Operand {
    let output = fresh(x, dims(x));
    let count = size(x);
    // SAFETY: the kernel stops at the size that all its operands have.
    unsafe {
        combine_kernel::launch_unchecked(
            &x.client,
            cubes(count),
            CubeDim::new_1d(UNITS),
            buffer(x),
            buffer(y),
            buffer(&output),
            a,
            b,
            count as u32,
        );
    }
    output
}

#[cube(launch_unchecked)]
fn combine_kernel(x: &[f32], y: &[f32], output: &mut [f32], a: f32, b: f32, size: u32) {
    let position = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    if position < size {
        output[position as usize] = a * x[position as usize] + b * y[position as usize];
    }
}

/// `φ(z)`, or its slope.
pub fn activate(z: &Operand, activation: Activation, slope: bool) -> Operand {
    let output = fresh(z, dims(z));
    let count = size(z);
    // SAFETY: the kernel stops at the size that both operands have.
    unsafe {
        activate_kernel::launch_unchecked(
            &z.client,
            cubes(count),
            CubeDim::new_1d(UNITS),
            buffer(z),
            buffer(&output),
            count as u32,
            activation,
            slope,
        );
    }
    output
}

#[cube(launch_unchecked)]
fn activate_kernel(
    z: &[f32],
    output: &mut [f32],
    size: u32,
    #[comptime] activation: Activation,
    #[comptime] slope: bool,
) {
    let position = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    if position < size {
        if comptime!(slope) {
            output[position as usize] = activation::slope(z[position as usize], activation);
        } else {
            output[position as usize] = activation::value(z[position as usize], activation);
        }
    }
}

/// One step of Adam: the new value and the new moments. A value that others still own keeps what it is.
pub fn adam([value, first, second]: [Operand; 3], gradient: &Operand, step: &AdamStep) -> [Operand; 3] {
    let outputs = [(); 3].map(|()| fresh(&value, dims(&value)));
    let count = size(&value);
    let [first_correction, second_correction] = step.corrections();
    let [new_value, new_first, new_second] = outputs.each_ref().map(buffer);
    // SAFETY: the kernel stops at the size that all its operands have.
    unsafe {
        adam_kernel::launch_unchecked(
            &value.client,
            cubes(count),
            CubeDim::new_1d(UNITS),
            buffer(&value),
            buffer(&first),
            buffer(&second),
            buffer(gradient),
            new_value,
            new_first,
            new_second,
            count as u32,
            step.betas[0] as f32,
            step.betas[1] as f32,
            step.penalty as f32,
            (1.0 - step.rate * step.decay) as f32,
            (step.rate / first_correction) as f32,
            (1.0 / second_correction.sqrt()) as f32,
            step.epsilon as f32,
        );
    }
    outputs
}

#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments)]
fn adam_kernel(
    value: &[f32],
    first: &[f32],
    second: &[f32],
    gradient: &[f32],
    new_value: &mut [f32],
    new_first: &mut [f32],
    new_second: &mut [f32],
    size: u32,
    first_beta: f32,
    second_beta: f32,
    penalty: f32,
    kept: f32,
    rate: f32,
    scale: f32,
    epsilon: f32,
) {
    let position = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    if position < size {
        let index = position as usize;
        let old = value[index];
        let slope = gradient[index] + penalty * old;
        let mean = first_beta * first[index] + (1.0f32 - first_beta) * slope;
        let square = second_beta * second[index] + (1.0f32 - second_beta) * slope * slope;
        new_first[index] = mean;
        new_second[index] = square;
        new_value[index] = kept * old - rate * mean / (square.sqrt() * scale + epsilon);
    }
}

/// One step of gradient descent without momentum.
pub fn descend(value: &Operand, gradient: &Operand, step: &SgdStep) -> Operand {
    combine(value, gradient, (1.0 - step.rate * step.penalty) as f32, -step.rate as f32)
}

/// One step of gradient descent with momentum: the new value and the new velocity.
pub fn descend_with_momentum(
    value: &Operand,
    gradient: &Operand,
    velocity: &Operand,
    step: &SgdStep,
) -> [Operand; 2] {
    let outputs = [(); 2].map(|()| fresh(value, dims(value)));
    let count = size(value);
    let [new_value, new_velocity] = outputs.each_ref().map(buffer);
    // SAFETY: the kernel stops at the size that all its operands have.
    unsafe {
        momentum_kernel::launch_unchecked(
            &value.client,
            cubes(count),
            CubeDim::new_1d(UNITS),
            buffer(value),
            buffer(gradient),
            buffer(velocity),
            new_value,
            new_velocity,
            count as u32,
            step.rate as f32,
            step.momentum as f32,
            step.penalty as f32,
            step.nesterov,
        );
    }
    outputs
}

#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments)]
fn momentum_kernel(
    value: &[f32],
    gradient: &[f32],
    velocity: &[f32],
    new_value: &mut [f32],
    new_velocity: &mut [f32],
    size: u32,
    rate: f32,
    momentum: f32,
    penalty: f32,
    #[comptime] nesterov: bool,
) {
    let position = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    if position < size {
        let index = position as usize;
        let slope = gradient[index] + penalty * value[index];
        let speed = momentum * velocity[index] + slope;
        new_velocity[index] = speed;
        let mut direction = speed;
        if comptime!(nesterov) {
            direction = slope + momentum * speed;
        }
        new_value[index] = value[index] - rate * direction;
    }
}
