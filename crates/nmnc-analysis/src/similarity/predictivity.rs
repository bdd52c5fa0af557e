//! How well features predict recorded units: cross-validated regression against the reliability of the recordings.

use serde::{Deserialize, Serialize};

use super::pls::{Pls, PlsSettings};
use super::reliability::{Responses, correlation, split_half};
use super::ridge::{Ridge, RidgeSettings};
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::{Role, Seed};

/// The regression from features to units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regression {
    /// Partial least squares.
    Pls(PlsSettings),
    /// Ridge regression, its penalty chosen within the training stimuli.
    Ridge(RidgeSettings),
}

/// How to score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PredictivitySettings {
    /// The regression.
    pub regression: Regression,
    /// Random splits into training and held-out stimuli.
    pub splits: usize,
    /// Share of the stimuli held out, rounded up.
    pub held_out: f64,
    /// Random halvings of the presentations for the ceilings.
    pub halvings: usize,
}

impl Default for PredictivitySettings {
    /// PLS with 25 components, ten splits of 90 and 10 %, 100 halvings.
    fn default() -> Self {
        Self { regression: Regression::Pls(PlsSettings::default()), splits: 10, held_out: 0.1, halvings: 100 }
    }
}

/// One unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UnitScore {
    /// Pearson's r between predictions and mean responses on held-out stimuli, averaged over the splits in which it is defined;
    /// none where it never is (predictions or responses constant, or the unit not recorded for some stimulus).
    pub r: Option<f64>,
    /// Reliability of the unit's mean responses; none without repetitions or where undefined.
    pub ceiling: Option<f64>,
}

/// How well features predict recordings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Predictivity {
    /// Each unit, in the order of the recordings.
    pub units: Vec<UnitScore>,
    /// Units that enter the medians.
    pub scored: usize,
    /// Units left out because a stimulus has no response of theirs.
    pub unrecorded: usize,
    /// Units left out because their r is undefined in every split.
    pub undefined: usize,
    /// Units left out because their reliability is undefined or not above 0.
    pub unreliable: usize,
    /// Median r over the scored units.
    pub median_r: Option<f64>,
    /// Median reliability over the scored units; none without repetitions, which leaves the score uncorrected.
    pub ceiling: Option<f64>,
    /// r |r| / ceiling of the medians: the share of the explainable variance that is explained, negative for a negative r; r |r|
    /// without a ceiling.
    pub score: Option<f64>,
    /// The score of each split, from the median r of that split.
    pub splits: Vec<Option<f64>>,
    /// Standard error of the score over splits, corrected for their overlap (Nadeau and Bengio 2003, section 3.1).
    pub standard_error: Option<f64>,
}

/// Predicts held-out stimuli in random splits and scores the predictions.
///
/// `features` `[stimuli, features]` are of the stimuli of `responses`, in the same order. Each split draws
/// ⌈`held_out` × stimuli⌉ stimuli from `seed`; the regression is fitted to the units' mean responses to the others.
///
/// # Errors
/// Sizes that disagree, features that are not finite, too few stimuli for a split, settings out of range.
pub fn predictivity(
    features: &[f64],
    responses: &Responses<'_>,
    settings: &PredictivitySettings,
    seed: Seed,
) -> Result<Predictivity> {
    let stimuli = responses.stimuli;
    if settings.splits == 0 {
        return Err(Error::config("splits", "none").mend("draw at least one"));
    }
    if !(settings.held_out > 0.0 && settings.held_out < 1.0) {
        return Err(Error::config("held_out", format!("a share of {}", settings.held_out))
            .mend("give a share between 0 and 1, such as 0.1"));
    }
    let test = (settings.held_out * stimuli as f64).ceil() as usize;
    let splits = (0..settings.splits).map(|split| {
        let mut train = seed.stream(Role::HeldOut, 0, split as u64).permutation(stimuli);
        let test = train.split_off(stimuli.saturating_sub(test));
        (train, test)
    });
    score(features, responses, &splits.collect::<Vec<_>>(), settings, seed)
}

/// As [`predictivity`], with one declared split: fitted to the stimuli `train`, scored on the stimuli `test`, so that what is chosen on
/// some stimuli can be reported on others. The standard error is none.
///
/// # Errors
/// As [`predictivity`]; a stimulus in both, or that is not there.
pub fn predictivity_between(
    features: &[f64],
    responses: &Responses<'_>,
    train: &[usize],
    test: &[usize],
    settings: &PredictivitySettings,
    seed: Seed,
) -> Result<Predictivity> {
    let mut used = vec![false; responses.stimuli];
    for &stimulus in train.iter().chain(test) {
        match used.get_mut(stimulus) {
            Some(used) if !*used => *used = true,
            Some(_) => {
                return Err(Error::config("split", format!("stimulus {stimulus} is used twice"))
                    .mend("fit and score on different stimuli"));
            }
            None => {
                return Err(Error::config("split", format!("there is no stimulus {stimulus}"))
                    .mend(format!("there are {}", responses.stimuli)));
            }
        }
    }
    score(features, responses, &[(train.to_vec(), test.to_vec())], settings, seed)
}

/// Predicted responses `[test, units]`, fitted to `means` `[stimuli, units]` of the stimuli `train`.
///
/// # Errors
/// As the regression's; sizes that disagree.
pub fn predict_between(
    features: &[f64],
    means: &[f64],
    stimuli: usize,
    (train, test): (&[usize], &[usize]),
    regression: &Regression,
) -> Result<Vec<f64>> {
    if features.is_empty()
        || stimuli == 0
        || !features.len().is_multiple_of(stimuli)
        || !means.len().is_multiple_of(stimuli)
    {
        let problem =
            format!("{} features and {} responses of {stimuli} stimuli", features.len(), means.len());
        return Err(
            Error::data("features", problem).mend("give one row for every stimulus of the recordings")
        );
    }
    let rows = |values: &[f64], chosen: &[usize]| -> Vec<f64> {
        let width = values.len() / stimuli;
        chosen.iter().flat_map(|&i| values[i * width..(i + 1) * width].iter().copied()).collect()
    };
    let (x, y, held_out) = (rows(features, train), rows(means, train), rows(features, test));
    match regression {
        Regression::Pls(settings) => Ok(Pls::fit(&x, &y, train.len(), settings)?.predict(&held_out)),
        Regression::Ridge(settings) => Ok(Ridge::fit(&x, &y, train.len(), settings)?.predict(&held_out)),
    }
}

fn score(
    features: &[f64],
    responses: &Responses<'_>,
    splits: &[(Vec<usize>, Vec<usize>)],
    settings: &PredictivitySettings,
    seed: Seed,
) -> Result<Predictivity> {
    let units = responses.units()?;
    let means = responses.means()?;
    let recorded: Vec<usize> =
        (0..units).filter(|unit| means[*unit..].iter().step_by(units).all(|v| v.is_finite())).collect();
    if recorded.is_empty() {
        return Err(Error::data("recordings", "no unit was recorded for every stimulus")
            .mend("leave out the stimuli that are missing"));
    }
    let kept: Vec<f64> =
        means.chunks_exact(units).flat_map(|row| recorded.iter().map(|&unit| row[unit])).collect();
    let count = recorded.len();
    let mut found: Vec<Vec<Option<f64>>> = Vec::new();
    for (train, test) in splits {
        if test.len() < 3 || train.len() < 2 {
            let problem = format!("{} to fit and {} to score", train.len(), test.len());
            return Err(Error::data("stimuli", problem)
                .mend("at least two and three are needed: hold out a larger share, or show more stimuli"));
        }
        let predicted =
            predict_between(features, &kept, responses.stimuli, (train, test), &settings.regression)?;
        let r = |unit: usize| {
            let pair = |(row, &stimulus): (usize, &usize)| {
                (predicted[row * count + unit], kept[stimulus * count + unit])
            };
            correlation(&test.iter().enumerate().map(pair).collect::<Vec<_>>())
        };
        found.push((0..count).map(r).collect());
    }
    let repeated = responses.stimulus_of.len() > responses.stimuli;
    let mut scores = vec![UnitScore::default(); units];
    if repeated {
        let ceilings = split_half(responses, settings.halvings, seed)?;
        scores.iter_mut().zip(ceilings).for_each(|(score, ceiling)| score.ceiling = ceiling);
    }
    // No unit at all has a ceiling where too few stimuli were repeated.
    let corrected = scores.iter().any(|score| score.ceiling.is_some());
    for (place, &unit) in recorded.iter().enumerate() {
        scores[unit].r = mean(found.iter().filter_map(|split| split[place]));
    }
    let reliable = |unit: usize| !corrected || scores[unit].ceiling.is_some_and(|ceiling| ceiling > 0.0);
    let defined: Vec<usize> = (0..count).filter(|place| scores[recorded[*place]].r.is_some()).collect();
    let scored: Vec<usize> = defined.iter().copied().filter(|place| reliable(recorded[*place])).collect();
    let ceiling = median(scored.iter().filter_map(|place| scores[recorded[*place]].ceiling));
    let of_r = |r: f64| r * r.abs() / ceiling.unwrap_or(1.0);
    let median_r = median(scored.iter().filter_map(|place| scores[recorded[*place]].r));
    let per_split: Vec<Option<f64>> =
        found.iter().map(|split| median(scored.iter().filter_map(|place| split[*place])).map(of_r)).collect();
    let held_out = splits[0].1.len() as f64 / splits[0].0.len() as f64;
    Ok(Predictivity {
        scored: scored.len(),
        unrecorded: units - count,
        undefined: count - defined.len(),
        unreliable: defined.len() - scored.len(),
        median_r,
        ceiling,
        score: median_r.map(of_r),
        standard_error: standard_error(&per_split, held_out),
        splits: per_split,
        units: scores,
    })
}

/// Standard error of a mean over splits whose held-out sets have `held_out` times the size of their training sets: the variance over
/// splits times (1 / splits + `held_out`) instead of 1 / splits, as splits share stimuli.
fn standard_error(splits: &[Option<f64>], held_out: f64) -> Option<f64> {
    let values: Vec<f64> = splits.iter().copied().flatten().collect();
    let mean = mean(values.iter().copied())?;
    let count = values.len() as f64;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (count - 1.0);
    (values.len() > 1).then(|| (variance * (1.0 / count + held_out)).sqrt())
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), v| (sum + v, count + 1));
    (count > 0).then(|| sum / count as f64)
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len(), values.len() % 2) {
        (0, _) => None,
        (_, 1) => Some(values[middle]),
        _ => Some(0.5 * (values[middle - 1] + values[middle])),
    }
}
