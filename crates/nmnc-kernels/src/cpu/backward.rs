//! The gated error and the two products with it.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::columns::Geometry;
use super::forward::CpuGate;
use super::maps::{Gated, Maps};
use super::product::{View, multiply};
use super::wide::wide;
use super::{Operand, direct, rows, scratch, tensor, values, winograd};
use crate::spec::ConvSpec;

/// Partial sums over images: their number bounds both the memory they take and the threads they feed.
const CHUNKS: usize = 16;

/// Error at the pre-activation.
pub(crate) fn gated_error(spec: &ConvSpec, gate: &CpuGate, delta: &Operand) -> Tensor<2> {
    let batch = rows(delta);
    let maps = Gated::new(spec, gate, values(delta));
    let units = spec.convolved_units();
    let mut gated = vec![0.0; batch * units];
    gated.par_chunks_mut(units).enumerate().for_each(|(image, gated)| read_image(&maps, image, gated));
    tensor(gated, batch, units)
}

/// Writes all maps of an image.
fn read_image(maps: &impl Maps, image: usize, out: &mut [f32]) {
    let [_, rows, columns] = maps.shape();
    wide(
        #[inline(always)]
        || {
            for (index, out) in out.chunks_exact_mut(columns).enumerate() {
                maps.read(image, index / rows, index % rows, out);
            }
        },
    );
}

/// Weight and bias gradients.
pub(crate) fn parameter_gradient(
    spec: &ConvSpec,
    x: &Operand,
    gate: &CpuGate,
    delta: &Operand,
) -> (Tensor<2>, Tensor<2>) {
    let batch = rows(x);
    let maps = Gated::new(spec, gate, values(delta));
    let (weight, bias) = if winograd::covers(spec) {
        winograd::weight_gradient(spec, values(x), &maps, batch)
    } else if direct::covers(spec) {
        direct::weight_gradient(spec, values(x), &maps, batch)
    } else {
        weight_gradient(spec, values(x), &maps, batch)
    };
    (tensor(weight, spec.channels, spec.fan_in()), tensor(bias, 1, spec.channels))
}

fn weight_gradient(spec: &ConvSpec, x: &[f32], maps: &Gated, batch: usize) -> (Vec<f32>, Vec<f32>) {
    let geometry = Geometry::new(spec);
    let (channels, fan_in) = (spec.channels, spec.fan_in());
    let chunk = batch.div_ceil(CHUNKS).max(1);
    let partial = channels * (fan_in + 1);
    let mut partials = vec![0.0; batch.div_ceil(chunk).max(1) * partial];
    partials.par_chunks_mut(partial).zip(x.par_chunks(chunk * spec.input_units())).enumerate().for_each(
        |(index, (partial, images))| {
            let (weight, bias) = partial.split_at_mut(channels * fan_in);
            let group = geometry.group(batch).min(chunk);
            for (part, images) in images.chunks(group * spec.input_units()).enumerate() {
                let first = index * chunk + part * group;
                group_gradient(spec, &geometry, images, (maps, first), weight, bias, part > 0);
            }
        },
    );
    let bias = sum_partials(&partials, partial, channels * fan_in..partial);
    let weight = sum_partials(&partials, partial, 0..channels * fan_in);
    (weight, bias)
}

/// The share of a group of images, the first of which is the `first`-th of the batch.
fn group_gradient(
    spec: &ConvSpec,
    geometry: &Geometry,
    images: &[f32],
    (maps, first): (&Gated, usize),
    weight: &mut [f32],
    bias: &mut [f32],
    accumulate: bool,
) {
    let (channels, fan_in, positions) = (spec.channels, spec.fan_in(), geometry.positions());
    let group = images.len() / spec.input_units();
    let pitch = group * positions;
    scratch::with(scratch::Use::Group, [fan_in * pitch, channels * pitch], |[columns, errors]| {
        geometry.gather_group(images, columns);
        channel_rows(maps, first, group, errors);
        for (bias, errors) in bias.iter_mut().zip(errors.chunks_exact(pitch)) {
            *bias += sum(errors);
        }
        let errors = View::new(errors, channels, pitch, pitch);
        multiply(weight, fan_in, errors, View::new(columns, fan_in, pitch, pitch).t(), accumulate);
    });
}

/// A group's errors with one row per channel: images side by side.
fn channel_rows(maps: &Gated, first: usize, group: usize, out: &mut [f32]) {
    let [channels, rows, columns] = maps.shape();
    wide(
        #[inline(always)]
        || {
            let mut lines = out.chunks_exact_mut(columns);
            for channel in 0..channels {
                for image in first..first + group {
                    for (row, line) in lines.by_ref().take(rows).enumerate() {
                        maps.read(image, channel, row, line);
                    }
                }
            }
        },
    );
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
pub(crate) fn input_gradient(
    spec: &ConvSpec,
    weight: &Operand,
    gate: &CpuGate,
    delta: &Operand,
) -> Tensor<2> {
    let batch = rows(delta);
    let maps = Gated::new(spec, gate, values(delta));
    let units = spec.input_units();
    let mut gradient = vec![0.0; batch * units];
    if winograd::covers(spec) {
        winograd::input_gradient(spec, values(weight), &maps, &mut gradient);
        return tensor(gradient, batch, units);
    }
    let geometry = Geometry::new(spec);
    let (channels, fan_in, positions) = (spec.channels, spec.fan_in(), geometry.positions());
    // Transposed once here rather than packed again by the product of every group.
    let weight = transposed(values(weight), channels, fan_in);
    let group = geometry.group(batch);
    gradient.par_chunks_mut(group * units).enumerate().for_each(|(index, gradient)| {
        let images = gradient.len() / units;
        let pitch = images * positions;
        scratch::with(scratch::Use::Group, [fan_in * pitch, channels * pitch], |[columns, errors]| {
            channel_rows(&maps, index * group, images, errors);
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
