//! The weight gradient.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::Padded;
use crate::cpu::maps::{BLOCK, Maps};
use crate::cpu::panels::{Left, Out, Panel, multiply};
use crate::cpu::scratch;
use crate::cpu::vectors::{arch, panel_vectors};
use crate::spec::ConvSpec;

/// Partial sums over images: their number bounds both the memory they take and the threads they feed.
const CHUNKS: usize = 16;

/// Gradients of weight and bias, summed over the batch, for inputs `x` and the gated error `errors`.
///
/// A row of errors is turned, channels side by side, and multiplied with the inputs that each row of kernel taps
/// reads along it.
pub(in crate::cpu) fn weight_gradient(
    spec: &ConvSpec,
    x: &[f32],
    errors: &impl Maps,
    batch: usize,
) -> (Vec<f32>, Vec<f32>) {
    let padded = Padded::new(spec);
    let [channels, _, columns] = spec.convolved();
    let pitch = channels.next_multiple_of(BLOCK);
    let chunk = batch.div_ceil(CHUNKS).max(1);
    let mut partials = vec![0.0; batch.div_ceil(chunk).max(1) * (spec.fan_in() + 1) * pitch];
    let lengths = [padded.size(), columns * pitch, BLOCK * columns];
    partials
        .par_chunks_mut((spec.fan_in() + 1) * pitch)
        .zip(x.par_chunks(chunk * spec.input_units()))
        .enumerate()
        .for_each(|(index, (sums, images))| {
            scratch::with(scratch::Use::Group, lengths, |[image, line, buffer]| {
                for (offset, pixels) in images.chunks_exact(spec.input_units()).enumerate() {
                    padded.fill(spec, pixels, image);
                    let index = index * chunk + offset;
                    arch().dispatch(Image {
                        spec,
                        padded: &padded,
                        errors,
                        index,
                        image,
                        line,
                        buffer,
                        sums,
                    });
                }
            });
        });
    let mut totals = partials.chunks_exact((spec.fan_in() + 1) * pitch);
    let mut total = totals.next().expect("at least one chunk").to_vec();
    for partial in totals {
        for (total, value) in total.iter_mut().zip(partial) {
            *total += value;
        }
    }
    let (taps, bias) = total.split_at(spec.fan_in() * pitch);
    let weight =
        (0..channels).flat_map(|channel| taps.chunks_exact(pitch).map(move |tap| tap[channel])).collect();
    (weight, bias[..channels].to_vec())
}

/// The share of one image.
struct Image<'a, M> {
    spec: &'a ConvSpec,
    padded: &'a Padded,
    errors: &'a M,
    index: usize,
    image: &'a [f32],
    /// One row of errors, `[column, channel]`.
    line: &'a mut [f32],
    buffer: &'a mut [f32],
    /// Sums `[tap, channel]`, and one row more for the bias.
    sums: &'a mut [f32],
}

impl<M: Maps> WithSimd for Image<'_, M> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { spec, padded, errors, index, image, line, buffer, sums } = self;
        let [channels, rows, columns] = errors.shape();
        let pitch = channels.next_multiple_of(BLOCK);
        let panel = panel_vectors::<S>() * S::F32_LANES;
        let furthest = ((rows - 1) * padded.shape[2] + columns - 1) * spec.stride;
        assert!(furthest + padded.offsets[spec.fan_in() - 1] < image.len());
        assert!(line.len() >= columns * pitch && sums.len() >= (spec.fan_in() + 1) * pitch);
        for row in 0..rows {
            for channel in (0..channels).step_by(BLOCK) {
                errors.turn([index, channel, row], buffer, &mut line[channel..], pitch);
            }
            let bias = &mut sums[spec.fan_in() * pitch..];
            for pixel in line.chunks_exact(pitch) {
                for (bias, value) in bias.iter_mut().zip(pixel) {
                    *bias += value;
                }
            }
            let start = row * spec.stride * padded.shape[2];
            for first in (0..pitch).step_by(panel) {
                let vectors = panel.min(pitch - first) / S::F32_LANES;
                for tap in (0..spec.fan_in()).step_by(spec.kernel) {
                    let left = Left {
                        at: image[start + padded.offsets[tap]..].as_ptr(),
                        row_step: 1,
                        step: spec.stride,
                    };
                    let right = Panel { at: line[first..].as_ptr(), step: pitch, vectors };
                    let out =
                        Out { at: sums[tap * pitch + first..].as_mut_ptr(), step: pitch, accumulate: true };
                    // SAFETY: a kernel's row of taps reads along the image's row, up to the place checked above;
                    // the line holds `columns` rows of `pitch` values, and the sums one for each tap.
                    unsafe { multiply(simd, spec.kernel, columns, left, right, out) };
                }
            }
        }
    }
}
