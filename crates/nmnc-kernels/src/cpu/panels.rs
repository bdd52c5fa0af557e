//! The register-blocked product of a matrix, read by its strides, with a panel of whole vectors.

use pulp::Simd;

use super::vectors::{load, store};

/// Rows of a register block.
pub(super) const ROWS: usize = 6;

/// A matrix read by its strides: entry `(row, k)` is `at[row * row_step + k * step]`.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub(super) at: *const f32,
    pub(super) row_step: usize,
    pub(super) step: usize,
}

/// `depth` rows of whole vectors, `step` apart.
#[derive(Clone, Copy)]
pub(super) struct Panel {
    pub(super) at: *const f32,
    pub(super) step: usize,
    pub(super) vectors: usize,
}

/// Where a product goes: rows of whole vectors, `step` apart.
#[derive(Clone, Copy)]
pub(super) struct Out {
    pub(super) at: *mut f32,
    pub(super) step: usize,
    pub(super) accumulate: bool,
}

/// `out = left panel`, or `out += left panel`, for `rows` rows and inner size `depth`.
///
/// The order of additions is that of the inner index, whatever the blocking.
///
/// # Safety
/// Every entry addressed by the three operands must be valid for reading, and those of `out` for writing and not
/// otherwise referred to; with `accumulate` they must be initialized.
#[inline(always)]
pub(super) unsafe fn multiply<S: Simd>(
    simd: S,
    rows: usize,
    depth: usize,
    left: Left,
    panel: Panel,
    out: Out,
) {
    let mut done = 0;
    while done < rows {
        let count = ROWS.min(rows - done);
        // SAFETY: the offsets stay inside the rows the caller vouches for.
        unsafe {
            let left = Left { at: left.at.add(done * left.row_step), ..left };
            let out = Out { at: out.at.add(done * out.step), ..out };
            match panel.vectors {
                1 => rows_of::<S, 1>(simd, count, depth, left, panel, out),
                2 => rows_of::<S, 2>(simd, count, depth, left, panel, out),
                3 => rows_of::<S, 3>(simd, count, depth, left, panel, out),
                _ => rows_of::<S, 4>(simd, count, depth, left, panel, out),
            }
        }
        done += count;
    }
}

/// # Safety
/// As [`multiply`], for at most [`ROWS`] rows.
#[inline(always)]
unsafe fn rows_of<S: Simd, const VECTORS: usize>(
    simd: S,
    rows: usize,
    depth: usize,
    left: Left,
    panel: Panel,
    out: Out,
) {
    // SAFETY: passed on.
    unsafe {
        match rows {
            1 => block::<S, 1, VECTORS>(simd, depth, left, panel, out),
            2 => block::<S, 2, VECTORS>(simd, depth, left, panel, out),
            3 => block::<S, 3, VECTORS>(simd, depth, left, panel, out),
            4 => block::<S, 4, VECTORS>(simd, depth, left, panel, out),
            5 => block::<S, 5, VECTORS>(simd, depth, left, panel, out),
            _ => block::<S, ROWS, VECTORS>(simd, depth, left, panel, out),
        }
    }
}

/// # Safety
/// As [`multiply`], for exactly `R` rows and `V` vectors.
#[inline(always)]
unsafe fn block<S: Simd, const R: usize, const V: usize>(
    simd: S,
    depth: usize,
    left: Left,
    panel: Panel,
    out: Out,
) {
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    // SAFETY: entries the caller vouches for.
    unsafe {
        if out.accumulate {
            for (row, sums) in sums.iter_mut().enumerate() {
                for (vector, sum) in sums.iter_mut().enumerate() {
                    *sum = load::<S>(out.at.add(row * out.step + vector * S::F32_LANES));
                }
            }
        }
        for k in 0..depth {
            let mut right = [simd.splat_f32s(0.0); V];
            for (vector, right) in right.iter_mut().enumerate() {
                *right = load::<S>(panel.at.add(k * panel.step + vector * S::F32_LANES));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = simd.splat_f32s(*left.at.add(row * left.row_step + k * left.step));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = simd.mul_add_e_f32s(factor, right, *sum);
                }
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            for (vector, sum) in sums.into_iter().enumerate() {
                store::<S>(out.at.add(row * out.step + vector * S::F32_LANES), sum);
            }
        }
    }
}
