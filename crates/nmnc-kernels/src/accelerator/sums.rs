//! Sums, each in an order that depends on shapes alone.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::operand::{Operand, buffer, dims, fresh};

/// Units that sum a row together, a power of two.
const UNITS: u32 = 256;

/// The sum of `parts` matrices of the given shape that lie one after the other.
pub fn add_parts(parts: &Operand, count: usize, shape: [usize; 2]) -> Operand {
    let output = fresh(parts, shape);
    let size = shape[0] * shape[1];
    let (cubes, dim) = (CubeCount::Static(size.div_ceil(256) as u32, 1, 1), CubeDim::new_1d(256));
    // SAFETY: the kernel stops at the size it is given.
    unsafe {
        add_parts_kernel::launch_unchecked(
            &parts.client,
            cubes,
            dim,
            buffer(parts),
            buffer(&output),
            size as u32,
            count as u32,
        );
    }
    output
}

#[cube(launch_unchecked)]
fn add_parts_kernel(parts: &[f32], output: &mut [f32], size: u32, count: u32) {
    let position = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    if position < size {
        let mut sum = 0.0f32;
        for part in 0..count {
            sum += parts[(part * size + position) as usize];
        }
        output[position as usize] = sum;
    }
}

/// As [`add_parts`] of matrices `[rows, columns + 1]`: the first columns, and the last one as a row.
pub fn add_parts_apart(parts: &Operand, count: usize, [rows, columns]: [usize; 2]) -> [Operand; 2] {
    let outputs = [fresh(parts, [rows, columns]), fresh(parts, [1, rows])];
    let size = rows * (columns + 1);
    let (cubes, dim) = (CubeCount::Static(size.div_ceil(256) as u32, 1, 1), CubeDim::new_1d(256));
    // SAFETY: the kernel stops at the size it is given, which is that of both outputs together.
    unsafe {
        add_parts_apart_kernel::launch_unchecked(
            &parts.client,
            cubes,
            dim,
            buffer(parts),
            buffer(&outputs[0]),
            buffer(&outputs[1]),
            size as u32,
            count as u32,
            columns as u32 + 1,
        );
    }
    outputs
}

#[cube(launch_unchecked)]
fn add_parts_apart_kernel(
    parts: &[f32],
    output: &mut [f32],
    last: &mut [f32],
    size: u32,
    count: u32,
    columns: u32,
) {
    let position = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    if position < size {
        let mut sum = 0.0f32;
        for part in 0..count {
            sum += parts[(part * size + position) as usize];
        }
        let (row, column) = (position / columns, position % columns);
        if column + 1 == columns {
            last[row as usize] = sum;
        } else {
            output[(row * (columns - 1) + column) as usize] = sum;
        }
    }
}

/// The sums of squares of the rows of all `matrices`, one after the other, in one vector `[1, rows]`.
pub fn row_energies(matrices: &[Operand]) -> Operand {
    let rows: usize = matrices.iter().map(|matrix| dims(matrix)[0]).sum();
    let output = fresh(&matrices[0], [1, rows]);
    let mut first = 0;
    for matrix in matrices {
        let [rows, columns] = dims(matrix);
        // SAFETY: the kernel reads the columns of its row and writes one number, in its own place.
        unsafe {
            row_energies_kernel::launch_unchecked(
                &matrix.client,
                CubeCount::Static(rows as u32, 1, 1),
                CubeDim::new_1d(UNITS),
                buffer(matrix),
                buffer(&output),
                columns as u32,
                first as u32,
            );
        }
        first += rows;
    }
    output
}

#[cube(launch_unchecked)]
fn row_energies_kernel(matrix: &[f32], output: &mut [f32], columns: u32, first: u32) {
    let row = CUBE_POS_X * columns;
    let mut sum = 0.0f32;
    let mut column = UNIT_POS_X;
    while column < columns {
        let value = matrix[(row + column) as usize];
        sum += value * value;
        column += comptime!(UNITS);
    }
    let total = cube_sum(sum);
    if UNIT_POS_X == 0 {
        output[(first + CUBE_POS_X) as usize] = total;
    }
}

/// The sum of what every unit of the cube holds, for all of them.
#[cube]
fn cube_sum(own: f32) -> f32 {
    let mut shared = Shared::<[f32]>::new_slice(comptime!(UNITS as usize));
    shared[UNIT_POS_X as usize] = own;
    sync_cube();
    #[unroll]
    for round in 0..comptime!(UNITS.ilog2()) {
        let half = comptime!(UNITS >> (round + 1));
        if UNIT_POS_X < half {
            let other = shared[(UNIT_POS_X + half) as usize];
            shared[UNIT_POS_X as usize] += other;
        }
        sync_cube();
    }
    shared[0]
}

/// Mean and sum of squared deviations from it of every column, both `[1, columns]`.
pub fn column_moments(matrix: &Operand) -> [Operand; 2] {
    let [rows, columns] = dims(matrix);
    let outputs = [(); 2].map(|()| fresh(matrix, [1, columns]));
    let [mean, squares] = outputs.each_ref().map(buffer);
    // SAFETY: the kernel stops at the last column and reads the rows it is given.
    unsafe {
        column_moments_kernel::launch_unchecked(
            &matrix.client,
            CubeCount::Static(columns.div_ceil(64) as u32, 1, 1),
            CubeDim::new_1d(64),
            buffer(matrix),
            mean,
            squares,
            rows as u32,
            columns as u32,
        );
    }
    outputs
}

/// A column a unit, so that neighbours read neighbours.
#[cube(launch_unchecked)]
fn column_moments_kernel(matrix: &[f32], means: &mut [f32], squares: &mut [f32], rows: u32, columns: u32) {
    let column = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    if column < columns {
        let mut sum = 0.0f32;
        for row in 0..rows {
            sum += matrix[(row * columns + column) as usize];
        }
        let mean = sum / f32::cast_from(rows);
        let mut square = 0.0f32;
        for row in 0..rows {
            let deviation = matrix[(row * columns + column) as usize] - mean;
            square += deviation * deviation;
        }
        means[column as usize] = mean;
        squares[column as usize] = square;
    }
}
