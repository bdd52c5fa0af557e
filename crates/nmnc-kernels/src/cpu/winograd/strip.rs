//! Horizontal strips of maps, turned so that the channels of a pixel lie side by side.

use crate::cpu::maps::{BLOCK, Maps};

/// A strip of `rows` rows and `width` columns, `[row, column, channel]`, with `pitch` channels (a multiple of
/// [`BLOCK`]; those beyond the map's are zero), and zeros where the map has no pixels.
pub(super) struct Strip<'a> {
    pub(super) values: &'a mut [f32],
    buffer: &'a mut [f32],
    rows: usize,
    width: usize,
    pitch: usize,
    /// Zeros to the left of the map.
    padding: usize,
}

/// `channels` rounded up to whole vectors of any processor.
pub(super) fn pitch(channels: usize) -> usize {
    channels.next_multiple_of(BLOCK)
}

impl<'a> Strip<'a> {
    /// Values a strip needs.
    pub(super) fn size(rows: usize, width: usize, channels: usize) -> usize {
        rows * width * pitch(channels)
    }

    /// Values its work buffer needs.
    pub(super) fn buffer_size(columns: usize) -> usize {
        BLOCK * columns
    }

    /// An empty strip over memory of [`size`](Self::size) and [`buffer_size`](Self::buffer_size).
    pub(super) fn new(
        values: &'a mut [f32],
        buffer: &'a mut [f32],
        [rows, width, channels]: [usize; 3],
        padding: usize,
    ) -> Self {
        values.fill(0.0);
        Self::resume(values, buffer, [rows, width, channels], padding)
    }

    /// A strip over memory that holds one already, of the same sizes.
    pub(super) fn resume(
        values: &'a mut [f32],
        buffer: &'a mut [f32],
        [rows, width, channels]: [usize; 3],
        padding: usize,
    ) -> Self {
        Self { values, buffer, rows, width, pitch: pitch(channels), padding }
    }

    /// Fills the strip with the rows of `image` from `top`, which may lie outside the map. `kept` says how many of its
    /// first rows are the last ones of the strip before.
    #[inline(always)]
    pub(super) fn fill(&mut self, maps: &impl Maps, image: usize, top: isize, kept: usize) {
        let line = self.width * self.pitch;
        self.values.copy_within((self.rows - kept) * line.., 0);
        let [_, height, columns] = maps.shape();
        for row in kept..self.rows {
            match usize::try_from(top + row as isize) {
                Ok(source) if source < height => self.turn(maps, image, source, row),
                _ => {
                    let start = row * line + self.padding * self.pitch;
                    let end = line.min((self.padding + columns) * self.pitch);
                    self.values[start..row * line + end].fill(0.0);
                }
            }
        }
    }

    #[inline(always)]
    fn turn(&mut self, maps: &impl Maps, image: usize, source: usize, row: usize) {
        let [channels, _, columns] = maps.shape();
        let line = &mut self.values[row * self.width * self.pitch..][..self.width * self.pitch];
        let pixels = &mut line[self.padding * self.pitch..];
        debug_assert!(pixels.len() >= columns * self.pitch, "a strip is at least as wide as its map");
        for first in (0..channels).step_by(BLOCK) {
            maps.turn([image, first, source], self.buffer, &mut pixels[first..], self.pitch);
        }
    }
}
