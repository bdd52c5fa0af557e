//! Jacobians, example by example, against one or more manifolds.

use rayon::prelude::*;

use super::rank::{coordinates, effective_rank, singular_values, wide};
use super::result::{Captured, EffectiveRank};
use crate::dimension::Components;
use crate::dimension::product::{add_product, view};
use nmnc_core::error::Result;

/// Sums over examples' Jacobians `[outputs, units]`, and over what the manifolds capture of each.
pub(super) struct Accumulator<'a> {
    outputs: usize,
    units: usize,
    centered: bool,
    examples: usize,
    zero: usize,
    /// Sum of the Jacobians, row-major.
    sum: Vec<f64>,
    /// Sum of their squared norms.
    energy: f64,
    rank: EffectiveRank,
    manifolds: Vec<Manifold<'a>>,
}

/// Sums for one manifold, by dimension.
struct Manifold<'a> {
    axes: &'a Components,
    inside: Vec<f64>,
    alpha: Vec<f64>,
    alpha_square: Vec<f64>,
}

/// What an [`Accumulator`] finds.
pub(super) struct Gathered {
    pub outputs: usize,
    pub units: usize,
    pub examples: usize,
    pub zero: usize,
    /// Mean Jacobian `[outputs, units]`, centered if asked for.
    pub mean: Vec<f64>,
    /// Mean of the squared norms.
    pub energy: f64,
    pub rank_per_example: EffectiveRank,
    /// One for each manifold.
    pub captured: Vec<Captured>,
}

impl<'a> Accumulator<'a> {
    pub fn new(outputs: usize, units: usize, centered: bool, manifolds: &[&'a Components]) -> Self {
        let zeros = |axes: &'a Components| {
            let sums = vec![0.0; axes.dimension];
            Manifold { axes, inside: sums.clone(), alpha: sums.clone(), alpha_square: sums }
        };
        Self {
            outputs,
            units,
            centered,
            examples: 0,
            zero: 0,
            sum: vec![0.0; outputs * units],
            energy: 0.0,
            rank: EffectiveRank::default(),
            manifolds: manifolds.iter().map(|axes| zeros(axes)).collect(),
        }
    }

    /// Takes in the Jacobians `[examples, outputs, units]` of some examples.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn add(&mut self, mut jacobians: Vec<f32>) -> Result<()> {
        let size = self.outputs * self.units;
        let (outputs, units) = (self.outputs, self.units);
        if self.centered {
            jacobians.par_chunks_mut(size).for_each(|jacobian| center(jacobian, outputs));
        }
        self.sum.par_chunks_mut(units).enumerate().for_each(|(output, sum)| {
            for jacobian in jacobians.chunks_exact(size) {
                let row = &jacobian[output * units..(output + 1) * units];
                sum.iter_mut().zip(row).for_each(|(s, &v)| *s += f64::from(v));
            }
        });
        let spectra: Vec<Vec<f64>> = jacobians
            .par_chunks_exact(size)
            .map(|jacobian| singular_values(&wide(jacobian), outputs))
            .collect::<Result<_>>()?;
        let count = spectra.len();
        let energies: Vec<f64> = spectra.iter().map(|s| s.iter().map(|s| s * s).sum()).collect();
        for (spectrum, &energy) in spectra.iter().zip(&energies) {
            let rank = effective_rank(spectrum);
            self.rank.entropy += rank.entropy;
            self.rank.participation += rank.participation;
            self.energy += energy;
            self.zero += usize::from(energy == 0.0);
        }
        self.examples += count;
        for manifold in &mut self.manifolds {
            let width = manifold.axes.dimension;
            let mut coordinates = vec![0.0f32; count * outputs * width];
            let axes = view(&manifold.axes.basis, units, width);
            add_product(&mut coordinates, view(&jacobians, count * outputs, units), axes);
            for (rows, &energy) in coordinates.chunks_exact((outputs * width).max(1)).zip(&energies) {
                if energy == 0.0 {
                    continue;
                }
                let mut inside = 0.0;
                for d in 0..width {
                    inside += (0..outputs).map(|o| f64::from(rows[o * width + d]).powi(2)).sum::<f64>();
                    let alpha = (inside / energy).min(1.0);
                    manifold.inside[d] += inside;
                    manifold.alpha[d] += alpha;
                    manifold.alpha_square[d] += alpha * alpha;
                }
            }
        }
        Ok(())
    }

    pub fn finish(self) -> Gathered {
        let count = self.examples.max(1) as f64;
        let counted = (self.examples - self.zero).max(1) as f64;
        let mean: Vec<f64> = self.sum.iter().map(|s| s / count).collect();
        let captured = self.manifolds.iter().map(|m| {
            let per_example: Vec<f64> = m.alpha.iter().map(|a| a / counted).collect();
            let spread = |(square, mean): (&f64, &f64)| {
                ((square / counted - mean * mean).max(0.0) * counted / (counted - 1.0).max(1.0)).sqrt()
            };
            Captured {
                mean_jacobian: fractions(&mean, self.outputs, m.axes),
                per_example_sd: m.alpha_square.iter().zip(&per_example).map(spread).collect(),
                per_example,
                pooled: m.inside.iter().map(|inside| ratio(*inside, self.energy)).collect(),
            }
        });
        let captured = captured.collect();
        let rank_per_example = EffectiveRank {
            entropy: self.rank.entropy / counted,
            participation: self.rank.participation / counted,
        };
        Gathered {
            outputs: self.outputs,
            units: self.units,
            examples: self.examples,
            zero: self.zero,
            mean,
            energy: self.energy / count,
            rank_per_example,
            captured,
        }
    }
}

/// Fraction of the energy of a Jacobian along the first 1, 2, ... axes.
fn fractions(jacobian: &[f64], outputs: usize, axes: &Components) -> Vec<f64> {
    let width = axes.dimension;
    let total: f64 = jacobian.iter().map(|v| v * v).sum();
    let coordinates = coordinates(jacobian, outputs, axes);
    let mut inside = 0.0;
    let mut along = |d: usize| {
        inside += (0..outputs).map(|o| coordinates[o * width + d].powi(2)).sum::<f64>();
        ratio(inside, total)
    };
    (0..width).map(&mut along).collect()
}

fn ratio(inside: f64, total: f64) -> f64 {
    if total > 0.0 { (inside / total).min(1.0) } else { 0.0 }
}

/// Takes the mean over outputs from each column.
pub(super) fn center(jacobian: &mut [f32], outputs: usize) {
    let units = jacobian.len() / outputs;
    for unit in 0..units {
        let mean = (0..outputs).map(|o| f64::from(jacobian[o * units + unit])).sum::<f64>() / outputs as f64;
        (0..outputs).for_each(|o| jacobian[o * units + unit] -= mean as f32);
    }
}
