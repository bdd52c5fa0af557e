//! Singular values, effective rank, principal angles.

use super::result::EffectiveRank;
use crate::dimension::Components;
use crate::dimension::product::{add_product, view};
use nmnc_core::error::Result;
use nmnc_core::linalg::symmetric_eigen;

/// Directions whose squared singular value is below this fraction of the largest are rounding error.
const RANK: f64 = 1e-12;

/// Eigenvalues and eigenvectors of J J^T for a Jacobian `[outputs, units]`.
fn decompose(jacobian: &[f64], outputs: usize) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
    let rows = view(jacobian, outputs, jacobian.len() / outputs);
    let mut gram = vec![0.0; outputs * outputs];
    add_product(&mut gram, rows, rows.transpose());
    symmetric_eigen(&gram, outputs)
}

/// Singular values of a Jacobian `[outputs, units]`, largest first.
///
/// # Errors
/// Numbers that are not finite.
pub(super) fn singular_values(jacobian: &[f64], outputs: usize) -> Result<Vec<f64>> {
    let (squares, _) = decompose(jacobian, outputs)?;
    let least = squares.first().map_or(0.0, |s| s * RANK);
    Ok(squares.into_iter().map(|s| if s > least { s.sqrt() } else { 0.0 }).collect())
}

/// Coordinates `[outputs, dimension]` of the rows of a Jacobian `[outputs, units]` along the axes.
pub(super) fn coordinates(jacobian: &[f64], outputs: usize, axes: &Components) -> Vec<f64> {
    const CHUNK: usize = 1 << 14;
    let (units, width) = (jacobian.len() / outputs, axes.dimension);
    let mut out = vec![0.0; outputs * width];
    let all = view(jacobian, outputs, units);
    for first in (0..units).step_by(CHUNK) {
        let count = CHUNK.min(units - first);
        let part = wide(&axes.basis[first * width..(first + count) * width]);
        add_product(&mut out, all.subcols(first, count), view(&part, count, width));
    }
    out
}

/// The values in f64.
pub(super) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// Effective rank by both measures; 0 for a zero Jacobian.
pub(super) fn effective_rank(singular: &[f64]) -> EffectiveRank {
    let total: f64 = singular.iter().sum();
    if total <= 0.0 {
        return EffectiveRank::default();
    }
    let entropy: f64 = singular.iter().filter(|s| **s > 0.0).map(|s| -(s / total) * (s / total).ln()).sum();
    let squares: f64 = singular.iter().map(|s| s * s).sum();
    let fourths: f64 = singular.iter().map(|s| s.powi(4)).sum();
    EffectiveRank { entropy: entropy.exp(), participation: squares * squares / fourths }
}

/// Principal angles in degrees, smallest first, between the row space of a Jacobian `[outputs, units]` and the first `dimension`
/// axes for each of `dimensions` (Bjorck and Golub 1973: the singular values of Q^T U are their cosines).
///
/// The axes are f32 numbers, so that angles below about 0.05 degrees are rounding error.
///
/// # Errors
/// Numbers that are not finite.
pub(super) fn principal_angles(
    jacobian: &[f64],
    outputs: usize,
    axes: &Components,
    dimensions: &[usize],
) -> Result<Vec<Vec<f64>>> {
    let (squares, vectors) = decompose(jacobian, outputs)?;
    let rank = squares.iter().take_while(|s| **s > squares[0] * RANK && **s > 0.0).count();
    let width = axes.dimension;
    let along = coordinates(jacobian, outputs, axes);
    // Coordinates of the orthonormal rows v^T J / s.
    let turn: Vec<f64> = (0..rank)
        .flat_map(|k| vectors[k].iter().map(|v| v / squares[k].sqrt()).collect::<Vec<_>>())
        .collect();
    let mut rows = vec![0.0; rank * width];
    add_product(&mut rows, view(&turn, rank, outputs), view(&along, outputs, width));
    let angles = |&dimension: &usize| {
        let part = view(&rows, rank, width).subcols(0, dimension);
        let mut gram = vec![0.0; rank * rank];
        add_product(&mut gram, part, part.transpose());
        let (cosines, _) = symmetric_eigen(&gram, rank)?;
        let angle = |square: &f64| square.clamp(0.0, 1.0).sqrt().acos().to_degrees();
        Ok(cosines.iter().take(dimension).map(angle).collect())
    };
    dimensions.iter().map(angles).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_known_spectra() {
        let equal = effective_rank(&[2.0, 2.0, 2.0, 0.0]);
        assert!((equal.entropy - 3.0).abs() < 1e-12 && (equal.participation - 3.0).abs() < 1e-12);
        // Entropy of (2/3, 1/3); squares 4 and 1.
        let skewed = effective_rank(&[2.0, 1.0]);
        let entropy = -(2.0f64 / 3.0) * (2.0f64 / 3.0).ln() - (1.0f64 / 3.0) * (1.0f64 / 3.0).ln();
        assert!((skewed.entropy - entropy.exp()).abs() < 1e-12);
        assert!((skewed.participation - 25.0 / 17.0).abs() < 1e-12);
        assert_eq!(effective_rank(&[0.0, 0.0]), EffectiveRank::default());
    }
}
