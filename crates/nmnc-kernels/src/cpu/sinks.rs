//! Where finished tiles of 4x4 pre-activations go, while they are still in registers.

use pulp::Simd;

use super::product::Shared;
use super::vectors::WIDEST;

/// Side of a tile.
pub(super) const TILE: usize = 4;

/// Where a tile lies.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) image: usize,
    pub(super) top: usize,
    pub(super) left: usize,
    /// Channel of the first lane.
    pub(super) channel: usize,
}

/// Takes tiles, a vector of channels at a time.
pub(super) trait Sink {
    /// Takes the part of a tile that lies inside the map.
    ///
    /// # Safety
    /// Each tile may be handed over once, by one thread, while the sink's memory lives.
    unsafe fn tile<S: Simd>(&self, simd: S, y: &[[S::f32s; TILE]; TILE], at: At);
}

/// Maps `[image, channel, row, column]`.
pub(super) struct Whole {
    pub(super) out: Shared<f32>,
    /// Channels, rows and columns.
    pub(super) shape: [usize; 3],
}

impl Sink for Whole {
    #[inline(always)]
    unsafe fn tile<S: Simd>(&self, _: S, y: &[[S::f32s; TILE]; TILE], at: At) {
        let [channels, rows, columns] = self.shape;
        let lanes = S::F32_LANES.min(channels - at.channel);
        let width = TILE.min(columns - at.left);
        let mut pixels = [[0.0_f32; WIDEST]; TILE];
        for (row, y) in y.iter().take(rows - at.top).enumerate() {
            for (pixels, y) in pixels.iter_mut().zip(y) {
                S::as_mut_simd_f32s(pixels).0[0] = *y;
            }
            let first = ((at.image * channels + at.channel) * rows + at.top + row) * columns + at.left;
            for lane in 0..lanes {
                let line = self.out.at(first + lane * rows * columns);
                // SAFETY: rows, columns and lanes were cut to the map; the caller hands over each tile once.
                unsafe {
                    // One by one: gathered into a line first, the loads would wait for the stores.
                    if width == TILE {
                        *line = pixels[0][lane];
                        *line.add(1) = pixels[1][lane];
                        *line.add(2) = pixels[2][lane];
                        *line.add(3) = pixels[3][lane];
                    } else {
                        for (column, pixels) in pixels.iter().take(width).enumerate() {
                            *line.add(column) = pixels[lane];
                        }
                    }
                }
            }
        }
    }
}

/// The largest pre-activation of each 2x2 window, bias added, and its place in the window, the first one on ties:
/// what max pooling leaves for an activation that never decreases.
pub(super) struct Peaks<'a> {
    /// `[image, channel, row, column]`
    pub(super) out: Shared<f32>,
    /// As `out`, if wanted.
    pub(super) places: Option<Shared<u8>>,
    /// Channels, rows and columns of the pooled map.
    pub(super) shape: [usize; 3],
    /// One value a channel, with zeros up to a whole vector.
    pub(super) bias: &'a [f32],
}

impl Sink for Peaks<'_> {
    #[inline(always)]
    unsafe fn tile<S: Simd>(&self, simd: S, y: &[[S::f32s; TILE]; TILE], at: At) {
        let [channels, rows, columns] = self.shape;
        let lanes = S::F32_LANES.min(channels - at.channel);
        let bias = S::as_simd_f32s(&self.bias[at.channel..at.channel + S::F32_LANES]).0[0];
        let (top, left) = (at.top / 2, at.left / 2);
        for row in 0..2.min(rows.saturating_sub(top)) {
            let mut peaks = [[0.0_f32; WIDEST]; 2];
            let mut places = [[0_u32; WIDEST]; 2];
            for column in 0..2 {
                let window = [
                    y[2 * row][2 * column],
                    y[2 * row][2 * column + 1],
                    y[2 * row + 1][2 * column],
                    y[2 * row + 1][2 * column + 1],
                ];
                let (peak, place) = peak(
                    simd,
                    window.map(
                        #[inline(always)]
                        |z| simd.add_f32s(z, bias),
                    ),
                );
                S::as_mut_simd_f32s(&mut peaks[column]).0[0] = peak;
                S::as_mut_simd_u32s(&mut places[column]).0[0] = place;
            }
            let first = ((at.image * channels + at.channel) * rows + top + row) * columns + left;
            let width = 2.min(columns.saturating_sub(left));
            for lane in 0..lanes {
                for (column, peaks) in peaks.iter().enumerate().take(width) {
                    // SAFETY: rows, columns and lanes were cut to the map; the caller hands over each tile once.
                    unsafe { *self.out.at(first + lane * rows * columns + column) = peaks[lane] };
                }
            }
            let Some(out) = &self.places else { continue };
            for lane in 0..lanes {
                for (column, places) in places.iter().enumerate().take(width) {
                    // SAFETY: as above.
                    unsafe { *out.at(first + lane * rows * columns + column) = places[lane] as u8 };
                }
            }
        }
    }
}

/// The largest entry and its place; a NaN wins and stays, so that a diverged network looks like one.
#[inline(always)]
fn peak<S: Simd>(simd: S, window: [S::f32s; 4]) -> (S::f32s, S::u32s) {
    let (mut best, mut place) = (window[0], simd.splat_u32s(0));
    for (index, z) in (1..).zip(&window[1..]) {
        let nan = simd.not_m32s(simd.equal_f32s(*z, *z));
        let wins = simd.or_m32s(simd.less_than_f32s(best, *z), nan);
        best = simd.select_f32s(wins, *z, best);
        place = simd.select_u32s(wins, simd.splat_u32s(index), place);
    }
    (best, place)
}
