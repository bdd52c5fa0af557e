//! Representational dissimilarity matrices.

use serde::{Deserialize, Serialize};

use crate::dimension::product::{add_gram, view};
use nmnc_core::error::{Error, Result};
use nmnc_core::scale;

/// Units whose patterns are held in f64 at a time.
const BLOCK: usize = 4096;

/// How two activity patterns differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// 1 - Pearson's r of the two patterns.
    #[default]
    Correlation,
    /// Squared Euclidean distance over the number of units.
    Euclidean,
    /// 1 - cosine of the two patterns.
    Cosine,
    /// Cross-validated squared Euclidean distance over the number of units: unbiased, and below 0 by chance. Needs repetitions;
    /// patterns without any, such as those of a network, have no noise, and get the squared Euclidean distance, which it estimates.
    Crossnobis,
}

impl Distance {
    /// Every distance with its name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("correlation", Self::Correlation),
        ("euclidean", Self::Euclidean),
        ("cosine", Self::Cosine),
        ("crossnobis", Self::Crossnobis),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, d)| *d == self).map_or("", |(name, _)| name)
    }
}

/// Dissimilarities of all pairs of stimuli.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rdm {
    size: usize,
    /// The upper triangle without the diagonal, row by row.
    values: Vec<f64>,
}

impl Rdm {
    /// The matrix of `size` stimuli whose upper triangle, row by row, is `values`.
    ///
    /// # Errors
    /// Fewer than three stimuli, another number of values, or one that is not finite.
    pub fn new(size: usize, values: Vec<f64>) -> Result<Self> {
        let bad = |problem: String| Err(Error::data("dissimilarities", problem));
        if size < 3 {
            return bad(format!("{size} stimuli, where at least three are needed"));
        }
        if values.len() != size * (size - 1) / 2 {
            return bad(format!("{} values for {size} stimuli", values.len()));
        }
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return bad(format!("value {at} of the upper triangle is not a finite number"));
        }
        Ok(Self { size, values })
    }

    /// From a square matrix, row-major, which must be symmetric with a diagonal of zeros (to 1e-4 of its largest value).
    ///
    /// # Errors
    /// If it is not, or as [`Rdm::new`].
    pub fn from_square(size: usize, square: &[f64]) -> Result<Self> {
        let bad = |problem: String| Err(Error::data("dissimilarities", problem));
        if square.len() != size * size {
            return bad(format!("{} values are no square of {size} stimuli", square.len()));
        }
        let slack = 1e-4 * square.iter().fold(0.0f64, |most, v| most.max(v.abs()));
        let mut values = Vec::with_capacity(size * size.saturating_sub(1) / 2);
        for i in 0..size {
            if square[i * size + i].abs() > slack {
                let found = square[i * size + i];
                return bad(format!("stimulus {} differs from itself by {found}: similarities?", i + 1));
            }
            for j in i + 1..size {
                let (upper, lower) = (square[i * size + j], square[j * size + i]);
                if (upper - lower).abs() > slack {
                    return bad(format!(
                        "not symmetric: {upper} and {lower} for stimuli {} and {}",
                        i + 1,
                        j + 1
                    ));
                }
                values.push(0.5 * (upper + lower));
            }
        }
        Self::new(size, values)
    }

    /// Number of stimuli.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The upper triangle without the diagonal, row by row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Dissimilarity of stimuli `i` and `j`, from 0.
    pub fn get(&self, i: usize, j: usize) -> f64 {
        match i.cmp(&j) {
            std::cmp::Ordering::Equal => 0.0,
            std::cmp::Ordering::Less => self.values[self.index(i, j)],
            std::cmp::Ordering::Greater => self.values[self.index(j, i)],
        }
    }

    fn index(&self, i: usize, j: usize) -> usize {
        i * self.size - i * (i + 1) / 2 + j - i - 1
    }

    /// The square matrix, row-major.
    pub fn square(&self) -> Vec<f64> {
        (0..self.size * self.size).map(|at| self.get(at / self.size, at % self.size)).collect()
    }

    /// The matrix of some of the stimuli.
    ///
    /// # Errors
    /// Fewer than three.
    pub fn subset(&self, stimuli: &[usize]) -> Result<Self> {
        let pairs = stimuli.iter().enumerate();
        let values = pairs.flat_map(|(at, &i)| stimuli[at + 1..].iter().map(move |&j| self.get(i, j)));
        Self::new(stimuli.len(), values.collect())
    }

    /// The mean of matrices of one size.
    ///
    /// # Panics
    /// Without a matrix.
    pub fn mean(rdms: &[&Self]) -> Self {
        let count = rdms.len() as f64;
        let at = |at: usize| rdms.iter().map(|rdm| rdm.values[at]).sum::<f64>() / count;
        Self { size: rdms[0].size, values: (0..rdms[0].values.len()).map(at).collect() }
    }
}

/// The matrix of activity `patterns` `[stimuli, units]`, row-major. [`Distance::Crossnobis`] counts as Euclidean here.
///
/// Patterns are read by blocks of units; beside them, `stimuli`² numbers are held.
///
/// # Errors
/// Fewer than three stimuli; a pattern that is not finite; for correlation and cosine one that is constant or zero.
pub fn rdm<T: Copy + Into<f64> + Sync>(patterns: &[T], stimuli: usize, distance: Distance) -> Result<Rdm> {
    let units = patterns.len() / stimuli.max(1);
    if units == 0 || patterns.len() != stimuli * units {
        return Err(Error::data("patterns", format!("{} values for {stimuli} stimuli", patterns.len())));
    }
    let rows = || patterns.chunks_exact(units);
    let mean = |row: &[T]| match distance {
        Distance::Correlation => row.iter().map(|&v| v.into()).sum::<f64>() / units as f64,
        _ => 0.0,
    };
    let mut units_of: Vec<f64> =
        rows().map(|row| scale::unit(scale::largest(row.iter().map(|&v| v.into())))).collect();
    if !matches!(distance, Distance::Correlation | Distance::Cosine) {
        // Patterns are compared as they are, in the unit of all.
        let all = scale::unit(scale::largest(patterns.iter().map(|&v| v.into())));
        units_of.fill(all);
    }
    let means: Vec<f64> = rows().zip(&units_of).map(|(row, unit)| mean(row) / unit).collect();
    let mut gram = vec![0.0; stimuli * stimuli];
    let mut block = Vec::new();
    for first in (0..units).step_by(BLOCK) {
        let width = BLOCK.min(units - first);
        block.clear();
        for (row, (mean, unit)) in rows().zip(means.iter().zip(&units_of)) {
            block.extend(row[first..first + width].iter().map(|&v| v.into() / unit - mean));
        }
        add_gram(&mut gram, view(&block, stimuli, width));
    }
    let norm = |i: usize| gram[i * stimuli + i];
    for (i, mean) in means.iter().enumerate() {
        let place = || format!("stimulus {}", i + 1);
        if !norm(i).is_finite() {
            return Err(Error::data(place(), "activity that is not finite"));
        }
        // Rounding leaves something of a constant pattern.
        let floor = 1e-20 * (norm(i) + units as f64 * mean * mean);
        if matches!(distance, Distance::Correlation | Distance::Cosine) && norm(i) <= floor {
            let what = if distance == Distance::Cosine { "zero" } else { "constant" };
            return Err(Error::data(
                place(),
                format!("the pattern is {what}: it has no {} with others", distance.name()),
            )
            .mend("use the distance `euclidean`"));
        }
    }
    let pair = |i: usize, j: usize| {
        let product = gram[j * stimuli + i];
        match distance {
            Distance::Correlation | Distance::Cosine => 1.0 - product / (norm(i).sqrt() * norm(j).sqrt()),
            Distance::Euclidean | Distance::Crossnobis => {
                let square = ((norm(i) + norm(j) - 2.0 * product) / units as f64).max(0.0);
                square * units_of[0] * units_of[0]
            }
        }
    };
    let values = (0..stimuli).flat_map(|i| (i + 1..stimuli).map(move |j| (i, j)));
    in_range(stimuli, values.map(|(i, j)| pair(i, j)).collect())
}

/// The cross-validated matrix of `presentations` `[presentations, units]` of the stimuli numbered by `stimulus_of`
/// (Walther et al. 2016, with the identity for the noise covariance): the product of the differences of two patterns in one
/// fold and in the mean over all other folds, averaged over folds.
///
/// The k-th presentation of a stimulus belongs to fold k, modulo the smallest number of presentations of any stimulus.
///
/// # Errors
/// A stimulus shown less than twice; otherwise as [`rdm`].
pub fn crossnobis(presentations: &[f64], stimulus_of: &[usize], stimuli: usize) -> Result<Rdm> {
    let units = presentations.len() / stimulus_of.len().max(1);
    let mut shown = vec![0usize; stimuli];
    let nth: Vec<usize> = stimulus_of
        .iter()
        .map(|&stimulus| {
            shown[stimulus] += 1;
            shown[stimulus] - 1
        })
        .collect();
    let folds = shown.iter().copied().min().unwrap_or(0);
    if folds < 2 {
        let which = shown.iter().position(|&n| n < 2).map_or(0, |at| at + 1);
        return Err(Error::data("repetitions", format!("stimulus {which} was shown less than twice")).mend(
            "cross-validated distances need two presentations of every stimulus; use another distance",
        ));
    }
    let largest = scale::largest(presentations.iter().copied());
    if !largest.is_finite() {
        return Err(Error::data("responses", "one is not a finite number"));
    }
    let unit = scale::unit(largest);
    let mut values = vec![0.0; stimuli * (stimuli - 1) / 2];
    for fold in 0..folds {
        // Means of the test fold and of all others, less each other's common part.
        let (mut test, mut train) = (vec![0.0; stimuli * units], vec![0.0; stimuli * units]);
        let mut counts = vec![[0.0f64; 2]; stimuli];
        for ((row, &stimulus), &nth) in presentations.chunks_exact(units).zip(stimulus_of).zip(&nth) {
            let inside = nth % folds == fold;
            counts[stimulus][usize::from(inside)] += 1.0;
            let to = if inside { &mut test } else { &mut train };
            to[stimulus * units..(stimulus + 1) * units]
                .iter_mut()
                .zip(row)
                .for_each(|(s, v)| *s += v / unit);
        }
        for (stimulus, [others, inside]) in counts.iter().enumerate() {
            test[stimulus * units..(stimulus + 1) * units].iter_mut().for_each(|v| *v /= inside);
            train[stimulus * units..(stimulus + 1) * units].iter_mut().for_each(|v| *v /= others);
        }
        let mut at = 0;
        for i in 0..stimuli {
            for j in i + 1..stimuli {
                let product: f64 = (0..units)
                    .map(|u| {
                        let (a, b) = (i * units + u, j * units + u);
                        (test[a] - test[b]) * (train[a] - train[b])
                    })
                    .sum();
                values[at] += product / (units * folds) as f64;
                at += 1;
            }
        }
    }
    values.iter_mut().for_each(|v| *v *= unit * unit);
    in_range(stimuli, values)
}

/// The matrix, where squares of its patterns' unit have numbers.
fn in_range(stimuli: usize, values: Vec<f64>) -> Result<Rdm> {
    if values.iter().any(|v| v.is_infinite()) {
        let problem = "a squared distance is above what double precision has numbers for";
        return Err(Error::data("patterns", problem).mend("give them in a larger unit"));
    }
    Rdm::new(stimuli, values)
}
