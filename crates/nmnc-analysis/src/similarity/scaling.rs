//! Stimuli as points whose distances are their dissimilarities.

use super::rdm::Rdm;
use nmnc_core::linalg::symmetric_eigen;
use nmnc_core::scale;

/// Classical multidimensional scaling in two dimensions (Torgerson 1952): coordinates of each stimulus, and the fraction of the
/// squared scalar products that they keep. The sign of an axis is such that its largest coordinate is positive. Of
/// a matrix that cannot be decomposed nothing is kept, and all points lie at the origin.
pub fn plane(rdm: &Rdm) -> (Vec<(f64, f64)>, f64) {
    let size = rdm.size();
    let unit = scale::unit(scale::largest(rdm.values().iter().copied()));
    let squares: Vec<f64> = rdm.square().into_iter().map(|d| (d / unit) * (d / unit)).collect();
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / size as f64;
    let rows: Vec<f64> = squares.chunks_exact(size).map(|row| mean(&mut row.iter().copied())).collect();
    let all = mean(&mut rows.iter().copied());
    let products: Vec<f64> =
        (0..size * size).map(|at| -0.5 * (squares[at] - rows[at / size] - rows[at % size] + all)).collect();
    let Ok((values, vectors)) = symmetric_eigen(&products, size) else {
        return (vec![(0.0, 0.0); size], 0.0);
    };
    let axis = |k: usize| -> Vec<f64> {
        let length = values[k].max(0.0).sqrt();
        let largest = vectors[k].iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(1.0);
        vectors[k].iter().map(|v| v * length * largest.signum() * unit).collect()
    };
    let total: f64 = values.iter().map(|v| v * v).sum();
    let kept = values[..2].iter().map(|v| v.max(0.0).powi(2)).sum::<f64>();
    let fraction = if total > 0.0 { kept / total } else { 0.0 };
    (axis(0).into_iter().zip(axis(1)).collect(), fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_a_plane_are_found_again() {
        let points: Vec<(f64, f64)> =
            (0..9).map(|i| ((f64::from(i) * 1.3).sin() * 3.0, (f64::from(i) * 0.7).cos())).collect();
        let distance = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).hypot(a.1 - b.1);
        let values =
            (0..9).flat_map(|i| (i + 1..9).map(move |j| (i, j))).map(|(i, j)| distance(points[i], points[j]));
        let rdm = Rdm::new(9, values.collect()).unwrap();
        let (found, kept) = plane(&rdm);
        assert!((kept - 1.0).abs() < 1e-12);
        for i in 0..9 {
            for j in 0..9 {
                assert!((distance(found[i], found[j]) - rdm.get(i, j)).abs() < 1e-9);
            }
        }
    }
}
