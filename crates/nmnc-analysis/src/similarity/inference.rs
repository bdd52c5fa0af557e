//! How sure a similarity is: stimuli and subjects drawn anew.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::compare::{Comparison, compare, prepared, similarity};
use super::rdm::Rdm;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::{Role, Seed};
use nmnc_core::statistics::{t95, two_sided};

/// What is drawn anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resample {
    /// Stimuli: what would come out with other stimuli and the same subjects.
    #[default]
    Stimuli,
    /// Subjects: with other subjects and the same stimuli.
    Subjects,
    /// Both at once: conservative (Schütt et al. 2023).
    Both,
}

impl Resample {
    /// Every choice with its name.
    pub const ALL: [(&'static str, Self); 3] =
        [("stimuli", Self::Stimuli), ("subjects", Self::Subjects), ("both", Self::Both)];
}

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Number of draws.
    pub draws: usize,
    /// What is drawn.
    pub resample: Resample,
    /// Seed of the draws: the same for all models, which makes differences paired.
    pub seed: Seed,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { draws: 5000, resample: Resample::Stimuli, seed: Seed(0) }
    }
}

/// Where replicates come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Bootstrap,
    /// One part left out at a time.
    Jackknife,
}

/// Similarities of some models with data, as they are and drawn anew.
#[derive(Clone, Debug)]
pub struct Replicates {
    /// Similarity of each model, averaged over subjects.
    pub point: Vec<f64>,
    /// The same of every draw that can be counted.
    draws: Vec<Vec<f64>>,
    kind: Kind,
}

/// A value with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The value.
    pub value: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Two-sided probability of a value so far from 0, were it 0.
    pub p: f64,
}

impl Replicates {
    /// Value and interval of what `statistic` makes of the models' similarities, such as one of them, or the difference of two.
    ///
    /// Of a bootstrap: percentiles, and twice the smaller fraction of draws on either side of 0 (at least 1 / (draws + 1)). Of a
    /// jackknife: Student's t. NaN where the statistic is.
    pub fn range(&self, statistic: impl Fn(&[f64]) -> f64) -> Range {
        let value = statistic(&self.point);
        let mut found: Vec<f64> =
            self.draws.iter().map(|draw| statistic(draw)).filter(|v| v.is_finite()).collect();
        if !value.is_finite() || found.len() < 2 {
            return Range { value, low: f64::NAN, high: f64::NAN, p: f64::NAN };
        }
        let count = found.len() as f64;
        match self.kind {
            Kind::Bootstrap => {
                found.sort_unstable_by(f64::total_cmp);
                let beyond = |keep: &dyn Fn(f64) -> bool| found.iter().filter(|v| keep(**v)).count() as f64;
                let smaller = beyond(&|v| v <= 0.0).min(beyond(&|v| v >= 0.0));
                let p = (2.0 * (smaller + 1.0) / (count + 1.0)).min(1.0);
                Range { value, low: percentile(&found, 0.025), high: percentile(&found, 0.975), p }
            }
            Kind::Jackknife => {
                let mean = found.iter().sum::<f64>() / count;
                let spread: f64 = found.iter().map(|v| (v - mean).powi(2)).sum();
                let error = ((count - 1.0) / count * spread).sqrt();
                let half = t95(found.len() - 1) * error;
                let p = two_sided(value / error, found.len() - 1);
                Range { value, low: value - half, high: value + half, p }
            }
        }
    }
}

/// Linear interpolation between sorted values.
fn percentile(sorted: &[f64], fraction: f64) -> f64 {
    let at = fraction * (sorted.len() - 1) as f64;
    let (below, part) = (at.floor() as usize, at.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + part * (sorted[above] - sorted[below])
}

/// Similarity of each of `models` with the matrices of `subjects` (of one, or pooled data, where there is one), as they are and
/// drawn anew.
///
/// A stimulus drawn twice makes a pair with itself, which is left out (as in rsatoolbox). Whitened measures need all pairs: for them
/// one stimulus (and with [`Resample::Subjects`] one subject) is left out at a time.
///
/// # Errors
/// Matrices of other stimuli; subjects to be drawn where there is one.
pub fn replicates(
    models: &[&Rdm],
    subjects: &[&Rdm],
    how: Comparison,
    settings: &Bootstrap,
) -> Result<Replicates> {
    let size = subjects[0].size();
    if models.iter().chain(subjects).any(|rdm| rdm.size() != size) {
        return Err(Error::data("dissimilarities", "are of different numbers of stimuli"));
    }
    if settings.resample != Resample::Stimuli && subjects.len() < 2 {
        return Err(Error::config("resample", "there is one subject only").mend("draw stimuli anew"));
    }
    let mean = |similarity: &dyn Fn(&Rdm) -> f64| {
        subjects.iter().map(|subject| similarity(subject)).sum::<f64>() / subjects.len() as f64
    };
    let point = models.iter().map(|model| mean(&|subject| compare(model, subject, how))).collect();
    if how.whole() {
        let draws = left_out(models, subjects, how, settings.resample)?;
        return Ok(Replicates { point, draws, kind: Kind::Jackknife });
    }
    let draw = |number: usize| {
        let stream = |what| settings.seed.stream(Role::Analysis, what, number as u64);
        let stimuli: Vec<usize> = match settings.resample {
            Resample::Subjects => (0..size).collect(),
            _ => {
                let mut stream = stream(BOOTSTRAP_STIMULI);
                (0..size).map(|_| stream.below(size)).collect()
            }
        };
        let subjects: Vec<&Rdm> = match settings.resample {
            Resample::Stimuli => subjects.to_vec(),
            _ => {
                let mut stream = stream(BOOTSTRAP_SUBJECTS);
                (0..subjects.len()).map(|_| subjects[stream.below(subjects.len())]).collect()
            }
        };
        let drawn = |rdm: &Rdm| prepared(&pairs(rdm, &stimuli), how);
        let data: Vec<Vec<f64>> = subjects.iter().map(|subject| drawn(subject)).collect();
        let one = |model: &&Rdm| {
            let model = drawn(model);
            data.iter().map(|data| similarity(&model, data, how)).sum::<f64>() / data.len() as f64
        };
        models.iter().map(one).collect()
    };
    // Draws are numbered, so neither their order nor the threads matter.
    let draws = (0..settings.draws).into_par_iter().map(draw).collect();
    Ok(Replicates { point, draws, kind: Kind::Bootstrap })
}

/// Index of the stream that draws stimuli.
const BOOTSTRAP_STIMULI: usize = 0x00_7a_01;
/// Index of the stream that draws subjects.
const BOOTSTRAP_SUBJECTS: usize = 0x00_7a_02;

/// Dissimilarities of the stimuli drawn, without pairs of a stimulus with itself.
fn pairs(rdm: &Rdm, drawn: &[usize]) -> Vec<f64> {
    let pairs = drawn.iter().enumerate();
    pairs
        .flat_map(|(at, &i)| drawn[at + 1..].iter().filter(move |&&j| i != j).map(move |&j| rdm.get(i, j)))
        .collect()
}

fn left_out(models: &[&Rdm], subjects: &[&Rdm], how: Comparison, what: Resample) -> Result<Vec<Vec<f64>>> {
    let size = subjects[0].size();
    let row = |models: &[&Rdm], subjects: &[&Rdm]| -> Vec<f64> {
        let one = |model: &&Rdm| {
            subjects.iter().map(|subject| compare(model, subject, how)).sum::<f64>() / subjects.len() as f64
        };
        models.iter().map(one).collect()
    };
    match what {
        Resample::Stimuli => (0..size)
            .into_par_iter()
            .map(|left| {
                let kept: Vec<usize> = (0..size).filter(|at| *at != left).collect();
                let cut =
                    |rdms: &[&Rdm]| rdms.iter().map(|rdm| rdm.subset(&kept)).collect::<Result<Vec<Rdm>>>();
                let (models, subjects) = (cut(models)?, cut(subjects)?);
                Ok(row(&models.iter().collect::<Vec<_>>(), &subjects.iter().collect::<Vec<_>>()))
            })
            .collect(),
        Resample::Subjects => {
            let without = |left: usize| -> Vec<&Rdm> {
                subjects.iter().enumerate().filter(|(at, _)| *at != left).map(|(_, s)| *s).collect()
            };
            Ok((0..subjects.len()).map(|left| row(models, &without(left))).collect())
        }
        Resample::Both => {
            Err(Error::config("resample", "whitened measures leave out stimuli or subjects, not both")
                .mend("draw one of them anew, or use another measure"))
        }
    }
}

/// Holm's adjusted probabilities: whichever lie below 0.05 are shown together at that level.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|&at| p[at].is_finite()).collect();
    order.sort_unstable_by(|&i, &j| p[i].total_cmp(&p[j]).then(i.cmp(&j)));
    let (mut adjusted, mut largest) = (vec![f64::NAN; p.len()], 0.0f64);
    for (rank, &at) in order.iter().enumerate() {
        largest = largest.max((p[at] * (order.len() - rank) as f64).min(1.0));
        adjusted[at] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holm_is_that_of_a_textbook() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005, f64::NAN]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        assert!(adjusted.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{adjusted:?}");
        assert!(adjusted[4].is_nan());
    }

    #[test]
    fn percentiles_interpolate() {
        let sorted: Vec<f64> = (0..=100).map(f64::from).collect();
        assert!((percentile(&sorted, 0.025) - 2.5).abs() < 1e-12);
        assert_eq!(percentile(&[1.0, 3.0], 0.5), 2.0);
    }

    /// The standard error of the similarity of matrices of independent noisy patterns, by drawing new data, against that by the
    /// jackknife and by the bootstrap of one data set.
    #[test]
    fn intervals_have_the_width_that_new_stimuli_would_give() {
        let (stimuli, units) = (40, 12);
        let pair = |seed: u64| {
            let mut shared = vec![0.0f32; stimuli * units];
            let mut noise = [shared.clone(), shared.clone()];
            let stream = |index| Seed(seed).stream(Role::Analysis, index, 0);
            stream(0).fill_normal(&mut shared);
            let [a, b] = [1, 2].map(|index| {
                stream(index).fill_normal(&mut noise[index - 1]);
                let patterns: Vec<f32> = shared.iter().zip(&noise[index - 1]).map(|(s, n)| s + n).collect();
                super::super::rdm::rdm(&patterns, stimuli, super::super::rdm::Distance::Correlation).unwrap()
            });
            (a, b)
        };
        let sd = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt()
        };
        for how in [Comparison::Spearman, Comparison::WhitenedPearson] {
            let anew: Vec<f64> = (0..400)
                .map(|seed| {
                    let (a, b) = pair(seed);
                    compare(&a, &b, how)
                })
                .collect();
            let settings = Bootstrap { draws: 400, ..Bootstrap::default() };
            let widths: Vec<f64> = (1000..1030)
                .map(|seed| {
                    let (a, b) = pair(seed);
                    let range = replicates(&[&a], &[&b], how, &settings).unwrap().range(|v| v[0]);
                    (range.high - range.low) / (2.0 * 1.96)
                })
                .collect();
            let ratio = widths.iter().sum::<f64>() / widths.len() as f64 / sd(&anew);
            assert!((0.8..1.35).contains(&ratio), "{how:?} {ratio}");
        }
    }
}
