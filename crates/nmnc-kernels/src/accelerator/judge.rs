//! Losses of a classifier: an example a unit.

use burn::tensor::Tensor;
use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::operand::{Operand, buffer, dims, fresh, whole};
use crate::kinds::Criterion;

/// Units of a cube.
const UNITS: u32 = 64;

/// The error `[batch, outputs]` of the mean loss, and for each example its loss and how many outputs come before its label's, `[batch, 2]`.
pub fn judge(output: &Operand, labels: &[u32], criterion: Criterion, smoothing: f32) -> [Tensor<2>; 2] {
    let [batch, outputs] = dims(output);
    assert!(labels.iter().all(|label| (*label as usize) < outputs), "a label is no output");
    let (error, verdicts) = (fresh(output, [batch, outputs]), fresh(output, [batch, 2]));
    let known = output.client.create_from_slice(u32::as_bytes(labels));
    // SAFETY: the kernel stops at the last example; labels have been checked.
    unsafe {
        judge_kernel::launch_unchecked(
            &output.client,
            CubeCount::Static(batch.div_ceil(UNITS as usize) as u32, 1, 1),
            CubeDim::new_1d(UNITS),
            buffer(output),
            BufferArg::from_raw_parts(known, batch),
            buffer(&error),
            buffer(&verdicts),
            batch as u32,
            outputs as u32,
            smoothing,
            criterion,
        );
    }
    [error, verdicts].map(whole)
}

#[cube(launch_unchecked)]
fn judge_kernel(
    outputs: &[f32],
    labels: &[u32],
    errors: &mut [f32],
    verdicts: &mut [f32],
    batch: u32,
    count: u32,
    smoothing: f32,
    #[comptime] criterion: Criterion,
) {
    let example = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    if example < batch {
        let row = example * count;
        let label = labels[example as usize];
        let own = outputs[(row + label) as usize];
        let mut highest = own;
        let mut before = 0.0f32;
        for index in 0..count {
            let value = outputs[(row + index) as usize];
            highest = select(value > highest, value, highest);
            // Of equal outputs the first comes before the others.
            let tied = select(value == own, select(index < label, 1.0f32, 0.0f32), 0.0f32);
            before += select(value > own, 1.0f32, tied);
        }
        let spread = smoothing / f32::cast_from(count);
        let mut loss = 0.0f32;
        if comptime!(criterion == Criterion::CrossEntropy) {
            let mut sum = 0.0f32;
            for index in 0..count {
                sum += (outputs[(row + index) as usize] - highest).exp();
            }
            let whole = highest + sum.ln();
            let mut others = 0.0f32;
            for index in 0..count {
                let value = outputs[(row + index) as usize];
                let share = (value - highest).exp() / sum;
                let told = select(index == label, 1.0f32 - smoothing, 0.0f32) + spread;
                errors[(row + index) as usize] = (share - told) / f32::cast_from(batch);
                others += whole - value;
            }
            loss = (1.0f32 - smoothing) * (whole - own) + select(smoothing > 0.0f32, spread * others, 0.0f32);
        } else {
            let scale = 1.0f32 / f32::cast_from(count);
            for index in 0..count {
                let told = select(index == label, 1.0f32 - smoothing, 0.0f32) + spread;
                let difference = outputs[(row + index) as usize] - told;
                loss += difference * difference * scale;
                errors[(row + index) as usize] = 2.0f32 * difference * scale / f32::cast_from(batch);
            }
        }
        verdicts[(2 * example) as usize] = loss;
        verdicts[(2 * example + 1) as usize] = before;
    }
}
