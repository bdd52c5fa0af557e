//! Sums, each in an order that depends on shapes alone.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::operand::{Operand, buffer, dims, fresh};
use super::product::Added;

/// Units that sum a row together, a power of two.
const UNITS: u32 = 256;

/// The sum of `parts` matrices of the given shape that lie one after the other, added to what is `added`.
pub fn add_parts(parts: &Operand, count: usize, shape: [usize; 2], added: Option<Added>) -> Operand {
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
            buffer(added.map_or(parts, |added| added.base)),
            buffer(&output),
            size as u32,
            count as u32,
            shape[1] as u32,
            added.map_or(0, |added| added.pitch) as u32,
            added.map_or(1.0, |added| added.scale),
            added.is_some(),
        );
    }
    output
}

#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments)]
fn add_parts_kernel(
    parts: &[f32],
    base: &[f32],
    output: &mut [f32],
    size: u32,
    count: u32,
    columns: u32,
    pitch: u32,
    scale: f32,
    #[comptime] added: bool,
) {
    let position = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    if position < size {
        let mut sum = sum_of_parts(parts, size, count, position);
        sum *= scale;
        if comptime!(added) {
            sum += base[(position / columns * pitch + position % columns) as usize];
        }
        output[position as usize] = sum;
    }
}

/// The sum over parts of the element at `position`, in four sums that do not wait for each other.
#[cube]
fn sum_of_parts(parts: &[f32], size: u32, count: u32, position: u32) -> f32 {
    let mut sums = Array::<f32>::new(4usize);
    let whole = count / 4;
    for four in 0..whole {
        #[unroll]
        for own in 0..4u32 {
            sums[own as usize] += parts[((four * 4 + own) * size + position) as usize];
        }
    }
    for part in whole * 4..count {
        sums[0] += parts[(part * size + position) as usize];
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// As [`add_parts`] of matrices `[rows, columns + 1]`: the first columns, and the last one as a row. Columns that count taps before channels
/// come out with channels first; `channels` is one where there is nothing to exchange.
pub fn add_parts_apart(
    parts: &Operand,
    count: usize,
    [rows, columns]: [usize; 2],
    channels: usize,
) -> [Operand; 2] {
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
            channels as u32,
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
    channels: u32,
) {
    let position = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    if position < size {
        let sum = sum_of_parts(parts, size, count, position);
        let (row, column) = (position / columns, position % columns);
        if column + 1 == columns {
            last[row as usize] = sum;
        } else {
            let taps = (columns - 1) / channels;
            let place = column % channels * taps + column / channels;
            output[(row * (columns - 1) + place) as usize] = sum;
        }
    }
}

/// Matrices whose rows one launch sums: asking for work costs more than the work on a small matrix.
const TOGETHER: usize = 4;

/// The sums of squares of the rows of all `matrices`, one after the other, in one vector `[1, rows]`.
pub fn row_energies(matrices: &[Operand]) -> Operand {
    let rows: usize = matrices.iter().map(|matrix| dims(matrix)[0]).sum();
    let output = fresh(&matrices[0], [1, rows]);
    let mut first = 0;
    for some in matrices.chunks(TOGETHER) {
        // The last matrix stands in for those that are not there, with no rows of its own.
        let own = |index: usize| some.get(index).unwrap_or(&some[some.len() - 1]);
        let rows_of = |index: usize| some.get(index).map_or(0, |matrix| dims(matrix)[0] as u32);
        let columns = |index: usize| dims(own(index))[1] as u32;
        let count: u32 = (0..TOGETHER).map(rows_of).sum();
        // SAFETY: the kernel reads the columns of its row and writes one number, in its own place.
        unsafe {
            row_energies_kernel::launch_unchecked(
                &output.client,
                CubeCount::Static(count, 1, 1),
                CubeDim::new_1d(UNITS),
                buffer(own(0)),
                buffer(own(1)),
                buffer(own(2)),
                buffer(own(3)),
                buffer(&output),
                rows_of(0),
                rows_of(1),
                rows_of(2),
                columns(0),
                columns(1),
                columns(2),
                columns(3),
                first,
            );
        }
        first += count;
    }
    output
}

#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments)]
fn row_energies_kernel(
    a: &[f32],
    b: &[f32],
    c: &[f32],
    d: &[f32],
    output: &mut [f32],
    a_rows: u32,
    b_rows: u32,
    c_rows: u32,
    a_columns: u32,
    b_columns: u32,
    c_columns: u32,
    d_columns: u32,
    first: u32,
) {
    let row = CUBE_POS_X;
    let mut sum = 0.0f32;
    if row < a_rows {
        sum += own_energy(a, row, a_columns);
    } else if row < a_rows + b_rows {
        sum += own_energy(b, row - a_rows, b_columns);
    } else if row < a_rows + b_rows + c_rows {
        sum += own_energy(c, row - a_rows - b_rows, c_columns);
    } else {
        sum += own_energy(d, row - a_rows - b_rows - c_rows, d_columns);
    }
    let total = cube_sum(sum);
    if UNIT_POS_X == 0 {
        output[(first + row) as usize] = total;
    }
}

/// The sum of squares of every `UNITS`-th element of a row, from this unit's on.
#[cube]
fn own_energy(matrix: &[f32], row: u32, columns: u32) -> f32 {
    let mut sum = 0.0f32;
    let mut column = UNIT_POS_X;
    while column < columns {
        let value = matrix[(row * columns + column) as usize];
        sum += value * value;
        column += comptime!(UNITS);
    }
    sum
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

/// The sum of every column, `[1, columns]`.
pub fn column_sums(matrix: &Operand) -> Operand {
    let [rows, columns] = dims(matrix);
    let output = fresh(matrix, [1, columns]);
    // SAFETY: the kernel reads the rows of its column and writes one number, in its own place.
    unsafe {
        column_sums_kernel::launch_unchecked(
            &matrix.client,
            CubeCount::Static(columns as u32, 1, 1),
            CubeDim::new_1d(UNITS),
            buffer(matrix),
            buffer(&output),
            rows as u32,
            columns as u32,
        );
    }
    output
}

#[cube(launch_unchecked)]
fn column_sums_kernel(matrix: &[f32], output: &mut [f32], rows: u32, columns: u32) {
    let mut sum = 0.0f32;
    let mut row = UNIT_POS_X;
    while row < rows {
        sum += matrix[(row * columns + CUBE_POS_X) as usize];
        row += comptime!(UNITS);
    }
    let total = cube_sum(sum);
    if UNIT_POS_X == 0 {
        output[CUBE_POS_X as usize] = total;
    }
}
