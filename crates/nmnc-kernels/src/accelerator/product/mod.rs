//! Products of matrices and of what convolutions make of maps, in tiles, with sums over many terms divided among cubes.
//!
//! How a product is divided follows from its shape alone, and parts of a sum are added in order: the same bits every time, on any card.

mod gather;
mod kernel;
mod layout;
mod tile;

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use kernel::{Plan, SizesLaunch, product};
pub use layout::Layout;
use tile::{DEPTH, Side, UNITS};

use super::geometry::Geometry;
use super::operand::{Operand, buffer, fresh};
use super::sums::add_parts;
use crate::kinds::Precision;

/// Channels that are summed over together, tap by tap.
pub const BLOCK: usize = DEPTH as usize;

/// Terms of a sum over `channels` by tap.
pub fn by_tap(channels: usize, geometry: &Geometry) -> usize {
    channels.next_multiple_of(BLOCK) * geometry.taps() as usize
}

/// Cubes that fill a card.
const CUBES: usize = 128;
/// Cubes that a product is divided among where its sum can be.
const SHARED_CUBES: usize = 256;
/// Slabs under which a share of a sum is not worth its own cube.
const FEWEST_SLABS: usize = 8;

/// A factor of a product.
pub struct Factor<'a> {
    pub operand: &'a Operand,
    pub layout: Layout,
    /// Elements between neighbours by the outer index, and by the inner one; of a matrix only.
    pub strides: [usize; 2],
}

impl<'a> Factor<'a> {
    /// The left factor that `operand` `[rows, terms]` is, with any strides.
    pub fn left(operand: &'a Operand) -> Self {
        let strides = operand.meta.strides();
        Self { operand, layout: Layout::Matrix, strides: [strides[0], strides[1]] }
    }

    /// The right factor that `operand` `[terms, columns]` is, with any strides.
    pub fn right(operand: &'a Operand) -> Self {
        let strides = operand.meta.strides();
        Self { operand, layout: Layout::Matrix, strides: [strides[1], strides[0]] }
    }

    /// What `layout` makes of a contiguous operand.
    pub fn gathered(operand: &'a Operand, layout: Layout) -> Self {
        Self { operand, layout, strides: [0, 0] }
    }

    fn side(&self, width: usize, geometry: Geometry, precision: Precision) -> Side {
        let along_inner = self.layout.runs_along_inner(self.strides[1]);
        // Matrix units want lines that begin at multiples of 16 bytes, and read four lines of the sum or eight others at once.
        let gap = match (precision, along_inner) {
            (Precision::F32, _) => 1,
            (Precision::Tf32, true) => 4,
            (Precision::Tf32, false) | (Precision::Bf16, _) => 8,
        };
        Side { layout: self.layout, along_inner, width: width as u32, gap, geometry }
    }
}

/// Sizes of a product `[rows, columns]` of sums over `terms`.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    pub rows: usize,
    pub columns: usize,
    pub terms: usize,
}

/// How a product is divided: widths of a tile, and shares of the sum.
fn division(extent: Extent, widest: usize, may_share: bool) -> ([usize; 2], usize) {
    let fit = |size: usize| {
        if size > 64 {
            widest
        } else if size > 32 {
            64
        } else {
            32
        }
    };
    let mut tile = [fit(extent.rows), fit(extent.columns)];
    let tiles = |tile: [usize; 2]| extent.rows.div_ceil(tile[0]) * extent.columns.div_ceil(tile[1]);
    // Where the sum can be divided, it is, and tiles stay large: they read less for each product.
    for side in [0, 1] {
        if !may_share && tiles(tile) < CUBES && tile[side] > 64 {
            tile[side] = 64;
        }
    }
    let most = extent.terms.div_ceil(DEPTH as usize * FEWEST_SLABS);
    let shares = if may_share { SHARED_CUBES.div_ceil(tiles(tile)).min(most).max(1) } else { 1 };
    (tile, shares)
}

/// What a product is added to, times `scale`.
#[derive(Clone, Copy)]
pub struct Added<'a> {
    pub base: &'a Operand,
    /// Elements between its rows; none where one row is added to all.
    pub pitch: usize,
    pub scale: f32,
}

/// The sum that [`parts`] leaves in parts.
pub fn multiply(
    left: Factor,
    right: Factor,
    extent: Extent,
    result: Layout,
    geometry: Geometry,
    precision: Precision,
    added: Option<Added>,
) -> Operand {
    let (output, shares) = parts(left, right, extent, result, geometry, precision, added);
    if shares == 1 { output } else { add_parts(&output, shares, [extent.rows, extent.columns], added) }
}

/// `[rows, columns]`, or where `result` is a map layout of `geometry` the maps `[image, rows, place]` as a matrix of one image a row;
/// with what is to be `added`. A sum of many terms may come as several matrices to be added, one after the other,
/// and to what is to be `added`; their number is the second result.
pub fn parts(
    left: Factor,
    right: Factor,
    extent: Extent,
    result: Layout,
    geometry: Geometry,
    precision: Precision,
    added: Option<Added>,
) -> (Operand, usize) {
    let client = &left.operand.client;
    // Two stages of both factors have to fit.
    let roomy = client.properties().hardware.max_shared_memory_size >= 48 * 1024;
    let matrix = result == Layout::Matrix;
    let (tile, shares) = division(extent, if roomy { 128 } else { 64 }, matrix);
    let share = extent.terms.div_ceil(shares).next_multiple_of(DEPTH as usize).max(DEPTH as usize);
    let shares = extent.terms.div_ceil(share).max(1);
    let plan = |precision| Plan {
        left: left.side(tile[0], geometry, precision),
        right: right.side(tile[1], geometry, precision),
        precision,
        result,
        added: added.is_some() && shares == 1,
    };
    let plan = if plan(precision).fits_units() { plan(precision) } else { plan(Precision::F32) };
    let [rows, columns] = match result {
        Layout::Matrix => [shares * extent.rows, extent.columns],
        Layout::Maps => {
            [extent.columns / geometry.places() as usize, extent.rows * geometry.places() as usize]
        }
        _ => {
            let pixels = (geometry.height * geometry.width) as usize;
            [extent.columns / pixels, extent.rows * pixels]
        }
    };
    let output = fresh(left.operand, [rows, columns]);
    // Without something to add, the base is not read.
    let base = added.as_ref().map_or(left.operand, |added| added.base);
    let scale = added.as_ref().filter(|_| shares == 1).map_or(1.0, |added| added.scale);
    let base_pitch = added.as_ref().map_or(0, |added| added.pitch);
    let sizes = |strides: [usize; 2]| (strides[0] as u32, strides[1] as u32);
    let ((left_outer, left_inner), (right_outer, right_inner)) = (sizes(left.strides), sizes(right.strides));
    let sizes = SizesLaunch::new(
        extent.rows as u32,
        extent.columns as u32,
        extent.terms as u32,
        share as u32,
        left_outer,
        left_inner,
        right_outer,
        right_inner,
        extent.columns as u32,
        base_pitch as u32,
    );
    let count = CubeCount::Static(
        extent.columns.div_ceil(tile[1]) as u32,
        extent.rows.div_ceil(tile[0]) as u32,
        shares as u32,
    );
    let dim = CubeDim::new_1d(UNITS);
    let (a, b, c, d) = (buffer(left.operand), buffer(right.operand), buffer(base), buffer(&output));
    // SAFETY: every index that the kernel reads or writes is checked there against the sizes that the operands were made with.
    unsafe {
        match plan.precision {
            Precision::F32 => {
                product::launch_unchecked::<f32>(client, count, dim, a, b, c, d, sizes, scale, plan)
            }
            Precision::Tf32 => {
                product::launch_unchecked::<tf32>(client, count, dim, a, b, c, d, sizes, scale, plan)
            }
            Precision::Bf16 => product::launch_unchecked::<burn::tensor::bf16>(
                client, count, dim, a, b, c, d, sizes, scale, plan,
            ),
        }
    }
    (output, shares)
}
