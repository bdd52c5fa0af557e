//! The weight gradient.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::convolve::transform_input;
use super::strip::{Strip, pitch};
use super::{Grid, IN, OUT, PLACES, transform};
use crate::cpu::maps::{Maps, Stored};
use crate::cpu::panels::{Left, Out, Panel, multiply};
use crate::cpu::product::Shared;
use crate::cpu::scratch;
use crate::cpu::vectors::{WIDEST, Widths, arch, load, panel_vectors, store};
use crate::spec::ConvSpec;

/// Gradients of weight and bias, summed over the batch, for inputs `x` and the gated error `errors`.
///
/// A chunk of images is transformed, image by image; then each place of the transformed tiles is a product over all
/// tiles of the chunk. Sums run over tiles in their order, so nothing depends on the number of threads.
pub(in crate::cpu) fn weight_gradient(
    spec: &ConvSpec,
    x: &[f32],
    errors: &impl Maps,
    batch: usize,
) -> (Vec<f32>, Vec<f32>) {
    let inputs = Stored { shape: spec.input, values: x };
    let [channels, rows, columns] = spec.convolved();
    let grid = Grid::new(rows, columns);
    // Transformed inputs and errors of a chunk stay in a third-level cache.
    let chunk = (3_000_000 / (PLACES * grid.tiles() * (pitch(spec.input[0]) + pitch(channels))))
        .clamp(1, batch.max(1));
    let tiles = chunk * grid.tiles();
    let sizes = [pitch(spec.input[0]), pitch(channels)];
    let mut sums = vec![0.0; PLACES * spec.input[0] * sizes[1]];
    let mut biases = vec![0.0; batch * channels];
    scratch::with(scratch::Use::Chunk, sizes.map(|size| PLACES * tiles * size), |[v, e]| {
        for start in (0..batch).step_by(chunk) {
            let images = chunk.min(batch - start);
            let transforms = Transforms {
                spec,
                inputs: &inputs,
                errors,
                grid,
                tiles,
                start,
                out: [Shared(v.as_mut_ptr()), Shared(e.as_mut_ptr())],
            };
            biases[start * channels..][..images * channels]
                .par_chunks_exact_mut(channels)
                .enumerate()
                .for_each(|(index, bias)| transforms.run(index, bias));
            let products = Products {
                v,
                e,
                sums: Shared(sums.as_mut_ptr()),
                inputs: spec.input[0],
                sizes,
                tiles,
                count: images * grid.tiles(),
                accumulate: start > 0,
            };
            products.run();
        }
    });
    (gather_taps(spec, &sums), sum_rows(&biases, channels))
}

/// Transforms of the images of a chunk.
struct Transforms<'a, M> {
    spec: &'a ConvSpec,
    inputs: &'a Stored<'a>,
    errors: &'a M,
    grid: Grid,
    /// Tiles of a whole chunk: the length of a place's plane.
    tiles: usize,
    /// First image of the chunk.
    start: usize,
    /// Transformed inputs and errors, `[place, tile, channel]`.
    out: [Shared<f32>; 2],
}

impl<M: Maps> Transforms<'_, M> {
    fn run(&self, index: usize, bias: &mut [f32]) {
        let [c_in, _, input_columns] = self.inputs.shape();
        let [c_out, _, columns] = self.errors.shape();
        let widths = self.widths();
        let lengths = [
            Strip::size(IN, widths[0], c_in),
            Strip::size(OUT, widths[1], c_out),
            Strip::buffer_size(input_columns.max(columns)),
            pitch(c_out),
        ];
        scratch::with(scratch::Use::Group, lengths, |[inputs, errors, row, sums]| {
            arch().dispatch(TransformImage { of: self, index, inputs, errors, row, sums });
            bias.copy_from_slice(&sums[..bias.len()]);
        });
    }

    fn widths(&self) -> [usize; 2] {
        [self.grid.columns * OUT + IN - OUT, self.grid.columns * OUT]
    }
}

struct TransformImage<'a, M> {
    of: &'a Transforms<'a, M>,
    index: usize,
    inputs: &'a mut [f32],
    errors: &'a mut [f32],
    row: &'a mut [f32],
    /// Receives the sum of each channel's errors.
    sums: &'a mut [f32],
}

impl<M: Maps> WithSimd for TransformImage<'_, M> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { of, index, inputs, errors, row, sums } = self;
        let Transforms { spec, grid, tiles, start, ref out, .. } = *of;
        let widths = of.widths();
        let pitches = [pitch(of.inputs.shape()[0]), pitch(of.errors.shape()[0])];
        let columns = [of.inputs.shape()[2], of.errors.shape()[2]];
        sums.fill(0.0);
        assert!(inputs.len() >= IN * widths[0] * pitches[0] && errors.len() >= OUT * widths[1] * pitches[1]);
        for tile_row in 0..grid.rows {
            let top = (tile_row * OUT) as isize;
            let first = index * grid.tiles() + tile_row * grid.columns;
            // One work row serves both strips, one after the other.
            let row_in = &mut row[..Strip::buffer_size(columns[0])];
            let mut strip = if tile_row == 0 {
                Strip::new(inputs, row_in, [IN, widths[0], of.inputs.shape()[0]], spec.padding)
            } else {
                Strip::resume(inputs, row_in, [IN, widths[0], of.inputs.shape()[0]], spec.padding)
            };
            let kept = if tile_row == 0 { 0 } else { IN - OUT };
            strip.fill(of.inputs, start + index, top - spec.padding as isize, kept);
            for column in 0..grid.columns {
                let from = strip.values[column * OUT * pitches[0]..].as_ptr();
                let line = widths[0] * pitches[0];
                // SAFETY: the tile lies inside the strip, whose size was checked above; the planes hold `tiles` tiles each, of which this image
                // owns `grid.tiles()`, and no other task writes them.
                unsafe {
                    let to = out[0].at((first + column) * pitches[0]);
                    transform_input(simd, from, line, to, tiles * pitches[0], pitches[0]);
                }
            }
            let row_out = &mut row[..Strip::buffer_size(columns[1])];
            let shape = [OUT, widths[1], of.errors.shape()[0]];
            let mut strip = if tile_row == 0 {
                Strip::new(errors, row_out, shape, 0)
            } else {
                Strip::resume(errors, row_out, shape, 0)
            };
            strip.fill(of.errors, start + index, top, 0);
            for pixel in strip.values.chunks_exact(pitches[1]) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += value;
                }
            }
            for column in 0..grid.columns {
                let from = strip.values[column * OUT * pitches[1]..].as_ptr();
                let line = widths[1] * pitches[1];
                // SAFETY: as above.
                unsafe {
                    let to = out[1].at((first + column) * pitches[1]);
                    transform_error(simd, from, line, to, tiles * pitches[1], pitches[1]);
                }
            }
        }
    }
}

/// `A ε Aᵀ` of one tile for all channels; layout as in [`transform_input`].
///
/// # Safety
/// Four rows of `4 pitch` values must be readable at `from`, `pitch` values writable at each of the 36 places, and
/// `pitch` be a multiple of the vector.
#[inline(always)]
unsafe fn transform_error<S: Simd>(
    simd: S,
    from: *const f32,
    line: usize,
    to: *mut f32,
    plane: usize,
    pitch: usize,
) {
    for channel in (0..pitch).step_by(S::F32_LANES) {
        let mut half = [[simd.splat_f32s(0.0); OUT]; IN];
        for column in 0..OUT {
            let mut e = [simd.splat_f32s(0.0); OUT];
            for (row, e) in e.iter_mut().enumerate() {
                // SAFETY: inside the tile.
                *e = unsafe { load::<S>(from.add(row * line + column * pitch + channel)) };
            }
            for (half, value) in half.iter_mut().zip(transform::error(simd, e)) {
                half[column] = value;
            }
        }
        for (row, half) in half.into_iter().enumerate() {
            for (column, value) in transform::error(simd, half).into_iter().enumerate() {
                // SAFETY: one of the 36 places.
                unsafe { store::<S>(to.add((row * IN + column) * plane + channel), value) };
            }
        }
    }
}

/// The products of a chunk: for each place, `[input channels, tiles] x [tiles, output channels]`.
struct Products<'a> {
    v: &'a [f32],
    e: &'a [f32],
    /// `[place, input channel, output channel]`, rows of `sizes[1]`.
    sums: Shared<f32>,
    inputs: usize,
    sizes: [usize; 2],
    tiles: usize,
    count: usize,
    accumulate: bool,
}

impl Products<'_> {
    fn run(&self) {
        let [lanes, full] = arch().dispatch(Widths);
        let width = lanes * full;
        let panels = self.sizes[1].div_ceil(width);
        (0..PLACES * panels).into_par_iter().for_each(|task| {
            arch().dispatch(PlaceProduct { of: self, place: task / panels, first: task % panels * width });
        });
    }
}

struct PlaceProduct<'a> {
    of: &'a Products<'a>,
    place: usize,
    first: usize,
}

impl WithSimd for PlaceProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // A block of errors stays in a first-level cache while all input channels pass.
        const BLOCK: usize = 64;
        let Self { of, place, first } = self;
        let [size_in, size_out] = of.sizes;
        let vectors = panel_vectors::<S>().min((size_out - first) / S::F32_LANES);
        let v = &of.v[place * of.tiles * size_in..][..of.count * size_in];
        let e = &of.e[place * of.tiles * size_out..][..of.count * size_out];
        for start in (0..of.count).step_by(BLOCK) {
            let depth = BLOCK.min(of.count - start);
            let left = Left { at: v[start * size_in..].as_ptr(), row_step: 1, step: size_in };
            let panel = Panel { at: e[start * size_out + first..].as_ptr(), step: size_out, vectors };
            let out = Out {
                at: of.sums.at(place * of.inputs * size_out + first),
                step: size_out,
                accumulate: of.accumulate || start > 0,
            };
            // SAFETY: `depth` tiles from `start` lie inside both slices, the panel inside a row of errors; the
            // sums hold `inputs` rows a place, and no other task has this place and panel.
            unsafe { multiply(simd, of.inputs, depth, left, panel, out) };
        }
    }
}

/// `Gᵀ u G` of the summed products: `[c_out, c_in·9]`.
fn gather_taps(spec: &ConvSpec, sums: &[f32]) -> Vec<f32> {
    let fan_in = spec.fan_in();
    let mut weight = vec![0.0; spec.channels * fan_in];
    weight.par_chunks_mut(WIDEST * fan_in).enumerate().for_each(|(index, weight)| {
        arch().dispatch(Taps { sums, first: index * WIDEST, inputs: spec.input[0], weight });
    });
    weight
}

/// The gradients of up to [`WIDEST`] output channels.
struct Taps<'a> {
    sums: &'a [f32],
    first: usize,
    inputs: usize,
    weight: &'a mut [f32],
}

impl WithSimd for Taps<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sums, first, inputs, weight } = self;
        let fan_in = inputs * 9;
        let channels = weight.len() / fan_in;
        let size = sums.len() / (PLACES * inputs);
        for input in 0..inputs {
            for vector in (0..channels).step_by(S::F32_LANES) {
                let u = |place: usize| {
                    let start = (place * inputs + input) * size + first + vector;
                    S::as_simd_f32s(&sums[start..start + S::F32_LANES]).0[0]
                };
                let mut half = [[simd.splat_f32s(0.0); IN]; 3];
                for column in 0..IN {
                    let mut line = [simd.splat_f32s(0.0); IN];
                    for (row, line) in line.iter_mut().enumerate() {
                        *line = u(row * IN + column);
                    }
                    for (half, value) in half.iter_mut().zip(transform::taps(simd, line)) {
                        half[column] = value;
                    }
                }
                for (row, half) in half.into_iter().enumerate() {
                    for (column, value) in transform::taps(simd, half).into_iter().enumerate() {
                        let mut lanes = [0.0_f32; WIDEST];
                        S::as_mut_simd_f32s(&mut lanes).0[0] = value;
                        for (lane, value) in
                            lanes.iter().take(S::F32_LANES.min(channels - vector)).enumerate()
                        {
                            weight[(vector + lane) * fan_in + input * 9 + row * 3 + column] = *value;
                        }
                    }
                }
            }
        }
    }
}

/// The sum of rows of `width`, first to last.
fn sum_rows(values: &[f32], width: usize) -> Vec<f32> {
    let mut total = vec![0.0; width];
    for row in values.chunks_exact(width) {
        for (total, value) in total.iter_mut().zip(row) {
            *total += value;
        }
    }
    total
}
