//! The kernel of a product: a tile of the result a cube, slabs of the sum staged twice so that one is filled while the other is used.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::gather::{Layout, Slab, fetch};
use crate::Precision;
use super::tile::{DEPTH, Side, UNITS, stage, staged_index};

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
    /// Whether units put the factors of matrix units together themselves.
    pub manual: bool,
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

    let mut left_stage = Shared::<[E]>::new_aligned_slice(comptime!(2 * plan.left.staged() as usize), 32usize);
    let mut right_stage = Shared::<[E]>::new_aligned_slice(comptime!(2 * plan.right.staged() as usize), 32usize);
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
    let fragments = start_fragments(plan);
    let mut sums = Array::<f32>::new(comptime!(plan.sums() as usize));
    for slab in 0..slabs {
        let (now, then) = (slab % 2, (slab + 1) % 2);
        // The next slab is on its way while this one is used. After the last one it is empty: a branch here would end what the compiler
        // may reorder.
        left_slab.first_inner += comptime!(DEPTH);
        right_slab.first_inner += comptime!(DEPTH);
        let left_marks = fetch(left, &mut left_held, &left_slab, comptime!(plan.left));
        let right_marks = fetch(right, &mut right_held, &right_slab, comptime!(plan.right));
        if comptime!(plan.by_hand()) {
            multiply_blocks::<E>(&left_stage, &right_stage, &mut sums, now, plan);
        } else if comptime!(plan.by_units()) {
            multiply_fragments::<E>(&left_stage, &right_stage, &fragments, now, plan);
        } else {
            multiply::<E>(&left_stage, &right_stage, &mut sums, now, plan);
        }
        stage::<E>(&left_held, left_marks, &mut left_stage, then * comptime!(plan.left.staged()), comptime!(plan.left));
        stage::<E>(&right_held, right_marks, &mut right_stage, then * comptime!(plan.right.staged()), comptime!(plan.right));
        sync_cube();
    }
    if comptime!(plan.by_hand()) {
        store_blocks::<E>(&sums, base, result, &sizes, scale, plan);
    } else if comptime!(plan.by_units()) {
        store_fragments(&fragments, base, result, &sizes, scale, plan);
    } else {
        store(&sums, base, result, &sizes, scale, plan);
    }
}

/// Puts the sums of this unit where they belong.
#[cube]
fn store(sums: &Array<f32>, base: &[f32], result: &mut [f32], sizes: &Sizes, scale: f32, #[comptime] plan: Plan) {
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
            let index = right_offset + staged_index(column + comptime!(j * SIDE), term.runtime(), comptime!(plan.right));
            values[j as usize] = f32::cast_from(right[index as usize]);
        }
        #[unroll]
        for i in 0..comptime!(plan.left.width / SIDE) {
            let index = left_offset + staged_index(row + comptime!(i * SIDE), term.runtime(), comptime!(plan.left));
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

/// Side of a fragment of the result.
const FRAGMENT: u32 = 16;
/// Columns of a block of the result that matrix units add to at a time.
const BLOCK: u32 = 8;
/// Elements between the lines of a fragment put down to be read by rows.
const LINE: u32 = 20;
/// Units that hold a fragment together.
const PLANE: u32 = 32;

impl Plan {
    /// Whether matrix units multiply.
    fn by_units(&self) -> bool {
        self.precision != Precision::F32
    }

    fn by_hand(&self) -> bool {
        self.by_units() && self.manual
    }

    /// Sums that a unit holds itself: with matrix units its part of the plane's blocks of the result.
    fn sums(&self) -> u32 {
        match (self.by_units(), self.manual) {
            (false, _) => self.left.width / SIDE * (self.right.width / SIDE),
            (true, true) => self.down() * self.blocks_across() * (FRAGMENT * BLOCK / PLANE),
            (true, false) => 1,
        }
    }

    /// Fragments of sums that a plane holds.
    fn fragments(&self) -> u32 {
        if self.by_units() && !self.manual { self.down() * self.across() } else { 0 }
    }

    /// Blocks of a plane along the columns.
    fn blocks_across(&self) -> u32 {
        self.across() * FRAGMENT / BLOCK
    }

    /// Planes side by side along the columns of a tile.
    fn planes_across(&self) -> u32 {
        (self.right.width / FRAGMENT).min(4)
    }

    /// Planes along the rows of a tile.
    fn planes_down(&self) -> u32 {
        UNITS / PLANE / self.planes_across()
    }

    /// Fragments of a plane along the columns.
    fn across(&self) -> u32 {
        self.right.width / FRAGMENT / self.planes_across()
    }

    /// Fragments of a plane along the rows.
    fn down(&self) -> u32 {
        self.left.width / FRAGMENT / self.planes_down()
    }

    /// Terms that a fragment of the factors holds.
    fn fragment_depth(&self) -> u32 {
        if self.precision == Precision::Bf16 { 16 } else { 8 }
    }

    /// Whether matrix units can work at the tile: every plane has a fragment.
    pub fn fits_units(&self) -> bool {
        self.down() > 0 && self.across() > 0
    }
}

#[cube]
fn start_fragments(#[comptime] plan: Plan) -> Sequence<cmma::Matrix<f32>> {
    let mut sums = Sequence::<cmma::Matrix<f32>>::new();
    #[unroll]
    for _ in 0..comptime!(plan.fragments()) {
        sums.push(cmma::Matrix::<f32>::from_value(
            cmma::MatrixIdent::Accumulator,
            16usize,
            16usize,
            comptime!(plan.fragment_depth() as usize),
            cmma::MatrixLayout::Undefined,
            0.0f32,
        ));
    }
    sums
}

/// Adds a slab's products to the fragments of this plane.
#[cube]
fn multiply_fragments<E: Numeric>(
    left: &Shared<[E]>,
    right: &Shared<[E]>,
    sums: &Sequence<cmma::Matrix<f32>>,
    now: u32,
    #[comptime] plan: Plan,
) {
    let plane = UNIT_POS / comptime!(PLANE);
    let row = plane / comptime!(plan.planes_across()) * comptime!(plan.down() * FRAGMENT);
    let column = plane % comptime!(plan.planes_across()) * comptime!(plan.across() * FRAGMENT);
    let left_offset = now * comptime!(plan.left.staged());
    let right_offset = now * comptime!(plan.right.staged());
    let depth = comptime!(plan.fragment_depth() as usize);
    #[unroll]
    for step in 0..comptime!(DEPTH / plan.fragment_depth()) {
        let mut lefts = Sequence::<cmma::Matrix<E>>::new();
        #[unroll]
        for i in 0..comptime!(plan.down()) {
            let term = comptime!(step * plan.fragment_depth());
            let index = left_offset + staged_index(row + comptime!(i * FRAGMENT), term.runtime(), comptime!(plan.left));
            lefts.push(cmma::Matrix::<E>::from_slice(
                cmma::MatrixIdent::A,
                16usize,
                16usize,
                depth,
                comptime!(if plan.left.along_inner { cmma::MatrixLayout::RowMajor } else { cmma::MatrixLayout::ColMajor }),
                &left[index as usize..comptime!(2 * plan.left.staged() as usize)],
                comptime!(plan.left.pitch()),
            ));
        }
        #[unroll]
        for j in 0..comptime!(plan.across()) {
            let term = comptime!(step * plan.fragment_depth());
            let index = right_offset + staged_index(column + comptime!(j * FRAGMENT), term.runtime(), comptime!(plan.right));
            let factor = cmma::Matrix::<E>::from_slice(
                cmma::MatrixIdent::B,
                16usize,
                16usize,
                depth,
                comptime!(if plan.right.along_inner { cmma::MatrixLayout::ColMajor } else { cmma::MatrixLayout::RowMajor }),
                &right[index as usize..comptime!(2 * plan.right.staged() as usize)],
                comptime!(plan.right.pitch()),
            );
            #[unroll]
            for i in 0..comptime!(plan.down()) {
                let sum = sums.index(comptime!((i * plan.across() + j) as usize));
                cmma::execute(lefts.index(comptime!(i as usize)), &factor, sum, sum);
            }
        }
    }
}

/// Puts the fragments of this plane where they belong, by way of shared memory, since nobody may know which unit holds what.
#[cube]
fn store_fragments(
    sums: &Sequence<cmma::Matrix<f32>>,
    base: &[f32],
    result: &mut [f32],
    sizes: &Sizes,
    scale: f32,
    #[comptime] plan: Plan,
) {
    let mut lines = Shared::<[f32]>::new_aligned_slice(comptime!((UNITS / PLANE * FRAGMENT * LINE) as usize), 32usize);
    let plane = UNIT_POS / comptime!(PLANE);
    let unit = UNIT_POS % comptime!(PLANE);
    let own = plane * comptime!(FRAGMENT * LINE);
    let row = CUBE_POS_Y * comptime!(plan.left.width) + plane / comptime!(plan.planes_across()) * comptime!(plan.down() * FRAGMENT);
    let column = CUBE_POS_X * comptime!(plan.right.width) + plane % comptime!(plan.planes_across()) * comptime!(plan.across() * FRAGMENT);
    #[unroll]
    for i in 0..comptime!(plan.down()) {
        #[unroll]
        for j in 0..comptime!(plan.across()) {
            let sum = sums.index(comptime!((i * plan.across() + j) as usize));
            let start = own as usize;
            let end = (own + comptime!(FRAGMENT * LINE)) as usize;
            cmma::store(&mut lines[start..end], sum, comptime!(LINE), cmma::MatrixLayout::RowMajor);
            sync_cube();
            #[unroll]
            for turn in 0..comptime!(FRAGMENT * FRAGMENT / PLANE) {
                let index = unit + comptime!(turn * PLANE);
                let (down, across) = (index / comptime!(FRAGMENT), index % comptime!(FRAGMENT));
                let value = lines[(own + down * comptime!(LINE) + across) as usize];
                emit(
                    row + comptime!(i * FRAGMENT) + down,
                    column + comptime!(j * FRAGMENT) + across,
                    value,
                    base,
                    result,
                    sizes,
                    scale,
                    plan,
                );
            }
            sync_cube();
        }
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
    let depth = comptime!(plan.fragment_depth() as usize);
    let units = cmma::MmaDefinition::<E, E, f32>::new(16usize, 8usize, depth);
    let unit = UNIT_POS % comptime!(PLANE);
    let plane = UNIT_POS / comptime!(PLANE);
    let row = plane / comptime!(plan.planes_across()) * comptime!(plan.down() * FRAGMENT);
    let column = plane % comptime!(plan.planes_across()) * comptime!(plan.across() * FRAGMENT);
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
    for step in 0..comptime!(DEPTH / plan.fragment_depth()) {
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
                    let outer = row + comptime!(i * FRAGMENT) + down;
                    let inner = comptime!(step * plan.fragment_depth()) + across;
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
                    let outer = column + comptime!(j * BLOCK) + across;
                    let inner = comptime!(step * plan.fragment_depth()) + down;
                    let index = right_offset + staged_index(outer, inner, comptime!(plan.right));
                    register.insert(element, right[index as usize]);
                }
                registers[vector] = register;
            }
            #[unroll]
            for i in 0..comptime!(plan.down()) {
                let first = comptime!(((i * plan.blocks_across() + j) * (FRAGMENT * BLOCK / PLANE)) as usize);
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
    let depth = comptime!(plan.fragment_depth() as usize);
    let units = cmma::MmaDefinition::<E, E, f32>::new(16usize, 8usize, depth);
    let unit = UNIT_POS % comptime!(PLANE);
    let plane = UNIT_POS / comptime!(PLANE);
    let row = CUBE_POS_Y * comptime!(plan.left.width)
        + plane / comptime!(plan.planes_across()) * comptime!(plan.down() * FRAGMENT);
    let column = CUBE_POS_X * comptime!(plan.right.width)
        + plane % comptime!(plan.planes_across()) * comptime!(plan.across() * FRAGMENT);
    #[unroll]
    for i in 0..comptime!(plan.down()) {
        #[unroll]
        for j in 0..comptime!(plan.blocks_across()) {
            #[unroll]
            for number in 0..comptime!(FRAGMENT * BLOCK / PLANE) {
                let (down, across) =
                    units.position_of_nth(unit, number.runtime(), cmma::MatrixIdent::Accumulator);
                let index = comptime!((i * plan.blocks_across() + j) * (FRAGMENT * BLOCK / PLANE) + number);
                emit(
                    row + comptime!(i * FRAGMENT) + down,
                    column + comptime!(j * BLOCK) + across,
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
