//! Examples by region, and sums over each.

use std::ops::Range;

use burn::tensor::{Device, Tensor};
use nmnc_kernels::matmul;

use super::noise::times;
use super::prober::Perturbations;
use crate::workers::{Contribution, Share};
use nmnc_core::device::selected;
use nmnc_core::error::Result;

/// Rows sorted by the region they are in.
pub(super) struct Grouped {
    /// Numbers of the rows, region after region and ascending within each.
    pub order: Vec<usize>,
    /// Where each region begins in `order`, and the end of the last.
    starts: Vec<usize>,
}

impl Grouped {
    /// # Panics
    /// If a number is that of no region.
    pub(super) fn new(of_rows: &[usize], regions: usize) -> Self {
        assert!(of_rows.iter().all(|&region| region < regions), "a region below {regions}");
        let mut order: Vec<usize> = (0..of_rows.len()).collect();
        order.sort_by_key(|&row| of_rows[row]);
        let starts = (0..=regions).map(|region| order.partition_point(|&row| of_rows[row] < region));
        Self { starts: starts.collect(), order }
    }

    /// The regions that have rows, and where these lie in `order`.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let all = self.starts.windows(2).map(|ends| ends[0]..ends[1]).enumerate();
        all.filter(|(_, rows)| !rows.is_empty())
    }

    /// Where in `order` each row stands: what puts sorted rows back.
    pub(super) fn places(&self) -> Vec<usize> {
        let mut places = vec![0; self.order.len()];
        self.order.iter().enumerate().for_each(|(place, &row)| places[row] = place);
        places
    }

    /// What `of` makes of the rows of each region of `sorted` `[K, m]`, one below the other.
    pub(super) fn each(&self, sorted: &Tensor<2>, of: impl Fn(usize, Tensor<2>) -> Tensor<2>) -> Tensor<2> {
        let part = |rows: Range<usize>| sorted.clone().narrow(0, rows.start, rows.len());
        Tensor::cat(self.ranges().map(|(region, rows)| of(region, part(rows))).collect(), 0)
    }

    /// Sorted rows `[K, columns]`, less the mean of their region.
    pub(super) fn centered(&self, sorted: &[f64]) -> Vec<f64> {
        let columns = sorted.len() / self.order.len();
        let mut centered = sorted.to_vec();
        for (_, rows) in self.ranges() {
            let of_region = &mut centered[rows.start * columns..rows.end * columns];
            for column in 0..columns {
                let mean = of_region.iter().skip(column).step_by(columns).sum::<f64>() / rows.len() as f64;
                of_region.iter_mut().skip(column).step_by(columns).for_each(|value| *value -= mean);
            }
        }
        centered
    }

    /// How much is believed of each row from each other, `[K, K]`: (1 - rho) times the Gram matrix of sorted rows, and rho times that of
    /// the rows of a region among themselves, each less the region's mean where they are to be `centered`.
    pub(super) fn kernel(&self, gram: &[f64], share: f64, centered: bool) -> Vec<f64> {
        let count = self.order.len();
        let mut kernel: Vec<f64> = gram.iter().map(|value| (1.0 - share) * value).collect();
        for (_, rows) in self.ranges() {
            let size = rows.len();
            let entry = |i: usize, j: usize| gram[(rows.start + i) * count + rows.start + j];
            // Of rows less their mean it is the Gram matrix less the means of its rows and columns.
            let mean = |i: usize| (0..size).map(|j| entry(i, j)).sum::<f64>() / size as f64;
            let means: Vec<f64> = (0..size).map(|i| if centered { mean(i) } else { 0.0 }).collect();
            let all = means.iter().sum::<f64>() / size as f64;
            for i in 0..size {
                for j in 0..size {
                    let own = entry(i, j) - means[i] - means[j] + all;
                    kernel[(rows.start + i) * count + rows.start + j] += share * own;
                }
            }
        }
        kernel
    }
}

/// Sums over the answers of each region of what feedback leaves of them times the probe, and how many there are.
pub(super) struct Deviating {
    sums: Vec<Tensor<2>>,
    counts: Vec<f64>,
}

impl Deviating {
    /// Of what is `left` `[K, outputs]` of the answers, per unit of the coordinates.
    pub(super) fn told(grouped: &Grouped, left: &Tensor<2>, perturbations: &Perturbations) -> Self {
        let [_, outputs] = left.dims();
        let coordinates = perturbations.coordinates();
        let nothing = Tensor::zeros([outputs, coordinates.dims()[1]], (&left.device(), left.dtype()));
        let mut sums = vec![nothing; grouped.starts.len() - 1];
        let mut counts = vec![0.0; sums.len()];
        for (region, rows) in grouped.ranges() {
            let own = |rows_of: &Tensor<2>| selected(rows_of, &grouped.order[rows.clone()]);
            let sum = matmul(own(left).transpose(), own(coordinates));
            sums[region] = times(perturbations.root(), sum, -1);
            counts[region] = rows.len() as f64;
        }
        Self { sums, counts }
    }

    /// The sums of all workers.
    ///
    /// # Errors
    /// If another worker cannot be reached.
    pub(super) fn of_all(self, share: &Share) -> Result<Self> {
        if share.is_alone() {
            return Ok(self);
        }
        let device: Device = self.sums[0].device();
        let given = share.workers().gather(Contribution::new(self.counts, &self.sums))?;
        let all = given.into_iter().map(|given| {
            let counts = given.numbers.clone();
            Self { sums: given.tensors(&device).collect(), counts }
        });
        let add = |own: Self, other: Self| Self {
            sums: own.sums.into_iter().zip(other.sums).map(|(own, other)| own + other).collect(),
            counts: own.counts.iter().zip(&other.counts).map(|(own, other)| own + other).collect(),
        };
        Ok(all.reduce(add).expect("at least one worker tells something"))
    }

    /// By how much the mean of each region that has answers differs from that of all, and the region's part of the answers.
    pub(super) fn deviations(&self) -> Vec<(Option<Tensor<2>>, f64)> {
        let all: f64 = self.counts.iter().sum();
        let total = self.sums.iter().cloned().reduce(|sum, next| sum + next);
        let mean = total.expect("there is at least one region") / all;
        let of = |(sum, &count): (&Tensor<2>, &f64)| {
            ((count > 0.0).then(|| sum.clone() / count - mean.clone()), count / all)
        };
        self.sums.iter().zip(&self.counts).map(of).collect()
    }
}
