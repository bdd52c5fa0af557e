//! What a convolutional stage does around its product: bias, nonlinearity and pooling forward, the gate backward.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::activation::{slope, value};
use super::operand::{Operand, buffer, dims, fresh};
use crate::spec::{Activation, ConvSpec, Pool};

/// Units of a cube.
const UNITS: u32 = 256;

/// What a gate holds: for max pooling the slope at each winner and which one of its window won, row by row, otherwise the slope at every
/// pre-activation.
#[derive(Clone, Debug)]
pub struct AcceleratorGate {
    slope: Operand,
    winner: Option<Operand>,
}

impl AcceleratorGate {
    /// Examples of the batch it belongs to.
    pub fn batch(&self) -> usize {
        dims(&self.slope)[0]
    }
}

/// A stage after its product, fixed in a compiled kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Window {
    activation: Activation,
    pool: Pool,
    /// Side of a window, one where there is no pooling.
    side: u32,
    /// Filters, rows and columns before pooling.
    map: [u32; 3],
    /// Rows and columns after it.
    pooled: [u32; 2],
    /// Whether a gate is kept.
    gated: bool,
}

impl Window {
    fn of(spec: &ConvSpec, gated: bool) -> Self {
        let [_, rows, columns] = spec.output().map(|size| size as u32);
        let side = if spec.pool == Pool::None { 1 } else { spec.pool_size as u32 };
        let map = spec.convolved().map(|size| size as u32);
        Self { activation: spec.activation, pool: spec.pool, side, map, pooled: [rows, columns], gated }
    }
}

fn cubes(size: usize) -> CubeCount {
    CubeCount::Static(size.div_ceil(UNITS as usize) as u32, 1, 1)
}

/// The stage's activity for the result `raw` `[batch, c_out·h_c·w_c]` of its convolution, without a gate.
pub fn settle(spec: &ConvSpec, raw: &Operand, bias: &Operand) -> Operand {
    let activity = fresh(raw, [dims(raw)[0], spec.output_units()]);
    // Without a gate the last two are not touched.
    launch_settle(spec, raw, bias, [&activity, &activity, &activity], false);
    activity
}

/// The stage's activity and gate for the result `raw` `[batch, c_out·h_c·w_c]` of its convolution.
pub fn settle_gated(spec: &ConvSpec, raw: &Operand, bias: &Operand) -> (Operand, AcceleratorGate) {
    let batch = dims(raw)[0];
    let activity = fresh(raw, [batch, spec.output_units()]);
    let max = spec.pool == Pool::Max;
    let slope = fresh(raw, [batch, if max { spec.output_units() } else { spec.convolved_units() }]);
    let winner = max.then(|| fresh(raw, [batch, spec.output_units()]));
    launch_settle(spec, raw, bias, [&activity, &slope, winner.as_ref().unwrap_or(&slope)], true);
    (activity, AcceleratorGate { slope, winner })
}

fn launch_settle(spec: &ConvSpec, raw: &Operand, bias: &Operand, outputs: [&Operand; 3], gated: bool) {
    let window = Window::of(spec, gated);
    let size = dims(raw)[0] * spec.output_units();
    let [activity, slope, winner] = outputs.map(buffer);
    // SAFETY: the kernel stops at the size it is given, and a window lies within its map.
    unsafe {
        settle_kernel::launch_unchecked(
            &raw.client,
            cubes(size),
            CubeDim::new_1d(UNITS),
            buffer(raw),
            buffer(bias),
            activity,
            slope,
            winner,
            size as u32,
            window,
        );
    }
}

#[cube(launch_unchecked)]
fn settle_kernel(
    raw: &[f32],
    bias: &[f32],
    activity: &mut [f32],
    slopes: &mut [f32],
    winners: &mut [f32],
    size: u32,
    #[comptime] window: Window,
) {
    let position = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    if position < size {
        let column = position % comptime!(window.pooled[1]);
        let line = position / comptime!(window.pooled[1]);
        let row = line % comptime!(window.pooled[0]);
        let map = line / comptime!(window.pooled[0]);
        let shift = bias[(map % comptime!(window.map[0])) as usize];
        let corner = (map * comptime!(window.map[1]) + row * comptime!(window.side))
            * comptime!(window.map[2])
            + column * comptime!(window.side);
        let mut best = raw[corner as usize] + shift;
        if comptime!(window.pool == Pool::Average) {
            let mut sum = 0.0f32;
            #[unroll]
            for i in 0..comptime!(window.side * window.side) {
                let index = corner + comptime!(i / window.side * window.map[2] + i % window.side);
                let z = raw[index as usize] + shift;
                sum += value(z, comptime!(window.activation));
                if comptime!(window.gated) {
                    slopes[index as usize] = slope(z, comptime!(window.activation));
                }
            }
            activity[position as usize] = sum * comptime!(1.0f32 / (window.side * window.side) as f32);
        } else {
            let mut top = value(best, comptime!(window.activation));
            let mut winner = 0.0f32;
            #[unroll]
            for i in 1..comptime!(window.side * window.side) {
                let index = corner + comptime!(i / window.side * window.map[2] + i % window.side);
                let z = raw[index as usize] + shift;
                let y = value(z, comptime!(window.activation));
                // The first of equals wins; what is no number wins over all before it.
                if y > top || y.is_nan() {
                    top = y;
                    best = z;
                    winner = f32::cast_from(i.runtime());
                }
            }
            activity[position as usize] = top;
            if comptime!(window.gated) {
                slopes[position as usize] = slope(best, comptime!(window.activation));
                if comptime!(window.pool == Pool::Max) {
                    winners[position as usize] = winner;
                }
            }
        }
    }
}

/// The error at the pre-activation, `[batch, c_out·h_c·w_c]`, for an error `delta` at the stage's output.
pub fn gated_error(spec: &ConvSpec, gate: &AcceleratorGate, delta: &Operand) -> Operand {
    let batch = dims(delta)[0];
    let output = fresh(delta, [batch, spec.convolved_units()]);
    let size = batch * spec.convolved_units();
    let winner = gate.winner.as_ref().unwrap_or(&gate.slope);
    // SAFETY: the kernel stops at the size it is given; places beyond the last window are not looked up.
    unsafe {
        gated_error_kernel::launch_unchecked(
            &delta.client,
            cubes(size),
            CubeDim::new_1d(UNITS),
            buffer(delta),
            buffer(&gate.slope),
            buffer(winner),
            buffer(&output),
            size as u32,
            Window::of(spec, true),
        );
    }
    output
}

#[cube(launch_unchecked)]
fn gated_error_kernel(
    delta: &[f32],
    slopes: &[f32],
    winners: &[f32],
    output: &mut [f32],
    size: u32,
    #[comptime] window: Window,
) {
    let position = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    if position < size {
        let column = position % comptime!(window.map[2]);
        let line = position / comptime!(window.map[2]);
        let row = line % comptime!(window.map[1]);
        let map = line / comptime!(window.map[1]);
        let (across, down) = (column / comptime!(window.side), row / comptime!(window.side));
        let mut error = 0.0f32;
        if across < comptime!(window.pooled[1]) && down < comptime!(window.pooled[0]) {
            let index =
                ((map * comptime!(window.pooled[0]) + down) * comptime!(window.pooled[1]) + across) as usize;
            if comptime!(window.pool == Pool::Max) {
                let own =
                    row % comptime!(window.side) * comptime!(window.side) + column % comptime!(window.side);
                if winners[index] == f32::cast_from(own) {
                    error = delta[index] * slopes[index];
                }
            } else {
                let share = comptime!(1.0f32 / (window.side * window.side) as f32);
                error = delta[index] * slopes[position as usize] * share;
            }
        }
        output[position as usize] = error;
    }
}
