//! Convolution with 3x3 kernels at stride 1 by minimal filtering, F(4x4, 3x3) (Winograd 1980; Lavin and Gray 2016).
//!
//! The map is cut into tiles of 4x4 outputs. With `d` the 6x6 inputs a tile reads, `g` the kernel and `y` the tile,
//!
//! ```text
//! y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A
//! ```
//!
//! so that 36 products replace 144, and summing over channels turns each of the 36 places of a transformed tile
//! into a matrix product of its own. Differentiating the same identity gives the gradients: the input gradient
//! is a convolution with the turned kernel, and the weight gradient is
//!
//! ```text
//! ∂g = Gᵀ [Σ_tiles (A ε Aᵀ) ⊙ (Bᵀ d B)] G
//! ```
//!
//! for the 4x4 errors `ε` of a tile. The interpolation points 0, ±3/4, ±3/2 and ∞ keep the rounding error at 4 to
//! 8 times that of the direct sum in single precision (root mean square relative to the result; the usual points
//! 0, ±1, ±2 give 12 to 15 times), and are exact in binary.
//!
//! Vectors run over channels, so maps are turned to `[row, column, channel]` strip by strip as they are read.

mod convolve;
mod gradient;
mod strip;
mod transform;
mod weights;

pub(super) use convolve::{activity, input_gradient};
pub(super) use gradient::weight_gradient;

use crate::spec::ConvSpec;

/// Outputs along a tile's side.
const OUT: usize = crate::cpu::sinks::TILE;
/// Inputs along a tile's side.
const IN: usize = 6;
/// Places of a transformed tile.
const PLACES: usize = IN * IN;

/// Whether the stage is computed here: the kernel fits, there are enough channels for matrix products, and maps
/// fill their tiles well enough to save work.
pub(super) fn covers(spec: &ConvSpec) -> bool {
    const FEWEST_CHANNELS: usize = 8;
    if spec.kernel != 3 || spec.stride != 1 || spec.padding > 2 {
        return false;
    }
    let saves = |[_, rows, columns]: [usize; 3]| {
        let grid = Grid::new(rows, columns);
        2 * grid.tiles() * PLACES <= rows * columns * 9
    };
    spec.input[0].min(spec.channels) >= FEWEST_CHANNELS && saves(spec.convolved()) && saves(spec.input)
}

/// The tiles of a map.
#[derive(Clone, Copy)]
struct Grid {
    rows: usize,
    columns: usize,
}

impl Grid {
    fn new(rows: usize, columns: usize) -> Self {
        Self { rows: rows.div_ceil(OUT), columns: columns.div_ceil(OUT) }
    }

    fn tiles(self) -> usize {
        self.rows * self.columns
    }
}
