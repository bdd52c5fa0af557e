//! Intrinsic dimension from distances to nearest neighbors, with intervals by subsampling.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::neighbors::Neighbors;
use nmnc_core::seed::{Role, Seed};

/// Fraction of the largest ratios that TwoNN leaves out (Facco et al. 2017).
const DISCARDED: f64 = 0.1;
/// Halves drawn for an interval.
const HALVES: u64 = 100;
/// Fewer points than this have no estimate.
const FEWEST: usize = 20;

/// An estimate with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate from all points.
    pub value: f64,
    /// Standard error by the delete-half jackknife.
    pub standard_error: f64,
    /// Lower and upper end of the 95 % interval, `value` -+ 1.96 standard errors.
    pub interval: [f64; 2],
}

/// An estimator's value from the points that `kept` keeps; none where there are too few distances.
type Estimator<'a> = dyn Fn(&Neighbors, &[bool]) -> Option<f64> + Sync + 'a;

/// TwoNN (Facco, d'Errico, Rodriguez and Laio 2017, Sci. Rep. 7:12140): the ratio mu of the distances to the second and the first
/// neighbor is Pareto distributed with exponent d. The slope of -ln(1 - F(mu)) against ln mu, through the origin, with F the
/// empirical distribution i/N and the largest tenth of the ratios left out.
pub(super) fn two_nn(neighbors: &Neighbors, seed: Seed) -> Option<Estimate> {
    with_interval(neighbors, seed, 3, &|neighbors, kept| {
        let mut logs: Vec<f64> = nearest(neighbors, kept, 2).map(|r| (r[1] / r[0]).ln()).collect();
        logs.sort_unstable_by(f64::total_cmp);
        let all = logs.len() as f64;
        let used = (all * (1.0 - DISCARDED)) as usize;
        let (mut cross, mut square) = (0.0, 0.0);
        for (i, log) in logs[..used].iter().enumerate() {
            cross += log * -(1.0 - (i + 1) as f64 / all).ln();
            square += log * log;
        }
        (square > 0.0).then(|| cross / square)
    })
}

/// Maximum likelihood from k neighbors (Levina and Bickel 2005): at each point the inverse dimension is the mean of
/// ln(T_k / T_j) over j < k. The inverses, not the dimensions, are averaged over points (MacKay and Ghahramani 2005).
pub(super) fn mle(neighbors: &Neighbors, k: usize, seed: Seed) -> Option<Estimate> {
    with_interval(neighbors, seed, 4, &|neighbors, kept| {
        let inverse = |r: Vec<f64>| {
            let sum: f64 = r[..k - 1].iter().map(|t| (r[k - 1] / t).ln()).sum();
            sum / (k - 1) as f64
        };
        let inverses: Vec<f64> = nearest(neighbors, kept, k).map(inverse).collect();
        let sum: f64 = inverses.iter().sum();
        (sum > 0.0).then(|| inverses.len() as f64 / sum)
    })
}

/// Distances from each kept point to its `count` nearest kept points; points with fewer in their list are passed over.
fn nearest<'a>(
    neighbors: &'a Neighbors,
    kept: &'a [bool],
    count: usize,
) -> impl Iterator<Item = Vec<f64>> + 'a {
    let points = neighbors.lists.iter().zip(kept).filter(|(_, kept)| **kept);
    points.filter_map(move |(list, _)| {
        let distances: Vec<f64> =
            list.iter().filter(|(j, _)| kept[*j as usize]).map(|&(_, r)| r).take(count).collect();
        (distances.len() == count).then_some(distances)
    })
}

/// The estimate from all points, with the delete-half jackknife (Shao and Wu 1989): 100 halves drawn without replacement, since a
/// bootstrap's repeated points would be each other's neighbors at distance zero. Neighbors are found anew within each half.
/// The spread of the halves' estimates is the standard error; their mean, from a sparser sample, is not used.
fn with_interval(neighbors: &Neighbors, seed: Seed, index: usize, estimate: &Estimator) -> Option<Estimate> {
    let points: Vec<usize> = (0..neighbors.counted.len()).filter(|&i| neighbors.counted[i]).collect();
    if points.len() < FEWEST {
        return None;
    }
    let value = estimate(neighbors, &neighbors.counted)?;
    let of_half = |half: u64| {
        let mut kept = vec![false; neighbors.counted.len()];
        let chosen = seed.stream(Role::Analysis, index, half).sample(points.len(), points.len() / 2);
        chosen.into_iter().for_each(|i| kept[points[i]] = true);
        estimate(neighbors, &kept)
    };
    let halves: Vec<Option<f64>> = (0..HALVES).into_par_iter().map(of_half).collect();
    let halves: Vec<f64> = halves.into_iter().collect::<Option<_>>()?;
    let mean = halves.iter().sum::<f64>() / HALVES as f64;
    let variance = halves.iter().map(|h| (h - mean).powi(2)).sum::<f64>() / (HALVES - 1) as f64;
    let standard_error = variance.sqrt();
    let reach = 1.96 * standard_error;
    Some(Estimate { value, standard_error, interval: [value - reach, value + reach] })
}
