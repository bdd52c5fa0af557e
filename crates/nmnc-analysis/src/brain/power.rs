//! How many seeds and stimuli a difference of a given size takes, from how much those at hand differ.

use serde::Serialize;

use super::contrasts::Contrast;
use super::scores::{Scores, TargetScores};
use super::verdict::label;
use crate::similarity::Resample;
use nmnc_core::statistics::{detectable, detectable_at, pairs_for};
use nmnc_report::Table;
use nmnc_report::text::{NONE, fixed};

/// Probability with which a difference is shown for other seeds, and that with which it is for other stimuli. A difference counts where it is
/// shown for both, which with 0.9 each happens with at least 0.8.
const EACH: f64 = 0.9;
/// Fewest stimuli that are named: dissimilarities of fewer have no error that goes by their number.
const LEAST: f64 = 20.0;
/// Most stimuli that are worth naming.
const MOST: f64 = 1e6;
/// Standard errors from the middle to an end of a 95 % interval.
const TO_THE_END: f64 = 1.959_964;

/// What one contrast takes.
#[derive(Clone, Debug, Serialize)]
pub struct Power {
    /// Name of the target.
    pub target: String,
    /// The condition.
    pub condition: String,
    /// What is subtracted.
    pub less: String,
    /// Number of the stage; none for the chosen stages.
    pub stage: Option<usize>,
    /// Standard deviation of the difference over pairs of networks of one seed; none for one seed.
    pub deviation: Option<f64>,
    /// Standard error of the mean difference over stimuli drawn anew, with as many as there are.
    pub error: f64,
    /// The smallest difference that the seeds and stimuli there are would show.
    pub detectable: Option<f64>,
    /// Seeds that a difference of the size asked for takes, a thousand at most.
    pub seeds: Option<usize>,
    /// Stimuli, those that choose stages among them, twenty at the least.
    pub stimuli: Option<usize>,
}

/// What a difference of `size` takes, for every contrast whose intervals are over stimuli.
///
/// The variance of a mean difference over stimuli is taken to go by one over their number, that over seeds by one over theirs, as found here.
/// With as few as thirty stimuli it falls faster in simulations (`tests/power.rs`), so that rather too many are asked for.
pub fn power(scores: &Scores, size: f64) -> Vec<Power> {
    let over_stimuli = scores.targets.iter().filter(|target| target.resample == Resample::Stimuli);
    over_stimuli.flat_map(|target| target.contrasts.iter().map(|own| of(scores, target, own, size))).collect()
}

fn of(scores: &Scores, target: &TargetScores, contrast: &Contrast, size: f64) -> Power {
    let Contrast { seeds, stimuli, .. } = contrast;
    let deviation = seeds.sem.map(|sem| sem * (seeds.n as f64).sqrt());
    let error = (stimuli.high - stimuli.low) / (2.0 * TO_THE_END);
    let by_stimuli = detectable_at(error, EACH);
    let needed = (scores.stimuli as f64 * (by_stimuli / size).powi(2)).ceil().max(LEAST);
    Power {
        target: target.target.clone(),
        condition: contrast.condition.clone(),
        less: contrast.less.clone(),
        stage: contrast.stage,
        deviation,
        error,
        detectable: deviation.map(|own| detectable(own, seeds.n, EACH).max(by_stimuli)),
        seeds: deviation.and_then(|own| pairs_for(size, own, EACH)),
        stimuli: (needed <= MOST).then_some(needed as usize),
    }
}

/// A row for each contrast that is `wanted`.
pub fn power_table(scores: &Scores, size: f64, wanted: impl Fn(&Power) -> bool) -> Table {
    let least = |number: Option<usize>, most: &str| number.map_or_else(|| most.to_owned(), |n| n.to_string());
    let or_none = |number: Option<f64>| fixed(number.unwrap_or(f64::NAN), 3);
    let label = |name: &str| label(scores, name).to_owned();
    Table::of(
        power(scores, size).into_iter().filter(wanted),
        &[
            ("Contrast", &|own: &Power| format!("{} less {}", label(&own.condition), label(&own.less))),
            ("Target", &|own| own.target.clone()),
            ("Stage", &|own| own.stage.map_or_else(|| "chosen".to_owned(), |stage| stage.to_string())),
            ("Seeds", &|own| match own.deviation {
                None => NONE.to_owned(),
                Some(_) => least(own.seeds, "> 1000"),
            }),
            ("Stimuli", &|own| least(own.stimuli, "> 1000000")),
            ("Shown by these", &|own| or_none(own.detectable)),
            ("Deviation over seeds", &|own| or_none(own.deviation)),
            ("Error over stimuli", &|own| fixed(own.error, 3)),
        ],
    )
}

/// How the numbers are to be read.
pub fn power_note(size: f64) -> String {
    format!(
        "Seeds and stimuli with which a difference of {size} is shown at 5 % with a probability of 0.9 each, so that it is for both with at \
         least 0.8, if it varies over seeds and stimuli as it does here; stimuli that choose stages are counted, and twenty are the least. Shown by these: the smallest \
         difference that the seeds and stimuli there are show so."
    )
}
