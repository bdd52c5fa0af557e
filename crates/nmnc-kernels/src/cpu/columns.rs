//! Images to patch columns and back.

use super::wide::wide;
use crate::spec::ConvSpec;

/// The sizes the gathering loops run over.
#[derive(Clone, Copy)]
pub(super) struct Geometry {
    channels: usize,
    height: usize,
    width: usize,
    /// Height and width of the convolved map.
    rows: usize,
    columns: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
}

impl Geometry {
    pub(super) fn new(spec: &ConvSpec) -> Self {
        let [channels, height, width] = spec.input;
        let [_, rows, columns] = spec.convolved();
        let ConvSpec { kernel, stride, padding, .. } = *spec;
        Self { channels, height, width, rows, columns, kernel, stride, padding }
    }

    /// Positions of the convolved map, `h_c w_c`.
    pub(super) fn positions(&self) -> usize {
        self.rows * self.columns
    }

    /// Images handled by one product: enough of them that small maps still give it a wide operand, few
    /// enough that their columns stay in a second-level cache and that every thread of a batch gets some.
    /// Depends on the spec and the batch size alone.
    pub(super) fn group(&self, batch: usize) -> usize {
        const WIDE: usize = 256;
        const CACHED: usize = 160_000;
        let column_values = self.channels * self.kernel * self.kernel * self.positions();
        let group = (WIDE / self.positions()).min(CACHED / column_values);
        group.min(32).min(batch.div_ceil(8)).max(1)
    }

    /// Outputs along one side whose kernel tap at `offset` falls inside the image.
    #[inline(always)]
    fn inside(&self, offset: usize, size: usize, outputs: usize) -> std::ops::Range<usize> {
        let first = self.padding.saturating_sub(offset).div_ceil(self.stride);
        let end = match (size + self.padding).checked_sub(offset + 1) {
            Some(last) => (last / self.stride + 1).min(outputs),
            None => 0,
        };
        first.min(end)..end
    }

    /// Writes the patches of a group of images as columns, images side by side: row `(c, ky, kx)` holds that
    /// tap for every position; taps in the padding are zero.
    pub(super) fn gather_group(&self, images: &[f32], columns: &mut [f32]) {
        let image = self.channels * self.height * self.width;
        let pitch = images.len() / image * self.positions();
        wide(
            #[inline(always)]
            || {
                for (index, image) in images.chunks_exact(image).enumerate() {
                    self.gather(image, columns, pitch, index * self.positions());
                }
            },
        );
    }

    /// The transpose of [`gather_group`](Self::gather_group): each pixel becomes the sum of the column entries
    /// it would be written to.
    pub(super) fn scatter_group(&self, columns: &[f32], images: &mut [f32]) {
        let image = self.channels * self.height * self.width;
        let pitch = images.len() / image * self.positions();
        wide(
            #[inline(always)]
            || {
                for (index, image) in images.chunks_exact_mut(image).enumerate() {
                    self.scatter(columns, pitch, index * self.positions(), image);
                }
            },
        );
    }

    /// One image's part of `columns`, whose rows are `pitch` apart, from `start` in each.
    #[inline(always)]
    fn gather(&self, image: &[f32], columns: &mut [f32], pitch: usize, start: usize) {
        self.taps(
            #[inline(always)]
            |row, plane, ky, kx| {
                let plane = &image[plane..][..self.height * self.width];
                let target = &mut columns[row * pitch + start..][..self.positions()];
                let inside_rows = self.inside(ky, self.height, self.rows);
                let inside = self.inside(kx, self.width, self.columns);
                if inside_rows.is_empty() || inside.is_empty() {
                    target.fill(0.0);
                    return;
                }
                target[..inside_rows.start * self.columns].fill(0.0);
                target[inside_rows.end * self.columns..].fill(0.0);
                for oy in inside_rows {
                    let target = &mut target[oy * self.columns..][..self.columns];
                    let first = inside.start * self.stride + kx - self.padding;
                    let source = &plane[(oy * self.stride + ky - self.padding) * self.width + first..];
                    target[..inside.start].fill(0.0);
                    target[inside.end..].fill(0.0);
                    let target = &mut target[inside.clone()];
                    if self.stride == 1 {
                        copy_row(target, &source[..target.len()]);
                    } else {
                        for (value, source) in target.iter_mut().zip(source.iter().step_by(self.stride)) {
                            *value = *source;
                        }
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn scatter(&self, columns: &[f32], pitch: usize, start: usize, image: &mut [f32]) {
        image.fill(0.0);
        self.taps(
            #[inline(always)]
            |row, plane, ky, kx| {
                let plane = &mut image[plane..][..self.height * self.width];
                let source = &columns[row * pitch + start..][..self.positions()];
                let inside = self.inside(kx, self.width, self.columns);
                if inside.is_empty() {
                    return;
                }
                for oy in self.inside(ky, self.height, self.rows) {
                    let source = &source[oy * self.columns..][inside.clone()];
                    let first = inside.start * self.stride + kx - self.padding;
                    let target = &mut plane[(oy * self.stride + ky - self.padding) * self.width + first..];
                    if self.stride == 1 {
                        for (value, source) in target.iter_mut().zip(source) {
                            *value += *source;
                        }
                    } else {
                        for (value, source) in target.iter_mut().step_by(self.stride).zip(source) {
                            *value += *source;
                        }
                    }
                }
            },
        );
    }

    /// Calls with each kernel tap's row, the start of its channel's plane, and its offsets.
    #[inline(always)]
    fn taps(&self, mut each: impl FnMut(usize, usize, usize, usize)) {
        let mut row = 0;
        for channel in 0..self.channels {
            for ky in 0..self.kernel {
                for kx in 0..self.kernel {
                    each(row, channel * self.height * self.width, ky, kx);
                    row += 1;
                }
            }
        }
    }
}

/// A copy that does not call out to `memcpy`, whose overhead exceeds the work on short rows.
#[inline(always)]
fn copy_row(target: &mut [f32], source: &[f32]) {
    let mut targets = target.chunks_exact_mut(8);
    let mut sources = source.chunks_exact(8);
    for (target, source) in (&mut targets).zip(&mut sources) {
        let source: &[f32; 8] = source.try_into().expect("chunks of eight");
        let target: &mut [f32; 8] = target.try_into().expect("chunks of eight");
        *target = *source;
    }
    for (value, source) in targets.into_remainder().iter_mut().zip(sources.remainder()) {
        *value = *source;
    }
}
