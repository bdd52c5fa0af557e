//! The forward pass: product, then bias, activation and pooling on its still-hot result.

use std::sync::Arc;

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::columns::Geometry;
use super::pointwise::{Pointwise, is_identity, with_activation};
use super::product::{View, multiply};
use super::{Operand, rows, scratch, tensor, values};
use crate::spec::{ConvSpec, Pool};

/// What a gate holds on this path.
#[derive(Clone, Debug)]
pub(crate) struct CpuGate {
    pub(super) batch: usize,
    /// The slope at each output (max pooling) or pre-activation (otherwise); empty where it is 1 throughout.
    pub(super) slopes: Arc<Vec<f32>>,
    /// For max pooling, each winner's place in its window, `row * pool_size + column`.
    pub(super) winners: Arc<Vec<u16>>,
}

/// Activity and gate.
pub(crate) fn forward(
    spec: &ConvSpec,
    x: &Operand,
    weight: &Operand,
    bias: &Operand,
) -> (Tensor<2>, CpuGate) {
    let batch = rows(x);
    let slopes = match spec.pool {
        _ if is_identity(spec.activation) => 0,
        Pool::Max => spec.output_units(),
        Pool::None | Pool::Average => spec.convolved_units(),
    };
    let winners = if spec.pool == Pool::Max { spec.output_units() } else { 0 };
    let mut slopes = vec![0.0; batch * slopes];
    let mut winners = vec![0; batch * winners];
    let output = run(spec, x, weight, bias, &mut slopes, &mut winners);
    (output, CpuGate { batch, slopes: Arc::new(slopes), winners: Arc::new(winners) })
}

/// Activity alone.
pub(crate) fn activity(spec: &ConvSpec, x: &Operand, weight: &Operand, bias: &Operand) -> Tensor<2> {
    run(spec, x, weight, bias, &mut [], &mut [])
}

fn run(
    spec: &ConvSpec,
    x: &Operand,
    weight: &Operand,
    bias: &Operand,
    slopes: &mut [f32],
    winners: &mut [u16],
) -> Tensor<2> {
    let batch = rows(x);
    let geometry = Geometry::new(spec);
    let (units, group) = (spec.output_units(), geometry.group(batch));
    let (x, weight, bias) = (values(x), values(weight), values(bias));
    let mut output = vec![0.0; batch * units];
    let (slope_units, winner_units) = (slopes.len() / batch.max(1), winners.len() / batch.max(1));
    output
        .par_chunks_mut(group * units)
        .zip(parts(slopes, batch, group, slope_units))
        .zip(parts(winners, batch, group, winner_units))
        .zip(x.par_chunks(group * spec.input_units()))
        .for_each(|(((output, slopes), winners), images)| {
            let parts = Parts { output, slopes, winners };
            with_activation!(spec.activation, A => group_forward::<A>(spec, &geometry, images, weight, bias, parts));
        });
    tensor(output, batch, units)
}

/// The parts of an optional buffer that belong to each group; empty ones if the buffer is.
fn parts<T: Send>(
    buffer: &mut [T],
    batch: usize,
    group: usize,
    units: usize,
) -> impl IndexedParallelIterator<Item = &mut [T]> {
    let mut rest = buffer;
    let mut parts = Vec::with_capacity(batch.div_ceil(group));
    for start in (0..batch).step_by(group) {
        let (part, after) = rest.split_at_mut(group.min(batch - start) * units);
        parts.push(part);
        rest = after;
    }
    parts.into_par_iter()
}

/// Where one group's results go.
struct Parts<'a> {
    output: &'a mut [f32],
    slopes: &'a mut [f32],
    winners: &'a mut [u16],
}

fn group_forward<A: Pointwise>(
    spec: &ConvSpec,
    geometry: &Geometry,
    images: &[f32],
    weight: &[f32],
    bias: &[f32],
    mut parts: Parts<'_>,
) {
    let (fan_in, channels, positions) = (spec.fan_in(), spec.channels, geometry.positions());
    let group = images.len() / spec.input_units();
    let pitch = group * positions;
    scratch::with([fan_in * pitch, channels * pitch], |columns, product| {
        for (index, image) in images.chunks_exact(spec.input_units()).enumerate() {
            geometry.gather(image, columns, pitch, index * positions);
        }
        let weight = View::new(weight, channels, fan_in, fan_in);
        multiply(product, pitch, weight, View::new(columns, fan_in, pitch, pitch), false);
        for index in 0..group {
            for channel in 0..channels {
                let z = &mut product[channel * pitch + index * positions..][..positions];
                for value in z.iter_mut() {
                    *value += bias[channel];
                }
                finish_map::<A>(spec, z, index * channels + channel, &mut parts);
            }
        }
    });
}

/// Activates and pools one channel of one image, the `map`-th of the group.
fn finish_map<A: Pointwise>(spec: &ConvSpec, z: &mut [f32], map: usize, parts: &mut Parts<'_>) {
    let [_, _, width] = spec.convolved();
    let [_, out_rows, out_columns] = spec.output();
    let outputs = out_rows * out_columns;
    let output = &mut parts.output[map * outputs..][..outputs];
    let gated = !parts.slopes.is_empty();
    match spec.pool {
        Pool::Max => {
            let winners = match parts.winners.is_empty() {
                true => &mut [][..],
                false => &mut parts.winners[map * outputs..][..outputs],
            };
            let slopes = match gated {
                true => &mut parts.slopes[map * outputs..][..outputs],
                false => &mut [][..],
            };
            max_pool::<A>(z, width, spec.pool_size, out_columns, output, slopes, winners);
        }
        Pool::None | Pool::Average => {
            let positions = z.len();
            let slopes = match gated {
                true => &mut parts.slopes[map * positions..][..positions],
                false => &mut [][..],
            };
            if spec.pool == Pool::None {
                activate::<A>(z, output, slopes);
            } else {
                activate_in_place::<A>(z, slopes);
                average_pool(z, width, spec.pool_size, out_columns, output);
            }
        }
    }
}

fn activate<A: Pointwise>(z: &[f32], output: &mut [f32], slopes: &mut [f32]) {
    if slopes.is_empty() {
        for (output, z) in output.iter_mut().zip(z) {
            *output = A::value(*z);
        }
    } else {
        for ((output, slope), z) in output.iter_mut().zip(slopes).zip(z) {
            (*output, *slope) = A::both(*z);
        }
    }
}

fn activate_in_place<A: Pointwise>(z: &mut [f32], slopes: &mut [f32]) {
    if slopes.is_empty() {
        for z in z {
            *z = A::value(*z);
        }
    } else {
        for (z, slope) in z.iter_mut().zip(slopes) {
            (*z, *slope) = A::both(*z);
        }
    }
}

/// Picks each window's winner. An increasing activation keeps the order, so winners are picked among
/// pre-activations and only they are activated; ties that the activation itself makes (all of a window below
/// zero, for a rectifier) have slope zero, so that which of them wins changes nothing.
fn max_pool<A: Pointwise>(
    z: &[f32],
    width: usize,
    size: usize,
    out_columns: usize,
    output: &mut [f32],
    slopes: &mut [f32],
    winners: &mut [u16],
) {
    for (row, output) in output.chunks_exact_mut(out_columns).enumerate() {
        let window_rows = &z[row * size * width..][..size * width];
        for (column, output) in output.iter_mut().enumerate() {
            let (mut best, mut best_z, mut winner) = (f32::NEG_INFINITY, f32::NEG_INFINITY, 0);
            for dy in 0..size {
                let window = &window_rows[dy * width + column * size..][..size];
                for (dx, z) in window.iter().enumerate() {
                    let value = if A::INCREASING { *z } else { A::value(*z) };
                    if value > best || value.is_nan() {
                        (best, best_z, winner) = (value, *z, dy * size + dx);
                    }
                }
            }
            let place = row * out_columns + column;
            let (value, slope) = A::both(best_z);
            *output = value;
            if let Some(target) = slopes.get_mut(place) {
                *target = slope;
            }
            if let Some(target) = winners.get_mut(place) {
                *target = winner as u16;
            }
        }
    }
}

fn average_pool(activity: &[f32], width: usize, size: usize, out_columns: usize, output: &mut [f32]) {
    let scale = 1.0 / (size * size) as f32;
    for (row, output) in output.chunks_exact_mut(out_columns).enumerate() {
        let window_rows = &activity[row * size * width..][..size * width];
        for (column, output) in output.iter_mut().enumerate() {
            let mut sum = 0.0;
            for dy in 0..size {
                sum += window_rows[dy * width + column * size..][..size].iter().sum::<f32>();
            }
            *output = sum * scale;
        }
    }
}
