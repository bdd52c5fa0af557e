//! Rows of feature maps, stored or worked out when they are read.

use super::forward::CpuGate;
use crate::spec::{ConvSpec, Pool};

/// Maps `[image, channel, row, column]` that can be read a row at a time.
pub(super) trait Maps: Sync {
    /// Channels, rows and columns.
    fn shape(&self) -> [usize; 3];

    /// Writes one row to `out`, whose length is the number of columns.
    fn read(&self, image: usize, channel: usize, row: usize, out: &mut [f32]);

    /// Writes a row of up to [`BLOCK`] channels from `channel`, turned: pixel by pixel, pixels `pitch` values apart, with
    /// zeros for channels that do not exist. `buffer` is work memory for `BLOCK` rows.
    fn turn(&self, at: [usize; 3], buffer: &mut [f32], pixels: &mut [f32], pitch: usize);

    /// As [`turn`](Self::turn), by way of rows.
    #[inline(always)]
    fn turn_by_rows(&self, at: [usize; 3], buffer: &mut [f32], pixels: &mut [f32], pitch: usize) {
        let [image, channel, row] = at;
        let [channels, _, columns] = self.shape();
        let buffer = &mut buffer[..BLOCK * columns];
        for (index, out) in buffer.chunks_exact_mut(columns).enumerate() {
            if channel + index < channels {
                self.read(image, channel + index, row, out);
            } else {
                out.fill(0.0);
            }
        }
        turn(buffer, columns, columns, pixels, pitch);
    }
}

/// Channels turned at a time.
pub(super) const BLOCK: usize = 16;

/// Writes `BLOCK` rows, `step` apart, of `columns` values as pixels `pitch` apart.
#[inline(always)]
fn turn(rows: &[f32], step: usize, columns: usize, pixels: &mut [f32], pitch: usize) {
    assert!(rows.len() >= (BLOCK - 1) * step + columns);
    for (column, pixel) in pixels.chunks_mut(pitch).take(columns).enumerate() {
        let pixel: &mut [f32; BLOCK] = (&mut pixel[..BLOCK]).try_into().expect("a block of channels");
        for (channel, value) in pixel.iter_mut().enumerate() {
            // SAFETY: the last entry read, of the last row and column, lies inside, as checked above.
            *value = unsafe { *rows.get_unchecked(channel * step + column) };
        }
    }
}

/// Maps as they lie in memory.
pub(super) struct Stored<'a> {
    pub(super) shape: [usize; 3],
    pub(super) values: &'a [f32],
}

impl Maps for Stored<'_> {
    fn shape(&self) -> [usize; 3] {
        self.shape
    }

    #[inline(always)]
    fn read(&self, image: usize, channel: usize, row: usize, out: &mut [f32]) {
        let [channels, rows, columns] = self.shape;
        let start = ((image * channels + channel) * rows + row) * columns;
        out.copy_from_slice(&self.values[start..][..columns]);
    }

    #[inline(always)]
    fn turn(&self, at: [usize; 3], buffer: &mut [f32], pixels: &mut [f32], pitch: usize) {
        let [image, channel, row] = at;
        let [channels, rows, columns] = self.shape;
        let start = ((image * channels + channel) * rows + row) * columns;
        if channel + BLOCK <= channels {
            return turn(&self.values[start..], rows * columns, columns, pixels, pitch);
        }
        self.turn_by_rows(at, buffer, pixels, pitch);
    }
}

/// The gated error `ε = φ'(z) ⊙ Pᵀδ` of a stage, made from the pooled error when a row of it is needed: it
/// is `pool_size²` times larger than that error, and mostly zero.
pub(super) struct Gated<'a> {
    spec: &'a ConvSpec,
    gate: &'a CpuGate,
    delta: &'a [f32],
    map: [usize; 3],
    pooled: [usize; 3],
}

impl<'a> Gated<'a> {
    pub(super) fn new(spec: &'a ConvSpec, gate: &'a CpuGate, delta: &'a [f32]) -> Self {
        assert_eq!(delta.len(), gate.batch * spec.output_units(), "the gate is of another batch size");
        Self { spec, gate, delta, map: spec.convolved(), pooled: spec.output() }
    }

    #[inline(always)]
    fn read_max(&self, map: usize, row: usize, out: &mut [f32]) {
        let [_, rows, columns] = self.pooled;
        let size = self.spec.pool_size;
        if row / size >= rows {
            return out.fill(0.0);
        }
        let start = (map * rows + row / size) * columns;
        let delta = &self.delta[start..][..columns];
        let winners = &self.gate.winners[start..][..columns];
        let slopes = part(&self.gate.slopes, start, columns);
        let (inside, outside) = out.split_at_mut(columns * size);
        outside.fill(0.0);
        let first = (row % size * size) as u8;
        if size == 2 && slopes.is_empty() {
            // The common case, in a form that compiles to vectors.
            for ((out, delta), winner) in inside.chunks_exact_mut(2).zip(delta).zip(winners) {
                out[0] = if *winner == first { *delta } else { 0.0 };
                out[1] = if *winner == first + 1 { *delta } else { 0.0 };
            }
            return;
        }
        for (column, (out, delta)) in inside.chunks_exact_mut(size).zip(delta).enumerate() {
            let winner = winners[column];
            let slope = slopes.get(column).copied().unwrap_or(1.0);
            for (place, out) in (first..).zip(out) {
                *out = if winner == place { delta * slope } else { 0.0 };
            }
        }
    }

    #[inline(always)]
    fn read_average(&self, map: usize, row: usize, out: &mut [f32]) {
        let [_, rows, columns] = self.pooled;
        let size = self.spec.pool_size;
        if row / size >= rows {
            return out.fill(0.0);
        }
        let delta = &self.delta[(map * rows + row / size) * columns..][..columns];
        let scale = 1.0 / (size * size) as f32;
        let slopes = part(&self.gate.slopes, (map * self.map[1] + row) * self.map[2], self.map[2]);
        let (inside, outside) = out.split_at_mut(columns * size);
        outside.fill(0.0);
        for (column, out) in inside.iter_mut().enumerate() {
            *out = delta[column / size] * scale * slopes.get(column).copied().unwrap_or(1.0);
        }
    }

    #[inline(always)]
    fn read_unpooled(&self, map: usize, row: usize, out: &mut [f32]) {
        let columns = self.map[2];
        let start = (map * self.map[1] + row) * columns;
        out.copy_from_slice(&self.delta[start..][..columns]);
        for (out, slope) in out.iter_mut().zip(part(&self.gate.slopes, start, columns)) {
            *out *= slope;
        }
    }
}

impl Maps for Gated<'_> {
    fn shape(&self) -> [usize; 3] {
        self.map
    }

    #[inline(always)]
    fn read(&self, image: usize, channel: usize, row: usize, out: &mut [f32]) {
        let map = image * self.map[0] + channel;
        match self.spec.pool {
            Pool::Max => self.read_max(map, row, out),
            Pool::Average => self.read_average(map, row, out),
            Pool::None => self.read_unpooled(map, row, out),
        }
    }

    #[inline(always)]
    fn turn(&self, at: [usize; 3], buffer: &mut [f32], pixels: &mut [f32], pitch: usize) {
        let [image, channel, row] = at;
        let [channels, _, columns] = self.map;
        let [_, pooled_rows, pooled_columns] = self.pooled;
        let common = self.spec.pool == Pool::Max && self.spec.pool_size == 2 && self.gate.slopes.is_empty();
        if !common || channel + BLOCK > channels || row / 2 >= pooled_rows {
            return self.turn_by_rows(at, buffer, pixels, pitch);
        }
        // The common case, un-pooled while turning: half as many values to fetch.
        let step = pooled_rows * pooled_columns;
        let start = ((image * channels + channel) * pooled_rows + row / 2) * pooled_columns;
        let (delta, winners) = (&self.delta[start..], &self.gate.winners[start..]);
        assert!(delta.len().min(winners.len()) >= (BLOCK - 1) * step + pooled_columns);
        let first = (row % 2 * 2) as u8;
        let mut pixels = pixels.chunks_mut(pitch);
        for column in 0..pooled_columns {
            let (mut values, mut places) = ([0.0_f32; BLOCK], [0_u8; BLOCK]);
            for (channel, (value, place)) in values.iter_mut().zip(&mut places).enumerate() {
                // SAFETY: the last entry read, of the last channel and column, lies inside, as checked above.
                unsafe {
                    *value = *delta.get_unchecked(channel * step + column);
                    *place = *winners.get_unchecked(channel * step + column);
                }
            }
            for place in first..first + 2 {
                let pixel = pixels.next().expect("two pixels a window");
                let pixel: &mut [f32; BLOCK] = (&mut pixel[..BLOCK]).try_into().expect("a block of channels");
                for (pixel, (value, winner)) in pixel.iter_mut().zip(values.iter().zip(&places)) {
                    *pixel = if *winner == place { *value } else { 0.0 };
                }
            }
        }
        // A column that fills no window.
        for pixel in pixels.take(columns - 2 * pooled_columns) {
            pixel[..BLOCK].fill(0.0);
        }
    }
}

/// A part of an optional buffer; empty if the buffer is.
#[inline(always)]
fn part(values: &[f32], start: usize, length: usize) -> &[f32] {
    if values.is_empty() { values } else { &values[start..][..length] }
}
