//! A weight matrix packed once for all steps of a sequence.

use pulp::{Simd, WithSimd};

use crate::cpu::panels::{Left, Out, Panel, multiply};
use crate::cpu::vectors::{Widths, arch, panel_vectors};

/// A matrix `[depth, columns]` as panels of whole vectors, columns filled up with zeros.
pub(super) struct Packed {
    panels: Vec<f32>,
    depth: usize,
    /// Columns with those filled up: the row step of a product.
    pub(super) whole: usize,
    lanes: usize,
    widest: usize,
}

impl Packed {
    /// The matrix with the given entry at (row, column).
    pub(super) fn new(depth: usize, columns: usize, entry: impl Fn(usize, usize) -> f32) -> Self {
        let [lanes, full] = arch().dispatch(Widths);
        let (widest, whole) = (lanes * full, columns.next_multiple_of(lanes));
        let mut panels = vec![0.0; whole * depth];
        for first in (0..whole).step_by(widest) {
            let step = widest.min(whole - first);
            let panel = &mut panels[first * depth..][..step * depth];
            for (k, row) in panel.chunks_exact_mut(step).enumerate() {
                for (column, value) in row.iter_mut().enumerate().take(columns.saturating_sub(first)) {
                    *value = entry(k, first + column);
                }
            }
        }
        Self { panels, depth, whole, lanes, widest }
    }

    /// `out = left panels`, `[rows, whole]`, for `left` `[rows, depth]`.
    pub(super) fn multiply(&self, left: &[f32], out: &mut [f32]) {
        let rows = out.len() / self.whole.max(1);
        assert_eq!((left.len(), out.len()), (rows * self.depth, rows * self.whole), "sizes of a product");
        arch().dispatch(Product { packed: self, left, out, rows });
    }
}

struct Product<'a> {
    packed: &'a Packed,
    left: &'a [f32],
    out: &'a mut [f32],
    rows: usize,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { packed: Packed { panels, depth, whole, lanes, widest }, left, out, rows } = self;
        assert_eq!([S::F32_LANES, panel_vectors::<S>() * S::F32_LANES], [*lanes, *widest]);
        for first in (0..*whole).step_by(*widest) {
            let step = (*widest).min(whole - first);
            let panel = panels[first * depth..][..step * depth].as_ptr();
            let left = Left { at: left.as_ptr(), row_step: *depth, step: 1 };
            let panel = Panel { at: panel, step, vectors: step / S::F32_LANES };
            let out = Out { at: out[first..].as_mut_ptr(), step: *whole, accumulate: false };
            // SAFETY: `left` holds `rows` rows of `depth` values, the panel `depth` rows of `step`, and `out` `rows` rows of
            // `whole` values, of which the panel's product takes `step` from `first` on.
            unsafe { multiply(simd, rows, *depth, left, panel, out) };
        }
    }
}
