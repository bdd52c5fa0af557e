//! How a product is divided: tiles of the result, slabs of the sum.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::gather::{Layout, ONES, own_inner, own_outer};
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

    /// Outer indices from one element of a unit to its next.
    pub fn outer_step(&self) -> u32 {
        if self.along_inner { UNITS / DEPTH } else { 0 }
    }

    /// Inner indices from one element of a unit to its next.
    pub fn inner_step(&self) -> u32 {
        if self.along_inner { 0 } else { UNITS / self.width }
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

/// Puts what [`fetch`](super::gather::fetch) read and marked into the staged slab at `offset`.
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

/// Where an element lies in its staged slab.
#[cube]
pub fn staged_index(outer: u32, inner: u32, #[comptime] side: Side) -> u32 {
    let mut index = inner * comptime!(side.pitch()) + outer;
    if comptime!(side.along_inner) {
        index = outer * comptime!(side.pitch()) + inner;
    }
    index
}
