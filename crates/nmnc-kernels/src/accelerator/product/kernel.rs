//! The kernel of a product: a tile of the result a cube, slabs of the sum staged twice so that one is filled while the other is used.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::gather::{Slab, fetch, stage};
use super::layout::Layout;
use super::tile::{DEPTH, Side, UNITS, staged_index};
use crate::kinds::Precision;

/// A product, fixed in a compiled kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    pub left: Side,
    pub right: Side,
    /// In which numbers the factors are multiplied; in all but the widest by matrix units.
    pub precision: Precision,
    /// Where the result goes: a matrix, or maps `[image, row of the result, place]`.
    pub result: Layout,
    /// Whether the result is added to something.
    pub added: bool,
}

/// Sizes and strides of a product.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub struct Sizes {
    pub rows: u32,
    pub columns: u32,
    pub terms: u32,
    /// Terms that one cube sums, a multiple of the depth of a slab.
    pub share: u32,
    pub left_outer: u32,
    pub left_inner: u32,
    pub right_outer: u32,
    pub right_inner: u32,
    /// Elements between rows of the result.
    pub pitch: u32,
    /// Elements between rows of what is added.
    pub base_pitch: u32,
}

/// `base + scale · left · right`, or one part of it for each share of the sum.
#[cube(launch_unchecked)]
pub fn product<E: Numeric>(
    left: &[f32],
    right: &[f32],
    base: &[f32],
    result: &mut [f32],
    sizes: Sizes,
    scale: f32,
    #[comptime] plan: Plan,
) {
    let first_row = CUBE_POS_Y * comptime!(plan.left.width);
    let first_column = CUBE_POS_X * comptime!(plan.right.width);
    let first = CUBE_POS_Z * sizes.share;
    let end = min(first + sizes.share, sizes.terms);

    let mut left_stage =
        Shared::<[E]>::new_aligned_slice(comptime!(2 * plan.left.staged() as usize), 32usize);
    let mut right_stage =
        Shared::<[E]>::new_aligned_slice(comptime!(2 * plan.right.staged() as usize), 32usize);
    let mut left_held = Array::<f32>::new(comptime!(plan.left.share() as usize));
    let mut right_held = Array::<f32>::new(comptime!(plan.right.share() as usize));

    let mut left_slab = Slab {
        first_outer: first_row,
        first_inner: first,
        outer_end: sizes.rows,
        inner_end: end,
        outer_stride: sizes.left_outer,
        inner_stride: sizes.left_inner,
    };
    let mut right_slab = Slab {
        first_outer: first_column,
        first_inner: first,
        outer_end: sizes.columns,
        inner_end: end,
        outer_stride: sizes.right_outer,
        inner_stride: sizes.right_inner,
    };
    let left_marks = fetch(left, &mut left_held, &left_slab, comptime!(plan.left));
    let right_marks = fetch(right, &mut right_held, &right_slab, comptime!(plan.right));
    stage::<E>(&left_held, left_marks, &mut left_stage, 0u32, comptime!(plan.left));
    stage::<E>(&right_held, right_marks, &mut right_stage, 0u32, comptime!(plan.right));
    sync_cube();

    let slabs = (end - first).div_ceil(comptime!(DEPTH));
    let mut sums = Array::<f32>::new(comptime!(plan.sums() as usize));
    for slab in 0..slabs {
        let (now, then) = (slab % 2, (slab + 1) % 2);
        // The next slab is on its way while this one is used. After the last one it is empty: a branch here would end what the compiler
        // may reorder.
        left_slab.first_inner += comptime!(DEPTH);
        right_slab.first_inner += comptime!(DEPTH);
        let left_marks = fetch(left, &mut left_held, &left_slab, comptime!(plan.left));
        let right_marks = fetch(right, &mut right_held, &right_slab, comptime!(plan.right));
        if comptime!(plan.by_units()) {
            multiply_blocks::<E>(&left_stage, &right_stage, &mut sums, now, plan);
        } else {
            multiply::<E>(&left_stage, &right_stage, &mut sums, now, plan);
        }
        stage::<E>(
            &left_held,
            left_marks,
            &mut left_stage,
            then * comptime!(plan.left.staged()),
            comptime!(plan.left),
        );
        stage::<E>(
            &right_held,
            right_marks,
            &mut right_stage,
            then * comptime!(plan.right.staged()),
            comptime!(plan.right),
        );
        sync_cube();
    }
    if comptime!(plan.by_units()) {
        store_blocks::<E>(&sums, base, result, &sizes, scale, plan);
    } else {
        store(&sums, base, result, &sizes, scale, plan);
    }
}

/// Puts the sums of this unit where they belong.
#[cube]
fn store(
    sums: &Array<f32>,
    base: &[f32],
    result: &mut [f32],
    sizes: &Sizes,
    scale: f32,
    #[comptime] plan: Plan,
) {
    let first_row = CUBE_POS_Y * comptime!(plan.left.width) + UNIT_POS / comptime!(SIDE);
    let first_column = CUBE_POS_X * comptime!(plan.right.width) + UNIT_POS % comptime!(SIDE);
    #[unroll]
    for i in 0..comptime!(plan.left.width / SIDE) {
        #[unroll]
        for j in 0..comptime!(plan.right.width / SIDE) {
            let sum = sums[comptime!((i * (plan.right.width / SIDE) + j) as usize)];
            let (row, column) = (first_row + comptime!(i * SIDE), first_column + comptime!(j * SIDE));
            emit(row, column, sum, base, result, sizes, scale, plan);
        }
    }
}

/// Units along each side of a tile, where they multiply themselves.
const SIDE: u32 = 16;

/// Adds a slab's products to the sums of this unit: rows and columns `SIDE` apart, so that neighbouring units read neighbours.
#[cube]
fn multiply<E: Numeric>(
    left: &Shared<[E]>,
    right: &Shared<[E]>,
    sums: &mut Array<f32>,
    now: u32,
    #[comptime] plan: Plan,
) {
    let (row, column) = (UNIT_POS / comptime!(SIDE), UNIT_POS % comptime!(SIDE));
    let left_offset = now * comptime!(plan.left.staged());
    let right_offset = now * comptime!(plan.right.staged());
    let mut values = Array::<f32>::new(comptime!((plan.right.width / SIDE) as usize));
    #[unroll]
    for term in 0..comptime!(DEPTH) {
        #[unroll]
        for j in 0..comptime!(plan.right.width / SIDE) {
            let index = right_offset
                + staged_index(column + comptime!(j * SIDE), term.runtime(), comptime!(plan.right));
            values[j as usize] = f32::cast_from(right[index as usize]);
        }
        #[unroll]
        for i in 0..comptime!(plan.left.width / SIDE) {
            let index =
                left_offset + staged_index(row + comptime!(i * SIDE), term.runtime(), comptime!(plan.left));
            let factor = f32::cast_from(left[index as usize]);
            #[unroll]
            for j in 0..comptime!(plan.right.width / SIDE) {
                sums[comptime!((i * (plan.right.width / SIDE) + j) as usize)] += factor * values[j as usize];
            }
        }
    }
}

/// Puts an element of the result, or of a part of it, where it belongs.
#[cube]
#[allow(clippy::too_many_arguments)]
fn emit(
    row: u32,
    column: u32,
    sum: f32,
    base: &[f32],
    result: &mut [f32],
    sizes: &Sizes,
    scale: f32,
    #[comptime] plan: Plan,
) {
    if row < sizes.rows && column < sizes.columns {
        let mut index = (CUBE_POS_Z * sizes.rows + row) * sizes.pitch + column;
        if comptime!(plan.result == Layout::Maps) {
            let places = comptime!(plan.right.geometry.places());
            index = (column / places * sizes.rows + row) * places + column % places;
        }
        if comptime!(plan.result == Layout::ErrorPatches) {
            let places = comptime!(plan.right.geometry.height * plan.right.geometry.width);
            index = (column / places * sizes.rows + row) * places + column % places;
        }
        let mut value = scale * sum;
        if comptime!(plan.added) {
            value += base[(row * sizes.base_pitch + column) as usize];
        }
        result[index as usize] = value;
    }
}

/// Rows of a block of the result that matrix units add to at a time.
const ROWS: u32 = 16;
/// Columns of such a block.
const COLUMNS: u32 = 8;
/// Units that hold a block together.
const PLANE: u32 = 32;
/// Elements of a block that each of them holds.
const SUMS: u32 = ROWS * COLUMNS / PLANE;

impl Plan {
    /// Whether matrix units multiply.
    fn by_units(&self) -> bool {
        self.precision != Precision::F32
    }

    /// Sums that a unit holds itself: with matrix units its part of the plane's blocks of the result.
    fn sums(&self) -> u32 {
        if self.by_units() {
            self.down() * self.blocks_across() * SUMS
        } else {
            self.left.width / SIDE * (self.right.width / SIDE)
        }
    }

    /// Blocks of a plane along the columns.
    fn blocks_across(&self) -> u32 {
        self.right.width / COLUMNS / self.planes_across()
    }

    /// Planes side by side along the columns of a tile.
    fn planes_across(&self) -> u32 {
        (self.right.width / ROWS).min(4)
    }

    /// Planes along the rows of a tile.
    fn planes_down(&self) -> u32 {
        UNITS / PLANE / self.planes_across()
    }

    /// Blocks of a plane along the rows.
    fn down(&self) -> u32 {
        self.left.width / ROWS / self.planes_down()
    }

    /// Terms that a block of the factors holds.
    fn block_depth(&self) -> u32 {
        if self.precision == Precision::Bf16 { 16 } else { 8 }
    }

    /// Whether matrix units can work at the tile: every plane has a block.
    pub fn fits_units(&self) -> bool {
        self.down() > 0 && self.blocks_across() > 0
    }
}

/// Adds a slab's products to the blocks of this plane. Matrix units take blocks of the factors from registers, of which each unit of the
/// plane fills some; which ones is asked of the device.
#[cube]
fn multiply_blocks<E: Numeric>(
    left: &Shared<[E]>,
    right: &Shared<[E]>,
    sums: &mut Array<f32>,
    now: u32,
    #[comptime] plan: Plan,
) {
    let depth = comptime!(plan.block_depth() as usize);
    let units = cmma::MmaDefinition::<E, E, f32>::new(16usize, 8usize, depth);
    let unit = UNIT_POS % comptime!(PLANE);
    let plane = UNIT_POS / comptime!(PLANE);
    let row = plane / comptime!(plan.planes_across()) * comptime!(plan.down() * ROWS);
    let column = plane % comptime!(plan.planes_across()) * comptime!(plan.blocks_across() * COLUMNS);
    let left_offset = now * comptime!(plan.left.staged());
    let right_offset = now * comptime!(plan.right.staged());

    let left_size = units.vector_size(cmma::MatrixIdent::A);
    let left_count = units.vectors_per_lane(cmma::MatrixIdent::A);
    let size!(NA) = left_size;
    let right_size = units.vector_size(cmma::MatrixIdent::B);
    let right_count = units.vectors_per_lane(cmma::MatrixIdent::B);
    let size!(NB) = right_size;
    let sum_size = units.vector_size(cmma::MatrixIdent::Accumulator);
    let sum_count = units.vectors_per_lane(cmma::MatrixIdent::Accumulator);
    let size!(NC) = sum_size;

    #[unroll]
    for step in 0..comptime!(DEPTH / plan.block_depth()) {
        let mut lefts = Sequence::<Array<Vector<E, NA>>>::new();
        #[unroll]
        for i in 0..comptime!(plan.down()) {
            let mut registers = Array::<Vector<E, NA>>::new(left_count);
            #[unroll]
            for vector in 0..left_count {
                let mut register = Vector::empty();
                #[unroll]
                for element in 0..left_size {
                    let number = comptime!((vector * left_size + element) as u32);
                    let (down, across) = units.position_of_nth(unit, number.runtime(), cmma::MatrixIdent::A);
                    let outer = row + comptime!(i * ROWS) + down;
                    let inner = comptime!(step * plan.block_depth()) + across;
                    let index = left_offset + staged_index(outer, inner, comptime!(plan.left));
                    register.insert(element, left[index as usize]);
                }
                registers[vector] = register;
            }
            lefts.push(registers);
        }
        #[unroll]
        for j in 0..comptime!(plan.blocks_across()) {
            let mut registers = Array::<Vector<E, NB>>::new(right_count);
            #[unroll]
            for vector in 0..right_count {
                let mut register = Vector::empty();
                #[unroll]
                for element in 0..right_size {
                    let number = comptime!((vector * right_size + element) as u32);
                    let (down, across) = units.position_of_nth(unit, number.runtime(), cmma::MatrixIdent::B);
                    let outer = column + comptime!(j * COLUMNS) + across;
                    let inner = comptime!(step * plan.block_depth()) + down;
                    let index = right_offset + staged_index(outer, inner, comptime!(plan.right));
                    register.insert(element, right[index as usize]);
                }
                registers[vector] = register;
            }
            #[unroll]
            for i in 0..comptime!(plan.down()) {
                let first = comptime!(((i * plan.blocks_across() + j) * SUMS) as usize);
                let mut before = Array::<Vector<f32, NC>>::new(sum_count);
                #[unroll]
                for vector in 0..sum_count {
                    let mut register = Vector::empty();
                    #[unroll]
                    for element in 0..sum_size {
                        register.insert(element, sums[comptime!(first + vector * sum_size + element)]);
                    }
                    before[vector] = register;
                }
                let after = units.execute(lefts.index(comptime!(i as usize)), &registers, &before);
                #[unroll]
                for vector in 0..sum_count {
                    let register = after[vector];
                    #[unroll]
                    for element in 0..sum_size {
                        sums[comptime!(first + vector * sum_size + element)] = register.extract(element);
                    }
                }
            }
        }
    }
}

/// Puts the blocks of this plane where they belong.
#[cube]
fn store_blocks<E: Numeric>(
    sums: &Array<f32>,
    base: &[f32],
    result: &mut [f32],
    sizes: &Sizes,
    scale: f32,
    #[comptime] plan: Plan,
) {
    let depth = comptime!(plan.block_depth() as usize);
    let units = cmma::MmaDefinition::<E, E, f32>::new(16usize, 8usize, depth);
    let unit = UNIT_POS % comptime!(PLANE);
    let plane = UNIT_POS / comptime!(PLANE);
    let row = CUBE_POS_Y * comptime!(plan.left.width)
        + plane / comptime!(plan.planes_across()) * comptime!(plan.down() * ROWS);
    let column = CUBE_POS_X * comptime!(plan.right.width)
        + plane % comptime!(plan.planes_across()) * comptime!(plan.blocks_across() * COLUMNS);
    #[unroll]
    for i in 0..comptime!(plan.down()) {
        #[unroll]
        for j in 0..comptime!(plan.blocks_across()) {
            #[unroll]
            for number in 0..comptime!(SUMS) {
                let (down, across) =
                    units.position_of_nth(unit, number.runtime(), cmma::MatrixIdent::Accumulator);
                let index = comptime!((i * plan.blocks_across() + j) * SUMS + number);
                emit(
                    row + comptime!(i * ROWS) + down,
                    column + comptime!(j * COLUMNS) + across,
                    sums[index as usize],
                    base,
                    result,
                    sizes,
                    scale,
                    plan,
                );
            }
        }
    }
}
