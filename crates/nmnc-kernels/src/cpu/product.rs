//! Single-threaded blocked products, and a matrix product split over threads in fixed blocks.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::{Operand, tensor, values};
use crate::spec::area;

/// A matrix read in place: entry `(i, j)` is `values[i * row + j * column]`.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row: isize,
    column: isize,
}

impl<'a> View<'a> {
    /// A row-major matrix whose rows start `pitch` values apart.
    pub(super) fn new(values: &'a [f32], rows: usize, columns: usize, pitch: usize) -> Self {
        Self::strided(values, [rows, columns], [pitch as isize, 1])
    }

    fn strided(values: &'a [f32], [rows, columns]: [usize; 2], [row, column]: [isize; 2]) -> Self {
        assert!(row >= 0 && column >= 0, "views run forward");
        if rows > 0 && columns > 0 {
            let last = (rows - 1) * row as usize + (columns - 1) * column as usize;
            assert!(last < values.len(), "view exceeds its values");
        }
        Self { values, rows, columns, row, column }
    }

    /// The transpose, without moving anything.
    pub(super) fn t(self) -> Self {
        Self { rows: self.columns, columns: self.rows, row: self.column, column: self.row, ..self }
    }

    fn slice_rows(self, start: usize, rows: usize) -> Self {
        let values = &self.values[start * self.row as usize..];
        Self { values, rows, ..self }
    }

    fn slice_columns(self, start: usize, columns: usize) -> Self {
        self.t().slice_rows(start, columns).t()
    }
}

/// `out = a b`, or `out += a b`, on the calling thread. `out` is row-major with rows `pitch` apart.
pub(super) fn multiply(out: &mut [f32], pitch: usize, a: View<'_>, b: View<'_>, accumulate: bool) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(k, b.rows, "inner sizes of a product differ");
    if m == 0 || n == 0 {
        return;
    }
    assert!(n <= pitch && (m - 1) * pitch + n <= out.len(), "product exceeds its output");
    // SAFETY: `View::strided` and `slice_rows` keep every entry of `a` and `b` inside their slices, the
    // assertion above does so for `out`, and `out` is borrowed mutably so nothing aliases it.
    unsafe { raw_multiply(out.as_mut_ptr(), pitch, a, b, accumulate, 1.0) }
}

/// `out = scale a b`, or `out += scale a b`.
///
/// # Safety
/// `out` must be valid for writing `a.rows` rows of `b.columns` values each, `pitch` apart, and no other
/// reference to those values may be live; with `accumulate` they must be initialized. The inner sizes must
/// agree.
unsafe fn raw_multiply(out: *mut f32, pitch: usize, a: View<'_>, b: View<'_>, accumulate: bool, scale: f32) {
    // SAFETY: the caller vouches for `out`; views hold only entries inside their slices.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out,
            1,
            pitch as isize,
            accumulate,
            a.values.as_ptr(),
            a.column,
            a.row,
            b.values.as_ptr(),
            b.column,
            b.row,
            1.0,
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// A pointer that the tasks of one job share; each writes its own part.
pub(super) struct Shared<T>(pub(super) *mut T);

// SAFETY: the tasks that share one write disjoint parts of the buffer behind the pointer, and it outlives them.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    // A method, so that closures capture the wrapper and not the bare pointer in it.
    #[inline(always)]
    pub(super) fn at(&self, offset: usize) -> *mut T {
        self.0.wrapping_add(offset)
    }
}

/// `a b` for matrices of any strides, split into row or column blocks chosen from the shapes.
pub(crate) fn matmul(a: &Operand, b: &Operand) -> Tensor<2> {
    let (a, b) = (contiguous_unless_forward(a), contiguous_unless_forward(b));
    let (a, b) = (view(&a), view(&b));
    let (m, n, k) = (a.rows, b.columns, a.columns);
    let mut out = vec![0.0_f32; area(m, n)];
    let shared = Shared(out.as_mut_ptr());
    let [rows, columns] = tile(m, n, k);
    let across = n.div_ceil(columns);
    (0..m.div_ceil(rows) * across).into_par_iter().for_each(|index| {
        let (top, left) = (index / across * rows, index % across * columns);
        let a = a.slice_rows(top, rows.min(m - top));
        let b = b.slice_columns(left, columns.min(n - left));
        // SAFETY: tiles are disjoint parts of the `[m, n]` buffer that `out` keeps alive until the loop is
        // over, and the inner sizes were checked by the caller.
        unsafe { raw_multiply(shared.at(top * n + left), n, a, b, false, 1.0) }
    });
    tensor(out, m, n)
}

/// `start + scale a b` for a contiguous `start`, in the blocks of [`matmul`].
pub(crate) fn add_product(start: &Operand, a: &Operand, b: &Operand, scale: f32) -> Tensor<2> {
    let (a, b) = (contiguous_unless_forward(a), contiguous_unless_forward(b));
    let (a, b) = (view(&a), view(&b));
    let (m, n, k) = (a.rows, b.columns, a.columns);
    let start = values(start);
    assert_eq!(start.len(), area(m, n), "size of what a product is added to");
    let mut out = Vec::<f32>::with_capacity(m * n);
    let shared = Shared(out.as_mut_ptr());
    let [rows, columns] = tile(m, n, k);
    let across = n.div_ceil(columns);
    (0..m.div_ceil(rows) * across).into_par_iter().for_each(|index| {
        let (top, left) = (index / across * rows, index % across * columns);
        let (height, width) = (rows.min(m - top), columns.min(n - left));
        let (a, b) = (a.slice_rows(top, height), b.slice_columns(left, width));
        // SAFETY: tiles are disjoint parts of the `[m, n]` buffer that `out` keeps alive until the loop is
        // over; each is initialized from `start` before the product is added to it, and the caller checked
        // the inner sizes.
        unsafe {
            for row in top..top + height {
                let from = start[row * n + left..][..width].as_ptr();
                shared.at(row * n + left).copy_from_nonoverlapping(from, width);
            }
            raw_multiply(shared.at(top * n + left), n, a, b, true, scale);
        }
    });
    // SAFETY: the tiles cover the buffer, and each has been initialized.
    unsafe { out.set_len(m * n) };
    tensor(out, m, n)
}

/// Sides of the tiles a product is split into: everything for a small one; else tiles large enough that each
/// repays packing its operands, yet at least eight where the shape allows.
fn tile(m: usize, n: usize, k: usize) -> [usize; 2] {
    const LARGE: usize = 256;
    const SMALL: usize = 64;
    let mut counts = [m.div_ceil(LARGE).max(1), n.div_ceil(LARGE).max(1)];
    let side = |size: usize, count: usize| size.div_ceil(count).next_multiple_of(16).clamp(1, size.max(1));
    if m.saturating_mul(n).saturating_mul(k) < 1 << 20 {
        return [m.max(1), n.max(1)];
    }
    while counts[0] * counts[1] < 8 {
        let sides = [side(m, counts[0]), side(n, counts[1])];
        let longer = usize::from(sides[1] >= sides[0]);
        if sides[longer] < 2 * SMALL {
            break;
        }
        counts[longer] *= 2;
    }
    [side(m, counts[0]), side(n, counts[1])]
}

fn contiguous_unless_forward(operand: &Operand) -> Operand {
    if operand.layout().strides().iter().all(|stride| *stride >= 0) {
        operand.clone()
    } else {
        operand.to_contiguous()
    }
}

fn view(operand: &Operand) -> View<'_> {
    let layout = operand.layout();
    let (shape, strides) = (layout.shape(), layout.strides());
    let values = &operand.storage::<f32>()[layout.start_offset()..];
    View::strided(values, [shape[0], shape[1]], [strides[0], strides[1]])
}
