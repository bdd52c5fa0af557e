//! How a product is divided: tiles of the result, slabs of the sum.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::gather::{Layout, element};
use crate::accelerator::geometry::Geometry;

/// Units that work at one tile.
pub const UNITS: u32 = 256;
/// Terms of the sum that are staged at a time.
pub const DEPTH: u32 = 16;

/// One factor as a tile sees it, fixed in a compiled kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Side {
    pub layout: Layout,
    /// Whether neighbours in memory, and in shared memory, differ by the inner index.
    pub along_inner: bool,
    /// Outer indices of a tile.
    pub width: u32,
    /// Elements between the lines of the staged tile that nobody reads: they spread the lines over the banks.
    pub gap: u32,
    pub geometry: Geometry,
}

impl Side {
    /// Elements of a slab that each unit moves.
    pub fn share(&self) -> u32 {
        self.width * DEPTH / UNITS
    }

    /// Elements from one staged line to the next.
    pub fn pitch(&self) -> u32 {
        self.gap + if self.along_inner { DEPTH } else { self.width }
    }

    /// Elements of a staged slab.
    pub fn staged(&self) -> u32 {
        self.pitch() * if self.along_inner { self.width } else { DEPTH }
    }
}

/// Outer index within the tile of the element that unit `UNIT_POS` moves as its `turn`-th.
#[cube]
fn outer_of(#[comptime] turn: u32, #[comptime] side: Side) -> u32 {
    let mut outer = UNIT_POS % comptime!(side.width);
    if comptime!(side.along_inner) {
        outer = UNIT_POS / comptime!(DEPTH) + comptime!(turn * (UNITS / DEPTH));
    }
    outer
}

/// Inner index within the slab, as [`outer_of`].
#[cube]
fn inner_of(#[comptime] turn: u32, #[comptime] side: Side) -> u32 {
    let mut inner = UNIT_POS / comptime!(side.width) + comptime!(turn * (UNITS / side.width));
    if comptime!(side.along_inner) {
        inner = UNIT_POS % comptime!(DEPTH);
    }
    inner
}

/// Reads this unit's elements of the slab that begins at `first_inner`; zeros beyond the ends.
#[cube]
#[allow(clippy::too_many_arguments)]
pub fn fetch(
    buffer: &[f32],
    held: &mut Array<f32>,
    first_outer: u32,
    first_inner: u32,
    outer_end: u32,
    inner_end: u32,
    outer_stride: u32,
    inner_stride: u32,
    #[comptime] side: Side,
) {
    #[unroll]
    for turn in 0..comptime!(side.share()) {
        let outer = first_outer + outer_of(turn, side);
        let inner = first_inner + inner_of(turn, side);
        let mut value = 0.0f32;
        if outer < outer_end && inner < inner_end {
            value = element(
                buffer,
                outer,
                inner,
                outer_stride,
                inner_stride,
                comptime!(side.layout),
                comptime!(side.geometry),
            );
        }
        held[turn as usize] = value;
    }
}

/// Puts what [`fetch`] read into the staged slab at `offset`.
#[cube]
pub fn stage<E: Numeric>(held: &Array<f32>, staged: &mut Shared<[E]>, offset: u32, #[comptime] side: Side) {
    #[unroll]
    for turn in 0..comptime!(side.share()) {
        let index = offset + staged_index(outer_of(turn, side), inner_of(turn, side), side);
        staged[index as usize] = E::cast_from(held[turn as usize]);
    }
}

/// Where an element lies in its staged slab.
#[cube]
pub fn staged_index(outer: u32, inner: u32, #[comptime] side: Side) -> u32 {
    let mut index = inner * comptime!(side.pitch()) + outer;
    if comptime!(side.along_inner) {
        index = outer * comptime!(side.pitch()) + inner;
    }
    index
}
