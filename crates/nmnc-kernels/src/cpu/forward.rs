//! The forward pass: product, then bias, activation and pooling on its still-hot result.

use std::marker::PhantomData;
use std::sync::Arc;

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::columns::Geometry;
use super::pointwise::{Pointwise, with_activation};
use super::product::{Shared, View, multiply};
use super::sinks::{Peaks, Whole};
use super::vectors::WIDEST;
use super::wide::wide;
use super::{Operand, direct, rows, scratch, tensor, values, winograd};
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
    let shares = Shares::new(&mut output, slopes, winners, batch);
    with_activation!(spec.activation, A => {
        let whole = |_, z| Whole { out: z, shape: spec.convolved() };
        let finish = |first, z: &mut [f32]| {
            // SAFETY: every image is finished once.
            let mut parts = unsafe { shares.of(first, z.len() / spec.convolved_units()) };
            finish_images::<A>(spec, z, bias, &mut parts);
        };
        let mut padded_bias = bias.to_vec();
        padded_bias.resize(bias.len() + WIDEST, 0.0);
        let peaks = |first, _| shares.peaks(first, spec.output(), &padded_bias);
        let settle = |first, images| {
            // SAFETY: as above.
            let parts = unsafe { shares.of(first, images) };
            wide(#[inline(always)] || settle::<A>(parts.output, parts.slopes, parts.winners));
        };
        let only_peaks = A::INCREASING && spec.pool == Pool::Max && spec.pool_size == 2;
        match (winograd::covers(spec), direct::covers(spec), only_peaks) {
            (true, _, true) => {
                winograd::activity(spec, x, batch, weight, 0, peaks, |first, images, _| settle(first, images))
            }
            (true, _, false) => {
                let units = spec.convolved_units();
                winograd::activity(spec, x, batch, weight, units, whole, |first, _, z| finish(first, z))
            }
            (_, true, true) => direct::activity(spec, x, weight, 0, peaks, |index, _| settle(index, 1)),
            (_, true, false) => direct::activity(spec, x, weight, spec.convolved_units(), whole, finish),
            _ => x.par_chunks(group * spec.input_units()).enumerate().for_each(|(index, images)| {
                // SAFETY: as above.
                let parts = unsafe { shares.of(index * group, images.len() / spec.input_units()) };
                group_forward::<A>(spec, &geometry, images, weight, bias, parts);
            }),
        }
    });
    tensor(output, batch, units)
}

/// The results of a batch, of which each task fills its own images.
struct Shares {
    output: Shared<f32>,
    slopes: Shared<f32>,
    winners: Shared<u8>,
    /// Values an image has in each; zero for an empty buffer.
    units: [usize; 3],
}

impl Shares {
    fn new(output: &mut [f32], slopes: &mut [f32], winners: &mut [u8], batch: usize) -> Self {
        let batch = batch.max(1);
        let units = [output.len() / batch, slopes.len() / batch, winners.len() / batch];
        Self {
            output: Shared(output.as_mut_ptr()),
            slopes: Shared(slopes.as_mut_ptr()),
            winners: Shared(winners.as_mut_ptr()),
            units,
        }
    }

    /// Takes peaks of images counted from `first`.
    fn peaks<'b>(&self, first: usize, shape: [usize; 3], bias: &'b [f32]) -> Peaks<'b> {
        let [output, _, winners] = self.units;
        Peaks {
            out: Shared(self.output.at(first * output)),
            places: (winners > 0).then(|| Shared(self.winners.at(first * winners))),
            shape,
            bias,
        }
    }

    /// The parts of `images` images from `first`.
    ///
    /// # Safety
    /// The images must lie inside the batch and be handed out once, while the buffers live.
    unsafe fn of(&self, first: usize, images: usize) -> Parts<'_> {
        let [output, slopes, winners] = self.units;
        // SAFETY: the caller vouches for disjoint images of the batch.
        unsafe {
            Parts {
                output: std::slice::from_raw_parts_mut(self.output.at(first * output), images * output),
                slopes: std::slice::from_raw_parts_mut(self.slopes.at(first * slopes), images * slopes),
                winners: std::slice::from_raw_parts_mut(self.winners.at(first * winners), images * winners),
            }
        }
    }
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
    scratch::with(scratch::Use::Group, [fan_in * pitch, channels * pitch], |[columns, product]| {
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

/// Finishes pre-activations `[image, channel, position]`.
fn finish_images<A: Pointwise>(spec: &ConvSpec, z: &mut [f32], bias: &[f32], parts: &mut Parts<'_>) {
    let [channels, rows, columns] = spec.convolved();
    wide(
        #[inline(always)]
        || {
            for (map, z) in z.chunks_exact_mut(rows * columns).enumerate() {
                finish_map::<A>(spec, z, bias[map % channels], map, parts);
            }
        },
    );
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
