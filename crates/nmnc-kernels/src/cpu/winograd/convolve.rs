//! The forward pass and the input gradient.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::strip::{Strip, pitch};
use super::weights::{Direction, Weights};
use super::{Grid, IN, OUT, PLACES, transform};
use crate::cpu::maps::{Maps, Stored};
use crate::cpu::panels::{Left, Out, multiply};
use crate::cpu::product::Shared;
use crate::cpu::scratch;
use crate::cpu::sinks::{At, Sink, Whole};
use crate::cpu::vectors::{arch, load, store};
use crate::spec::ConvSpec;

/// Convolves `batch` images and hands the pre-activations (without bias) of each group of images to the sink that
/// `sink` makes for it; then calls `finish` with the group's first image, their number, and `z` values of memory an
/// image.
pub(in crate::cpu) fn activity<K: Sink>(
    spec: &ConvSpec,
    x: &[f32],
    batch: usize,
    weight: &[f32],
    z: usize,
    sink: impl Fn(usize, Shared<f32>) -> K + Sync,
    finish: impl Fn(usize, usize, &mut [f32]) + Sync,
) {
    let weights = Weights::new(weight, [spec.channels, spec.input[0]], Direction::Forward);
    let maps = Stored { shape: spec.input, values: x };
    let plan = Plan::new(&maps, &weights, spec.padding, spec.convolved(), batch);
    (0..batch.div_ceil(plan.group)).into_par_iter().for_each(|index| {
        let first = index * plan.group;
        let images = plan.group.min(batch - first);
        plan.with_buffers(images * z, |z, work| {
            let sink = sink(first, Shared(z.as_mut_ptr()));
            arch().dispatch(Group { plan: &plan, first, images, sink, work });
            finish(first, images, z);
        });
    });
}

/// Writes the error at the input, `[batch, c_in·h·w]`, for the gated error `maps`.
pub(in crate::cpu) fn input_gradient(
    spec: &ConvSpec,
    weight: &[f32],
    maps: &impl Maps,
    gradient: &mut [f32],
) {
    let weights = Weights::new(weight, [spec.channels, spec.input[0]], Direction::Backward);
    let units = spec.input_units();
    let batch = gradient.len() / units;
    let plan = Plan::new(maps, &weights, 2 - spec.padding, spec.input, batch);
    gradient.par_chunks_mut(plan.group * units).enumerate().for_each(|(index, out)| {
        let (first, images) = (index * plan.group, out.len() / units);
        let sink = Whole { out: Shared(out.as_mut_ptr()), shape: spec.input };
        plan.with_buffers(0, |_, work| {
            arch().dispatch(Group { plan: &plan, first, images, sink, work });
        });
    });
}

/// What all groups of images share.
struct Plan<'a, M> {
    maps: &'a M,
    weights: &'a Weights,
    padding: usize,
    grid: Grid,
    /// Images a task takes.
    group: usize,
    /// Tiles whose products are made together.
    block: usize,
}

/// Work memory of a group.
struct Work<'a> {
    strip: &'a mut [f32],
    row: &'a mut [f32],
    /// Transformed inputs `[place, tile, channel]`.
    inputs: &'a mut [f32],
    /// Their products with a panel of kernels, `[place, tile, channel of the panel]`.
    products: &'a mut [f32],
}

impl<'a, M: Maps> Plan<'a, M> {
    fn new(maps: &'a M, weights: &'a Weights, padding: usize, shape: [usize; 3], batch: usize) -> Self {
        // Inputs and products of a block stay in a second-level cache of one megabyte.
        const CACHED: usize = 170_000;
        let grid = Grid::new(shape[1], shape[2]);
        let tile = PLACES * (pitch(weights.inputs) + weights.widest());
        let block = (CACHED / tile).clamp(12, 48) / 6 * 6;
        let group = (block / grid.tiles()).min(batch.div_ceil(16)).max(1);
        let block = block.min(group * grid.tiles());
        Self { maps, weights, padding, grid, group, block }
    }

    /// Columns of a strip: every tile's six.
    fn width(&self) -> usize {
        self.grid.columns * OUT + IN - OUT
    }

    fn with_buffers<R>(&self, z: usize, work: impl FnOnce(&mut [f32], Work) -> R) -> R {
        let [channels, _, columns] = self.maps.shape();
        let lengths = [
            z,
            Strip::size(IN, self.width(), channels),
            Strip::buffer_size(columns),
            PLACES * self.block * pitch(channels),
            PLACES * self.block * self.weights.widest(),
        ];
        scratch::with(scratch::Use::Group, lengths, |[z, strip, row, inputs, products]| {
            work(z, Work { strip, row, inputs, products })
        })
    }
}

/// The work on one group of images.
struct Group<'a, M, K> {
    plan: &'a Plan<'a, M>,
    first: usize,
    images: usize,
    sink: K,
    work: Work<'a>,
}

impl<M: Maps, K: Sink> WithSimd for Group<'_, M, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { plan, first, images, sink, work } = self;
        let Plan { maps, weights, padding, grid, block, .. } = *plan;
        let channels = maps.shape()[0];
        let pitch = pitch(channels);
        assert_eq!(channels, weights.inputs);
        assert!(work.inputs.len() >= PLACES * block * pitch);
        assert!(work.products.len() >= PLACES * block * weights.widest());
        let mut strip = Strip::new(work.strip, work.row, [IN, plan.width(), channels], padding);
        assert!(
            strip.values.len() >= IN * plan.width() * pitch && plan.width() >= grid.columns * OUT + IN - OUT
        );
        let mut held = None;
        let tiles = images * grid.tiles();
        for start in (0..tiles).step_by(block) {
            let count = block.min(tiles - start);
            for tile in 0..count {
                let Place { image, row, column } = place(grid, start + tile);
                if held != Some((image, row)) {
                    let follows = row > 0 && held == Some((image, row - 1));
                    let top = (row * OUT) as isize - padding as isize;
                    strip.fill(maps, first + image, top, if follows { IN - OUT } else { 0 });
                    held = Some((image, row));
                }
                let from = strip.values[column * OUT * pitch..].as_ptr();
                let line = plan.width() * pitch;
                let to = work.inputs[tile * pitch..].as_mut_ptr();
                // SAFETY: the tile's six rows and columns lie inside the strip, and `inputs` holds `PLACES` planes
                // of `block` tiles; both were checked above.
                unsafe { transform_input(simd, from, line, to, block * pitch, pitch) };
            }
            for panel_first in weights.panels() {
                let lanes = weights.panel(panel_first, 0).step;
                for place in 0..PLACES {
                    let left =
                        Left { at: work.inputs[place * block * pitch..].as_ptr(), row_step: pitch, step: 1 };
                    let out = Out {
                        at: work.products[place * block * lanes..].as_mut_ptr(),
                        step: lanes,
                        accumulate: false,
                    };
                    // SAFETY: `count <= block` rows of both buffers, whose sizes were checked above; the panel has
                    // one row an input channel.
                    unsafe { multiply(simd, count, channels, left, weights.panel(panel_first, place), out) };
                }
                for tile in 0..count {
                    let Place { image, row, column } = place(grid, start + tile);
                    for vector in (0..lanes.min(weights.outputs - panel_first)).step_by(S::F32_LANES) {
                        let from = work.products[tile * lanes + vector..].as_ptr();
                        // SAFETY: as for the products.
                        let y = unsafe { transform_output::<S>(simd, from, block * lanes) };
                        let channel = panel_first + vector;
                        let at = At { image, top: row * OUT, left: column * OUT, channel };
                        // SAFETY: every tile and vector of channels is visited once.
                        unsafe { sink.tile(simd, &y, at) };
                    }
                }
            }
        }
    }
}

/// Where a tile of a group lies.
#[derive(Clone, Copy)]
struct Place {
    image: usize,
    row: usize,
    column: usize,
}

#[inline(always)]
fn place(grid: Grid, tile: usize) -> Place {
    let within = tile % grid.tiles();
    Place { image: tile / grid.tiles(), row: within / grid.columns, column: within % grid.columns }
}

/// `Bᵀ d B` of one tile for all channels: pixels `[row, column, channel]` with rows `line` apart, to places `plane`
/// apart.
///
/// # Safety
/// Six rows of `6 pitch` values must be readable at `from`, `pitch` values writable at each of the 36 places, and
/// `pitch` be a multiple of the vector.
#[inline(always)]
pub(super) unsafe fn transform_input<S: Simd>(
    simd: S,
    from: *const f32,
    line: usize,
    to: *mut f32,
    plane: usize,
    pitch: usize,
) {
    for channel in (0..pitch).step_by(S::F32_LANES) {
        let mut half = [[simd.splat_f32s(0.0); IN]; IN];
        for column in 0..IN {
            let mut d = [simd.splat_f32s(0.0); IN];
            for (row, d) in d.iter_mut().enumerate() {
                // SAFETY: inside the tile.
                *d = unsafe { load::<S>(from.add(row * line + column * pitch + channel)) };
            }
            for (half, value) in half.iter_mut().zip(transform::input(simd, d)) {
                half[column] = value;
            }
        }
        for (row, half) in half.into_iter().enumerate() {
            for (column, value) in transform::input(simd, half).into_iter().enumerate() {
                // SAFETY: one of the 36 places.
                unsafe { store::<S>(to.add((row * IN + column) * plane + channel), value) };
            }
        }
    }
}

/// `Aᵀ m A` of one tile for one vector of channels.
///
/// # Safety
/// A vector must be readable at each of 36 places `plane` apart.
#[inline(always)]
unsafe fn transform_output<S: Simd>(simd: S, from: *const f32, plane: usize) -> [[S::f32s; OUT]; OUT] {
    let mut half = [[simd.splat_f32s(0.0); IN]; OUT];
    for column in 0..IN {
        let mut m = [simd.splat_f32s(0.0); IN];
        for (row, m) in m.iter_mut().enumerate() {
            // SAFETY: one of the 36 places.
            *m = unsafe { load::<S>(from.add((row * IN + column) * plane)) };
        }
        for (half, value) in half.iter_mut().zip(transform::output(simd, m)) {
            half[column] = value;
        }
    }
    let mut y = [[simd.splat_f32s(0.0); OUT]; OUT];
    for (y, half) in y.iter_mut().zip(half) {
        *y = transform::output(simd, half);
    }
    y
}
