//! Scaling of bytes as Pillow does it, to the same bytes: bilinear, the filter widened when shrinking, columns before rows, each in
//! fixed-point numbers and rounded to a byte.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::picture::{Cut, Picture};

/// Bits behind the point of a weight. With them, sums of weighted bytes fit 32 bits.
const BITS: u32 = 32 - 8 - 2;

/// What sums begin with, so that cutting off what is behind the point rounds.
const HALF: i32 = 1 << (BITS - 1);

/// Sums that the registers of a processor hold.
const BLOCK: usize = 64;

/// Channels of a pixel on its way, those that it lacks being 0.
const LANES: usize = 4;

/// The source positions that output positions average.
struct Taps {
    /// Of each, the first.
    starts: Vec<usize>,
    /// As many of each: `[positions, each]`.
    weights: Vec<i32>,
    each: usize,
}

/// Scales the part `cut` of `image` to `to` rows and columns, as if nothing lay outside it, and gives the part `window` of the result.
pub(crate) fn resample(image: &Picture, cut: Cut, to: [usize; 2], window: Cut) -> Picture {
    let rows = Taps::new(cut.height, to[0], window.top..window.top + window.height);
    let columns = Taps::new(cut.width, to[1], window.left..window.left + window.width);
    match image.channels {
        1 => Arch::new().dispatch(Passes::<1> { image, cut, rows: &rows, columns: &columns }),
        3 => Arch::new().dispatch(Passes::<3> { image, cut, rows: &rows, columns: &columns }),
        other => unreachable!("images have 1 or 3 channels, not {other}"),
    }
}

impl Taps {
    /// Those of the output positions `window` of a line of `from` pixels scaled to `to`.
    fn new(from: usize, to: usize, window: Range<usize>) -> Self {
        let scale = from as f64 / to as f64;
        let support = scale.max(1.0);
        let center = |position: usize| (position as f64 + 0.5) * scale;
        let range = |position: usize| {
            let start = (center(position) - support + 0.5).max(0.0) as usize;
            start..((center(position) + support + 0.5) as usize).min(from)
        };
        let each = window.clone().map(|position| range(position).len()).max().unwrap_or(0);
        let mut taps = Self { starts: Vec::new(), weights: Vec::new(), each };
        for position in window {
            let range = range(position);
            let raw =
                |pixel: usize| (1.0 - ((pixel as f64 - center(position) + 0.5) / support).abs()).max(0.0);
            let sum: f64 = range.clone().map(raw).sum();
            let start = range.start.min(from - each);
            taps.starts.push(start);
            // Those that average fewer have weights of zero around.
            taps.weights.extend((start..start + each).map(|pixel| match range.contains(&pixel) {
                true => (0.5 + raw(pixel) / sum * f64::from(1 << BITS)) as i32,
                false => 0,
            }));
        }
        taps
    }

    #[inline(always)]
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.starts.iter().copied().zip(self.weights.chunks_exact(self.each))
    }
}

/// Both passes over an image of `C` channels, compiled for the widest vectors of the processor.
struct Passes<'a, const C: usize> {
    image: &'a Picture,
    cut: Cut,
    rows: &'a Taps,
    columns: &'a Taps,
}

impl<const C: usize> WithSimd for Passes<'_, C> {
    type Output = Picture;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Picture {
        let Self { image, cut, rows, columns } = self;
        let [height, width] = [rows.starts.len(), columns.starts.len()];
        // Only the rows that some output row averages.
        let first = rows.starts.first().copied().unwrap_or(0);
        let last = rows.starts.last().copied().unwrap_or(0) + rows.each;
        let mut narrow = vec![[0u8; LANES]; (last - first) * width];
        // Of the last pixel there may be less than a vector.
        let mut wide = vec![0i32; cut.width * C + LANES - C];
        let mut sums = vec![[0i32; LANES]; width];
        for (row, out) in narrow.chunks_exact_mut(width).enumerate() {
            let start = ((cut.top + first + row) * image.width + cut.left) * C;
            let row = &image.pixels[start..start + cut.width * C];
            wide.iter_mut().zip(row).for_each(|(wide, &value)| *wide = i32::from(value));
            across::<C>(&wide, columns, &mut sums);
            // All sums of a row are made bytes at once, which vectors are good at.
            for (out, &sum) in out.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
                *out = byte(sum);
            }
        }
        let mut pixels = vec![0u8; height * width * C];
        let mut line = vec![[0u8; LANES]; width.next_multiple_of(BLOCK / LANES)];
        for ((start, weights), out) in rows.iter().zip(pixels.chunks_exact_mut(width * C)) {
            let lines = &narrow[(start - first) * width..][..weights.len() * width];
            down(lines.as_flattened(), weights, width * LANES, line.as_flattened_mut());
            for (out, pixel) in out.as_chunks_mut::<C>().0.iter_mut().zip(&line) {
                out.copy_from_slice(&pixel[..C]);
            }
        }
        Picture { height, width, channels: C, pixels }
    }
}

/// Averages pixels side by side. Numbers of taps that are usual have code of their own, which is straight.
#[inline(always)]
fn across<const C: usize>(row: &[i32], columns: &Taps, sums: &mut [[i32; LANES]]) {
    match columns.each {
        2 => across_by::<C, 2>(row, columns, sums),
        3 => across_by::<C, 3>(row, columns, sums),
        4 => across_by::<C, 4>(row, columns, sums),
        5 => across_by::<C, 5>(row, columns, sums),
        6 => across_by::<C, 6>(row, columns, sums),
        each => {
            for ((&start, weights), out) in
                columns.starts.iter().zip(columns.weights.chunks_exact(each)).zip(sums)
            {
                *out = [HALF; LANES];
                for (tap, &weight) in weights.iter().enumerate() {
                    add(out, &row[(start + tap) * C..], weight);
                }
            }
        }
    }
}

#[inline(always)]
fn across_by<const C: usize, const TAPS: usize>(row: &[i32], columns: &Taps, sums: &mut [[i32; LANES]]) {
    let weights = columns.weights.as_chunks::<TAPS>().0;
    for ((&start, weights), out) in columns.starts.iter().zip(weights).zip(sums) {
        let values = &row[start * C..(start + TAPS - 1) * C + LANES];
        let mut sum = [HALF; LANES];
        for tap in 0..TAPS {
            add(&mut sum, &values[tap * C..], weights[tap]);
        }
        *out = sum;
    }
}

/// Adds a weighted pixel. Lanes without a channel get what comes next, which nobody asks for.
#[inline(always)]
fn add(sum: &mut [i32; LANES], values: &[i32], weight: i32) {
    let values = values.first_chunk::<LANES>().expect("a vector for every pixel");
    // No sum leaves its type, and checks for that would cost more than the sums.
    for lane in 0..LANES {
        sum[lane] = sum[lane].wrapping_add(values[lane].wrapping_mul(weight));
    }
}

/// Averages rows of `line` bytes each, of which there are as many as `weights`.
#[inline(always)]
fn down(rows: &[u8], weights: &[i32], line: usize, out: &mut [u8]) {
    for (block, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let start = block * BLOCK;
        let mut sums = [HALF; BLOCK];
        for (row, &weight) in weights.iter().enumerate() {
            match rows[row * line..(row + 1) * line][start..].first_chunk::<BLOCK>() {
                Some(values) => {
                    for lane in 0..BLOCK {
                        sums[lane] = sums[lane].wrapping_add(i32::from(values[lane]).wrapping_mul(weight));
                    }
                }
                // The end of the row.
                None => {
                    for (sum, &value) in sums.iter_mut().zip(&rows[row * line + start..(row + 1) * line]) {
                        *sum = sum.wrapping_add(i32::from(value).wrapping_mul(weight));
                    }
                }
            }
        }
        *out = sums.map(byte);
    }
}

/// The byte that a sum stands for: weights are not negative and come to one, so that it is in range.
#[inline(always)]
fn byte(sum: i32) -> u8 {
    (sum >> BITS) as u8
}

/// Rows and columns of an image of size `from` of which the shorter side becomes `short`, as torchvision's `Resize` reckons them.
pub(crate) fn shorter_side([height, width]: [usize; 2], short: usize) -> [usize; 2] {
    // In floating point as there, where the quotient may round up to a whole number.
    let long = |long: usize, side: usize| ((short * long) as f64 / side as f64) as usize;
    if width <= height { [long(height, width), short] } else { [short, long(width, height)] }
}

/// The smallest size to which an image of size `from` is scaled to cover `to`.
pub(crate) fn covering([height, width]: [usize; 2], to: [usize; 2]) -> [usize; 2] {
    let scaled = |to: usize, from: usize, other: usize| ((to * other) as f64 / from as f64) as usize;
    if to[0] * width >= to[1] * height {
        [to[0], scaled(to[0], height, width).max(to[1])]
    } else {
        [scaled(to[1], width, height).max(to[0]), to[1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gray(height: usize, width: usize, value: impl Fn(usize, usize) -> u8) -> Picture {
        let pixels = (0..height * width).map(|at| value(at / width, at % width)).collect();
        Picture { height, width, channels: 1, pixels }
    }

    fn scaled(image: &Picture, to: [usize; 2]) -> Picture {
        resample(image, Cut::whole([image.height, image.width]), to, Cut::whole(to))
    }

    #[test]
    fn the_same_size_is_the_identity_and_a_constant_stays_constant() {
        let image = gray(7, 11, |row, column| (row * 31 + column * 17) as u8);
        assert_eq!(scaled(&image, [7, 11]), image);
        for (from, to) in [([1, 1], [8, 8]), ([1, 500], [3, 3]), ([500, 1], [1, 1]), ([2, 3], [64, 64])] {
            let flat = scaled(&gray(from[0], from[1], |_, _| 201), to);
            assert!(flat.pixels.iter().all(|&value| value == 201), "{from:?} {to:?}");
        }
    }

    #[test]
    fn a_window_is_a_part_of_the_whole_and_a_cut_knows_nothing_of_what_is_around() {
        let image = gray(20, 30, |row, column| (row * 13 + column * column) as u8);
        let whole = scaled(&image, [9, 14]);
        let window = Cut { top: 2, left: 3, height: 5, width: 6 };
        let part = resample(&image, Cut::whole([20, 30]), [9, 14], window);
        let expected = gray(5, 6, |row, column| whole.pixels[(row + 2) * 14 + column + 3]);
        assert_eq!(part, expected);
        let cut = Cut { top: 4, left: 7, height: 11, width: 8 };
        let alone = gray(11, 8, |row, column| image.pixels[(row + 4) * 30 + column + 7]);
        assert_eq!(resample(&image, cut, [6, 6], Cut::whole([6, 6])), scaled(&alone, [6, 6]));
    }

    #[test]
    fn sizes_and_margins_are_torchvisions() {
        assert_eq!(shorter_side([375, 500], 256), [256, 341]);
        assert_eq!(shorter_side([500, 375], 256), [341, 256]);
        assert_eq!(shorter_side([64, 64], 224), [224, 224]);
        for size in [[375, 500], [500, 375], [64, 64], [1, 500], [333, 77]] {
            assert_eq!(covering(size, [224, 224]), shorter_side(size, 224));
        }
        assert_eq!(covering([100, 100], [32, 48]), [48, 48]);
        assert_eq!(covering([10, 300], [20, 40]), [20, 600]);
        // Halves go to the even number: 58.5 and 59.5.
        let left = |width| Cut::middle([256, width], [224, 224]).left;
        assert_eq!([left(341), left(343), left(224)], [58, 60, 0]);
    }
}
