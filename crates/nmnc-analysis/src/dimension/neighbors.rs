//! Exact nearest neighbors by blocked Gram products in f64.

use std::ops::Range;

use rayon::prelude::*;

use super::participation::Sums;
use super::product::{add_product, view};
use super::rows::{Centered, Chosen, Rows};
use nmnc_core::error::Result;

/// Elements of a strip of the Gram matrix: 128 MB in f64.
const STRIP: usize = 16 << 20;
/// Squared distances below this fraction of the points' squared lengths are found again from the difference itself.
const CANCELLATION: f64 = 1e-8;

/// Distances below this fraction of the points' lengths are none: what rounding in double precision leaves of equal points.
const COINCIDENT: f64 = 1e-12;

/// The nearest other points of each point, nearest first.
#[derive(Clone, Debug)]
pub(super) struct Neighbors {
    /// Index and distance, for each point in a place of its own.
    pub lists: Vec<Vec<(u32, f64)>>,
    /// Points left out because an earlier one is in the same place.
    pub coincident: usize,
}

/// The `most` nearest neighbors of every point of `rows`, of points in the same place only the first; and the sums for the
/// participation ratio of all points.
///
/// # Errors
/// At the first value that is not finite.
pub(super) fn neighbors(rows: &dyn Rows, most: usize) -> Result<(Neighbors, Sums)> {
    let (lists, sums) = lists(&Centered::new(rows)?, most);
    let earlier = |i: &usize| lists[*i].iter().any(|&(j, distance)| distance == 0.0 && (j as usize) < *i);
    let distinct: Vec<usize> = (0..lists.len()).filter(|i| !earlier(i)).collect();
    let coincident = lists.len() - distinct.len();
    if coincident == 0 {
        return Ok((Neighbors { lists, coincident }, sums));
    }
    // Copies fill the lists of others, so that neighbors are found anew among the rest.
    let (lists, _) = self::lists(&Centered::new(&Chosen::new(rows, distinct))?, most);
    Ok((Neighbors { lists, coincident }, sums))
}

/// The `most` nearest other points of every point, and the sums for the participation ratio that come along.
fn lists(x: &Centered, most: usize) -> (Vec<Vec<(u32, f64)>>, Sums) {
    let points = x.samples();
    let lengths = x.squares();
    let mut sums = Sums {
        samples: points,
        trace: lengths.iter().sum(),
        square: 0.0,
        diagonal: lengths.iter().map(|l| l * l).sum(),
    };
    let mut lists = Vec::with_capacity(points);
    let height = (STRIP / points.max(1)).max(1);
    for first in (0..points).step_by(height) {
        let strip = first..(first + height).min(points);
        let gram = products(x, strip.clone());
        let rows: Vec<(Vec<(u32, f64)>, f64)> = gram
            .par_chunks_exact(points)
            .enumerate()
            .map(|(i, row)| (nearest(x, first + i, row, &lengths, most), row.iter().map(|g| g * g).sum()))
            .collect();
        for (list, square) in rows {
            lists.push(list);
            sums.square += square;
        }
    }
    (lists, sums)
}

/// The rows of a strip of the Gram matrix, over all columns of the samples in blocks.
fn products(x: &Centered, strip: Range<usize>) -> Vec<f64> {
    let points = x.samples();
    let mut gram = vec![0.0; strip.len() * points];
    for block in x.column_blocks() {
        let values = x.read(0..points, block.clone());
        let all = view(&values, points, block.len());
        add_product(&mut gram, all.subrows(strip.start, strip.len()), all.transpose());
    }
    gram
}

fn nearest(x: &Centered, i: usize, gram: &[f64], lengths: &[f64], most: usize) -> Vec<(u32, f64)> {
    let square = |j: usize| {
        let scale = lengths[i] + lengths[j];
        let square = scale - 2.0 * gram[j];
        if square >= CANCELLATION * scale {
            return square;
        }
        let square = direct(x, i, j);
        if square <= COINCIDENT * COINCIDENT * scale { 0.0 } else { square }
    };
    let mut all: Vec<(f64, u32)> =
        (0..lengths.len()).filter(|&j| j != i).map(|j| (square(j), j as u32)).collect();
    let order = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    let most = most.min(all.len());
    if most < all.len() {
        all.select_nth_unstable_by(most, order);
        all.truncate(most);
    }
    all.sort_unstable_by(order);
    all.into_iter().map(|(square, j)| (j, square.sqrt())).collect()
}

/// Squared distance from the difference.
fn direct(x: &Centered, i: usize, j: usize) -> f64 {
    let (a, b) = (x.read(i..i + 1, 0..x.units()), x.read(j..j + 1, 0..x.units()));
    a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum()
}
