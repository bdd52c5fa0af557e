//! The forward pass: product, then bias, activation and pooling on its still-hot result.

use std::marker::PhantomData;
use std::sync::Arc;

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::columns::Geometry;
use super::pointwise::{Pointwise, with_activation};
use super::product::{View, multiply};
use super::wide::wide;
use super::{Operand, rows, scratch, tensor, values};
use crate::spec::{Activation, ConvSpec, Pool};

/// What a gate holds on this path.
#[derive(Clone, Debug)]
pub(crate) struct CpuGate {
    pub(super) batch: usize,
    /// The slope at each output (max pooling) or pre-activation (otherwise); empty where it is 1 wherever a
    /// winner stands.
    pub(super) slopes: Arc<Vec<f32>>,
    /// For max pooling, each winner's place in its window, `row * pool_size + column`, or [`SHUT`].
    pub(super) winners: Arc<Vec<u8>>,
}

/// In place of a winner: the slope is zero, and no error passes.
pub(super) const SHUT: u8 = u8::MAX;

/// The widest window whose places leave room for [`SHUT`].
pub(super) const WIDEST_WINDOW: usize = 15;

/// Activity and gate.
pub(crate) fn forward(
    spec: &ConvSpec,
    x: &Operand,
    weight: &Operand,
    bias: &Operand,
) -> (Tensor<2>, CpuGate) {
    let batch = rows(x);
    let slopes = match (spec.pool, spec.activation) {
        (_, Activation::Identity) => 0,
        // A slope of 0 or 1 fits in the winner.
        (Pool::Max, Activation::Relu) => 0,
        (Pool::Max, _) => spec.output_units(),
        (Pool::None | Pool::Average, _) => spec.convolved_units(),
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
    winners: &mut [u8],
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
    winners: &'a mut [u8],
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
        geometry.gather_group(images, columns);
        let weight = View::new(weight, channels, fan_in, fan_in);
        multiply(product, pitch, weight, View::new(columns, fan_in, pitch, pitch), false);
        wide(
            #[inline(always)]
            || {
                for (map, (image, channel)) in (0..group)
                    .flat_map(|image| (0..channels).map(move |channel| (image, channel)))
                    .enumerate()
                {
                    let z = &mut product[channel * pitch + image * positions..][..positions];
                    finish_map::<A>(spec, z, bias[channel], map, &mut parts);
                }
            },
        );
    });
}

/// Adds the bias to, activates and pools one channel of one image, the `map`-th of the group.
#[inline(always)]
fn finish_map<A: Pointwise>(spec: &ConvSpec, z: &mut [f32], bias: f32, map: usize, parts: &mut Parts<'_>) {
    let [_, _, width] = spec.convolved();
    let [_, out_rows, out_columns] = spec.output();
    let outputs = out_rows * out_columns;
    let output = &mut parts.output[map * outputs..][..outputs];
    let gates = if spec.pool == Pool::Max { outputs } else { z.len() };
    let slopes = part_of(parts.slopes, map, gates);
    match spec.pool {
        Pool::None => activate::<A>(z, bias, output, slopes),
        Pool::Average => {
            activate_in_place::<A>(z, bias, slopes);
            average_pool(z, width, spec.pool_size, out_columns, output);
        }
        Pool::Max => {
            let winners = part_of(parts.winners, map, outputs);
            max_pool::<A>(z, bias, width, spec.pool_size, out_columns, output, winners);
            settle::<A>(output, slopes, winners);
        }
    }
}

/// The `map`-th part of an optional buffer; empty if the buffer is.
#[inline(always)]
fn part_of<T>(buffer: &mut [T], map: usize, length: usize) -> &mut [T] {
    if buffer.is_empty() { buffer } else { &mut buffer[map * length..][..length] }
}

#[inline(always)]
fn activate<A: Pointwise>(z: &[f32], bias: f32, output: &mut [f32], slopes: &mut [f32]) {
    if slopes.is_empty() {
        for (output, z) in output.iter_mut().zip(z) {
            *output = A::value(*z + bias);
        }
    } else {
        for ((output, slope), z) in output.iter_mut().zip(slopes).zip(z) {
            (*output, *slope) = A::both(*z + bias);
        }
    }
}

#[inline(always)]
fn activate_in_place<A: Pointwise>(z: &mut [f32], bias: f32, slopes: &mut [f32]) {
    if slopes.is_empty() {
        for z in z {
            *z = A::value(*z + bias);
        }
    } else {
        for (z, slope) in z.iter_mut().zip(slopes) {
            (*z, *slope) = A::both(*z + bias);
        }
    }
}

/// Leaves each window's winning pre-activation in `output` and its place in `winners` (if wanted).
///
/// An increasing activation keeps the order, so winners are picked among pre-activations and only they are
/// activated; ties that the activation itself makes (all of a window below zero, for a rectifier) have slope
/// zero, so that which of them wins changes nothing.
#[inline(always)]
fn max_pool<A: Pointwise>(
    z: &[f32],
    bias: f32,
    width: usize,
    size: usize,
    out_columns: usize,
    output: &mut [f32],
    winners: &mut [u8],
) {
    let mut unwanted = winners.is_empty().then(|| vec![0; out_columns]);
    for (row, output) in output.chunks_exact_mut(out_columns).enumerate() {
        let rows = &z[row * size * width..][..size * width];
        let winners = match &mut unwanted {
            Some(unwanted) => &mut unwanted[..],
            None => &mut winners[row * out_columns..][..out_columns],
        };
        if size == 2 {
            // The common window, in a form without bounds checks that compiles to vectors.
            let (top, bottom) = rows.split_at(width);
            let windows = top.chunks_exact(2).zip(bottom.chunks_exact(2));
            for ((output, winner), (top, bottom)) in output.iter_mut().zip(winners).zip(windows) {
                let mut best = Best::<A>::new();
                best.offer(top[0] + bias, 0);
                best.offer(top[1] + bias, 1);
                best.offer(bottom[0] + bias, 2);
                best.offer(bottom[1] + bias, 3);
                (*output, *winner) = (best.z, best.place as u8);
            }
        } else {
            for (column, (output, winner)) in output.iter_mut().zip(winners).enumerate() {
                let mut best = Best::<A>::new();
                for dy in 0..size {
                    for (dx, z) in rows[dy * width + column * size..][..size].iter().enumerate() {
                        best.offer(*z + bias, (dy * size + dx) as u32);
                    }
                }
                (*output, *winner) = (best.z, best.place as u8);
            }
        }
    }
}

/// The best entry of a window so far. Selections instead of branches: which entry wins is unpredictable.
struct Best<A> {
    value: f32,
    z: f32,
    place: u32,
    activation: PhantomData<A>,
}

impl<A: Pointwise> Best<A> {
    #[inline(always)]
    fn new() -> Self {
        Self { value: f32::NEG_INFINITY, z: f32::NEG_INFINITY, place: 0, activation: PhantomData }
    }

    #[inline(always)]
    fn offer(&mut self, z: f32, place: u32) {
        let value = if A::INCREASING { z } else { A::value(z) };
        let wins = (value > self.value) | value.is_nan();
        self.value = if wins { value } else { self.value };
        self.z = if wins { z } else { self.z };
        self.place = if wins { place } else { self.place };
    }
}

/// Turns winning pre-activations into activities, and records what their slopes let through.
#[inline(always)]
fn settle<A: Pointwise>(output: &mut [f32], slopes: &mut [f32], winners: &mut [u8]) {
    if !slopes.is_empty() {
        activate_in_place::<A>(output, 0.0, slopes);
        return;
    }
    for (output, winner) in output.iter_mut().zip(winners) {
        *winner = if A::both(*output).1 == 0.0 { SHUT } else { *winner };
    }
    activate_in_place::<A>(output, 0.0, slopes);
}

#[inline(always)]
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
