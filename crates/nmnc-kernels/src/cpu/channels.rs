//! Statistics of channels and what follows from them, each in one or two readings of memory.
//!
//! A channel is summed by one task in the order of its rows, in double precision, so that the bits do not depend on the number of
//! threads.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::wide::wide;
use super::{Operand, rows, tensor, values};

const LANES: usize = 16;

/// The numbers of channel `channel` in each row of `x`.
struct Segments<'a> {
    x: &'a [f32],
    rows: usize,
    columns: usize,
    start: usize,
    length: usize,
}

impl<'a> Segments<'a> {
    fn new(x: &'a Operand, channels: usize, channel: usize) -> Self {
        let columns = x.layout().shape()[1];
        let length = columns / channels;
        Self { x: values(x), rows: rows(x), columns, start: channel * length, length }
    }

    #[inline(always)]
    fn of(&self, row: usize) -> &'a [f32] {
        &self.x[row * self.columns + self.start..][..self.length]
    }

    /// Sum of `term` over all numbers, sixteen running sums side by side.
    #[inline(always)]
    fn sum(&self, term: impl Fn(f64) -> f64) -> f64 {
        let mut sums = [0.0_f64; LANES];
        for row in 0..self.rows {
            let (blocks, rest) = self.of(row).as_chunks::<LANES>();
            for block in blocks {
                for (sum, value) in sums.iter_mut().zip(block) {
                    *sum += term(f64::from(*value));
                }
            }
            for (sum, value) in sums.iter_mut().zip(rest) {
                *sum += term(f64::from(*value));
            }
        }
        sums.iter().sum()
    }

    /// Sums of the numbers of `self`, and of them times those of `other` less `center`.
    #[inline(always)]
    fn products(&self, other: &Self, center: f64) -> [f64; 2] {
        let (mut plain, mut mixed) = ([0.0_f64; LANES], [0.0_f64; LANES]);
        for row in 0..self.rows {
            let (blocks, rest) = self.of(row).as_chunks::<LANES>();
            let (others, other_rest) = other.of(row).as_chunks::<LANES>();
            // All of a block is converted before any of it is added: sums that are reached by their numbers would stay in memory.
            for (block, other) in blocks.iter().zip(others) {
                let numbers: [f64; LANES] = std::array::from_fn(|lane| f64::from(block[lane]));
                let away: [f64; LANES] = std::array::from_fn(|lane| f64::from(other[lane]) - center);
                plain.iter_mut().zip(numbers).for_each(|(sum, value)| *sum += value);
                let products = numbers.iter().zip(away);
                mixed.iter_mut().zip(products).for_each(|(sum, (value, away))| *sum += value * away);
            }
            let sums = plain.iter_mut().zip(&mut mixed);
            for ((plain, mixed), (value, other)) in sums.zip(rest.iter().zip(other_rest)) {
                let value = f64::from(*value);
                *plain += value;
                *mixed += value * (f64::from(*other) - center);
            }
        }
        [plain.iter().sum(), mixed.iter().sum()]
    }
}

/// Two numbers a channel, each found by one task.
fn by_channel(channels: usize, find: impl Fn(usize) -> [f64; 2] + Send + Sync) -> [Tensor<2>; 2] {
    let found: Vec<[f64; 2]> = (0..channels).into_par_iter().map(find).collect();
    [0, 1].map(|which| tensor(found.iter().map(|pair| pair[which] as f32).collect(), 1, channels))
}

/// Mean and biased variance.
pub(crate) fn moments(x: &Operand, channels: usize) -> [Tensor<2>; 2] {
    by_channel(channels, |channel| {
        let numbers = Segments::new(x, channels, channel);
        let count = (numbers.rows * numbers.length) as f64;
        wide(
            #[inline(always)]
            || {
                let mean = numbers.sum(|value| value) / count;
                [mean, numbers.sum(|value| (value - mean) * (value - mean)) / count]
            },
        )
    })
}

/// Sum of `error`, and of `error (x - mean)`.
pub(crate) fn sums(error: &Operand, x: &Operand, mean: &Operand) -> [Tensor<2>; 2] {
    let means = values(mean);
    by_channel(means.len(), |channel| {
        let of = |operand| Segments::new(operand, means.len(), channel);
        let (errors, numbers, mean) = (of(error), of(x), f64::from(means[channel]));
        wide(
            #[inline(always)]
            || errors.products(&numbers, mean),
        )
    })
}

/// `(x - mean) scale + shift`.
pub(crate) fn affine(x: &Operand, [mean, scale, shift]: [&Operand; 3]) -> Tensor<2> {
    let (source, columns) = (values(x), x.layout().shape()[1]);
    let [mean, scale, shift] = [mean, scale, shift].map(values);
    let length = columns / mean.len();
    each_row(rows(x), columns, |row, out| {
        let source = &source[row * columns..][..columns];
        for (channel, (out, source)) in
            out.chunks_exact_mut(length).zip(source.chunks_exact(length)).enumerate()
        {
            let (mean, scale, shift) = (mean[channel], scale[channel], shift[channel]);
            for (out, value) in out.iter_mut().zip(source) {
                out.write((value - mean) * scale + shift);
            }
        }
    })
}

/// `error by_error + (x - mean) by_x + shift`.
pub(crate) fn combine(
    error: &Operand,
    x: &Operand,
    [mean, by_error, by_x, shift]: [&Operand; 4],
) -> Tensor<2> {
    let (errors, source, columns) = (values(error), values(x), x.layout().shape()[1]);
    let [mean, by_error, by_x, shift] = [mean, by_error, by_x, shift].map(values);
    let length = columns / mean.len();
    each_row(rows(x), columns, |row, out| {
        let (errors, source) = (&errors[row * columns..][..columns], &source[row * columns..][..columns]);
        let parts = errors.chunks_exact(length).zip(source.chunks_exact(length));
        for (channel, (out, (errors, source))) in out.chunks_exact_mut(length).zip(parts).enumerate() {
            let (mean, a, b, shift) = (mean[channel], by_error[channel], by_x[channel], shift[channel]);
            for ((out, error), value) in out.iter_mut().zip(errors).zip(source) {
                out.write(error * a + (value - mean) * b + shift);
            }
        }
    })
}

/// A matrix whose rows `fill` writes, every number of them.
fn each_row(
    rows: usize,
    columns: usize,
    fill: impl Fn(usize, &mut [std::mem::MaybeUninit<f32>]) + Sync,
) -> Tensor<2> {
    let mut out = Vec::with_capacity(rows * columns);
    if columns > 0 {
        let lines = out.spare_capacity_mut()[..rows * columns].par_chunks_exact_mut(columns);
        lines.enumerate().for_each(|(row, line)| {
            wide(
                #[inline(always)]
                || fill(row, line),
            );
        });
    }
    // SAFETY: a row is made of whole channels, all of which `fill` writes.
    unsafe { out.set_len(rows * columns) };
    tensor(out, rows, columns)
}
