//! The gated error and the two products with it.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::columns::Geometry;
use super::forward::{CpuGate, SHUT};
use super::product::{View, multiply};
use super::{Operand, rows, scratch, tensor, values};
use crate::spec::{ConvSpec, Pool};

/// Partial sums over images: their number bounds both the memory they take and the threads they feed.
const CHUNKS: usize = 16;

/// Error at the pre-activation.
pub(crate) fn gated_error(spec: &ConvSpec, gate: &CpuGate, delta: &Operand) -> Tensor<2> {
    let batch = rows(delta);
    assert_eq!(batch, gate.batch, "the gate is of another batch size");
    let delta = values(delta);
    let (units, outputs) = (spec.convolved_units(), spec.output_units());
    let mut gated = vec![0.0; batch * units];
    gated.par_chunks_mut(units).zip(delta.par_chunks(outputs)).enumerate().for_each(
        |(index, (gated, delta))| {
            let per_image = gate.slopes.len() / batch;
            let slopes = &gate.slopes[index * per_image..][..per_image];
            match spec.pool {
                Pool::None if slopes.is_empty() => gated.copy_from_slice(delta),
                Pool::None => {
                    for ((gated, delta), slope) in gated.iter_mut().zip(delta).zip(slopes) {
                        *gated = delta * slope;
                    }
                }
                Pool::Max => {
                    unpool_max(spec, &gate.winners[index * outputs..][..outputs], slopes, delta, gated)
                }
                Pool::Average => unpool_average(spec, slopes, delta, gated),
            }
        },
    );
    tensor(gated, batch, units)
}

/// `gated` comes zeroed; only winners are written.
fn unpool_max(spec: &ConvSpec, winners: &[u8], slopes: &[f32], delta: &[f32], gated: &mut [f32]) {
    let [channels, height, width] = spec.convolved();
    let [_, out_rows, out_columns] = spec.output();
    let size = spec.pool_size;
    let mut place = 0;
    for channel in 0..channels {
        for row in 0..out_rows {
            let top = (channel * height + row * size) * width;
            for column in 0..out_columns {
                if winners[place] != SHUT {
                    let winner = usize::from(winners[place]);
                    let slope = slopes.get(place).copied().unwrap_or(1.0);
                    gated[top + winner / size * width + column * size + winner % size] = delta[place] * slope;
                }
                place += 1;
            }
        }
    }
}

/// `gated` comes zeroed, and stays so outside the windows.
fn unpool_average(spec: &ConvSpec, slopes: &[f32], delta: &[f32], gated: &mut [f32]) {
    let [channels, height, width] = spec.convolved();
    let [_, out_rows, out_columns] = spec.output();
    let size = spec.pool_size;
    let scale = 1.0 / (size * size) as f32;
    for channel in 0..channels {
        for row in 0..out_rows * size {
            let start = (channel * height + row) * width;
            let delta = &delta[(channel * out_rows + row / size) * out_columns..][..out_columns];
            for (column, gated) in gated[start..][..out_columns * size].iter_mut().enumerate() {
                let slope = slopes.get(start + column).copied().unwrap_or(1.0);
                *gated = delta[column / size] * scale * slope;
            }
        }
    }
}

/// Weight and bias gradients.
pub(crate) fn parameter_gradient(spec: &ConvSpec, x: &Operand, gated: &Operand) -> (Tensor<2>, Tensor<2>) {
    let batch = rows(x);
    let geometry = Geometry::new(spec);
    let (channels, fan_in) = (spec.channels, spec.fan_in());
    let (x, gated) = (values(x), values(gated));
    let chunk = batch.div_ceil(CHUNKS).max(1);
    let partial = channels * (fan_in + 1);
    let mut partials = vec![0.0; batch.div_ceil(chunk).max(1) * partial];
    partials
        .par_chunks_mut(partial)
        .zip(x.par_chunks(chunk * spec.input_units()))
        .zip(gated.par_chunks(chunk * spec.convolved_units()))
        .for_each(|((partial, images), errors)| {
            let (weight, bias) = partial.split_at_mut(channels * fan_in);
            let group = geometry.group(batch).min(chunk);
            let groups =
                images.chunks(group * spec.input_units()).zip(errors.chunks(group * spec.convolved_units()));
            for (index, (images, errors)) in groups.enumerate() {
                group_parameter_gradient(spec, &geometry, images, errors, weight, index > 0);
                add_bias_gradient(errors, geometry.positions(), bias);
            }
        });
    let bias = sum_partials(&partials, partial, channels * fan_in..partial);
    let weight = sum_partials(&partials, partial, 0..channels * fan_in);
    (tensor(weight, channels, fan_in), tensor(bias, 1, channels))
}

fn group_parameter_gradient(
    spec: &ConvSpec,
    geometry: &Geometry,
    images: &[f32],
    errors: &[f32],
    weight: &mut [f32],
    accumulate: bool,
) {
    let (channels, fan_in, positions) = (spec.channels, spec.fan_in(), geometry.positions());
    let group = images.len() / spec.input_units();
    let pitch = group * positions;
    scratch::with([fan_in * pitch, channels * pitch], |columns, gathered| {
        geometry.gather_group(images, columns);
        let errors = channel_rows(errors, channels, positions, gathered);
        let errors = View::new(errors, channels, pitch, pitch);
        multiply(weight, fan_in, errors, View::new(columns, fan_in, pitch, pitch).t(), accumulate);
    });
}

/// A group's errors with one row per channel: images side by side. One image has that form already.
fn channel_rows<'a>(
    errors: &'a [f32],
    channels: usize,
    positions: usize,
    gathered: &'a mut [f32],
) -> &'a [f32] {
    let pitch = errors.len() / channels;
    if pitch == positions {
        return errors;
    }
    for (index, image) in errors.chunks_exact(channels * positions).enumerate() {
        for (channel, map) in image.chunks_exact(positions).enumerate() {
            gathered[channel * pitch + index * positions..][..positions].copy_from_slice(map);
        }
    }
    gathered
}

fn add_bias_gradient(errors: &[f32], positions: usize, bias: &mut [f32]) {
    for image in errors.chunks_exact(bias.len() * positions) {
        for (bias, map) in bias.iter_mut().zip(image.chunks_exact(positions)) {
            *bias += sum(map);
        }
    }
}

/// A sum in sixteen interleaved parts, an order the compiler can keep in vector registers.
fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let chunks = values.chunks_exact(16);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Adds the same range of every partial, first to last.
fn sum_partials(partials: &[f32], partial: usize, range: std::ops::Range<usize>) -> Vec<f32> {
    const BLOCK: usize = 4096;
    let mut total = vec![0.0; range.len()];
    total.par_chunks_mut(BLOCK).enumerate().for_each(|(index, total)| {
        let start = range.start + index * BLOCK;
        for partial in partials.chunks_exact(partial) {
            for (total, value) in total.iter_mut().zip(&partial[start..]) {
                *total += value;
            }
        }
    });
    total
}

/// Error at the input.
pub(crate) fn input_gradient(spec: &ConvSpec, weight: &Operand, gated: &Operand) -> Tensor<2> {
    let batch = rows(gated);
    let geometry = Geometry::new(spec);
    let (channels, fan_in, positions) = (spec.channels, spec.fan_in(), geometry.positions());
    // Transposed once here rather than packed again by the product of every group.
    let weight = transposed(values(weight), channels, fan_in);
    let group = geometry.group(batch);
    let units = spec.input_units();
    let mut gradient = vec![0.0; batch * units];
    gradient
        .par_chunks_mut(group * units)
        .zip(values(gated).par_chunks(group * spec.convolved_units()))
        .for_each(|(gradient, errors)| {
            let pitch = errors.len() / channels;
            scratch::with([fan_in * pitch, channels * pitch], |columns, gathered| {
                let errors = channel_rows(errors, channels, positions, gathered);
                let weight = View::new(&weight, fan_in, channels, channels);
                multiply(columns, pitch, weight, View::new(errors, channels, pitch, pitch), false);
                geometry.scatter_group(columns, gradient);
            });
        });
    tensor(gradient, batch, units)
}

fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    for (row, line) in values.chunks_exact(columns).enumerate() {
        for (column, value) in line.iter().enumerate() {
            out[column * rows + row] = *value;
        }
    }
    out
}
