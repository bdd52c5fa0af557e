//! Intrinsic dimension from distances to nearest neighbors, with intervals by subsampling.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::absent::Absent;
use super::neighbors::Neighbors;
use nmnc_core::seed::{Role, Seed};

/// Fraction of the largest ratios that TwoNN leaves out (Facco et al. 2017).
const DISCARDED: f64 = 0.1;
/// Halves drawn for an interval.
const HALVES: u64 = 100;
/// Fewer points than this have no estimate.
const FEWEST: usize = 20;
/// Distances of which one is longer than the other by no more than this share of it are equal. Values on a grid have equal distances
/// but for rounding, which in single precision is 1e-7 of values that may be a hundred times the step; of values without a grid only
/// about so many ratios as this times the dimension lie so near to 1, where a logarithm of zero in their place changes nothing.
pub const TIE: f64 = 1e-5;
/// The share of points with equal distances above which there is no estimate.
const MOST_TIED: f64 = 0.5;

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

/// An estimate, or why there is none.
pub type Found = Result<Estimate, Absent>;

/// An estimator's value from the points that `kept` keeps; none where there are too few distances.
type Estimator<'a> = dyn Fn(&Neighbors, &[bool]) -> Option<f64> + Sync + 'a;

/// ln(`far` / `near`), zero of distances that are equal but for rounding.
fn log_ratio(far: f64, near: f64) -> f64 {
    if far <= near * (1.0 + TIE) { 0.0 } else { (far / near).ln() }
}

/// TwoNN (Facco, d'Errico, Rodriguez and Laio 2017, Sci. Rep. 7:12140): the ratio mu of the distances to the second and the first
/// neighbor is Pareto distributed with exponent d. The slope of -ln(1 - F(mu)) against ln mu, through the origin, with F the
/// empirical distribution i/N and the largest tenth of the ratios left out.
pub(super) fn two_nn(neighbors: &Neighbors, seed: Seed) -> Found {
    with_interval(neighbors, 2, seed, 3, &|neighbors, kept| {
        let mut logs: Vec<f64> = nearest(neighbors, kept, 2).map(|r| log_ratio(r[1], r[0])).collect();
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
pub(super) fn mle(neighbors: &Neighbors, k: usize, seed: Seed) -> Found {
    with_interval(neighbors, k, seed, 4, &|neighbors, kept| {
        let inverse = |r: Vec<f64>| {
            let sum: f64 = r[..k - 1].iter().map(|&t| log_ratio(r[k - 1], t)).sum();
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
/// `needed` is the number of neighbors that each point must have.
fn with_interval(
    neighbors: &Neighbors,
    needed: usize,
    seed: Seed,
    index: usize,
    estimate: &Estimator,
) -> Found {
    let distinct = neighbors.lists.len();
    if distinct < FEWEST {
        return Err(Absent::Points { distinct, needed: FEWEST });
    }
    // A half must give each of its points the neighbors asked for.
    if distinct / 2 <= needed {
        return Err(Absent::Neighbors { neighbors: needed, distinct });
    }
    let tied = tied(neighbors, needed);
    let differences = Absent::Differences { neighbors: needed, tied, distinct };
    if tied as f64 > MOST_TIED * distinct as f64 {
        return Err(differences);
    }
    let value = estimate(neighbors, &vec![true; distinct]).ok_or(differences)?;
    let of_half = |half: u64| {
        let mut kept = vec![false; distinct];
        let chosen = seed.stream(Role::Analysis, index, half).sample(distinct, distinct / 2);
        chosen.into_iter().for_each(|i| kept[i] = true);
        estimate(neighbors, &kept)
    };
    let halves: Vec<Option<f64>> = (0..HALVES).into_par_iter().map(of_half).collect();
    let halves: Vec<f64> = halves.into_iter().collect::<Option<_>>().ok_or(differences)?;
    let mean = halves.iter().sum::<f64>() / HALVES as f64;
    let variance = halves.iter().map(|h| (h - mean).powi(2)).sum::<f64>() / (HALVES - 1) as f64;
    let standard_error = variance.sqrt();
    let reach = 1.96 * standard_error;
    Ok(Estimate { value, standard_error, interval: [value - reach, value + reach] })
}

/// Points of which the nearest `count` others are equally far.
pub(super) fn tied(neighbors: &Neighbors, count: usize) -> usize {
    let equal =
        |list: &&Vec<(u32, f64)>| list.len() >= count && log_ratio(list[count - 1].1, list[0].1) == 0.0;
    neighbors.lists.iter().filter(equal).count()
}
