//! Dimension of the manifold that samples lie on: spectrum, participation ratio, intrinsic dimension.
//!
//! Everything is read by blocks through [`Rows`], so that a recording larger than memory can be measured. Sums are in f64.

mod absent;
mod intrinsic;
mod neighbors;
mod participation;
pub mod product;
mod rows;
mod spectrum;

use serde::{Deserialize, Serialize};

pub use absent::Absent;
pub use intrinsic::{Estimate, Found, TIE};
pub use participation::Participation;
pub use rows::{Chosen, Matrix, Rows, shuffled};
pub use spectrum::Components;

use nmnc_core::doing;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::{Role, Seed};
use participation::Sums;
use rows::Centered;

/// How to measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DimensionSettings {
    /// Principal axes to find.
    pub components: usize,
    /// The most points among which neighbors are found.
    pub points: usize,
    /// Neighbors k of the maximum-likelihood estimate.
    pub neighbors: usize,
    /// The most multiplications that neighbors may cost, points^2 units; fewer points are used above it.
    pub work: f64,
    /// Draws subsets.
    pub seed: Seed,
}

impl Default for DimensionSettings {
    fn default() -> Self {
        Self { components: 256, points: 10_000, neighbors: 20, work: 1e12, seed: Seed(0) }
    }
}

/// What was measured of `[samples, units]` activity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dimensions {
    /// Number of samples.
    pub samples: usize,
    /// Number n of units.
    pub units: usize,
    /// Sum of the variances of all units.
    pub total_variance: f64,
    /// Components that explain 90 %, 95 % and 99 % of the variance; none where more are needed than were found.
    pub components: [Option<usize>; 3],
    /// Participation ratio; none without variance.
    pub participation: Option<Participation>,
    /// TwoNN; none with fewer than 20 points in different places, or where most are equally far from their two nearest.
    pub two_nn: Option<Estimate>,
    /// Maximum likelihood from k neighbors; none with fewer than 2 (k + 1) points in different places, or where most are equally far
    /// from all k.
    pub mle: Option<Estimate>,
    /// Neighbors k of the maximum-likelihood estimate.
    pub neighbors: usize,
    /// Points among which neighbors were found, a random subset where fewer than the samples.
    pub points: usize,
    /// Points left out of them because another one is in the same place.
    pub coincident: usize,
    /// Why an estimate is absent, or what makes one doubtful: a sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// The fractions of variance of [`Dimensions::components`].
pub const FRACTIONS: [f64; 3] = [0.9, 0.95, 0.99];

/// The share of points equally far from their two nearest above which that is said.
const NOTED_TIES: f64 = 0.05;

/// Neighbors of each point that TwoNN chooses its two from in every half of the points.
const NEAREST: usize = 100;

/// Principal components of `rows`: the leading `count` axes, and the whole spectrum where samples or units are at most 2048.
///
/// Otherwise the axes come from a randomized range finder, which holds two f32 matrices `[units, count + 10]` and passes over the
/// samples five times.
///
/// # Errors
/// A value that is not finite, no samples, or a variance beyond the range of double precision.
pub fn components(rows: &dyn Rows, count: usize, seed: Seed) -> Result<Components> {
    check(rows)?;
    let _finding = finding(rows);
    spectrum::components(&Centered::new(rows)?, count, &mut seed.stream(Role::RangeFinder, 0, 0))
}

/// Says what components are found of.
fn finding(rows: &dyn Rows) -> doing::Doing {
    doing::now(|| format!("principal components of {} units, {} samples", rows.units(), rows.samples()))
}

/// Every estimate of the dimension of `rows`, and their principal components.
///
/// # Errors
/// As [`components`]; fewer than 3 neighbors asked for.
pub fn measure(rows: &dyn Rows, settings: &DimensionSettings) -> Result<(Dimensions, Components)> {
    check(rows)?;
    let k = settings.neighbors;
    if k < 3 {
        return Err(Error::config("neighbors", format!("{k} neighbors are too few")).mend("use at least 3"));
    }
    let (samples, units) = (rows.samples(), rows.units());
    let found = components(rows, settings.components, settings.seed)?;
    let _looking = doing::now(|| format!("nearest neighbors of {samples} samples"));
    let affordable = (settings.work / units as f64).sqrt() as usize;
    let points = settings.points.min(affordable).min(samples);
    let chosen = Chosen::draw(rows, points, settings.seed);
    // Half of the points must leave k neighbors in a list of all.
    let (neighbors, pair_sums) = neighbors::neighbors(&chosen, 5 * k)?;
    let sums = if found.complete {
        let scale = samples.saturating_sub(1) as f64;
        let relative = |variance: f64| variance / found.unit / found.unit;
        Sums {
            samples,
            trace: relative(found.total_variance) * scale,
            square: found.variances.iter().map(|&v| (relative(v) * scale).powi(2)).sum(),
            diagonal: found.fourth,
        }
    } else {
        pair_sums
    };
    let participation = participation::participation(sums);
    let two_nn = intrinsic::two_nn(&neighbors, settings.seed);
    let mle = intrinsic::mle(&neighbors, k, settings.seed);
    let mut notes = Vec::new();
    if participation.is_some_and(|p| p.corrected.is_none()) {
        notes.push(match samples {
            0..4 => format!("no corrected participation ratio: {samples} samples, where four are needed"),
            _ => "no corrected participation ratio: the samples are too few to tell variance from chance"
                .into(),
        });
    }
    for (name, found) in [("TwoNN", two_nn), ("maximum-likelihood dimension", mle)] {
        notes.extend(found.err().map(|absent| format!("no {name}: {absent}")));
    }
    let (tied, distinct) = (intrinsic::tied(&neighbors, 2), neighbors.lists.len());
    if two_nn.is_ok() && tied as f64 > NOTED_TIES * distinct as f64 {
        notes.push(format!(
            "the two nearest neighbors of {tied} of {distinct} points are equally far: values on a grid or rounded ones, of which \
             TwoNN and the maximum-likelihood dimension are unsure"
        ));
    }
    let dimensions = Dimensions {
        samples,
        units,
        total_variance: found.total_variance,
        components: FRACTIONS.map(|fraction| found.explaining(fraction)),
        participation,
        two_nn: two_nn.ok(),
        mle: mle.ok(),
        neighbors: k,
        points,
        coincident: neighbors.coincident,
        notes,
    };
    Ok((dimensions, found))
}

/// The participation ratio of `rows` alone; none without variance.
///
/// Memory: a matrix of the smaller of samples and units squared.
///
/// # Errors
/// As [`components`].
pub fn participation_ratio(rows: &dyn Rows) -> Result<Option<Participation>> {
    check(rows)?;
    let _finding = finding(rows);
    Ok(participation::participation(Sums::of(&Centered::new(rows)?)))
}

/// TwoNN of `rows` alone, as in [`measure`], among at most `points` samples drawn by `seed`; or why there is none.
///
/// # Errors
/// As [`components`].
pub fn two_nn(rows: &dyn Rows, points: usize, seed: Seed) -> Result<Found> {
    check(rows)?;
    let chosen = Chosen::draw(rows, points.min(rows.samples()), seed);
    Ok(intrinsic::two_nn(&neighbors::neighbors(&chosen, NEAREST)?.0, seed))
}

fn check(rows: &dyn Rows) -> Result<()> {
    if rows.samples() < 2 || rows.units() == 0 {
        let shape = format!("has shape [{}, {}]", rows.samples(), rows.units());
        return Err(Error::data("activity", shape).mend("give at least 2 samples of at least 1 unit"));
    }
    Ok(())
}
