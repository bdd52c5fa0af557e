//! From the bytes of an image to the numbers of a batch: shifted, mirrored, standardized, in planes.

use super::augment::View;
use super::kind::ImageShape;

/// How the values of an image lie.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    shape: ImageShape,
    /// From a channel, a row, a column to the next.
    strides: [usize; 3],
}

impl Layout {
    /// `[channels, height, width]`.
    pub(super) fn planes(shape: ImageShape) -> Self {
        Self { shape, strides: [shape.height * shape.width, shape.width, 1] }
    }

    /// `[height, width, channels]`.
    pub(super) fn pixels(shape: ImageShape) -> Self {
        Self { shape, strides: [1, shape.width * shape.channels, shape.channels] }
    }
}

/// Copies `image`, shifted and mirrored as in `view`, to `out`, `[channels, height, width]`, through a function of each channel; what lies
/// outside the image counts as black.
pub(super) fn place<T: Copy + Default, F: Fn(T) -> f32>(
    image: &[T],
    Layout { shape, strides }: Layout,
    view: &View,
    out: &mut [f32],
    of_channel: impl Fn(usize) -> F,
) {
    // Columns of the result that lie inside the image, before it is mirrored.
    let inside = |shift: isize, len: usize| {
        let first = (-shift).max(0).unsigned_abs().min(len);
        first..(len as isize - shift).clamp(first as isize, len as isize).unsigned_abs()
    };
    let columns = inside(view.right, shape.width);
    let start = columns.start.saturating_add_signed(view.right) * strides[2];
    for (channel, out) in out.chunks_exact_mut(shape.height * shape.width).enumerate() {
        let value = of_channel(channel);
        let outside = value(T::default());
        for (row, out) in out.chunks_exact_mut(shape.width).enumerate() {
            let Some(row) = row.checked_add_signed(view.down).filter(|&row| row < shape.height) else {
                out.fill(outside);
                continue;
            };
            if columns.len() < shape.width {
                out.fill(outside);
            }
            let source = image.get(channel * strides[0] + row * strides[1] + start..).unwrap_or_default();
            let values = source.iter().step_by(strides[2]).map(|&pixel| value(pixel));
            if view.flip {
                let mirrored = shape.width - columns.end..shape.width - columns.start;
                out[mirrored].iter_mut().rev().zip(values).for_each(|(out, value)| *out = value);
            } else {
                out[columns.clone()].iter_mut().zip(values).for_each(|(out, value)| *out = value);
            }
        }
    }
}
