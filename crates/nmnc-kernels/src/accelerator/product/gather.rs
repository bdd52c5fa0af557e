//! Slabs of the two factors of a product, gathered from where they lie: a convolution is a product of matrices that nobody stores.
//!
//! Each unit reads a few elements of a slab. What they have in common, such as a place of a map and whether a tap there meets the input, is
//! worked out once for all of them: index arithmetic, not reading, is what a gather costs.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::tile::{DEPTH, Side};
use crate::accelerator::geometry::Geometry;

/// How a factor lies in memory. The outer index counts rows of the left factor and columns of the right one, the inner index is the one
/// that is summed over.
///
/// Taps `(row, column)` of a filter come before channels where an inner index counts both: it runs over blocks of [`DEPTH`] channels, in a
/// block over taps, and for a tap over the block's channels, so that a slab is one tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// A matrix with any strides.
    Matrix,
    /// Outer: filter; inner: channels by tap. The weight `[filter, channel, row, column]`.
    Weights,
    /// Outer: place `(image, row, column)` of the output map; inner: channels by tap. The input that meets them.
    Patches,
    /// [`Layout::Patches`] with the inner index `(channel, row, column)`, for few channels.
    ShallowPatches,
    /// Outer: `(row, column, channel)` of a tap; inner: place. The input that meets them, and after the last tap a one, so that the gradient
    /// of the bias is the last column of that of the weight. The channels fill whole blocks.
    PatchesByTap,
    /// [`Layout::PatchesByTap`] with the outer index `(channel, row, column)`, for any number of channels.
    PatchesByWeight,
    /// Outer: filter; inner: place. Errors of maps `[image, filter, row, column]`.
    Maps,
    /// Outer: channel; inner: filters by tap. The weight `[filter, channel, row, column]`.
    Filters,
    /// Outer: place `(image, row, column)` of the input; inner: filters by tap. The error of the map at the place whose tap met that input.
    ErrorPatches,
}

impl Layout {
    /// Whether neighbours in memory differ by the inner index.
    pub fn runs_along_inner(self, inner_stride: usize) -> bool {
        match self {
            Self::Matrix => inner_stride == 1,
            Self::Patches | Self::ShallowPatches | Self::Filters | Self::ErrorPatches => false,
            Self::Weights | Self::PatchesByTap | Self::PatchesByWeight | Self::Maps => true,
        }
    }
}

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

/// Outer index within the tile of the first element that unit `UNIT_POS` reads; the others follow in steps of [`Side::outer_step`].
#[cube]
pub fn own_outer(#[comptime] side: Side) -> u32 {
    let mut outer = UNIT_POS % comptime!(side.width);
    if comptime!(side.along_inner) {
        outer = UNIT_POS / comptime!(DEPTH);
    }
    outer
}

/// Inner index within the slab of the first element that unit `UNIT_POS` reads; the others follow in steps of [`Side::inner_step`].
#[cube]
pub fn own_inner(#[comptime] side: Side) -> u32 {
    let mut inner = UNIT_POS / comptime!(side.width);
    if comptime!(side.along_inner) {
        inner = UNIT_POS % comptime!(DEPTH);
    }
    inner
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
