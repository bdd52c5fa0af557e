//! How a product is divided: tiles of the result, slabs of the sum.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::layout::Layout;
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

/// Where an element lies in its staged slab.
#[cube]
pub fn staged_index(outer: u32, inner: u32, #[comptime] side: Side) -> u32 {
    let mut index = inner * comptime!(side.pitch()) + outer;
    if comptime!(side.along_inner) {
        index = outer * comptime!(side.pitch()) + inner;
    }
    index
}
