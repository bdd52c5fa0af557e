//! How well stages predict the responses of recorded units.

use serde::{Deserialize, Serialize};

use super::benchmark::Benchmark;
use super::recordings::Recordings;
use super::settings::{BrainSettings, RegressionName};
use crate::dimension::{Matrix, Rows};
use crate::similarity::{
    PlsSettings, PredictivitySettings, Projection, Regression, RidgeSettings, predictivity,
};
use nmnc_core::error::{Error, ErrorKind, Result};

/// Predictivity of one stage for one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Predicted {
    /// The target.
    pub target: String,
    /// Over all stimuli.
    pub all: Prediction,
    /// The score over the stimuli by which stages are chosen.
    pub selection: f64,
    /// Over the other stimuli.
    pub reported: Prediction,
}

/// A score with what it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// r |r| / ceiling; without repetitions r |r|.
    pub score: f64,
    /// Standard error over splits.
    pub sem: Option<f64>,
    /// Median over units of Pearson's r on held-out stimuli.
    pub r: f64,
    /// Median reliability of the units; none without repetitions.
    pub ceiling: Option<f64>,
    /// Units that entered the medians.
    pub units: usize,
    /// Units left out: not recorded for some stimulus, constant, or not reliable.
    pub left_out: usize,
}

/// Predictivities, and targets without one with the reason.
pub(super) type PredictedOrNot = (Vec<Predicted>, Vec<(String, String)>);

/// Predictivity of `activity` `[stimuli, units]` for each target with responses.
pub(super) fn predicted(
    activity: &Matrix<f32>,
    benchmark: &Benchmark,
    [choose, report]: &[Vec<usize>; 2],
    settings: &BrainSettings,
) -> Result<PredictedOrNot> {
    if settings.regression == RegressionName::None {
        return Ok(PredictedOrNot::default());
    }
    let with_responses: Vec<(&str, &Recordings)> = benchmark
        .targets
        .iter()
        .filter_map(|target| Some((target.name.as_str(), target.recordings.as_ref()?)))
        .collect();
    if with_responses.is_empty() {
        return Ok(PredictedOrNot::default());
    }
    let seed = settings.bootstrap.seed;
    let features: Vec<f64> = match activity.units() > settings.components {
        true => Projection::new(activity.units(), settings.components, seed)?.project(activity)?,
        false => activity.values().iter().map(|&v| f64::from(v)).collect(),
    };
    let width = features.len() / activity.samples();
    let score = |recordings: &Recordings, stimuli: &[usize]| -> Result<Prediction> {
        // A correlation needs three stimuli, which of few are more than a tenth.
        let own = PredictivitySettings::default();
        let held_out = own.held_out.max(3.0 / stimuli.len() as f64);
        let regression = match settings.regression {
            RegressionName::Ridge => {
                let own = RidgeSettings::default();
                // Each fold tests two stimuli at least.
                let fitted = stimuli.len() - (held_out * stimuli.len() as f64).ceil() as usize;
                Regression::Ridge(RidgeSettings { folds: own.folds.min(fitted / 2), ..own })
            }
            _ => Regression::Pls(PlsSettings::default()),
        };
        let how = PredictivitySettings { regression, held_out, ..own };
        let own: Vec<f64> =
            stimuli.iter().flat_map(|&at| &features[at * width..(at + 1) * width]).copied().collect();
        let found = predictivity(&own, &recordings.of_stimuli(stimuli).responses(), &how, seed)?;
        let (Some(score), Some(r)) = (found.score, found.median_r) else {
            let parts = [
                (found.unrecorded, "not recorded for some stimulus"),
                (found.undefined, "constant"),
                (found.unreliable, "not reliable"),
            ];
            let parts = parts.iter().filter(|(count, _)| *count > 0);
            let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
            let problem = format!("no unit can be predicted ({})", parts.join(", "));
            return Err(
                Error::data("responses", problem).mend("leave predictions out with --regression none")
            );
        };
        Ok(Prediction {
            score,
            sem: found.standard_error,
            r,
            ceiling: found.ceiling,
            units: found.scored,
            left_out: found.units.len() - found.scored,
        })
    };
    let all: Vec<usize> = (0..activity.samples()).collect();
    let one = |(target, recordings): (&str, &Recordings)| {
        let measure = || -> Result<Predicted> {
            Ok(Predicted {
                target: target.to_owned(),
                all: score(recordings, &all)?,
                selection: score(recordings, choose)?.score,
                reported: score(recordings, report)?,
            })
        };
        measure()
    };
    let (mut predicted, mut unpredicted) = PredictedOrNot::default();
    for (target, recordings) in with_responses {
        match one((target, recordings)) {
            Ok(found) => predicted.push(found),
            Err(e) if e.kind() == ErrorKind::Data => unpredicted.push((target.to_owned(), e.to_string())),
            Err(e) => return Err(e.within(format!("target `{target}`"))),
        }
    }
    Ok((predicted, unpredicted))
}
