//! Slabs of the two factors of a product, gathered from where they lie: a convolution is a product of matrices that nobody stores.
//!
//! Each unit reads a few elements of a slab. What they have in common, such as a place of a map and whether a tap there meets the input, is
//! worked out once for all of them: index arithmetic, not reading, is what a gather costs.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::layout::Layout;
use super::tile::{DEPTH, Side, own_inner, own_outer, staged_index};
use crate::accelerator::geometry::Geometry;

/// Where a slab begins and where its factor ends.
#[derive(CubeType, Clone, Copy)]
pub struct Slab {
    pub first_outer: u32,
    pub first_inner: u32,
    pub outer_end: u32,
    pub inner_end: u32,
    pub outer_stride: u32,
    pub inner_stride: u32,
}

/// First bit of the marks of [`fetch`] that says which elements are ones.
pub const ONES: u32 = 16;

/// Reads this unit's elements of a slab, and gives marks: bit `turn` is set where the element belongs to the factor, bit [`ONES`]` + turn`
/// where it is a one that lies nowhere; the others are zero.
///
/// All elements are read, those beyond the ends from the beginning of the buffer, and what they are is decided when they are staged: a
/// decision that needs a value would wait for it, and every element for the one before.
#[cube]
pub fn fetch(buffer: &[f32], held: &mut Array<f32>, slab: &Slab, #[comptime] side: Side) -> u32 {
    let mut marks = 0u32;
    if comptime!(side.layout == Layout::Matrix) {
        marks = matrix(buffer, held, slab, side);
    }
    if comptime!(side.layout == Layout::Weights) {
        marks = weights(buffer, held, slab, side);
    }
    if comptime!(side.layout == Layout::Patches) {
        marks = patches(buffer, held, slab, side);
    }
    if comptime!(side.layout == Layout::ShallowPatches) {
        marks = shallow_patches(buffer, held, slab, side);
    }
    if comptime!(side.layout == Layout::PatchesByTap || side.layout == Layout::PatchesByWeight) {
        marks = patches_by_place(buffer, held, slab, side);
    }
    if comptime!(side.layout == Layout::Maps) {
        marks = maps(buffer, held, slab, side);
    }
    if comptime!(side.layout == Layout::Filters) {
        marks = filters(buffer, held, slab, side);
    }
    if comptime!(side.layout == Layout::ErrorPatches) {
        marks = error_patches(buffer, held, slab, side);
    }
    marks
}

/// Reads the element at `index` where it is `there`, and gives its mark.
#[cube]
fn read(buffer: &[f32], held: &mut Array<f32>, index: u32, there: bool, #[comptime] turn: u32) -> u32 {
    held[turn as usize] = buffer[select(there, index, 0u32) as usize];
    select(there, comptime!(1u32 << turn).runtime(), 0u32)
}

#[cube]
fn matrix(buffer: &[f32], held: &mut Array<f32>, slab: &Slab, #[comptime] side: Side) -> u32 {
    let outer = slab.first_outer + own_outer(side);
    let inner = slab.first_inner + own_inner(side);
    let start = outer * slab.outer_stride + inner * slab.inner_stride;
    let step =
        comptime!(side.outer_step()) * slab.outer_stride + comptime!(side.inner_step()) * slab.inner_stride;
    let mut marks = 0u32;
    #[unroll]
    for turn in 0..comptime!(side.share()) {
        let there = outer + comptime!(turn * side.outer_step()) < slab.outer_end
            && inner + comptime!(turn * side.inner_step()) < slab.inner_end;
        marks |= read(buffer, held, start + turn * step, there, turn);
    }
    marks
}

/// Tap of the slab.
#[cube]
fn tap_of(slab: &Slab, #[comptime] geometry: Geometry) -> u32 {
    slab.first_inner / comptime!(DEPTH) % comptime!(geometry.taps())
}

/// First channel of the slab's block.
#[cube]
fn block_of(slab: &Slab, #[comptime] geometry: Geometry) -> u32 {
    slab.first_inner / comptime!(DEPTH * geometry.taps()) * comptime!(DEPTH)
}

#[cube]
fn weights(buffer: &[f32], held: &mut Array<f32>, slab: &Slab, #[comptime] side: Side) -> u32 {
    let geometry = comptime!(side.geometry);
    let outer = slab.first_outer + own_outer(side);
    let channel = block_of(slab, geometry) + own_inner(side);
    let start =
        outer * comptime!(geometry.fan_in()) + channel * comptime!(geometry.taps()) + tap_of(slab, geometry);
    let inside = channel < comptime!(geometry.channels) && slab.first_inner < slab.inner_end;
    let mut marks = 0u32;
    #[unroll]
    for turn in 0..comptime!(side.share()) {
        let there = inside && outer + comptime!(turn * side.outer_step()) < slab.outer_end;
        let index = start + comptime!(turn * side.outer_step() * geometry.fan_in());
        marks |= read(buffer, held, index, there, turn);
    }
    marks
}

#[cube]
fn filters(buffer: &[f32], held: &mut Array<f32>, slab: &Slab, #[comptime] side: Side) -> u32 {
    let geometry = comptime!(side.geometry);
    let channel = slab.first_outer + own_outer(side);
    let filter = block_of(slab, geometry) + own_inner(side);
    let start =
        filter * comptime!(geometry.fan_in()) + channel * comptime!(geometry.taps()) + tap_of(slab, geometry);
    let inside = channel < slab.outer_end && slab.first_inner < slab.inner_end;
    let mut marks = 0u32;
    #[unroll]
    for turn in 0..comptime!(side.share()) {
        let there = inside && filter + comptime!(turn * side.inner_step()) < comptime!(geometry.filters);
        let index = start + comptime!(turn * side.inner_step() * geometry.fan_in());
        marks |= read(buffer, held, index, there, turn);
    }
    marks
}

/// Index of the input that meets the tap `(down, across)` of a filter at `place`, of channel `channel`; [`NOWHERE`] beyond the border.
#[cube]
fn met(place: u32, channel: u32, down: u32, across: u32, #[comptime] geometry: Geometry) -> u32 {
    let image = place / comptime!(geometry.places());
    let spot = place % comptime!(geometry.places());
    // Coordinates in the padded input: below the padding the difference wraps to a large number.
    let row =
        spot / comptime!(geometry.columns) * comptime!(geometry.stride) + down - comptime!(geometry.padding);
    let column = spot % comptime!(geometry.columns) * comptime!(geometry.stride) + across
        - comptime!(geometry.padding);
    let map = image * comptime!(geometry.channels) + channel;
    let index = (map * comptime!(geometry.height) + row) * comptime!(geometry.width) + column;
    let inside = row < comptime!(geometry.height) && column < comptime!(geometry.width);
    select(inside, index, NOWHERE.runtime())
}

/// No index of a buffer.
const NOWHERE: u32 = u32::MAX;

#[cube]
fn patches(buffer: &[f32], held: &mut Array<f32>, slab: &Slab, #[comptime] side: Side) -> u32 {
    let geometry = comptime!(side.geometry);
    let place = slab.first_outer + own_outer(side);
    let channel = block_of(slab, geometry) + own_inner(side);
    let tap = tap_of(slab, geometry);
    let (down, across) = (tap / comptime!(geometry.kernel), tap % comptime!(geometry.kernel));
    let start = met(place, channel, down, across, geometry);
    let inside = start != NOWHERE && place < slab.outer_end && slab.first_inner < slab.inner_end;
    let mut marks = 0u32;
    #[unroll]
    for turn in 0..comptime!(side.share()) {
        let there = inside && channel + comptime!(turn * side.inner_step()) < comptime!(geometry.channels);
        let index = start + comptime!(turn * side.inner_step() * geometry.height * geometry.width);
        marks |= read(buffer, held, index, there, turn);
    }
    marks
}

#[cube]
fn shallow_patches(buffer: &[f32], held: &mut Array<f32>, slab: &Slab, #[comptime] side: Side) -> u32 {
    let geometry = comptime!(side.geometry);
    let place = slab.first_outer + own_outer(side);
    let first = slab.first_inner + own_inner(side);
    let inside = place < slab.outer_end;
    let mut marks = 0u32;
    #[unroll]
    for turn in 0..comptime!(side.share()) {
        let inner = first + comptime!(turn * side.inner_step());
        let (channel, tap) = (inner / comptime!(geometry.taps()), inner % comptime!(geometry.taps()));
        let (down, across) = (tap / comptime!(geometry.kernel), tap % comptime!(geometry.kernel));
        let index = met(place, channel, down, across, geometry);
        let there = inside && inner < slab.inner_end && index != NOWHERE;
        marks |= read(buffer, held, index, there, turn);
    }
    marks
}

#[cube]
fn patches_by_place(buffer: &[f32], held: &mut Array<f32>, slab: &Slab, #[comptime] side: Side) -> u32 {
    let geometry = comptime!(side.geometry);
    let place = slab.first_inner + own_inner(side);
    let inside = place < slab.inner_end;
    let mut marks = 0u32;
    #[unroll]
    for turn in 0..comptime!(side.share()) {
        let outer = slab.first_outer + own_outer(side) + comptime!(turn * side.outer_step());
        let mut channel = outer / comptime!(geometry.taps());
        let mut tap = outer % comptime!(geometry.taps());
        if comptime!(side.layout == Layout::PatchesByTap) {
            channel = outer % comptime!(geometry.channels);
            // The same for all units that read in this turn, since channels fill whole blocks.
            tap = (slab.first_outer + comptime!(turn * side.outer_step())) / comptime!(geometry.channels);
        }
        let (down, across) = (tap / comptime!(geometry.kernel), tap % comptime!(geometry.kernel));
        let index = met(place, channel, down, across, geometry);
        let there = inside && outer < comptime!(geometry.fan_in()) && index != NOWHERE;
        marks |= read(buffer, held, index, there, turn);
        let one = inside && outer == comptime!(geometry.fan_in());
        marks |= select(one, comptime!(1u32 << (ONES + turn)).runtime(), 0u32);
    }
    marks
}

#[cube]
fn maps(buffer: &[f32], held: &mut Array<f32>, slab: &Slab, #[comptime] side: Side) -> u32 {
    let geometry = comptime!(side.geometry);
    let outer = slab.first_outer + own_outer(side);
    let place = slab.first_inner + own_inner(side);
    let image = place / comptime!(geometry.places());
    let spot = place % comptime!(geometry.places());
    let start = (image * comptime!(geometry.filters) + outer) * comptime!(geometry.places()) + spot;
    let inside = place < slab.inner_end;
    let mut marks = 0u32;
    #[unroll]
    for turn in 0..comptime!(side.share()) {
        let there = inside && outer + comptime!(turn * side.outer_step()) < slab.outer_end;
        let index = start + comptime!(turn * side.outer_step() * geometry.places());
        marks |= read(buffer, held, index, there, turn);
    }
    marks
}

#[cube]
#[allow(clippy::manual_is_multiple_of, reason = "kernels have no such operation")]
fn error_patches(buffer: &[f32], held: &mut Array<f32>, slab: &Slab, #[comptime] side: Side) -> u32 {
    let geometry = comptime!(side.geometry);
    let place = slab.first_outer + own_outer(side);
    let filter = block_of(slab, geometry) + own_inner(side);
    let tap = tap_of(slab, geometry);
    let pixels = comptime!(geometry.height * geometry.width);
    let (image, pixel) = (place / pixels, place % pixels);
    // Where the filter would begin; a difference below zero wraps to a large number.
    let down =
        pixel / comptime!(geometry.width) + comptime!(geometry.padding) - tap / comptime!(geometry.kernel);
    let across =
        pixel % comptime!(geometry.width) + comptime!(geometry.padding) - tap % comptime!(geometry.kernel);
    let (row, column) = (down / comptime!(geometry.stride), across / comptime!(geometry.stride));
    let mut inside = place < slab.outer_end
        && slab.first_inner < slab.inner_end
        && row < comptime!(geometry.rows)
        && column < comptime!(geometry.columns);
    if comptime!(geometry.stride > 1) {
        inside = inside && down % comptime!(geometry.stride) == 0 && across % comptime!(geometry.stride) == 0;
    }
    let map = image * comptime!(geometry.filters) + filter;
    let start = (map * comptime!(geometry.rows) + row) * comptime!(geometry.columns) + column;
    let mut marks = 0u32;
    #[unroll]
    for turn in 0..comptime!(side.share()) {
        let there = inside && filter + comptime!(turn * side.inner_step()) < comptime!(geometry.filters);
        let index = start + comptime!(turn * side.inner_step() * geometry.places());
        marks |= read(buffer, held, index, there, turn);
    }
    marks
}

/// Puts what [`fetch`] read and marked into the staged slab at `offset`.
#[cube]
pub fn stage<E: Numeric>(
    held: &Array<f32>,
    marks: u32,
    staged: &mut Shared<[E]>,
    offset: u32,
    #[comptime] side: Side,
) {
    let start = offset + staged_index(own_outer(side), own_inner(side), side);
    #[unroll]
    for turn in 0..comptime!(side.share()) {
        // Steps of the index that counts lines, the other being fixed.
        let index = start + comptime!(turn * (side.outer_step() + side.inner_step()) * side.pitch());
        let mut value = select(marks & comptime!(1u32 << turn) != 0u32, held[turn as usize], 0.0f32);
        if comptime!(matches!(side.layout, Layout::PatchesByTap | Layout::PatchesByWeight)) {
            value = select(marks & comptime!(1u32 << (ONES + turn)) != 0u32, 1.0f32, value);
        }
        staged[index as usize] = E::cast_from(value);
    }
}
