//! Convolution straight from padded images, for kernels that read few inputs.
//!
//! A patch matrix of few rows costs more to write and read than the product with it, so none is made: a table says
//! how far from an output's first input each of its others lies. Four neighboring outputs are the rows of a register
//! block, channels its vectors; four blocks make a tile.

mod gradient;

pub(super) use gradient::weight_gradient;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::product::Shared;
use super::scratch;
use super::sinks::{At, Sink, TILE};
use super::vectors::{Widths, arch, load, panel_vectors, store};
use crate::spec::ConvSpec;

/// Whether the stage is computed here: outputs read few inputs, and whole tiles need no more than sixteen times the padded image.
pub(super) fn covers(spec: &ConvSpec) -> bool {
    const MOST_INPUTS: usize = 160;
    let [_, height, width] = spec.input;
    spec.fan_in() <= MOST_INPUTS && spec.stride <= height.min(width) + 2 * spec.padding
}

/// Convolves images and hands the pre-activations (without bias) of each to the sink that `sink` makes for it, then
/// calls `finish` with its index and its `z` values of memory.
pub(super) fn activity<K: Sink>(
    spec: &ConvSpec,
    x: &[f32],
    weight: &[f32],
    z: usize,
    sink: impl Fn(usize, Shared<f32>) -> K + Sync,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    let plan = Plan::new(spec, weight);
    let lengths = [z, plan.image.size(), TILE * TILE * plan.widest];
    x.par_chunks(spec.input_units()).enumerate().for_each(|(index, image)| {
        scratch::with(scratch::Use::Group, lengths, |[z, padded, tile]| {
            plan.image.fill(spec, image, padded);
            let sink = sink(index, Shared(z.as_mut_ptr()));
            arch().dispatch(Image { plan: &plan, padded, tile, sink });
            finish(index, z);
        });
    });
}

/// A padded image.
struct Padded {
    /// Channels, rows and columns, with what whole tiles need beyond the edges.
    shape: [usize; 3],
    /// Place of each input of an output, relative to its first.
    offsets: Vec<usize>,
}

impl Padded {
    fn new(spec: &ConvSpec) -> Self {
        let [channels, height, width] = spec.input;
        let [_, rows, columns] = spec.convolved();
        let reach = |outputs: usize| (outputs.next_multiple_of(TILE) - 1) * spec.stride + spec.kernel;
        let side = |size: usize, outputs: usize| (size + 2 * spec.padding).max(reach(outputs));
        let shape = [channels, side(height, rows), side(width, columns)];
        let taps = spec.kernel * spec.kernel;
        let offsets = (0..spec.fan_in())
            .map(|input| {
                let (channel, tap) = (input / taps, input % taps);
                (channel * shape[1] + tap / spec.kernel) * shape[2] + tap % spec.kernel
            })
            .collect();
        Self { shape, offsets }
    }

    fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// Writes `image` with its zeros around it.
    fn fill(&self, spec: &ConvSpec, image: &[f32], padded: &mut [f32]) {
        let [_, height, width] = spec.input;
        let [_, padded_height, padded_width] = self.shape;
        padded.fill(0.0);
        for (index, row) in image.chunks_exact(width).enumerate() {
            let line = index / height * padded_height + index % height + spec.padding;
            padded[line * padded_width + spec.padding..][..width].copy_from_slice(row);
        }
    }
}

/// What all images share.
struct Plan<'a> {
    spec: &'a ConvSpec,
    image: Padded,
    /// Weights `[panel, input, channel of the panel]`.
    panels: Vec<f32>,
    /// Channels of a vector and of a full panel.
    lanes: usize,
    widest: usize,
}

impl<'a> Plan<'a> {
    fn new(spec: &'a ConvSpec, weight: &[f32]) -> Self {
        let [lanes, full] = arch().dispatch(Widths);
        let widest = lanes * full;
        let whole = spec.channels.next_multiple_of(lanes);
        let mut panels = vec![0.0; whole * spec.fan_in()];
        for (channel, taps) in weight.chunks_exact(spec.fan_in()).enumerate() {
            let first = channel / widest * widest;
            let step = widest.min(whole - first);
            for (input, value) in taps.iter().enumerate() {
                panels[first * spec.fan_in() + input * step + channel - first] = *value;
            }
        }
        Self { spec, image: Padded::new(spec), panels, lanes, widest }
    }
}

/// The work on one image.
struct Image<'a, K> {
    plan: &'a Plan<'a>,
    padded: &'a [f32],
    /// Outputs of a tile, `[row, column, channel of the panel]`.
    tile: &'a mut [f32],
    sink: K,
}

impl<K: Sink> WithSimd for Image<'_, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { plan, padded, tile, sink } = self;
        let [channels, rows, columns] = plan.spec.convolved();
        let (fan_in, stride, width) = (plan.spec.fan_in(), plan.spec.stride, plan.image.shape[2]);
        let whole = channels.next_multiple_of(S::F32_LANES);
        assert_eq!([S::F32_LANES, panel_vectors::<S>() * S::F32_LANES], [plan.lanes, plan.widest]);
        assert_eq!((padded.len(), plan.panels.len()), (plan.image.size(), whole * fan_in));
        assert!(tile.len() >= TILE * TILE * plan.widest);
        let last = |outputs: usize| (outputs.next_multiple_of(TILE) - 1) * stride;
        assert!(last(rows) * width + last(columns) + plan.image.offsets[fan_in - 1] < padded.len());
        for first in (0..channels).step_by(plan.widest) {
            let step = plan.widest.min(whole - first);
            let panel = plan.panels[first * fan_in..][..fan_in * step].as_ptr();
            for top in (0..rows).step_by(TILE) {
                for left in (0..columns).step_by(TILE) {
                    for row in 0..TILE {
                        let from = padded[((top + row) * width + left) * stride..].as_ptr();
                        let to = tile[row * TILE * step..].as_mut_ptr();
                        // SAFETY: all inputs of the block lie inside the image, as checked above; the panel has
                        // `fan_in` rows of `step` values, and a tile `TILE²`.
                        unsafe {
                            match step / S::F32_LANES {
                                1 => block::<S, 1>(simd, from, plan, panel, to),
                                2 => block::<S, 2>(simd, from, plan, panel, to),
                                3 => block::<S, 3>(simd, from, plan, panel, to),
                                _ => block::<S, 4>(simd, from, plan, panel, to),
                            }
                        }
                    }
                    for vector in (0..step.min(channels - first)).step_by(S::F32_LANES) {
                        let mut y = [[simd.splat_f32s(0.0); TILE]; TILE];
                        for (index, y) in y.iter_mut().flatten().enumerate() {
                            // SAFETY: a tile has `TILE²` rows of `step` values.
                            *y = unsafe { load::<S>(tile.as_ptr().add(index * step + vector)) };
                        }
                        let at = At { image: 0, top, left, channel: first + vector };
                        // SAFETY: every tile is visited once.
                        unsafe { sink.tile(simd, &y, at) };
                    }
                }
            }
        }
    }
}

/// One register block: `TILE` neighboring outputs, `V` vectors of channels.
///
/// # Safety
/// `from` plus each offset must be readable for every output, `panel` hold a row of `V` vectors for each offset, and
/// `to` have room for `TILE` rows of them.
#[inline(always)]
unsafe fn block<S: Simd, const V: usize>(
    simd: S,
    from: *const f32,
    plan: &Plan,
    panel: *const f32,
    to: *mut f32,
) {
    let mut sums = [[simd.splat_f32s(0.0); V]; TILE];
    for (input, offset) in plan.image.offsets.iter().enumerate() {
        // SAFETY: vouched for by the caller.
        unsafe {
            let mut right = [simd.splat_f32s(0.0); V];
            for (vector, right) in right.iter_mut().enumerate() {
                *right = load::<S>(panel.add((input * V + vector) * S::F32_LANES));
            }
            for (column, sums) in sums.iter_mut().enumerate() {
                let factor = simd.splat_f32s(*from.add(offset + column * plan.spec.stride));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = simd.mul_add_e_f32s(factor, right, *sum);
                }
            }
        }
    }
    for (column, sums) in sums.into_iter().enumerate() {
        for (vector, sum) in sums.into_iter().enumerate() {
            // SAFETY: vouched for by the caller.
            unsafe { store::<S>(to.add((column * V + vector) * S::F32_LANES), sum) };
        }
    }
}
